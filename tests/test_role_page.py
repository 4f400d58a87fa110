"""One role: looked at, made, cloned, edited and deleted, each through a plan that can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client

from memberships.models import AuditEntry, Connection, Job, MirroredMember, MirroredRole, Organization, Plan
from memberships.services import details, roster
from sandbox.rehearsal import (
    ACCOUNT_TEAM,
    ADMIN,
    CONTRACTOR,
    CONTRACTOR_PERMISSIONS,
    LEAD_OWNER,
    PEOPLE_OPS,
    PEOPLE_OPS_ROLE,
    SALES_MANAGER,
    SECOND_ADMIN,
    SUPPORT_LEAD,
)
from sandbox.server import Server
from sandbox.world import World
from tests.conftest import signed_in
from tests.pages import Page
from tests.steps import apply, changes, review_role, verdicts

MANAGE = "Manage the organization: people, roles, groups and billing"
SEE_ALL = "See all leads"
HIDDEN: dict[str, str | bool] = {"Leads with nobody in these fields": "Hidden"}


@pytest.fixture
def role_id(world: World, northwind: str) -> Callable[[str], str]:
    return lambda name: world.role_id(northwind, name)


def at(client: Client, role_id: str, rest: str = "") -> Page:
    return Page.visit(client, f"/roles/{role_id}/{rest}")


def done(client: Client, review: Page, work: Callable[[], None], number: str = "") -> Page:
    """Apply a review; the receipt after the worker has been at it."""
    started = apply(review, number)
    work()
    return Page.visit(client, started.address)


def undo(client: Client, receipt: Page, work: Callable[[], None]) -> Page:
    return done(client, receipt.press("Undo"), work)


def truth(world: World, organization_id: str, name: str) -> dict | None:
    found = [r for r in world.organizations[organization_id].roles.values() if r.name == name]
    return world.role(organization_id, found[0].id) if found else None


def effects(page: Page) -> list[str]:
    """The lines of "What it means for them"."""
    sections = [s for s in page.all("section") if s.attributes.get("aria-labelledby") == "effects-title"]
    return [e.text for s in sections for e in s.all("summary", "p") if e.text != "Who that is"]


def ticked(page: Page) -> set[str]:
    boxes = [e for e in page.all("input") if e.attributes.get("name") == "permissions"]
    return {e.attributes["value"] for e in boxes if e.checked}


# Looking at one


def test_a_role_says_what_it_lets_people_do_and_who_they_are(admin, world, northwind, role_id):
    page = at(admin, role_id(SUPPORT_LEAD))
    assert page.heading == SUPPORT_LEAD
    mine = [m for m in world.members(northwind) if m["role_name"] == SUPPORT_LEAD]
    assert f"{len(mine)} active" in page.text
    assert page.link(f"{len(mine)} active") == f"/members/?role={role_id(SUPPORT_LEAD)}&status=active"
    assert {page.link(m["full_name"]) for m in mine if m["full_name"]} <= {
        f"/members/{m['id']}/" for m in mine
    }
    (may, may_not) = [s for s in page.all("section", "details") if s.text.startswith("What it")][:2]
    assert "Listen to other people's calls call_coach_listen" in may.text
    assert "Export data export" in may_not.text
    assert MANAGE in may_not.text


def test_the_list_leads_to_each_role(admin, role_id):
    page = Page.visit(admin, "/roles/").follow(SALES_MANAGER)
    assert (page.address, page.heading) == (f"/roles/{role_id(SALES_MANAGER)}/", SALES_MANAGER)


def test_a_role_that_can_manage_says_so_first(admin, role_id):
    page = at(admin, role_id(PEOPLE_OPS_ROLE))
    (section,) = [s for s in page.all("section") if s.attributes.get("aria-labelledby") == "may-title"]
    assert section.text.startswith(f"What it lets people do {MANAGE}")


def test_a_system_role_can_only_be_cloned_and_says_why(admin, subtests):
    page = at(admin, "superuser")
    links = {a.text for a in page.all("a")}
    assert ("Clone" in links, "Edit" in links, "Delete" in links) == (True, False, False)
    assert "This is a system role: Close allows nobody to change or delete it." in page.text
    for rest in ("edit/", "delete/"):
        with subtests.test(rest):
            turned_away = at(admin, "superuser", rest)
            assert turned_away.address == "/roles/superuser/"
            assert "Clone it, and change the clone." in turned_away.text


def test_which_leads_people_see_is_named_when_asked_for(admin, close, role_id):
    page = at(admin, role_id(CONTRACTOR))
    assert "cf_" in page.text
    assert not close.calls
    named = page.follow("Read their names from Close")
    assert f"{ACCOUNT_TEAM}, {LEAD_OWNER}" in named.text or f"{LEAD_OWNER}, {ACCOUNT_TEAM}" in named.text
    assert "Leads with nobody in these fields Hidden" in named.text
    assert len(close.calls) == 1
    at(admin, role_id(CONTRACTOR), "?names=1")
    assert len(close.calls) == 1


def test_where_the_names_can_not_be_read_the_page_says_so(admin, close, role_id, impatient):
    close.faults.fail_next(503, path="custom_field", times=None)
    page = at(admin, role_id(CONTRACTOR), "?names=1")
    assert page.status == 200
    assert "Their names could not be read" in page.text
    assert "cf_" in page.text


UNKNOWN = ["role_gone", "%00", "..", "<script>", "null", "new%2Fx", "x" * 3000]


@pytest.mark.parametrize("rest", ["", "edit/", "delete/"])
def test_a_role_nobody_knows_is_not_found(admin, rest, subtests):
    for odd in UNKNOWN:
        with subtests.test(odd[:20]):
            assert admin.get(f"/roles/{odd}/{rest}").status_code == 404
            assert admin.post(f"/roles/{odd}/{rest}").status_code in (404, 405)
    assert admin.post("/roles/role_gone/move/").status_code == 404
    assert admin.get("/roles/new/?like=role_gone").status_code == 404
    assert admin.get("/roles/new/?like=").status_code == 404


def test_another_organizations_role_is_not_found(outsider, role_id, subtests):
    for rest in ("", "edit/", "delete/"):
        with subtests.test(rest):
            assert outsider.get(f"/roles/{role_id(SALES_MANAGER)}/{rest}").status_code == 404
    assert outsider.get(f"/roles/new/?like={role_id(SALES_MANAGER)}").status_code == 404
    assert outsider.post(f"/roles/{role_id(SALES_MANAGER)}/move/").status_code == 404


@pytest.mark.parametrize("who", ["member", "nobody"])
@pytest.mark.parametrize("path", ["new/", "{}/", "{}/edit/", "{}/delete/"])
def test_only_who_may_manage_gets_in(who, path, request, connection, role_id):
    client = request.getfixturevalue(who)
    response = client.get(f"/roles/{path.format(role_id(SUPPORT_LEAD))}")
    assert response.status_code == (403 if who == "member" else 302)
    assert SUPPORT_LEAD not in response.content.decode()


# Making one


def test_a_role_is_made_and_unmade(admin, world, northwind, close, work):
    page = Page.visit(admin, "/roles/new/")
    assert page.heading == "New role"
    review = page.press(
        "Review",
        {"Name": "Callers", "Make and take calls": True, SEE_ALL: True, "Reason": "Ticket 7"},
    )
    assert "Create the role Callers." in review.text
    assert not changes(close)
    receipt = done(admin, review, work)
    assert "Create the role Callers. Done." in receipt.text
    made = truth(world, northwind, "Callers")
    assert made
    assert set(made["permissions"]) == {"calling", "view_all_leads"}
    assert receipt.link("Callers") == f"/roles/{made['id']}/"
    assert receipt.follow("Callers").heading == "Callers"
    assert [call.path for call in changes(close)] == ["/api/v1/role/"]
    undo(admin, receipt, work)
    assert truth(world, northwind, "Callers") is None
    assert at(admin, made["id"]).status == 404
    events = AuditEntry.objects.filter(item_name="Callers").order_by("number").values_list("event", "reason")
    assert set(events) == {("role.created", "Ticket 7"), ("role.deleted", "Ticket 7")}


def test_making_one_costs_one_change_and_a_read_before_it(admin, close, work):
    review = Page.visit(admin, "/roles/new/").press("Review", {"Name": "Callers", SEE_ALL: True})
    close.calls.clear()
    done(admin, review, work)
    assert [(c.method, c.path.removeprefix("/api/v1/").split("/")[0]) for c in close.calls] == [
        ("GET", "role"),
        ("GET", "organization"),
        ("POST", "role"),
    ]


def test_a_clone_begins_with_all_that_the_other_one_has(admin, world, northwind, role_id, work):
    page = at(admin, role_id(CONTRACTOR)).follow("Clone")
    assert page.field("Name").value == f"Copy of {CONTRACTOR}"
    assert ticked(page) == set(CONTRACTOR_PERMISSIONS)
    assert page.field("Leads with nobody in these fields").value == "Hidden"
    done(admin, page.press("Review", {"Name": "Partner"}), work)
    made, other = truth(world, northwind, "Partner"), truth(world, northwind, CONTRACTOR)
    assert made
    assert other
    same = ("permissions", "visibility_user_lcf_ids", "visibility_user_lcf_behavior")
    assert {k: sorted(made[k]) for k in same} == {k: sorted(other[k]) for k in same}
    assert made["id"] != other["id"]


def test_a_system_role_is_cloned_with_its_power_ticked(admin):
    page = Page.visit(admin, "/roles/new/").press("Clone", {"Start from": "Admin"})
    assert page.address == "/roles/new/?like=admin"
    assert page.field(MANAGE).checked
    assert len(ticked(page)) == 24


def test_a_name_that_is_taken_is_refused_on_the_form(admin, close):
    page = Page.visit(admin, "/roles/new/").press("Review", {"Name": " Admin ", SEE_ALL: True})
    assert page.status == 422
    assert page.error("Name") == "There is a role named Admin already."
    assert page.field("Name").value == " Admin "
    assert page.field(SEE_ALL).checked
    assert not changes(close)


def test_a_name_that_was_taken_meanwhile_is_blocked_at_the_review(admin, world, northwind):
    page = Page.visit(admin, "/roles/new/")
    world.add_role(northwind, "Callers", [])
    review = page.press("Review", {"Name": "Callers", SEE_ALL: True})
    assert verdicts(review)["Callers Role"] == "There is a role named Callers already."


def test_a_name_that_is_taken_after_the_review_is_refused_and_nothing_sent(
    admin, world, northwind, work, close
):
    review = Page.visit(admin, "/roles/new/").press("Review", {"Name": "Callers", SEE_ALL: True})
    world.add_role(northwind, "Callers", [])
    receipt = done(admin, review, work)
    assert "A role of this name has been made since the review." in receipt.text
    assert "1 of these was changed by someone else since the review." in receipt.text
    assert "Not done." in receipt.text
    assert not changes(close)


def test_the_sandbox_may_lack_custom_roles_and_the_receipt_says_what_to_do(admin, world, work):
    world.switches.plan_has_custom_roles = False
    review = Page.visit(admin, "/roles/new/").press("Review", {"Name": "Callers", SEE_ALL: True})
    receipt = done(admin, review, work)
    assert "Custom roles are not available on your plan." in receipt.text
    assert "Custom roles belong to Close's largest plan" in receipt.text


def test_posted_twice_is_two_reviews_and_one_role(admin, world, northwind, work):
    page = Page.visit(admin, "/roles/new/")
    first, second = (page.press("Review", {"Name": "Callers", SEE_ALL: True}) for _ in range(2))
    done(admin, first, work)
    receipt = done(admin, second, work)
    assert "1 refused" in receipt.text
    assert len([r for r in world.organizations[northwind].roles.values() if r.name == "Callers"]) == 1


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"name": ""}, "Name", "Give the role a name."),
        ({"name": "x" * 201}, "Name", "A name can be 200 characters at most; yours has 201."),
        ({"name": "a\0b"}, "Name", "Null characters are not allowed."),
        (
            {"visibility_user_lcf_behavior": "everything"},
            "Leads with nobody in these fields",
            "Choose one of the list.",
        ),
    ],
)
def test_bad_input_is_told_beside_the_field_and_at_the_top(admin, typed, field, said, close):
    data = {"name": "New", "permissions": ["view_all_leads"]} | typed
    page = Page(admin, admin.post("/roles/new/", data))
    assert page.status == 422
    assert page.error(field) == said
    assert f"{field}: {said}" in page.text
    assert not changes(close)


@pytest.mark.parametrize(
    "typed",
    [
        {"permissions": ["fly"]},
        {"permissions": ["view_all_leads", "<script>"]},
        {"visibility_user_lcf_ids": ["cf_nobody"]},
        {"visibility_user_lcf_ids": ["role"], "visibility_user_lcf_behavior": "require_assignment"},
    ],
)
def test_what_is_not_on_the_form_can_not_be_chosen(admin, typed):
    page = Page(admin, admin.post("/roles/new/", {"name": "New"} | typed))
    assert page.status == 422
    assert "is not among these any more" in page.text
    assert not Plan.objects.exists()


# Which leads people see


def test_without_seeing_all_leads_both_visibility_fields_have_to_be_chosen(admin, subtests):
    cases: list[tuple[dict[str, str | bool], set[str]]] = [
        ({}, {"Lead visibility fields", "Leads with nobody in these fields"}),
        (HIDDEN, {"Lead visibility fields"}),
        ({LEAD_OWNER: True}, {"Leads with nobody in these fields"}),
    ]
    for typed, missing in cases:
        with subtests.test(typed=typed):
            page = Page.visit(admin, "/roles/new/").press("Review", typed | {"Name": "New"})
            assert page.status == 422
            told = {
                label
                for label in ("Lead visibility fields", "Leads with nobody in these fields")
                if f"{label}: Without “See all leads”, this has to be chosen." in page.text
            }
            assert told == missing


def test_three_fields_are_the_most(admin):
    typed: dict[str, str | bool] = {LEAD_OWNER: True, ACCOUNT_TEAM: True}
    typed |= {"Support Contact": True, "Second opinion": True, "Name": "New", **HIDDEN}
    page = Page.visit(admin, "/roles/new/").press("Review", typed)
    assert "Lead visibility fields: Choose 3 at most." in page.text


def test_a_role_with_limited_sight_is_made(admin, world, northwind, work):
    review = Page.visit(admin, "/roles/new/").press("Review", HIDDEN | {"Name": "New", LEAD_OWNER: True})
    assert f"Lead visibility fields: {LEAD_OWNER}" in review.text
    done(admin, review, work)
    made = truth(world, northwind, "New")
    assert made
    assert len(made["visibility_user_lcf_ids"]) == 1
    assert made["visibility_user_lcf_behavior"] == "require_assignment"


def test_whoever_may_see_all_leads_has_neither(admin, world, northwind, role_id, work):
    page = at(admin, role_id(CONTRACTOR), "edit/")
    review = page.press("Review", {SEE_ALL: True})
    assert "Lead visibility fields: Lost:" in review.text.replace("− ", "")
    done(admin, review, work)
    edited = truth(world, northwind, CONTRACTOR)
    assert edited
    assert not edited["visibility_user_lcf_ids"]
    assert edited["visibility_user_lcf_behavior"] is None
    assert "view_all_leads" in edited["permissions"]


def test_an_older_role_that_never_had_them_may_be_renamed(admin, connection, world, northwind):
    old = world.add_role(northwind, "Old", ["calling"])
    roster.read(connection)
    assert at(admin, old, "edit/").press("Review", {"Name": "Older"}).heading == "Review"
    assert at(admin, old, "edit/").press("Review", HIDDEN).status == 422


def test_while_the_fields_can_not_be_read_the_page_works_and_says_so(
    admin, close, role_id, world, northwind, work, impatient
):
    close.faults.fail_next(503, path="custom_field", times=None)
    page = at(admin, role_id(CONTRACTOR), "edit/")
    assert "Close could not be asked just now which lead fields there are" in page.text
    with pytest.raises(LookupError):
        page.field(LEAD_OWNER)
    before = truth(world, northwind, CONTRACTOR)
    done(admin, page.press("Review", {"Name": "Freelancer"}), work)
    after = truth(world, northwind, "Freelancer")
    assert after
    assert before
    assert after["visibility_user_lcf_ids"] == before["visibility_user_lcf_ids"]
    made = Page.visit(admin, "/roles/new/").press("Review", {"Name": "New"})
    assert made.heading == "Review"


def test_the_fields_are_read_once_in_five_minutes(admin, close):
    for _ in range(3):
        Page.visit(admin, "/roles/new/")
    assert [call.path for call in close.calls] == ["/api/v1/custom_field/lead/"]


def test_a_field_that_no_longer_exists_is_shown_and_can_be_taken_out(
    admin, connection, world, northwind, role_id
):
    owner, _ = sorted(world.organizations[northwind].roles[role_id(CONTRACTOR)].visibility_user_lcf_ids or ())
    del world.organizations[northwind].lead_fields[owner]
    page = at(admin, role_id(CONTRACTOR), "edit/")
    label = f"{owner} (not found any more)"
    assert page.field(label).checked
    review = page.press("Review", {label: False})
    assert owner in review.text


# Editing


def test_an_edit_says_who_wins_and_loses_what_and_undo_brings_it_back(
    admin, world, northwind, close, role_id, work
):
    its_id = role_id(SUPPORT_LEAD)
    before, number = (
        world.role(northwind, its_id),
        len([m for m in world.members(northwind) if m["role_id"] == its_id]),
    )
    page = at(admin, its_id).follow("Edit")
    assert f"{number} active people have this role." in page.text
    review = page.press("Review", {"Name": "Support Captain", "Export data": True, "Merge leads": False})
    assert effects(review) == [
        f"{number} people with the role {SUPPORT_LEAD}: 1 permission gained and 1 permission lost"
    ]
    assert review.link("Who that is") == f"/members/?role={its_id}&status=active"
    assert "Name: from Support Lead → to Support Captain" in review.text
    assert "Added: export data" in review.text
    assert "Lost: merge leads" in review.text
    assert "delete leads" not in review.text
    assert not changes(close)
    receipt = done(admin, review, work)
    (put,) = changes(close)
    assert put.path == f"/api/v1/role/{its_id}/"
    after = world.role(northwind, its_id)
    assert before
    assert after
    assert set(after["permissions"]) == set(before["permissions"]) - {"merge_leads"} | {"export"}
    assert after["name"] == "Support Captain"
    assert roster.roles(Connection.objects.get().organization)[its_id].name == "Support Captain"
    back = receipt.press("Undo")
    assert effects(back) == [
        f"{number} people with the role Support Captain: 1 permission gained and 1 permission lost"
    ]
    done(admin, back, work)
    undone = world.role(northwind, its_id)
    assert undone
    assert undone["name"] == before["name"]
    assert set(undone["permissions"]) == set(before["permissions"])


def test_a_role_nobody_has_says_so_at_the_review(admin, role_id):
    review = at(admin, role_id(CONTRACTOR), "edit/").press("Review", {"Export data": True})
    assert effects(review) == [f"Nobody has the role {CONTRACTOR} now; whoever gets it: 1 permission gained"]


def test_nothing_changed_is_no_plan(admin, role_id):
    page = at(admin, role_id(SUPPORT_LEAD), "edit/").press("Review")
    assert page.status == 422
    assert "Nothing is changed yet" in page.text
    assert not Plan.objects.exists()


def test_what_somebody_else_changed_since_the_page_was_opened_stays(admin, world, northwind, role_id, work):
    """The form was opened before it; only what was ticked and unticked on it is wished for."""
    its_id = role_id(SUPPORT_LEAD)
    page = at(admin, its_id, "edit/")
    before = world.organizations[northwind].roles[its_id].permissions
    world.set_permissions(northwind, its_id, [*before, "bulk_edit"])
    review = page.press("Review", {"Export data": True, "Merge leads": False})
    assert "edit in bulk" not in review.text
    done(admin, review, work)
    after = world.role(northwind, its_id)
    assert after
    assert set(after["permissions"]) == set(before) - {"merge_leads"} | {"bulk_edit", "export"}


@pytest.mark.parametrize("opened", ["", "null", "[]", "{", '{"permissions": {"a": 1}, "name": 7}', '"x"'])
def test_a_form_that_does_not_say_what_it_began_with_is_taken_as_it_stands(
    admin, role_id, opened, world, northwind
):
    role = world.organizations[northwind].roles[role_id(SUPPORT_LEAD)]
    data = {"name": role.name, "permissions": [*role.permissions, "export"], "opened": opened}
    page = Page(admin, admin.post(f"/roles/{role.id}/edit/", data, follow=True))
    assert page.heading == "Review"
    assert "Added: export data" in page.text


def test_a_role_edited_since_the_review_is_left_alone_and_both_are_told(
    admin, world, northwind, role_id, work, close
):
    its_id = role_id(SUPPORT_LEAD)
    review = at(admin, its_id, "edit/").press("Review", {"Export data": True})
    now = world.organizations[northwind].roles[its_id].permissions
    world.set_permissions(northwind, its_id, [*(p for p in now if p != "merge_leads"), "bulk_edit"])
    receipt = done(admin, review, work)
    assert "Changed by someone else since the review:" in receipt.text
    assert "Permissions gained edit in bulk and lost merge leads." in receipt.text
    assert not changes(close)


def test_reviewed_again_an_edit_leaves_what_others_did(admin, world, northwind, role_id, work):
    its_id = role_id(SUPPORT_LEAD)
    review = at(admin, its_id, "edit/").press("Review", {"Export data": True})
    others = [*world.organizations[northwind].roles[its_id].permissions, "bulk_edit"]
    world.set_permissions(northwind, its_id, others)
    again = done(admin, review, work).press("Review again")
    assert "Added: export data" in again.text
    assert "edit in bulk" not in again.text
    done(admin, again, work)
    after = world.role(northwind, its_id)
    assert after
    assert set(after["permissions"]) == {*others, "export"}


def test_a_role_deleted_before_the_review_is_gone_without_a_plan(admin, world, northwind, role_id):
    page = at(admin, role_id(CONTRACTOR), "edit/")
    del world.organizations[northwind].roles[role_id(CONTRACTOR)]
    after = page.press("Review", {"Name": "New"})
    assert after.address == "/roles/"
    assert "This role is not there any more: somebody has deleted it." in after.text
    assert not Plan.objects.exists()


def test_a_role_deleted_after_the_review_is_refused(admin, world, northwind, role_id, work, close):
    its_id = role_id(CONTRACTOR)
    review = at(admin, its_id, "edit/").press("Review", {"Export data": True})
    del world.organizations[northwind].roles[its_id]
    receipt = done(admin, review, work)
    assert "This role is no longer there. Nothing was sent." in receipt.text
    assert not changes(close)


def test_an_edit_changed_since_is_not_undone(admin, world, northwind, role_id, work):
    its_id = role_id(SUPPORT_LEAD)
    receipt = done(admin, at(admin, its_id, "edit/").press("Review", {"Export data": True}), work)
    world.set_permissions(northwind, its_id, ["calling"])
    review = receipt.press("Undo")
    assert verdicts(review) == {f"{SUPPORT_LEAD} Role": "Changed since by someone else: left as it is."}


def test_a_new_role_that_was_edited_since_is_not_undone(admin, world, northwind, work):
    receipt = done(
        admin, Page.visit(admin, "/roles/new/").press("Review", {"Name": "Callers", SEE_ALL: True}), work
    )
    made = truth(world, northwind, "Callers")
    assert made
    world.set_permissions(northwind, made["id"], ["calling", "view_all_leads"])
    assert "left as it is" in verdicts(receipt.press("Undo"))["Callers Role"]


def test_a_name_taken_meanwhile_is_no_name_to_go_back_to(admin, world, northwind, role_id, work):
    receipt = done(admin, at(admin, role_id(CONTRACTOR), "edit/").press("Review", {"Name": "Partner"}), work)
    world.add_role(northwind, CONTRACTOR, [])
    assert verdicts(receipt.press("Undo")) == {"Partner Role": f"There is a role named {CONTRACTOR} already."}


def test_names_and_permissions_nobody_expects_are_text(admin, connection, world, northwind, work):
    nasty = "<script>alert(1)</script>{{ 7 }}"
    its_id = world.add_role(northwind, nasty, ["view_all_leads", "teleport<b>"])
    world.switches.unknown_permissions_refused = False
    roster.read(connection)
    page = at(admin, its_id)
    assert page.heading == nasty
    assert "teleport<b>" in page.text
    form = page.follow("Edit")
    assert form.field("teleport<b>").checked
    review = form.press("Review", {"Export data": True})
    assert nasty in review.text
    done(admin, review, work)
    after = world.role(northwind, its_id)
    assert after
    assert "teleport<b>" in after["permissions"]


# Power


def test_power_given_through_a_role_needs_the_number_of_those_who_get_it(
    admin, connection, world, northwind, role_id, work
):
    its_id = role_id(SUPPORT_LEAD)
    mine = [m["id"] for m in world.members(northwind) if m["role_id"] == its_id]
    review = at(admin, its_id, "edit/").press("Review", {MANAGE: True})
    assert f"It lets {len(mine)} people manage the organization." in review.text
    assert f"Type {len(mine)} to confirm" in review.text
    refused = review.press("Apply", {f"Type {len(mine)} to confirm": "1"})
    assert refused.status == 422
    done(admin, review, work)
    assert all(world.membership(pk)["manages"] for pk in mine)
    shown = MirroredMember.objects.filter(remote_id__in=mine).values_list("can_manage", flat=True)
    assert set(shown) == {True}


def test_what_our_edit_gave_is_nobody_elses_doing(admin, connection, world, northwind, role_id, work):
    review = at(admin, role_id(SUPPORT_LEAD), "edit/").press("Review", {MANAGE: True})
    done(admin, review, work)
    roster.read(connection)
    assert not AuditEntry.objects.filter(channel="outside").exists()
    assert "can now manage" not in Page.visit(admin, "/members/").text


def test_the_last_who_can_manage_do_not_lose_it_by_an_edit(admin, world, northwind, role_id, connection):
    for email in (ADMIN, SECOND_ADMIN):
        world.set_role(world.membership_id(northwind, email), role_id(PEOPLE_OPS_ROLE))
    review = at(admin, role_id(PEOPLE_OPS_ROLE), "edit/").press("Review", {MANAGE: False})
    assert "At least 1 active person must be able to manage" in verdicts(review)[f"{PEOPLE_OPS_ROLE} Role"]
    assert "Apply" not in review.buttons()


def test_taking_ones_own_power_by_an_edit_needs_the_number(connect, world, northwind, role_id, work, admin):
    noor = signed_in(connect(PEOPLE_OPS))
    review = at(noor, role_id(PEOPLE_OPS_ROLE), "edit/").press("Review", {MANAGE: False})
    assert "It takes the permission to manage the organization from Noor Haddad." in review.text
    assert "Type 1 to confirm" in review.text
    apply(review)
    work()
    assert not world.membership(world.membership_id(northwind, PEOPLE_OPS))["manages"]
    job = Job.objects.get()
    assert job.plan.rows.get().outcome == "done"
    receipt = Page.visit(review.client, f"/jobs/{job.pk}/")
    assert "somebody else who can manage it has to undo it." in receipt.text
    assert "Undo" not in receipt.buttons()


def test_somebody_elses_edit_of_ones_own_role_is_not_applied(admin, connect, role_id, close):
    noor = signed_in(connect(PEOPLE_OPS))
    mine = at(admin, role_id(PEOPLE_OPS_ROLE), "edit/").press("Review", {MANAGE: False})
    theirs = Page.visit(noor, mine.address)
    assert "This plan changes the role you have yourself." in theirs.text
    assert theirs.buttons() == ["Sign out"]
    assert not changes(close)


# Deleting


def test_a_role_is_deleted_and_undo_makes_a_new_one(admin, world, northwind, role_id, work):
    old = truth(world, northwind, CONTRACTOR)
    assert old
    page = at(admin, role_id(CONTRACTOR)).follow("Delete")
    assert "Undo makes a new role" in page.text
    receipt = done(admin, page.press("Review", {"Reason": "Nobody needs it"}), work)
    assert f"Delete the role {CONTRACTOR}. Done." in receipt.text
    assert truth(world, northwind, CONTRACTOR) is None
    assert not MirroredRole.objects.filter(name=CONTRACTOR).exists()
    back = receipt.press("Undo")
    assert "Is made anew: the role gets a new id, and at first nobody has it." in back.text
    again = done(admin, back, work)
    new = truth(world, northwind, CONTRACTOR)
    assert new
    assert new["id"] != old["id"]
    same = ("name", "permissions", "visibility_user_lcf_ids", "visibility_user_lcf_behavior")
    assert {k: sorted(new[k]) for k in same} == {k: sorted(old[k]) for k in same}
    assert "gets a new id" in again.text
    assert again.link(CONTRACTOR) == f"/roles/{new['id']}/"
    entry = AuditEntry.objects.get(event="role.deleted")
    assert entry.item_id == old["id"]
    assert entry.before
    assert entry.before["permissions"] == sorted(old["permissions"])


def test_a_role_people_have_can_not_be_deleted_and_its_page_offers_to_move_them(
    admin, world, northwind, role_id, work, close
):
    its_id = role_id(SUPPORT_LEAD)
    mine = {m["id"] for m in world.members(northwind) if m["role_id"] == its_id}
    for m in world.members(northwind, active=None):
        if m["role_id"] == its_id and not m["active"]:
            world.set_role(m["id"], "user")
    move = f"Move {len(mine)} people from {SUPPORT_LEAD} to another role"
    assert move in at(admin, its_id).buttons()
    delete = at(admin, its_id, "delete/")
    assert "so it can't be deleted" in delete.text
    assert "Review" not in delete.buttons()
    choose = delete.press(move)
    assert f"{len(mine)} members" in choose.text
    review = choose.press("Review", {"New role": "User"})
    done(admin, review, work)
    assert {m["role_id"] for m in world.members(northwind) if m["id"] in mine} == {"user"}
    done(admin, at(admin, its_id, "delete/").press("Review"), work)
    assert world.role(northwind, its_id) is None


def test_moving_people_selects_exactly_them(admin, world, northwind, role_id):
    other = world.membership_id(northwind, ADMIN)
    admin.post("/members/selection/", {"shown": [other], "member": [other]})
    at(admin, role_id(SUPPORT_LEAD)).press(
        next(b for b in at(admin, role_id(SUPPORT_LEAD)).buttons() if b.startswith("Move"))
    )
    number = len([m for m in world.members(northwind) if m["role_name"] == SUPPORT_LEAD])
    assert f"{number} selected" in Page.visit(admin, "/members/").text


def test_nobody_is_moved_from_a_role_nobody_has(admin, role_id):
    page = Page(admin, admin.post(f"/roles/{role_id(CONTRACTOR)}/move/", follow=True))
    assert "Nobody active has the role Contractor any more." in page.text


def test_a_review_of_a_deletion_that_is_blocked_offers_to_move_the_people(admin, world, northwind, role_id):
    """Somebody got the role after the page was opened."""
    page = at(admin, role_id(CONTRACTOR), "delete/")
    someone = next(m["id"] for m in world.members(northwind) if m["role_id"] == "user")
    world.set_role(someone, role_id(CONTRACTOR))
    review = page.press("Review")
    assert verdicts(review) == {
        f"{CONTRACTOR} Role": "1 active person has this role: move them to another role first."
    }
    choose = review.press(f"Move 1 person from {CONTRACTOR} to another role")
    assert choose.heading == "Change role"
    assert "1 member" in choose.text


def test_who_gets_the_role_after_the_review_keeps_it_from_being_deleted(
    admin, world, northwind, role_id, work, close
):
    review = at(admin, role_id(CONTRACTOR), "delete/").press("Review")
    someone = next(m["id"] for m in world.members(northwind) if m["role_id"] == "user")
    world.set_role(someone, role_id(CONTRACTOR))
    receipt = done(admin, review, work)
    assert (
        "Blocked meanwhile. 1 active person has this role: move them to another role first." in receipt.text
    )
    assert not changes(close)
    assert world.role(northwind, role_id(CONTRACTOR))


def test_a_role_edited_after_the_review_is_not_deleted(admin, world, northwind, role_id, work, close):
    review = at(admin, role_id(CONTRACTOR), "delete/").press("Review")
    world.set_permissions(northwind, role_id(CONTRACTOR), ["calling", "export"])
    receipt = done(admin, review, work)
    assert "Changed by someone else since the review: Permissions gained export data and lost" in receipt.text
    assert not changes(close)


@pytest.fixture
def carrier(world: World, northwind: str, role_id, connection) -> str:
    """Somebody who left with the role nobody active has."""
    someone = next(m["id"] for m in world.members(northwind) if m["role_id"] == "user")
    world.set_role(someone, role_id(CONTRACTOR))
    world.deactivate(someone)
    roster.read(connection)
    AuditEntry.objects.all()._raw_delete("default")
    return someone


def test_inactive_people_with_the_role_are_told_of(admin, role_id, carrier, world, northwind):
    page = at(admin, role_id(CONTRACTOR), "delete/")
    assert "1 inactive person still carries it. Close does not document what becomes of that" in page.text
    review = page.press("Review")
    assert "1 inactive person still carries it: what becomes of that is not documented." in review.text


def test_a_deletion_that_inactive_people_prevent_is_refused_with_closes_words(
    admin, role_id, carrier, world, work
):
    world.switches.departed_with_deleted_role = "prevent_it"
    receipt = done(admin, at(admin, role_id(CONTRACTOR), "delete/").press("Review"), work)
    assert "This role is still assigned to users." in receipt.text
    assert "1 refused" in receipt.text


def test_inactive_people_whose_role_is_deleted_may_carry_an_id_nobody_knows(
    admin, role_id, carrier, world, northwind, work, connection
):
    world.switches.departed_with_deleted_role = "carry_it"
    gone = role_id(CONTRACTOR)
    done(admin, at(admin, gone, "delete/").press("Review"), work)
    roster.read(connection)
    page = Page.visit(admin, "/roles/")
    assert [row[0] for row in page.rows("Roles") if row[1] == "Not listed"] == [gone]


# Taking people's roles back


def test_an_undo_of_changed_roles_says_what_it_means_for_each(admin, world, northwind, work):
    users = [m["id"] for m in world.members(northwind) if m["role_id"] == "user"][:2]
    lesser = [m["id"] for m in world.members(northwind) if m["role_id"] == "restricteduser"][:1]
    receipt = done(admin, review_role(admin, [*users, *lesser], SUPPORT_LEAD), work)
    assert effects(receipt.press("Undo")) == [
        f"2 people from {SUPPORT_LEAD} to User: 1 permission gained and 1 permission lost",
        f"1 person from {SUPPORT_LEAD} to Restricted User: 8 permissions lost",
    ]


# Cost


@pytest.mark.parametrize("number", [10, 500])
def test_a_role_page_costs_the_same_however_many_people_have_it(
    admin, connection, number, django_assert_num_queries
):
    MirroredMember.objects.bulk_create(
        MirroredMember(
            organization=connection.organization,
            remote_id=f"memb_{n}",
            email=f"extra{n}@example.com",
            role_id="user",
            status="active",
            sort_name=f"extra {n:04}",
        )
        for n in range(number)
    )
    with django_assert_num_queries(7):
        page = at(admin, "user")
    assert page.status == 200


def test_looking_at_a_role_asks_nobody(admin, close, role_id, connection):
    at(admin, role_id(SUPPORT_LEAD))
    at(admin, role_id(CONTRACTOR))
    assert details.known_role_choices(connection) is None
    assert not close.calls


def test_the_form_carries_what_it_began_with(admin, role_id):
    page = at(admin, role_id(SUPPORT_LEAD), "edit/")
    (opened,) = [e.value for e in page.all("input") if e.attributes.get("name") == "opened"]
    assert json.loads(opened)["name"] == SUPPORT_LEAD


def test_close_being_down_at_the_review_keeps_what_was_typed(admin, close: Server, role_id, impatient):
    page = at(admin, role_id(SUPPORT_LEAD), "edit/")
    close.faults.fail_next(503, path="^/api/", times=None)
    after = page.press("Review", {"Name": "Support Captain", "Export data": True})
    assert after.status == 422
    assert "Nothing was sent; try again." in after.text
    assert after.field("Name").value == "Support Captain"
    assert after.field("Export data").checked


def test_where_roles_can_not_be_written_nothing_offers_to(admin, connection, role_id):
    """Commerce Layer's roles are looked at only."""
    Organization.objects.filter(pk=connection.organization_id).update(provider="commercelayer")
    its_id = role_id(SUPPORT_LEAD)
    page = at(admin, its_id)
    assert page.status == 200
    assert not {"Edit", "Clone", "Delete"} & {a.text for a in page.all("a")}
    assert not [b for b in page.buttons() if b.startswith("Move")]
    assert "New role" not in Page.visit(admin, "/roles/").text
    for path in ("new/", f"{its_id}/edit/", f"{its_id}/delete/"):
        assert admin.get(f"/roles/{path}").status_code == 404
