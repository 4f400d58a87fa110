"""The event log: what leaves a trace, what can be asked, how one pages."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.server import running
from sandbox.world import World
from tests.sandbox.company import DOMAIN, Client, Company


def events(client: Client, **params) -> list[dict]:
    answer = client.get("event/", **params)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_coming_and_going_leave_events_with_their_actor(company: Company, ada: Client):
    ada.delete(f"membership/{company.bob}/")
    ada.post("membership/", {"email": f"bob@{DOMAIN}", "role_id": "user"})
    activated, deactivated = events(ada)
    assert (activated["action"], deactivated["action"]) == ("activated", "deactivated")
    assert activated["object_type"] == "membership"
    assert activated["object_id"] == company.bob
    assert activated["user_id"] == company.user_id(company.ada)
    assert activated["data"]["role_id"] == "user"
    assert activated["meta"] == {"request_method": "POST", "request_path": "/api/v1/membership/"}
    assert len(activated["request_id"].removeprefix("req_")) == 22


def test_changes_of_roles_and_settings_leave_no_trace(company: Company, ada: Client):
    ada.put(f"membership/{company.bob}/", {"role_id": "admin", "track_email_opens": False})
    ada.bulk([company.cleo], role_id="admin")
    ada.post("role/", {"name": "New", "permissions": []})
    company.world.set_role(company.cleo, "user")
    assert events(ada) == []


def test_what_others_do_in_close_is_logged_too(company: Company, ada: Client):
    company.world.deactivate(company.bob, by_user_id=company.user_id(company.cleo))
    (event,) = events(ada)
    assert event["user_id"] == company.user_id(company.cleo)
    assert event["request_id"] is None


def test_creating_may_leave_no_event(company: Company, ada: Client):
    company.world.switches.create_is_logged = False
    ada.post("membership/", {"email": f"new@{DOMAIN}", "role_id": "user"})
    assert events(ada) == []


def test_groups_leave_events_with_what_was_before(company: Company, ada: Client):
    group = ada.post("group/", {"name": "Bakers"}).json()["id"]
    ada.put(f"group/{group}/", {"name": "Cooks"})
    ada.post(f"group/{group}/member/", {"user_id": company.user_id(company.bob)})
    ada.delete(f"group/{group}/")
    found = events(ada, object_type="group", object_id=group)
    assert [event["action"] for event in found] == ["deleted", "updated", "updated", "created"]
    assert found[2]["previous_data"] == {"name": "Bakers"}
    assert found[1]["changed_fields"] == ["members"]


def test_an_api_key_is_named_in_its_events(company: Company):
    key = company.world.api_key(company.user_id(company.ada), company.id)
    client = company.stranger()
    client.session.auth = (key, "")
    client.delete(f"membership/{company.bob}/")
    assert events(client)[0]["api_key_id"] == key.partition(".")[0]


@pytest.mark.parametrize(
    "names",
    [
        "object_type object_id",
        "object_type action",
        "object_id action",
        "user_id",
        "user_id object_id",
        "user_id object_id action",
        "user_id object_type",
        "user_id object_type action",
        "lead_id",
        "lead_id object_type action",
        "lead_id user_id object_type action",
        "request_id",
        "date_updated__gte",
        "date_updated__lt object_type action",
    ],
)
def test_documented_combinations_of_filters_are_answered(ada: Client, names: str):
    values = {name: "2026-01-01T00:00:00" if name.startswith("date") else "x" for name in names.split()}
    assert ada.get("event/", **values).status_code == 200


@pytest.mark.parametrize(
    "names", ["object_type", "object_id", "action", "request_id user_id", "lead_id action"]
)
def test_other_combinations_of_filters_are_400(ada: Client, names: str):
    assert ada.get("event/", **dict.fromkeys(names.split(), "x")).status_code == 400


@pytest.mark.parametrize(
    "params",
    [{"_limit": 51}, {"_limit": "x"}, {"_skip": 1}, {"_cursor": "nonsense"}, {"date_updated__gt": "x"}],
)
def test_paging_that_can_not_be_is_400(ada: Client, params: dict):
    assert ada.get("event/", **params).status_code == 400


def test_filters_choose_events(company: Company, ada: Client):
    ada.delete(f"membership/{company.bob}/")
    ada.delete(f"membership/{company.cleo}/")
    company.world.reactivate(company.bob)
    gone = events(ada, object_type="membership", action="deactivated")
    assert [event["object_id"] for event in gone] == [company.cleo, company.bob]
    assert events(ada, object_type="membership", object_id=company.cleo) == gone[:1]
    assert events(ada, date_updated__gt=gone[1]["date_updated"]) == events(ada)[:2]


def test_a_cursor_leads_on_and_back_and_is_not_moved_by_new_events(company: Company, ada: Client):
    for _ in range(60):
        company.world.deactivate(company.bob)
        company.world.reactivate(company.bob)
    everything = ada.get("event/", _cursor="").json()
    assert len(everything["data"]) == 50
    assert everything["cursor_previous"] is None
    company.world.deactivate(company.cleo)
    second = ada.get("event/", _cursor=everything["cursor_next"]).json()
    third = ada.get("event/", _cursor=second["cursor_next"]).json()
    assert (len(second["data"]), len(third["data"]), third["cursor_next"]) == (50, 20, None)
    ids = [event["id"] for page in (everything, second, third) for event in page["data"]]
    assert len(set(ids)) == 120
    back = ada.get("event/", _cursor=third["cursor_previous"]).json()
    assert back["data"] == second["data"]


def test_one_event_can_be_asked_for(company: Company, ada: Client):
    company.world.deactivate(company.bob)
    event = events(ada)[0]
    assert ada.get(f"event/{event['id']}/").json() == event
    assert ada.get("event/ev_unknown/").status_code == 404


def test_events_of_other_organizations_stay_there(company: Company, ada: Client):
    company.world.deactivate(company.zoe)
    assert events(ada) == []


def test_events_are_kept_thirty_days_and_told_to_others_for_an_hour():
    now = [time.time()]
    world = World.empty(clock=lambda: now[0])
    world.switches.access_token_lifetime_s = 10**9
    acme = world.add_organization("Acme")
    admin = world.add_person(acme, f"ada@{DOMAIN}", role="admin")
    user = world.add_person(acme, f"bob@{DOMAIN}")
    gone = world.add_person(acme, f"cleo@{DOMAIN}")
    with running(world) as server:
        ada, bob = (
            Client(server.url, world.grant(world.membership(who)["user_id"], acme)["access_token"])
            for who in (admin, user)
        )
        world.deactivate(gone)
        assert events(bob)[0]["data"]["id"] == gone
        now[0] += 3601
        assert events(bob)[0]["data"] is None
        assert events(ada)[0]["data"]["id"] == gone
        now[0] += timedelta(days=30).total_seconds()
        assert events(ada) == []


def test_events_may_appear_late(company: Company, ada: Client):
    company.world.switches.events_appear_after_s = 60
    company.world.deactivate(company.bob)
    assert events(ada) == []


def test_dates_of_events_are_naive_and_those_of_people_are_not(company: Company, ada: Client):
    company.world.deactivate(company.bob)
    moment = datetime.fromisoformat(events(ada)[0]["date_created"])
    assert moment.tzinfo is None
    assert abs(moment.replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=1)
    created = ada.get("me/").json()["date_created"]
    assert created.endswith("000+00:00")
    assert datetime.fromisoformat(created).tzinfo is not None
