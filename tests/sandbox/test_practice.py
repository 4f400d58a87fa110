"""The pages one practises with, and the same for programs."""

import re

import pytest
import requests

from tests.sandbox.company import DOMAIN, Client, Company


def press(company: Company, do: str, **form) -> requests.Response:
    return company.stranger().call("POST", "/_rehearsal/", data={"do": do, **form})


def tell(company: Company, name: str, body: dict) -> requests.Response:
    return company.stranger().call("POST", f"/_rehearsal/{name}", json=body)


def test_the_page_says_what_it_is_and_labels_every_field(company: Company):
    page = company.stranger().get("/_rehearsal/")
    assert page.status_code == 200
    assert "no real data" in page.text
    fields = re.findall(r'<(?:input|select) id="([^"]+)"', page.text)
    assert len(fields) == len(set(fields)) > 8
    assert set(fields) == set(re.findall(r'<label for="([^"]+)"', page.text))


def test_names_on_the_page_are_escaped(company: Company):
    company.world.add_organization("<script>alert(1)</script>")
    company.server.faults.fail_next(500, path="<script>")
    assert "<script" not in company.stranger().get("/_rehearsal/").text


def test_close_can_be_made_slow(company: Company):
    assert "30 ms longer" in press(company, "slow", milliseconds="30").text
    assert company.server.latency_s == 0.03


def test_the_next_calls_can_be_answered_503(company: Company, ada: Client):
    press(company, "fail", status="503", times="2")
    assert [ada.get("me/").status_code for _ in range(3)] == [503, 503, 200]


def test_the_next_answer_can_be_lost_after_the_change(company: Company, ada: Client):
    press(company, "drop")
    with pytest.raises(requests.ConnectionError):
        ada.put(f"membership/{company.bob}/", {"role_id": "superuser"})
    assert company.role_of(company.bob) == "superuser"


def test_the_rate_limit_can_be_set(company: Company, ada: Client):
    press(company, "limit", reads="1", writes="1", window_s="60")
    assert [ada.get("me/").status_code for _ in range(2)] == [200, 429]


def test_the_domain_rule_can_be_turned_off_and_on(company: Company, ada: Client):
    new = {"email": f"new@{DOMAIN}", "role_id": "user"}
    press(company, "domain", organization_id=company.id, rule="off")
    assert ada.post("membership/", new).status_code == 403
    press(company, "domain", organization_id=company.id, rule="on")
    assert ada.post("membership/", new).status_code == 200


def test_somebody_else_can_change_a_role_remove_and_bring_back(company: Company):
    who = {"organization_id": company.id, "email": f"bob@{DOMAIN}", "role": "Super User"}
    press(company, "person", what="role", **who)
    assert company.role_of(company.bob) == "superuser"
    press(company, "person", what="remove", **who)
    assert not company.world.membership(company.bob)["active"]
    press(company, "person", what="restore", **who)
    assert company.world.membership(company.bob)["active"]


@pytest.mark.parametrize(
    ("do", "form"),
    [
        ("nonsense", {}),
        ("slow", {"milliseconds": "-5"}),
        ("slow", {"milliseconds": "nan"}),
        ("fail", {"status": "99", "times": "1"}),
        ("limit", {"reads": "x", "writes": "1", "window_s": "1"}),
        (
            "person",
            {"organization_id": "orga_unknown", "email": "x@y.example", "what": "role", "role": "User"},
        ),
    ],
)
def test_what_does_not_fit_is_told_and_changes_nothing(company: Company, ada: Client, do: str, form: dict):
    answer = press(company, do, **form)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert company.server.latency_s == 0
    assert ada.get("me/").status_code == 200


def test_behaving_again_leaves_the_people_alone(company: Company, ada: Client):
    tell(company, "settings", {"latency_s": 0.01, "reads": 0})
    tell(company, "faults", {"kind": "fail", "status": 500, "times": None})
    company.world.set_role(company.bob, "admin")
    press(company, "behave")
    assert ada.get("me/").status_code == 200
    assert company.server.latency_s == 0
    assert company.role_of(company.bob) == "admin"


def test_programs_add_list_and_clear_faults(company: Company, ada: Client):
    body = {"kind": "fail", "status": 503, "times": 2, "path": "/me/", "body": {"error": "later"}}
    answer = tell(company, "faults", body)
    assert answer.status_code == 200
    assert answer.json()[0]["status"] == 503
    assert ada.get("me/").json() == {"error": "later"}
    assert company.stranger().get("/_rehearsal/faults").json()[0]["hits"] == 1
    assert tell(company, "faults", {"kind": "clear"}).json() == []
    assert ada.get("me/").status_code == 200


@pytest.mark.parametrize("kind", ["html_error", "delay", "drop", "empty", "truncate", "wrong_types", "drip"])
def test_programs_have_every_kind_of_fault(company: Company, kind: str):
    seconds = {"seconds": 0.01} if kind in {"delay", "drip"} else {}
    assert tell(company, "faults", {"kind": kind, "method": "PUT", **seconds}).status_code == 200
    assert len(company.server.faults.pending()) == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("faults", {}),
        ("faults", {"kind": "explode"}),
        ("faults", {"kind": "fail"}),
        ("faults", {"kind": "fail", "status": 500, "path": "("}),
        ("faults", {"kind": "delay", "seconds": "x"}),
        ("faults", []),
        ("settings", {"switches": {"nonsense": True}}),
        ("settings", {"window_s": 0}),
        ("people", {"membership_id": "memb_unknown", "role_id": "admin"}),
    ],
)
def test_programs_are_told_what_can_not_be(company: Company, name: str, body: dict):
    answer = tell(company, name, body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert company.server.faults.pending() == []


def test_programs_flip_switches(company: Company, bob: Client):
    answer = tell(company, "settings", {"switches": {"permission_refusal_status": 403}})
    assert answer.json()["switches"]["permission_refusal_status"] == 403
    assert bob.delete(f"membership/{company.cleo}/").status_code == 403


def test_programs_act_as_somebody_else_and_see_the_truth(company: Company, ada: Client):
    body = {"membership_id": company.bob, "role_id": "superuser", "active": False}
    assert tell(company, "people", body).json()["role_id"] == "superuser"
    truth = {person["id"]: person for person in company.stranger().get("/_rehearsal/people").json()}
    assert truth[company.bob]["active"] is False
    assert len(truth) == 5
    tell(company, "people", {"membership_id": company.cleo, "refusal": "No."})
    assert ada.put(f"membership/{company.cleo}/", {"role_id": "admin"}).status_code == 400


def test_programs_read_the_calls_and_reset_everything(company: Company, ada: Client):
    ada.get("me/")
    (call,) = company.stranger().get("/_rehearsal/calls").json()
    assert (call["method"], call["path"], call["status"]) == ("GET", "/api/v1/me/", 200)
    assert tell(company, "reset", {}).json() == {}
    assert company.stranger().get("/_rehearsal/calls").json() == []


def test_practising_is_not_recorded_and_not_subject_to_faults(company: Company):
    company.server.faults.fail_next(500)
    assert company.stranger().get("/_rehearsal/").status_code == 200
    assert len(company.server.calls) == 0
    assert len(company.server.faults.pending()) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_can_not_practise(company: Company, headers: dict):
    call = company.stranger().call
    assert call("POST", "/_rehearsal/", data={"do": "reset"}, headers=headers).status_code == 403
    assert call("POST", "/_rehearsal/faults", json={"kind": "drop"}, headers=headers).status_code == 403
    assert company.server.faults.pending() == []


def test_a_page_of_this_server_can(company: Company):
    headers = {"Origin": company.server.url, "Sec-Fetch-Site": "same-origin"}
    answer = company.stranger().call("POST", "/_rehearsal/", data={"do": "drop"}, headers=headers)
    assert answer.status_code == 200


def test_programs_must_say_they_send_json(company: Company):
    answer = company.stranger().call("POST", "/_rehearsal/faults", data='{"kind": "drop"}')
    assert answer.status_code == 400


def test_unknown_pages_are_404(company: Company):
    assert company.stranger().get("/_rehearsal/nonsense").status_code == 404
