"""Misbehaviour: what goes wrong, with which calls, and whether the change was made."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sandbox.faults import Faults, When, wrong
from tests.sandbox.company import Client, Company

SUPERUSER = {"role_id": "superuser"}


def promote_bob(company: Company, client: Client) -> requests.Response:
    return client.put(f"membership/{company.bob}/", SUPERUSER)


def test_a_failure_answers_instead_of_close_and_nothing_is_changed(company: Company, ada: Client):
    fault = company.server.faults.fail_next(503, headers={"Retry-After": "7"})
    answer = promote_bob(company, ada)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json() == {"error": "Service Unavailable"}
    assert company.role_of(company.bob) == "user"
    assert fault.hits == 1
    assert promote_bob(company, ada).status_code == 200


def test_a_failure_may_come_after_the_change(company: Company, ada: Client):
    company.server.faults.fail_next(502, when="after", body="bad gateway", content_type="text/plain")
    answer = promote_bob(company, ada)
    assert (answer.status_code, answer.text) == (502, "bad gateway")
    assert company.role_of(company.bob) == "superuser"


def test_a_429_says_how_long_to_wait_unless_told_otherwise(company: Company, ada: Client):
    company.server.faults.fail_next(429)
    assert ada.get("me/").headers["retry-after"] == "1"
    company.server.faults.fail_next(429, headers={})
    assert "retry-after" not in ada.get("me/").headers


def test_faults_choose_their_calls_by_method_and_path(company: Company, ada: Client):
    company.server.faults.fail_next(500, method="PUT", path=r"^/api/v1/membership/[^/]+/$")
    assert ada.get("me/").status_code == 200
    assert ada.bulk([company.bob], role_id="superuser").status_code == 200
    assert promote_bob(company, ada).status_code == 500


def test_faults_skip_some_calls_and_hit_some(company: Company, ada: Client):
    company.server.faults.fail_next(500, path="/me/", skip=1, times=2)
    statuses = []
    for _ in range(5):
        ada.get("role/")  # does not match, so it does not count
        statuses.append(ada.get("me/").status_code)
    assert statuses == [200, 500, 500, 200, 200]


def test_a_fault_without_an_end_lasts_until_cleared(company: Company, ada: Client):
    company.server.faults.fail_next(500, times=None)
    assert [ada.get("me/").status_code for _ in range(3)] == [500, 500, 500]
    assert len(company.server.faults.pending()) == 1
    company.server.faults.clear()
    assert ada.get("me/").status_code == 200


def test_the_first_fault_that_matches_takes_the_call(company: Company, ada: Client):
    company.server.faults.fail_next(500, method="PUT")
    company.server.faults.fail_next(501)
    company.server.faults.fail_next(502)
    assert [ada.get("me/").status_code for _ in range(3)] == [501, 502, 200]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("when", "role_id"), [("before", "user"), ("after", "superuser")])
def test_an_answer_may_be_lost_before_or_after_the_change(
    company: Company, ada: Client, when: When, role_id: str, reset: bool
):
    company.server.faults.drop(when, reset=reset, method="PUT")
    with pytest.raises(requests.ConnectionError):
        promote_bob(company, ada)
    assert company.role_of(company.bob) == role_id
    assert company.server.calls[-1].status is None
    assert company.server.calls[-1].fault == "drop"
    assert ada.get("me/").status_code == 200


def test_a_reset_is_a_reset_and_a_drop_is_an_end(company: Company):
    def outcome(reset: bool) -> type[Exception] | bytes:
        company.server.faults.drop(reset=reset)
        port = int(company.server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"GET /api/v1/me/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                return connection.recv(100)
            except ConnectionResetError as error:
                return type(error)

    assert outcome(reset=False) == b""
    assert outcome(reset=True) is ConnectionResetError


def test_a_refresh_whose_answer_is_lost_has_rotated_the_token(company: Company):
    tokens = company.world.grant(company.user_id(company.ada), company.id)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": "oa2client_rehearsal",
        "client_secret": "rehearsal-secret",
    }
    company.server.faults.drop("after", path="/oauth2/token/")
    with pytest.raises(requests.ConnectionError):
        company.stranger().call("POST", "/oauth2/token/", data=form)
    assert company.stranger().call("POST", "/oauth2/token/", data=form).json()["error"] == "invalid_grant"


def test_a_delay_before_lets_the_change_happen_after_the_client_gave_up(company: Company, ada: Client):
    company.server.faults.delay(0.3)
    with pytest.raises(requests.ReadTimeout):
        ada.session.put(f"{ada.url}/api/v1/membership/{company.bob}/", json=SUPERUSER, timeout=0.05)
    assert company.role_of(company.bob) == "user"
    until(lambda: company.role_of(company.bob) == "superuser")


def test_a_delay_after_has_the_change_made_already(company: Company, ada: Client):
    company.server.faults.delay(0.15, when="after")
    with pytest.raises(requests.ReadTimeout):
        ada.session.put(f"{ada.url}/api/v1/membership/{company.bob}/", json=SUPERUSER, timeout=0.05)
    assert company.role_of(company.bob) == "superuser"


def test_one_slow_call_does_not_hold_up_another(company: Company, ada: Client, bob: Client):
    company.server.faults.delay(0.25, path="/role/")
    slow = threading.Thread(target=ada.get, args=("role/",))
    slow.start()
    until(lambda: len(company.server.calls) == 1)
    assert bob.get("me/").status_code == 200
    assert company.server.calls[0].ended_at is None
    slow.join()


def test_latency_is_added_to_every_call(company: Company, ada: Client):
    company.server.latency_s = 0.06
    began = time.monotonic()
    ada.get("me/")
    assert time.monotonic() - began >= 0.06


def test_an_empty_answer_has_the_status_and_no_body(company: Company, ada: Client):
    company.server.faults.empty()
    answer = promote_bob(company, ada)
    assert (answer.status_code, answer.content) == (200, b"")
    assert company.role_of(company.bob) == "superuser"


def test_truncated_json_is_half_an_answer(company: Company, ada: Client):
    company.server.faults.truncate()
    answer = promote_bob(company, ada)
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert company.role_of(company.bob) == "superuser"


def test_an_answer_cut_in_the_middle_is_noticed_by_its_length(company: Company, ada: Client):
    company.server.faults.truncate(cut=True)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        promote_bob(company, ada)
    assert company.role_of(company.bob) == "superuser"


def test_wrong_types_are_json_of_another_kind(company: Company, ada: Client):
    company.server.faults.wrong_types()
    body = ada.get(f"organization/{company.id}/").json()
    assert body["name"] == len("Acme")
    assert isinstance(body["memberships"], dict)
    assert body["memberships"]["0"]["track_email_opens"] == "maybe"
    assert wrong({"n": 1, "none": None, "text": "abc"}) == {"n": "1", "none": "maybe", "text": 3}


def test_a_dripping_answer_arrives_whole_but_slowly(company: Company, ada: Client):
    company.server.faults.drip(0.2)
    began = time.monotonic()
    answer = ada.session.get(f"{ada.url}/api/v1/me/", timeout=0.15)  # no pause between bytes is that long
    assert time.monotonic() - began >= 0.19
    assert answer.json()["email"].startswith("ada@")


def test_a_proxy_may_answer_with_an_error_page(company: Company, ada: Client):
    company.server.faults.html_error(502)
    answer = ada.get("me/")
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>502 Bad Gateway</h1>" in answer.text


@pytest.mark.parametrize("bad", [{"path": "("}, {"when": "later"}, {"skip": -1}])
def test_a_fault_that_can_not_be_is_refused_at_once(bad: dict):
    with pytest.raises(ValueError):
        Faults().fail_next(500, **bad)


def test_stopping_the_server_wakes_what_waits_and_makes_no_more_changes(company: Company, ada: Client):
    company.server.faults.delay(30)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(promote_bob, company, ada)
        until(lambda: len(company.server.calls) == 1)
        company.server.stop()
        assert isinstance(waiting.exception(timeout=2), requests.ConnectionError)
    assert company.role_of(company.bob) == "user"


def until(true, timeout_s: float = 2) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)
