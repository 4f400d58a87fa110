"""Tasks and opportunities of people who leave, handed to somebody else."""

import pytest

from tests.sandbox.company import Client, Company


@pytest.fixture
def desk(company: Company) -> dict[str, str]:
    """What Bob has: an open call, one that is done, a missed call, and two deals; Cleo has a task too."""
    world, bob, cleo = company.world, company.user_id(company.bob), company.user_id(company.cleo)
    return {
        "open": world.add_task(company.id, bob, "Call"),
        "done": world.add_task(company.id, bob, "Called", complete=True),
        "missed": world.add_task(company.id, bob, "", type="missed_call"),
        "cleo": world.add_task(company.id, cleo, "Cook"),
        "deal": world.add_opportunity(company.id, bob, "Deal"),
        "won": world.add_opportunity(company.id, bob, "Won", status="won"),
    }


def ids(client: Client, path: str, **params) -> list[str]:
    return [row["id"] for row in client.get(path, **params).json()["data"]]


def test_tasks_are_of_leads_unless_types_are_named(company: Company, ada: Client, desk: dict[str, str]):
    bob = company.user_id(company.bob)
    assert ids(ada, "task/", assigned_to=bob) == [desk["open"], desk["done"]]
    assert ids(ada, "task/", assigned_to=bob, is_complete="false") == [desk["open"]]
    types = {"_type__in": "lead,missed_call"}
    assert ids(ada, "task/", assigned_to=bob, is_complete="false", _type="all") == [
        desk["open"],
        desk["missed"],
    ]
    assert ids(ada, "task/", assigned_to=bob, _type="missed_call") == [desk["missed"]]
    assert ids(ada, "task/", assigned_to=bob, is_complete="False", **types) == [desk["open"], desk["missed"]]


def test_tasks_are_reassigned_many_at_once(company: Company, ada: Client, desk: dict[str, str]):
    cleo = company.user_id(company.cleo)
    body = {"_params": {"id__in": f"{desk['open']},task_unknown"}, "assigned_to": cleo}
    assert ada.put("task/", body).json() == {"count": 1}
    assert ada.get(f"task/{desk['open']}/").json()["assigned_to"] == cleo
    assert company.world.desk(company.bob)["tasks"] == [desk["missed"]]


def test_of_the_tasks_named_those_of_other_types_are_left_out_unless_all_are_asked_for(
    company: Company, ada: Client, desk: dict[str, str]
):
    both, cleo = f"{desk['open']},{desk['missed']}", company.user_id(company.cleo)
    one = ada.call("PUT", "task/", params={"id__in": both}, json={"assigned_to": cleo})
    assert one.json() == {"count": 1}
    assert company.world.desk(company.bob)["tasks"] == [desk["missed"]]
    two = ada.call("PUT", "task/", params={"id__in": both, "_type": "all"}, json={"assigned_to": cleo})
    assert two.json() == {"count": 2}
    assert company.world.desk(company.bob)["tasks"] == []


def test_a_bulk_stops_at_a_task_that_refuses(company: Company, ada: Client, desk: dict[str, str]):
    later = company.world.add_task(company.id, company.user_id(company.bob), "Later")
    company.world.refuse_work(desk["cleo"], "Locked.")
    named = ",".join((desk["open"], desk["cleo"], later))
    answer = ada.call(
        "PUT", "task/", params={"id__in": named}, json={"assigned_to": company.user_id(company.cleo)}
    )
    assert (answer.status_code, answer.json()["count"]) == (400, 1)
    assert later in company.world.desk(company.bob)["tasks"]


def test_work_knows_the_name_of_its_lead(company: Company, ada: Client):
    bob = company.user_id(company.bob)
    task = company.world.add_task(company.id, bob, "Call", lead="Bluewater")
    deal = company.world.add_opportunity(company.id, bob, "Pilot", value=120_000, lead="Bluewater")
    assert ada.get(f"task/{task}/").json()["lead_name"] == "Bluewater"
    shown = ada.get(f"opportunity/{deal}/").json()
    assert (shown["lead_name"], shown["value_formatted"]) == ("Bluewater", "$1,200")


def test_what_others_do_to_work_meanwhile(company: Company, ada: Client, desk: dict[str, str]):
    world, cleo = company.world, company.user_id(company.cleo)
    world.hand_over(desk["open"], cleo)
    world.hand_over(desk["deal"], cleo)
    world.finish(desk["missed"])
    assert world.desk(company.bob) == {"tasks": [], "opportunities": []}
    world.finish(desk["deal"])
    assert ada.get(f"opportunity/{desk['deal']}/").json()["status_type"] == "won"
    world.delete_work(desk["deal"])
    assert ada.get(f"opportunity/{desk['deal']}/").status_code == 404
    world.refuse_work(desk["won"], "Locked.")
    assert ada.put(f"opportunity/{desk['won']}/", {"user_id": cleo}).status_code == 400


def test_a_bulk_update_of_tasks_without_a_filter_close_knows_hits_every_lead_task(
    company: Company, ada: Client, desk: dict[str, str]
):
    assert ada.put("task/", {"_params": {"assigned": "x"}, "is_complete": True}).json() == {"count": 3}
    assert company.world.desk(company.cleo)["tasks"] == []


def test_a_documented_filter_that_is_not_emulated_is_refused_and_not_ignored(
    company: Company, ada: Client, desk: dict[str, str]
):
    answer = ada.put("task/", {"_params": {"date__lt": "2026-01-01"}, "is_complete": True})
    assert answer.status_code == 400
    assert company.world.desk(company.cleo)["tasks"] == [desk["cleo"]]


@pytest.mark.parametrize(
    "body", [{"text": "x"}, {"is_complete": 1}, {"assigned_to": "user_unknown"}, {"date": 5}]
)
def test_a_task_takes_three_fields_with_their_types(company: Company, ada: Client, desk: dict, body: dict):
    assert ada.put(f"task/{desk['open']}/", body).status_code == 400


def test_work_can_not_be_given_to_people_who_left(company: Company, ada: Client, desk: dict[str, str]):
    dora = company.user_id(company.dora)
    assert ada.put(f"task/{desk['open']}/", {"assigned_to": dora}).status_code == 400
    assert ada.put(f"opportunity/{desk['deal']}/", {"user_id": dora}).status_code == 400


def test_work_of_people_who_left_can_be_given_away(company: Company, ada: Client, desk: dict[str, str]):
    ada.delete(f"membership/{company.bob}/")
    assert company.world.desk(company.bob)["opportunities"] == [desk["deal"]]
    cleo = company.user_id(company.cleo)
    assert ada.put(f"task/{desk['open']}/", {"assigned_to": cleo}).status_code == 200
    assert ada.put(f"opportunity/{desk['deal']}/", {"user_id": cleo}).json()["user_name"] == "Cleo Cook"


def test_opportunities_are_found_by_owner_and_status(company: Company, ada: Client, desk: dict[str, str]):
    bob = company.user_id(company.bob)
    assert ids(ada, "opportunity/", user_id=bob, status_type="active") == [desk["deal"]]
    assert ids(ada, "opportunity/", user_id__in=bob, status_type__in="active,won") == [
        desk["deal"],
        desk["won"],
    ]
    assert ada.get("opportunity/", _limit=251).status_code == 400


def test_others_work_needs_the_permission(company: Company, bob: Client, desk: dict[str, str]):
    company.world.set_role(company.bob, "restricteduser")
    assert bob.put(f"task/{desk['open']}/", {"is_complete": True}).status_code == 200
    assert bob.put(f"task/{desk['cleo']}/", {"is_complete": True}).status_code == 401
    company.world.set_role(company.bob, "user")
    assert bob.put(f"task/{desk['cleo']}/", {"is_complete": True}).status_code == 200
