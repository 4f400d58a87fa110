"""The same misbehaviour as the rehearsal Close, in Commerce Layer's words, and the control of it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sandbox.commercelayer.server import commercelayer_server
from sandbox.commercelayer.world import CommerceWorld
from sandbox.faults import When
from tests.sandbox.commercelayer.shop import DOMAIN, JSON_API, Client, Shop, error


def promote(shop: Shop, client: Client) -> requests.Response:
    return client.set_role(shop.rita, shop.custom)


def tell(shop: Shop, name: str, body: object) -> requests.Response:
    return requests.post(f"{shop.server.url}/_rehearsal/{name}", json=body, timeout=5)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("when", "kind"), [("before", "read_only"), ("after", "custom")])
def test_an_answer_is_lost_before_or_after_the_change(
    shop: Shop, adam: Client, when: When, kind: str, reset: bool
):
    shop.server.faults.drop(when, reset=reset, method="PATCH")
    with pytest.raises(requests.ConnectionError):
        promote(shop, adam)
    assert shop.role_of(shop.rita) == kind
    assert shop.server.calls[-1].fault == "drop"
    assert promote(shop, adam).status_code == 200


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize(("when", "kind"), [("before", "read_only"), ("after", "custom")])
def test_a_failure_is_a_json_api_error(shop: Shop, adam: Client, status: int, when: When, kind: str):
    shop.server.faults.fail_next(status, when=when)
    assert error(promote(shop, adam))[0] == status
    assert shop.role_of(shop.rita) == kind


def test_a_429_out_of_nowhere_looks_like_the_real_one(shop: Shop, adam: Client):
    shop.server.faults.fail_next(429)
    answer = promote(shop, adam)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "0")
    assert answer.json()["errors"]["code"] == "THROTTLED"
    shop.server.faults.fail_next(429, headers={"Retry-After": "3"}, body={"errors": []})
    answer = promote(shop, adam)
    assert (answer.headers["retry-after"], answer.json()) == ("3", {"errors": []})


def test_a_slow_answer_comes_after_the_client_gave_up_and_the_change_is_made(shop: Shop, adam: Client):
    shop.server.faults.delay(0.2, when="after", method="PATCH")
    body = {"data": {"type": "memberships", "id": shop.rita, "attributes": {"reference": "R"}}}
    with pytest.raises(requests.ReadTimeout):
        adam.session.patch(
            f"{adam.url}/api/memberships/{shop.rita}",
            json=body,
            headers={"Content-Type": JSON_API},
            timeout=0.1,
        )
    assert shop.world.membership(shop.rita)["reference"] == "R"


def test_garbage(shop: Shop, adam: Client):
    shop.server.faults.truncate()
    with pytest.raises(requests.JSONDecodeError):
        adam.get("memberships").json()
    shop.server.faults.wrong_types()
    body = adam.get("memberships", include="role").json()
    assert body["meta"]["record_count"] == "5"
    assert isinstance(body["data"], dict)
    shop.server.faults.empty()
    assert adam.get("memberships").content == b""
    shop.server.faults.html_error(502)
    assert adam.get("memberships").headers["content-type"].startswith("text/html")
    shop.server.faults.drip(0.1)
    assert len(adam.get("memberships").json()["data"]) == 5


def test_latency_and_how_many_at_once_can_be_measured(shop: Shop):
    shop.server.latency_s = 0.1
    clients = [shop.client(shop.adam) for _ in range(4)]
    shop.server.limits.reads = 3
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda client: client.get("user"), clients))
    assert time.monotonic() - began >= 0.1
    assert shop.server.calls.tally() == {"calls": 4, "throttled": 1, "at_once": 4}
    tally = requests.get(f"{shop.server.url}/_rehearsal/tally", timeout=5).json()
    assert tally == shop.server.calls.tally()


def test_calls_are_recorded_with_what_was_sent(shop: Shop, adam: Client):
    promote(shop, adam)
    (call,) = shop.server.calls.matching("PATCH", r"^/api/memberships/")
    assert call.status == 200
    assert call.body["data"]["relationships"]["role"]["data"]["id"] == shop.custom


def test_many_at_once_lose_nothing(shop: Shop):
    shop.server.limits.set({"writes": 10_000, "writes_burst": 10_000})
    people = [shop.world.add_person(shop.id, f"p{number}@{DOMAIN}") for number in range(60)]
    token, local = shop.world.grant(f"adam@{DOMAIN}")["access_token"], threading.local()

    def change(membership_id: str) -> int:
        if not hasattr(local, "client"):
            local.client = shop.stranger(token)
        return local.client.set_role(membership_id, shop.custom).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(change, people)) == {200}
    assert {shop.role_of(one) for one in people} == {"custom"}


# Programs in other processes


def test_programs_add_and_clear_faults(shop: Shop, adam: Client):
    assert tell(shop, "faults", {"kind": "fail", "status": 503, "path": "/user"}).json()[0]["status"] == 503
    assert adam.get("user").status_code == 503
    tell(shop, "faults", {"kind": "fail", "status": 503, "times": None})
    assert tell(shop, "faults", {"kind": "clear"}).json() == []
    assert adam.get("user").status_code == 200


def test_programs_set_limits_latency_and_switches(shop: Shop, adam: Client):
    body = {
        "latency_s": 0.01,
        "writes": 1,
        "times_faster": 10,
        "switches": {"left_out_of_included": ["roles"]},
    }
    answer = tell(shop, "settings", body).json()
    assert (answer["latency_s"], answer["writes"], answer["times_faster"]) == (0.01, 1, 10)
    assert [promote(shop, adam).status_code for _ in range(2)] == [200, 429]
    assert adam.get(f"memberships/{shop.rita}", include="role").json()["included"] == []
    tell(shop, "reset", {})
    assert shop.server.latency_s == 0
    assert shop.server.limits.settings() == commercelayer_server_settings()
    assert adam.get(f"memberships/{shop.rita}", include="role").json()["included"]


def commercelayer_server_settings() -> dict:
    server = commercelayer_server(CommerceWorld.empty())
    server.close()
    return server.limits.settings()


def test_programs_act_as_somebody_else_and_see_the_truth(shop: Shop):
    def act(membership_id: str, **deeds) -> dict:
        return tell(shop, "people", {"membership_id": membership_id, **deeds}).json()

    assert act(shop.rita, role_id="admin")["role_kind"] == "admin"
    assert act(shop.rita, attributes={"reference": "R"}, owner=True)["owner"] is True
    assert act(shop.pia, accepted=True)["status"] == "active"
    assert act(shop.cleo, refusal="No.")["id"] == shop.cleo
    assert act(shop.cleo, removed=True)["role_kind"] == "custom"
    truth = requests.get(f"{shop.server.url}/_rehearsal/people", timeout=5).json()
    assert {one["id"] for one in truth} == {shop.olga, shop.adam, shop.rita, shop.pia, shop.zoe}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("people", {"membership_id": "xxxxxxxxxx", "role_id": "admin"}),
        ("people", {"role_id": "admin"}),
        ("settings", {"times_faster": 11}),
        ("settings", {"switches": {"nonsense": 1}}),
        ("settings", {"latency_s": -1}),
        ("faults", {"kind": "explode"}),
    ],
)
def test_programs_are_told_what_can_not_be(shop: Shop, name: str, body: dict):
    answer = tell(shop, name, body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_nobody_can_do_what_is_not_there(shop: Shop):
    for deeds in ({"nonsense": 1}, {"role_id": "nonsense"}):
        assert tell(shop, "people", {"membership_id": shop.rita, **deeds}).status_code == 400
    assert shop.role_of(shop.rita) == "read_only"


def test_other_sites_can_not_control_it(shop: Shop):
    headers = {"Origin": "https://evil.example"}
    address = f"{shop.server.url}/_rehearsal/faults"
    assert requests.post(address, json={"kind": "drop"}, headers=headers, timeout=5).status_code == 403
    assert requests.get(f"{shop.server.url}/_rehearsal/nonsense", timeout=5).status_code == 404
    assert shop.server.faults.pending() == []


def test_other_host_names_are_not_answered_and_other_hosts_not_served(shop: Shop, adam: Client):
    assert adam.call("GET", "user", headers={"Host": "evil.example"}).status_code == 421
    with pytest.raises(ValueError, match=r"listens on 127\.0\.0\.1"):
        commercelayer_server(CommerceWorld.empty(), host="0.0.0.0")


def test_it_says_which_rehearsal_it_is(adam: Client):
    assert adam.get("user").headers["server"].startswith("rehearsal-commercelayer")
