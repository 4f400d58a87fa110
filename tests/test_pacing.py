"""Rate limits as announced: every header form that was seen, and garbage that must not stop a job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from memberships.providers.pacing import Allowance, Pace, allowance, retry_after_s

LONGEST_S = 3600


def headers(**values: str) -> CaseInsensitiveDict[str]:
    return CaseInsensitiveDict({name.replace("_", "-"): value for name, value in values.items()})


FORMS = [
    headers(ratelimit="limit=100, remaining=50, reset=5"),
    headers(ratelimit="limit=100; remaining=50; reset=5"),
    headers(RateLimit="limit=100,remaining=50,reset=5.0"),
    headers(ratelimit="Reset = 5 ; Limit = 100 ; Remaining = 50"),
    headers(ratelimit_limit="100", ratelimit_remaining="50", ratelimit_reset="5"),
    headers(RateLimit_Remaining="50", RateLimit_Reset="5.0"),
    headers(ratelimit="limit=100; remaining=50", ratelimit_reset="5"),
    headers(ratelimit="limit=100; remaining=50; reset=5", ratelimit_remaining="7", ratelimit_reset="99"),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_headers_is_read(form):
    assert allowance(form) == Allowance(remaining=50, reset_s=5)


GARBAGE = [
    headers(),
    headers(ratelimit=""),
    headers(ratelimit="limit=100"),
    headers(ratelimit="remaining=many; reset=soon"),
    headers(ratelimit="remaining=-1; reset=-5"),
    headers(ratelimit_remaining="nan", ratelimit_reset="inf"),
    headers(ratelimit_remaining="", ratelimit_reset=""),
    headers(ratelimit_remaining="-1", ratelimit_reset="5"),
]


@pytest.mark.parametrize("form", GARBAGE)
def test_garbage_says_nothing(form):
    assert allowance(form) is None


@pytest.mark.parametrize(
    ("form", "wait_s"),
    [
        (headers(ratelimit="limit=40; remaining=0; reset=0.53", retry_after="1"), 0.53),
        (headers(ratelimit_reset="3"), 3),
        (headers(Retry_After="7"), 7),
        (headers(ratelimit="remaining=0; reset=0", retry_after="2"), 2),
        (headers(retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), 1),
        (headers(retry_after="-5"), 1),
        (headers(retry_after="nan"), 1),
        (headers(), 1),
        (headers(retry_after="999999999"), LONGEST_S),
        (headers(ratelimit=f"reset={'9' * 400}"), LONGEST_S),
    ],
)
def test_a_refusal_says_how_long_to_wait(form, wait_s):
    assert retry_after_s(form) == wait_s


@given(
    st.dictionaries(
        st.sampled_from(["ratelimit", "ratelimit-remaining", "ratelimit-reset", "retry-after"]), st.text()
    )
)
def test_no_header_makes_it_fail_or_wait_for_ever(values):
    assert 0 < retry_after_s(values) <= LONGEST_S
    now = allowance(values)
    assert now is None or 0 <= now.reset_s <= LONGEST_S


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_used_up_window_is_waited_for_and_only_by_its_own_group():
    clock = Clock()
    pace = Pace(clock)
    pace.learn("write membership", headers(ratelimit="limit=40; remaining=0; reset=2.5"))
    assert 2.5 < pace.wait_s("write membership") < 2.6  # never a moment too early
    assert pace.wait_s("read membership") == 0
    clock.now_s += 3
    assert pace.wait_s("write membership") == 0


def test_while_calls_are_left_nobody_waits():
    pace = Pace(Clock())
    pace.learn("read me", headers(ratelimit="limit=40; remaining=1; reset=2.5"))
    assert pace.wait_s("read me") == 0
