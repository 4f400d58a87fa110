"""Rate limits: windows that slide, an average and a burst, per address and method, and how a 429 looks."""

import http.client

import pytest
import requests

from sandbox.commercelayer.limits import CommerceLimits
from sandbox.commercelayer.switches import CommerceSwitches
from tests.sandbox.commercelayer.shop import JSON_API, Client, Shop, document, error


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> CommerceLimits:
    return CommerceLimits(CommerceSwitches(), clock=clock)


def calls(limits: CommerceLimits, times: int, method: str = "PATCH", endpoint: str = "memberships") -> int:
    """How many of them were let through."""
    return sum(not limits.count("127.0.0.1", method, endpoint).exceeded for _ in range(times))


def test_fifty_in_ten_seconds_and_two_hundred_in_sixty(limits: CommerceLimits, clock: Clock):
    let_through = []
    for _ in range(7):
        let_through.append(calls(limits, 60))
        clock.now += 10
    assert let_through == [50, 50, 50, 50, 0, 0, 50]


@pytest.mark.parametrize(("people", "seconds"), [(50, 0), (100, 10), (200, 30), (201, 60), (500, 130)])
def test_the_fastest_a_bulk_change_can_be(limits: CommerceLimits, clock: Clock, people: int, seconds: int):
    began, done = clock.now, 0
    while True:
        done += calls(limits, people - done)
        if done == people:
            break
        clock.now += 1
    assert clock.now - began == seconds


def test_windows_slide(limits: CommerceLimits, clock: Clock):
    assert calls(limits, 25) == 25
    clock.now += 6
    assert calls(limits, 30) == 25
    clock.now += 4
    assert calls(limits, 30) == 25
    clock.now += 5.9
    assert calls(limits, 30) == 0
    clock.now += 0.1
    assert calls(limits, 30) == 25


def test_methods_count_apart_or_all_writes_together(limits: CommerceLimits):
    for method in ("GET", "PATCH", "POST", "DELETE"):
        assert calls(limits, 60, method) == 50
    limits.reset()
    limits.switches.methods_count_apart = False
    assert calls(limits, 60, "PATCH") == 50
    assert calls(limits, 60, "POST") == 0
    assert calls(limits, 60, "GET") == 50


def test_a_burst_is_per_endpoint_and_the_average_is_not(limits: CommerceLimits, clock: Clock):
    assert [calls(limits, 60, "GET", name) for name in "abcde"] == [50, 50, 50, 50, 0]


def test_addresses_count_apart(limits: CommerceLimits):
    assert calls(limits, 60) == 50
    assert not limits.count("127.0.0.2", "PATCH", "memberships").exceeded


def test_reads_may_be_generous(limits: CommerceLimits):
    limits.switches.reads_are_generous = True
    assert calls(limits, 300, "GET") == 250
    assert calls(limits, 60, "PATCH") == 50
    assert limits.count("127.0.0.1", "GET", "roles").limit == 1000


def test_refused_calls_count_if_the_switch_says_so(limits: CommerceLimits, clock: Clock):
    limits.switches.refused_calls_count = True
    assert calls(limits, 60) == 50
    clock.now += 9
    assert calls(limits, 50) == 0
    clock.now += 9
    assert calls(limits, 1) == 0
    clock.now += 10
    assert calls(limits, 1) == 1


def test_time_can_run_ten_times_faster(limits: CommerceLimits, clock: Clock):
    limits.set({"times_faster": 10})
    assert calls(limits, 60) == 50
    clock.now += 1
    assert calls(limits, 60) == 50
    assert limits.count("127.0.0.1", "GET", "user").headers()["x-ratelimit-interval"] == "6"


@pytest.mark.parametrize(
    "numbers",
    [
        {"times_faster": 11},
        {"times_faster": 0.5},
        {"writes": -1},
        {"burst_s": 0},
        {"average_s": 0},
        {"reads": "x"},
        {"writes": 5, "times_faster": "nan"},
    ],
)
def test_limits_that_can_not_be_change_nothing(limits: CommerceLimits, numbers: dict):
    before = limits.settings()
    with pytest.raises(ValueError):
        limits.set(numbers)
    assert limits.settings() == before


# Over HTTP


def test_every_answer_tells_the_average(shop: Shop, adam: Client):
    headers = adam.get("user").headers
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-interval"]) == ("200", "60")
    assert headers["x-ratelimit-remaining"] == "199"
    assert "retry-after" not in headers
    assert adam.get("memberships").headers["x-ratelimit-remaining"] == "198"
    assert adam.set_role(shop.rita, shop.custom).headers["x-ratelimit-remaining"] == "199"
    assert shop.stranger().get("user").headers["x-ratelimit-remaining"] == "197"


def test_a_429_has_an_object_for_errors_and_no_useful_retry_after(shop: Shop, adam: Client):
    shop.server.limits.writes_burst = 1
    assert adam.set_role(shop.rita, shop.custom).status_code == 200
    answer = adam.set_role(shop.rita, shop.role("admin"))
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"errors": {"title": "Too Many Requests", "code": "THROTTLED", "status": 429}}
    assert answer.headers["retry-after"] == "0"
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert shop.role_of(shop.rita) == "custom"
    assert adam.get("user").status_code == 200
    shop.world.switches.throttled_errors_are_an_object = False
    assert adam.set_role(shop.rita, shop.custom).json()["errors"][0]["code"] == "THROTTLED"


def test_all_records_of_a_collection_share_a_burst(shop: Shop, adam: Client):
    shop.server.limits.writes_burst = 2
    for who in (shop.rita, shop.cleo):
        assert adam.set_role(who, shop.custom).status_code == 200
    assert adam.set_role(shop.pia, shop.custom).status_code == 429
    body = document("roles", shop.custom, attributes={"name": "Desk"})
    assert adam.patch(f"roles/{shop.custom}", body).status_code == 200


def test_one_computer_is_one_address_whoever_asks(shop: Shop, adam: Client, olga: Client):
    shop.server.limits.reads = 1
    assert adam.get("user").status_code == 200
    assert olga.get("user").status_code == 429


def test_another_address_has_windows_of_its_own(shop: Shop, adam: Client):
    shop.server.limits.reads = 1
    assert [adam.get("user").status_code for _ in range(2)] == [200, 429]
    host = shop.server.url.removeprefix("http://")
    headers = {"Accept": JSON_API, "Authorization": str(adam.session.headers["Authorization"])}
    try:
        elsewhere = http.client.HTTPConnection(host, timeout=5, source_address=("127.0.0.2", 0))
        elsewhere.request("GET", "/api/user", headers=headers)
    except OSError:
        pytest.skip("only one loopback address here")
    assert elsewhere.getresponse().status == 200
    elsewhere.close()


def test_the_token_endpoint_has_thirty_a_minute(shop: Shop):
    def ask() -> requests.Response:
        body = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
        return requests.post(f"{shop.server.url}/oauth/token", json=body, timeout=5)

    assert {ask().status_code for _ in range(30)} == {401}
    refused = ask()
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "0")
    assert refused.json()["errors"]["code"] == "THROTTLED"
    assert error(shop.stranger().get("user")) == (401, "UNAUTHORIZED")
