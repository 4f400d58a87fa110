"""Rate limits: how many calls, counted how, and said how."""

import pytest

from sandbox.limits import Limits
from sandbox.switches import Switches
from tests.sandbox.company import Client, Company


@pytest.fixture
def limits() -> Limits:
    return Limits(reads=3, writes=2, window_s=10, clock=lambda: 100.0)


def test_headers_say_where_one_stands_in_both_styles(company: Company, ada: Client):
    headers = ada.get("me/").headers
    assert headers["ratelimit"] == "limit=100; remaining=99; reset=1"
    assert headers["ratelimit-limit"] == "100"
    assert headers["ratelimit-remaining"] == "99"
    assert headers["ratelimit-reset"] == "1"
    assert "retry-after" not in headers


def test_headers_may_use_commas_and_stand_alone(company: Company, ada: Client):
    company.world.switches.ratelimit_separator = ","
    company.world.switches.ratelimit_split_headers = False
    headers = ada.get("me/").headers
    assert headers["ratelimit"].startswith("limit=100, remaining=99, reset=")
    assert "ratelimit-limit" not in headers


def test_beyond_the_limit_it_is_429_with_whole_seconds_and_nothing_is_changed(company: Company, ada: Client):
    company.server.limits.writes = 1
    company.server.limits.window_s = 9.5
    assert ada.put(f"membership/{company.bob}/", {"role_id": "superuser"}).status_code == 200
    refused = ada.put(f"membership/{company.bob}/", {"role_id": "admin"})
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "10"
    assert refused.headers["ratelimit"].startswith("limit=1; remaining=0; reset=9.")
    assert refused.json() == {"error": "API call count exceeded for this period"}
    assert company.role_of(company.bob) == "superuser"


def test_the_old_body_has_an_object_for_an_error(company: Company, ada: Client):
    company.world.switches.old_429_body = True
    company.server.limits.reads = 0
    error = ada.get("me/").json()["error"]
    assert error["message"] == "API call count exceeded for this period"
    assert error["rate_limit_type"] == "key"
    assert set(error) == {"message", "rate_limit", "rate_window", "rate_reset", "rate_limit_type"}


def test_reads_writes_and_first_segments_are_counted_apart(company: Company, ada: Client):
    company.server.limits.reads = 1
    company.server.limits.window_s = 60
    assert ada.get("me/").status_code == 200
    assert ada.get("me/").status_code == 429
    assert ada.get("user/").status_code == 200
    assert ada.get(f"user/{company.user_id(company.bob)}/").status_code == 429
    assert ada.put(f"membership/{company.bob}/", {}).status_code == 200


def test_one_segment_may_have_a_limit_of_its_own(company: Company, ada: Client):
    company.server.limits.special["write", "membership"] = 0
    assert ada.put(f"membership/{company.bob}/", {}).status_code == 429
    assert ada.post("group/", {"name": "Bakers"}).status_code == 201


def test_tokens_are_counted_apart_but_their_organization_together(limits: Limits):
    for key in ("a", "b", "c"):
        for _ in range(3):
            assert not limits.count(key, "orga_1", "GET", "me").exceeded
    reading = limits.count("d", "orga_1", "GET", "me")
    assert (reading.exceeded, reading.kind, reading.limit) == (True, "organization", 9)
    assert not limits.count("d", "orga_2", "GET", "me").exceeded


def test_a_window_begins_with_its_first_call_and_ends():
    now = [0.0]
    limits = Limits(reads=1, window_s=2, clock=lambda: now[0])
    limits.count("a", "orga", "GET", "me")
    now[0] = 1.5
    refused = limits.count("a", "orga", "GET", "me")
    assert (refused.exceeded, refused.reset_s) == (True, 0.5)
    assert refused.headers(Switches())["retry-after"] == "1"
    now[0] = 2.0
    assert not limits.count("a", "orga", "GET", "me").exceeded
