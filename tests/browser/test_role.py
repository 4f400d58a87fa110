"""Roles in a real browser: two compared, one cloned, edited, deleted and brought back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company
from tests.browser.stack import Stack
from tests.browser.steps import apply, outcome, signed_in, wait_for_receipt

pytestmark = pytest.mark.browser


def role(company: Company, name: str) -> dict | None:
    roles = company.world.organizations[company.id].roles.values()
    found = [r.id for r in roles if r.name == name]
    return company.world.role(company.id, found[0]) if found else None


def review(page: Page) -> None:
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()


def applied(page: Page) -> None:
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "1 done")).to_be_visible()


def compare_clone_edit_delete_undo(page: Page, company: Company) -> None:
    signed_in(page, company)
    page.get_by_role("link", name="Roles", exact=True).click()
    page.get_by_role("combobox", name="Role", exact=True).select_option(label="User")
    page.get_by_role("combobox", name="With").select_option(label="Restricted User")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("region", name="Only User").get_by_role("listitem")).to_have_count(8)

    page.get_by_role("table", name="Roles").get_by_role("link", name="User", exact=True).click()
    expect(page.get_by_role("heading", name="User", exact=True)).to_be_visible()
    expect(page.get_by_text("Close allows nobody to change or delete it.")).to_be_visible()
    page.get_by_role("link", name="Clone").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Copy of User")
    page.get_by_role("textbox", name="Name").fill("Caller")
    page.get_by_role("checkbox", name="Merge leads").uncheck()
    review(page)
    assert role(company, "Caller") is None, "a review sends nothing"
    applied(page)
    made = role(company, "Caller")
    assert made
    assert len(made["permissions"]) == 12
    someone = company.people(role_id="user", active=True)[0]["id"]
    company.world.set_role(someone, made["id"])

    page.get_by_role("link", name="Caller", exact=True).click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("checkbox", name="Export data").check()
    page.get_by_role("checkbox", name="Merge leads").check()
    page.get_by_role("checkbox", name="Delete leads").uncheck()
    review(page)
    expect(
        page.get_by_text("1 person with the role Caller: 2 permissions gained and 1 permission lost")
    ).to_be_visible()
    applied(page)
    edited = role(company, "Caller")
    assert edited
    assert set(edited["permissions"]) == set(made["permissions"]) - {"delete_leads"} | {
        "merge_leads",
        "export",
    }

    page.get_by_role("link", name="Caller", exact=True).click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Move 1 person from Caller to another role").click()
    page.get_by_role("combobox", name="New role").select_option(label="User")
    review(page)
    applied(page)
    page.get_by_role("link", name="Roles", exact=True).click()
    page.get_by_role("table", name="Roles").get_by_role("link", name="Caller", exact=True).click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("textbox", name="Reason").fill("Nobody calls any more")
    review(page)
    applied(page)
    assert role(company, "Caller") is None

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Is made anew: the role gets a new id")).to_be_visible()
    applied(page)
    anew = role(company, "Caller")
    assert anew
    assert anew["id"] != made["id"]
    assert anew["permissions"] == sorted(edited["permissions"])
    page.get_by_role("link", name="Caller", exact=True).click()
    expect(page).to_have_url(re.compile(f"/roles/{anew['id']}/$"))


def test_a_role_is_cloned_edited_deleted_and_brought_back(page: Page, company: Company):
    compare_clone_edit_delete_undo(page, company)


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_the_same_without_javascript(page: Page, company: Company):
    compare_clone_edit_delete_undo(page, company)


def test_what_narrows_the_sight_is_put_away_while_all_leads_are_seen(
    page: Page, company: Company, stack: Stack
):
    stack.world.add_lead_field(company.id, "Lead Owner")
    signed_in(page, company)
    page.goto("/roles/new/")
    owner, see_all = (
        page.get_by_role("checkbox", name="Lead Owner"),
        page.get_by_role("checkbox", name="See all leads"),
    )
    expect(owner).to_be_visible()
    see_all.focus()
    page.keyboard.press("Space")
    expect(owner).to_be_hidden()
    expect(page.get_by_text("they see every lead, and this stays empty.")).to_be_visible()
    page.keyboard.press("Space")
    expect(owner).to_be_visible()


def test_making_and_unmaking_roles_in_all_their_states(
    page: Page, company: Company, stack: Stack, spotless: Callable[[str], None]
):
    world = stack.world
    for name in ("Lead Owner", "Account Team", "Second <opinion>"):
        world.add_lead_field(company.id, name)
    pioneers = world.add_role(
        company.id, "Pioneers " + "of the unbreakable" * 5, ["teleport_leads", "export"]
    )
    world.set_role(company.people(role_id="user", active=True)[0]["id"], pioneers)
    gone = company.people(role_id="user", active=False)[0]["id"]
    carried = world.add_role(company.id, "Carried", ["view_all_leads"])
    world.set_role(gone, carried)
    signed_in(page, company)

    page.goto("/roles/new/")
    spotless("new role")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Lead visibility fields: ")).click()
    expect(
        page.get_by_role("checkbox", name="Account Team").or_(page.get_by_role("checkbox", name="Lead Owner"))
    ).to_have_count(2)
    spotless("new role with problems")
    page.get_by_role("textbox", name="Name").fill("Limited")
    page.get_by_role("checkbox", name="Lead Owner").check()
    page.get_by_role("combobox", name="Leads with nobody in these fields").select_option(label="Hidden")
    page.get_by_role("checkbox", name=re.compile("^Manage the organization")).check()
    review(page)
    spotless("review of a new role")
    applied(page)
    spotless("receipt of a new role")
    page.get_by_role("link", name="Limited", exact=True).click()
    spotless("a role that manages and sees some leads")
    page.get_by_role("link", name="Edit").click()
    spotless("edit a role nobody has")

    page.goto(f"/roles/{pioneers}/")
    page.get_by_text("What it doesn't let them do").click()
    spotless("a role with people")
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("checkbox", name=re.compile("^Manage the organization")).check()
    page.get_by_role("checkbox", name="See all leads").check()
    spotless("edit a role with people")
    review(page)
    expect(page.get_by_role("textbox", name="Type 1 to confirm")).to_be_visible()
    spotless("review of an edit that gives power")
    page.goto(f"/roles/{pioneers}/delete/")
    spotless("delete a role with people")

    page.goto(f"/roles/{carried}/delete/")
    expect(page.get_by_text("1 inactive person still carries it.")).to_be_visible()
    spotless("delete a role inactive people carry")
    world.set_role(company.people(role_id="user", active=True)[0]["id"], carried)
    review(page)
    expect(page.get_by_role("button", name="Move 1 person from Carried to another role")).to_be_visible()
    spotless("review of a deletion that is blocked")
    page.goto("/roles/user/")
    spotless("a system role")
