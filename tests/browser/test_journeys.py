"""Whole journeys, from sign-in to undo. What the screen says is compared with what is true in Close."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company
from tests.browser.stack import Stack
from tests.browser.steps import (
    apply,
    bulk,
    consent,
    outcome,
    review_role,
    row_boxes,
    sign_in,
    signed_in,
    tick,
    wait_for_receipt,
)

pytestmark = pytest.mark.browser


def change_everyone_and_undo(page: Page, company: Company, stack: Stack, *, scripted: bool) -> None:
    before = company.roles()
    signed_in(page, company)

    page.get_by_role("combobox", name="Role").select_option(label="User")
    page.get_by_role("combobox", name="Status").select_option(label="Active")
    if not scripted:
        page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(r"role=user.*status=active"))
    if scripted:
        page.get_by_role("checkbox", name="Select all on this page").check()
        expect(bulk(page).get_by_text("50 selected", exact=True)).to_be_visible()
    page.get_by_role("button", name="Select all 58 matching").click()
    expect(bulk(page).get_by_text("58 selected", exact=True)).to_be_visible()

    review_role(page, "Restricted User", "Quarterly access review")
    expect(page.get_by_text("Change role to Restricted User for 58 members.")).to_be_visible()
    will = page.get_by_role("table", name="Will change")
    expect(will.get_by_role("row")).to_have_count(59)
    assert company.roles() == before, "a review sends nothing"

    button = page.get_by_role("button", name="Apply to 58 members")
    button.click()
    expect(page.get_by_role("alert").get_by_text("Type 58 to confirm.")).to_be_visible()
    assert company.roles() == before, "nothing is sent without the number"
    page.get_by_role("textbox", name="Type 58 to confirm").fill("58")
    stack.close.latency_s = 0.3
    button.click()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    wait_for_receipt(page)
    stack.close.latency_s = 0.0
    expect(outcome(page, "58 done")).to_be_visible()
    for nothing in ("0 refused", "0 unknown", "0 not attempted"):
        expect(outcome(page, nothing)).to_be_visible()
    receipt = page.url
    changed = {email for email, role in company.roles().items() if role != before[email]}
    assert len(changed) == 58
    assert {company.roles()[email] for email in changed} == {"restricteduser"}

    with page.expect_download() as download:
        page.get_by_role("link", name="Download result").click()
    saved = download.value.path().read_text()
    assert all(email in saved for email in changed)

    page.get_by_role("link", name="Audit log").click()
    log = page.get_by_role("table", name="Audit log")
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    someone = sorted(changed)[0]
    page.get_by_role("searchbox", name="Person").fill(someone)
    page.get_by_role("button", name="Filter").click()
    entry = log.get_by_role("row").filter(has_text=someone)
    expect(entry).to_have_count(1)
    expect(entry).to_contain_text("Restricted User")
    expect(entry).to_contain_text("Quarterly access review")

    page.goto(receipt)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    page.get_by_role("textbox", name="Type 58 to confirm").fill("58")
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "58 done")).to_be_visible()
    assert company.roles() == before


def test_change_everyone_who_matches_and_undo_it(page: Page, company: Company, stack: Stack):
    change_everyone_and_undo(page, company, stack, scripted=True)


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_the_same_without_javascript(page: Page, company: Company, stack: Stack):
    change_everyone_and_undo(page, company, stack, scripted=False)


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_javascript_ticks_are_kept_from_page_to_page(page: Page, company: Company):
    signed_in(page, company)
    row_boxes(page).nth(0).check()
    page.get_by_role("button", name="Keep the ticks and go to the next page").click()
    expect(bulk(page).get_by_text("1 selected", exact=True)).to_be_visible()
    row_boxes(page).nth(0).check()
    bulk(page).get_by_role("button", name="Change role").click()
    expect(page.get_by_text("2 members", exact=True)).to_be_visible()


def test_invite_a_mixed_paste(page: Page, company: Company):
    gone = company.people(active=False)[0]["email"]
    signed_in(page, company)
    page.get_by_role("link", name="Invite").click()
    page.get_by_role("textbox", name="Email addresses").fill(
        f"new.one@{company.domain}, New Two <New.Two@{company.domain}>\n"
        f"out@elsewhere.example\nnot an address\nnew.one@{company.domain}\n{company.second}\n{gone}"
    )
    page.get_by_role("combobox", name="Role").select_option(label="User")
    page.get_by_role("button", name="Review").click()

    will = page.get_by_role("table", name="Will change")
    for address in (f"new.one@{company.domain}", f"new.two@{company.domain}", "out@elsewhere.example"):
        expect(will.get_by_role("row").filter(has_text=address)).to_contain_text("New")
    expect(will.get_by_role("row").filter(has_text=gone)).to_contain_text("will be reactivated")
    already = page.get_by_role("table", name="Already so")
    expect(already.get_by_role("row").filter(has_text=company.second)).to_contain_text("Already active")
    blocked = page.get_by_role("table", name="Blocked")
    expect(blocked).to_contain_text("Not an e-mail address")
    expect(blocked).to_contain_text("Duplicate")

    page.get_by_role("button", name="Send 4 invitations").click()
    wait_for_receipt(page)
    expect(outcome(page, "3 done")).to_be_visible()
    expect(outcome(page, "1 refused")).to_be_visible()
    refused = (
        page.get_by_role("table", name="Refused").get_by_role("row").filter(has_text="out@elsewhere.example")
    )
    expect(refused).to_contain_text("The email is not in a verified domain of the organization.")
    expect(page.get_by_role("button", name="Retry the rest")).to_be_visible()
    active = {person["email"] for person in company.people(active=True)}
    assert {f"new.one@{company.domain}", f"new.two@{company.domain}", gone} <= active
    assert "out@elsewhere.example" not in active


def test_who_denies_is_shown_a_way_on(page: Page, company: Company):
    page.goto("/login/")
    page.get_by_role("link", name="Sign in with Close").click()
    consent(page, company.admin, company.name, "Deny")
    expect(page.get_by_role("heading", name="You chose not to sign in")).to_be_visible()
    page.get_by_role("link", name="Sign in with Close").click()
    consent(page, company.admin, company.name)
    expect(page.get_by_role("heading", name="Members")).to_be_visible()


def test_who_may_not_manage_is_told_what_is_missing_and_who_can_give_it(page: Page, company: Company):
    sign_in(page, company, company.ordinary)
    expect(page.get_by_role("heading", name="You need the Manage Organization permission")).to_be_visible()
    for manager in company.people(manages=True):
        expect(page.get_by_text(manager["full_name"], exact=True)).to_be_visible()
    page.get_by_role("link", name="Sign in as someone else, or to another organization").click()
    expect(page.get_by_role("link", name="Sign in with Close")).to_be_visible()
    page.goto("/members/")
    expect(page).to_have_url(re.compile("/login/"))


def test_back_returns_to_the_list_as_it_was(page: Page, company: Company):
    signed_in(page, company)
    page.get_by_role("combobox", name="Role").select_option(label="User")
    expect(page).to_have_url(re.compile("role=user"))
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile("page=2"))
    row_boxes(page).nth(1).check()
    expect(bulk(page).get_by_text("1 selected", exact=True)).to_be_visible()
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    page.go_back()
    expect(row_boxes(page).nth(1)).to_be_checked()
    expect(bulk(page).get_by_text("1 selected", exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name="Page 1", exact=True)).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("combobox", name="Role")).to_have_value("user")


@pytest.mark.browser_context_args(timezone_id="Asia/Kolkata")
def test_times_are_the_readers_own_and_utc_is_a_glance_away(page: Page, company: Company):
    signed_in(page, company)
    time = page.locator("time").first
    expect(time).to_contain_text("GMT+5:30")
    expect(time).to_have_attribute("title", re.compile(r"^\d\d:\d\d UTC$"))
    expect(page.get_by_text("Times are those of Asia/")).to_be_visible()


def test_three_people_leave_and_come_back_with_their_roles(page: Page, company: Company):
    leavers = [
        *(person["email"] for person in company.people(role_id="user", active=True)[-2:]),
        company.people(role_id="superuser", active=True)[0]["email"],
    ]
    before = company.roles()
    signed_in(page, company)
    for number, email in enumerate(leavers, 1):
        page.goto(f"/members/?q={email}")
        row_boxes(page).check()
        expect(bulk(page).get_by_text(f"{number} selected", exact=True)).to_be_visible()
    bulk(page).get_by_role("button", name="Deactivate").click()
    expect(page.get_by_role("heading", name="Deactivate")).to_be_visible()
    expect(page.get_by_text("the seat is paid until", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("table", name="Will change").get_by_role("row")).to_have_count(4)
    page.get_by_role("button", name="Apply to 3 members").click()
    wait_for_receipt(page)
    expect(outcome(page, "3 done")).to_be_visible()
    assert {person["email"] for person in company.people(active=False)} >= set(leavers)

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "3 done")).to_be_visible()
    assert {person["email"] for person in company.people(active=True)} >= set(leavers)
    assert company.roles() == before


def test_an_admin_comes_back_in_two_steps_with_the_number_typed(page: Page, company: Company):
    company.world.deactivate(company.membership_id(company.second))
    signed_in(page, company)
    page.goto("/members/?status=inactive")
    tick(page, [company.second])
    bulk(page).get_by_role("button", name="Reactivate").click()
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("Comes back as Super User first, then becomes Admin.")).to_be_visible()
    button = page.get_by_role("button", name="Apply to 1 member")
    button.click()
    expect(page.get_by_role("alert").get_by_text("Type 1 to confirm.")).to_be_visible()
    assert not company.people(email=company.second)[0]["active"], "nothing is sent without the number"
    page.get_by_role("textbox", name="Type 1 to confirm").fill("1")
    button.click()
    wait_for_receipt(page)
    expect(outcome(page, "1 done")).to_be_visible()
    (second,) = company.people(email=company.second)
    assert (second["active"], second["role_id"]) == (True, "admin")


def test_the_roster_as_it_was_is_found_from_the_list(page: Page, company: Company):
    signed_in(page, company)
    page.get_by_role("link", name="Earlier").click()
    expect(page.get_by_role("heading", name="Roster as of a date")).to_be_visible()
    moment = datetime.now(UTC)
    page.get_by_label("As of").fill(f"{moment:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(51)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_label("As of")).to_have_value(f"{moment:%Y-%m-%dT%H:%M}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    saved = download.value.path().read_text()
    assert all(email in saved for email in company.roles())
