"""Rules of roles and groups, as a client of the API meets them."""

import pytest

from tests.sandbox.company import Client, Company


@pytest.fixture
def callers(company: Company) -> str:
    """A custom role that Bob holds."""
    role_id = company.world.add_role(company.id, "Callers", ["calling"])
    company.world.set_role(company.bob, role_id)
    return role_id


@pytest.fixture
def bakers(company: Company) -> str:
    return company.world.add_group(company.id, "Bakers", [company.user_id(company.bob)])


# Roles


def test_the_four_system_roles_have_slugs_no_dates_and_can_not_be_edited(ada: Client):
    answer = ada.get("role/").json()
    assert answer["has_more"] is False
    roles = {role["id"]: role for role in answer["data"]}
    assert list(roles) == ["admin", "superuser", "user", "restricteduser"]
    assert roles["restricteduser"]["name"] == "Restricted User"
    assert len(roles["admin"]["permissions"]) == 24
    assert set(roles["admin"]["permissions"]) - set(roles["superuser"]["permissions"]) == {
        "manage_organization"
    }
    for role in roles.values():
        assert role["editable"] is False
        assert role["date_created"] == "0001-01-01T00:00:00"
    assert ada.put("role/user/", {"name": "Mine"}).status_code == 400
    assert ada.delete("role/user/").status_code == 400


def test_a_role_is_created_with_201_and_a_location(ada: Client):
    answer = ada.post("role/", {"name": "Callers", "permissions": ["calling"]})
    assert answer.status_code == 201
    role = answer.json()
    assert role["editable"] is True
    assert answer.headers["location"] == f"/api/v1/role/{role['id']}/"
    assert ada.get(f"role/{role['id']}/").json() == role


def test_an_edited_role_reaches_everyone_who_holds_it_at_once(company: Company, ada: Client, callers: str):
    bob = company.client(company.bob)
    assert ada.put(f"role/{callers}/", {"permissions": ["calling", "export"]}).status_code == 200
    rows = ada.get(f"organization/{company.id}/").json()["memberships"]
    assert next(row for row in rows if row["id"] == company.bob)["permissions_granted"] == [
        "calling",
        "export",
    ]
    assert bob.get("me/").json()["memberships"][0]["permissions_granted"] == ["calling", "export"]


def test_a_role_that_starts_to_manage_gives_its_holders_that_power(
    company: Company, ada: Client, callers: str
):
    bob = company.client(company.bob)
    assert bob.delete(f"membership/{company.cleo}/").status_code == 401
    ada.put(f"role/{callers}/", {"permissions": ["manage_organization"]})
    assert bob.delete(f"membership/{company.cleo}/").status_code == 200


def test_a_role_somebody_holds_can_not_be_deleted(company: Company, ada: Client, callers: str):
    answer = ada.delete(f"role/{callers}/")
    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]
    ada.put(f"membership/{company.bob}/", {"role_id": "user"})
    assert (ada.delete(f"role/{callers}/").status_code, ada.get(f"role/{callers}/").status_code) == (200, 404)


def test_people_who_left_do_not_keep_a_role_from_being_deleted(company: Company, ada: Client, callers: str):
    company.world.deactivate(company.bob)
    assert ada.delete(f"role/{callers}/").json() == {}
    assert company.role_of(company.bob) == "restricteduser"


def test_people_who_left_may_still_carry_a_deleted_role_if_the_switch_says_so(
    company: Company, ada: Client, callers: str
):
    company.world.switches.departed_with_deleted_role = "carry_it"
    company.world.deactivate(company.bob)
    assert ada.delete(f"role/{callers}/").status_code == 200
    assert company.role_of(company.bob) == callers
    assert callers not in [role["id"] for role in ada.get("role/").json()["data"]]


def test_people_who_left_may_prevent_that_a_role_is_deleted(company: Company, ada: Client, callers: str):
    company.world.switches.departed_with_deleted_role = "prevent_it"
    company.world.deactivate(company.bob)
    assert ada.delete(f"role/{callers}/").status_code == 400
    assert ada.get(f"role/{callers}/").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"permissions": []}, "name"),
        ({"name": "New"}, "permissions"),
        ({"name": " ", "permissions": []}, "name"),
        ({"name": 5, "permissions": []}, "name"),
        ({"name": "Admin", "permissions": []}, "name"),
        ({"name": "New", "permissions": "calling"}, "permissions"),
        ({"name": "New", "permissions": ["fly"]}, "permissions"),
        ({"name": "New", "permissions": [], "color": "red"}, "color"),
        (
            {"name": "New", "permissions": [], "visibility_user_lcf_ids": ["a", "b", "c", "d"]},
            "visibility_user_lcf_ids",
        ),
        (
            {"name": "New", "permissions": [], "visibility_user_lcf_behavior": "x"},
            "visibility_user_lcf_behavior",
        ),
        (
            {"name": "New", "permissions": ["view_all_leads"], "visibility_user_lcf_ids": ["cf_1"]},
            "visibility_user_lcf_ids",
        ),
    ],
)
def test_a_role_that_can_not_be_is_refused_and_names_the_field(ada: Client, body: dict, field: str):
    answer = ada.post("role/", body)
    assert answer.status_code == 400
    assert field in answer.json()["field-errors"]
    assert len(ada.get("role/").json()["data"]) == 4


def test_a_refused_edit_changes_nothing(ada: Client, callers: str):
    before = ada.get(f"role/{callers}/").json()
    assert ada.put(f"role/{callers}/", {"name": "Others", "permissions": ["fly"]}).status_code == 400
    assert ada.get(f"role/{callers}/").json() == before


def test_roles_are_read_by_everyone_and_written_by_those_who_manage(
    ada: Client, company: Company, callers: str
):
    bob = company.client(company.bob)
    assert bob.get("role/").status_code == 200
    assert bob.post("role/", {"name": "Mine", "permissions": ["manage_organization"]}).status_code == 401
    assert bob.put(f"role/{callers}/", {"permissions": ["manage_organization"]}).status_code == 401
    assert bob.delete(f"role/{callers}/").status_code == 401


def test_custom_roles_need_the_plan(company: Company, ada: Client):
    company.world.switches.plan_has_custom_roles = False
    assert ada.post("role/", {"name": "New", "permissions": []}).status_code == 402


def test_unknown_permissions_are_kept_if_the_switch_says_so(company: Company, ada: Client):
    company.world.switches.unknown_permissions_refused = False
    assert ada.post("role/", {"name": "New", "permissions": ["fly"]}).json()["permissions"] == ["fly"]


def test_a_role_name_may_be_given_twice_if_the_switch_says_so(company: Company, ada: Client, callers: str):
    company.world.switches.same_role_name_refused = False
    assert ada.post("role/", {"name": "Callers", "permissions": []}).status_code == 201


# Lead fields


def test_lead_fields_say_what_they_hold_and_come_in_pages(company: Company, ada: Client):
    owner = company.world.add_lead_field(company.id, "Owner")
    company.world.add_lead_field(company.id, "Industry", type="choices")
    listed = ada.get("custom_field/lead/", _fields="id,name,type").json()
    assert listed["data"][0] == {"id": owner, "name": "Owner", "type": "user"}
    assert [(found["name"], found["type"]) for found in listed["data"]] == [
        ("Owner", "user"),
        ("Industry", "choices"),
    ]
    first = ada.get("custom_field/lead/", _limit="1").json()
    assert (first["has_more"], first["data"][0]["accepts_multiple_values"]) == (True, False)
    assert ada.get("custom_field/lead/", _limit="1", _skip="1").json()["has_more"] is False


def test_leads_are_seen_by_fields_that_hold_users_and_by_no_others(company: Company, ada: Client):
    owner = company.world.add_lead_field(company.id, "Owner")
    industry = company.world.add_lead_field(company.id, "Industry", type="choices")
    limited = {"name": "Limited", "permissions": [], "visibility_user_lcf_behavior": "require_assignment"}
    for field_id in (industry, "cf_nobody"):
        refused = ada.post("role/", limited | {"visibility_user_lcf_ids": [field_id]})
        assert list(refused.json()["field-errors"]) == ["visibility_user_lcf_ids"]
    made = ada.post("role/", limited | {"visibility_user_lcf_ids": [owner]}).json()
    assert company.world.role(company.id, made["id"]) == made
    assert (made["visibility_user_lcf_ids"], made["visibility_user_lcf_behavior"]) == (
        [owner],
        "require_assignment",
    )
    cleared: dict = {"visibility_user_lcf_ids": [], "visibility_user_lcf_behavior": None}
    changed = ada.put(f"role/{made['id']}/", cleared | {"permissions": ["view_all_leads"]}).json()
    assert (changed["visibility_user_lcf_ids"], changed["visibility_user_lcf_behavior"]) == ([], None)
    company.world.switches.unknown_visibility_fields_refused = False
    other = limited | {"name": "Other", "visibility_user_lcf_ids": ["cf_nobody"]}
    assert ada.post("role/", other).status_code == 201


# Groups


def test_groups_show_their_members_only_one_at_a_time_and_by_name(company: Company, ada: Client, bakers: str):
    listed = ada.get("group/", _fields="id,name,members").json()
    assert listed == {"data": [{"id": bakers, "name": "Bakers"}], "has_more": False}
    assert ada.get(f"group/{bakers}/").json() == {
        "id": bakers,
        "name": "Bakers",
        "organization_id": company.id,
    }
    single = ada.get(f"group/{bakers}/", _fields="name,members").json()
    assert single == {"name": "Bakers", "members": [{"user_id": company.user_id(company.bob)}]}
    company.world.switches.group_fields_must_be_named = True
    assert ada.get(f"group/{bakers}/").json() == {"id": bakers}


def test_a_group_is_created_renamed_and_deleted(ada: Client):
    created = ada.post("group/", {"name": "Cooks"})
    assert created.status_code == 201
    group = created.json()
    assert group["members"] == []
    assert ada.put(f"group/{group['id']}/", {"name": "Chefs"}).json()["name"] == "Chefs"
    deleted = ada.delete(f"group/{group['id']}/")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert ada.get(f"group/{group['id']}/").status_code == 404


def test_a_group_name_is_unique(ada: Client, bakers: str):
    answer = ada.post("group/", {"name": "Bakers"})
    assert answer.status_code == 400
    assert list(answer.json()["field-errors"]) == ["name"]
    assert ada.put(f"group/{bakers}/", {"name": "Bakers"}).status_code == 200


def test_a_group_a_smart_view_is_shared_with_can_not_be_deleted(company: Company, ada: Client, bakers: str):
    company.world.add_smart_view(company.id, "For bakers", groups=(bakers,))
    assert ada.delete(f"group/{bakers}/").status_code == 400


def test_adding_and_removing_members_twice_changes_nothing(company: Company, ada: Client, bakers: str):
    cleo = company.user_id(company.cleo)
    for _ in range(2):
        added = ada.post(f"group/{bakers}/member/", {"user_id": cleo})
        assert (added.status_code, added.json()) == (201, {"user_id": cleo})
    assert len(ada.get(f"group/{bakers}/", _fields="members").json()["members"]) == 2
    for _ in range(2):
        assert ada.delete(f"group/{bakers}/member/{cleo}/").status_code == 204
    assert len(ada.get(f"group/{bakers}/", _fields="members").json()["members"]) == 1


@pytest.mark.parametrize("who", ["zoe", "dora"])
def test_only_active_members_can_be_added(company: Company, ada: Client, bakers: str, who: str):
    answer = ada.post(f"group/{bakers}/member/", {"user_id": company.user_id(getattr(company, who))})
    assert (answer.status_code, answer.json()) == (400, {"errors": ["Invalid organization members"]})


def test_groups_are_read_by_everyone_and_written_by_those_who_manage(
    company: Company, bob: Client, bakers: str
):
    assert bob.get(f"group/{bakers}/").status_code == 200
    assert bob.post("group/", {"name": "Mine"}).status_code == 401
    assert bob.put(f"group/{bakers}/", {"name": "Mine"}).status_code == 401
    assert bob.post(f"group/{bakers}/member/", {"user_id": "user_x"}).status_code == 401
    assert bob.delete(f"group/{bakers}/").status_code == 401
