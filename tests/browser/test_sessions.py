"""A session that is about to end says so, and whoever is there stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company
from tests.browser.stack import Stack
from tests.browser.steps import apply, consent, review_role, signed_in, tick, wait_for_receipt

type Spotless = Callable[[str], None]

SOON = "you will be signed out in about 5 minutes"


def set_logins(stack: Stack, assignment: str) -> None:
    with closing(sqlite3.connect(stack.database, timeout=10)) as database, database:
        database.execute(f"UPDATE memberships_login SET {assignment}")


def noted(stack: Stack) -> str:
    with closing(sqlite3.connect(stack.database, timeout=10)) as database:
        latest: str = database.execute("SELECT max(used_at) FROM memberships_login").fetchone()[0]
    return latest


def test_whoever_is_still_there_stays_by_one_press(
    page: Page, company: Company, stack: Stack, spotless: Spotless
):
    page.clock.install()
    signed_in(page, company)
    page.clock.fast_forward("01:50:00")
    expect(page.get_by_text(SOON)).to_have_count(0)
    page.clock.fast_forward("00:10:00")
    expect(page.get_by_text(SOON)).to_be_visible()
    spotless("about to end")
    set_logins(stack, "used_at = datetime('now', '-90 minutes')")
    before = noted(stack)
    page.get_by_role("button", name="Stay signed in").press("Enter")
    expect(page.get_by_text(SOON)).to_have_count(0)
    assert noted(stack) > before
    expect(page.get_by_role("heading", name="Members")).to_be_visible()


def test_a_grant_of_power_takes_the_way_to_the_consent_page_and_back(
    page: Page, company: Company, stack: Stack, spotless: Spotless
):
    signed_in(page, company)
    set_logins(stack, "created_at = datetime('now', '-11 minutes')")
    chosen = next(
        person["email"] for person in company.people(role_id="user") if person["first_name"] == "Sam"
    )
    page.get_by_role("searchbox", name="Search").fill(chosen)
    tick(page, [chosen])
    review_role(page, "Admin")
    spotless("sign in again to apply")
    review = page.url
    page.get_by_role("link", name="Sign in again to apply").press("Enter")
    consent(page, company.second, company.name)
    expect(page.get_by_role("heading", name="That was somebody else")).to_be_visible()
    spotless("somebody else")
    page.get_by_role("link", name="Back to where you were").click()
    expect(page).to_have_url(review)
    page.get_by_role("link", name="Sign in again to apply").click()
    consent(page, company.admin, company.name)
    expect(page).to_have_url(review)
    page.get_by_role("textbox", name="Type 1 to confirm").fill("1")
    apply(page)
    wait_for_receipt(page)
    assert company.roles()[chosen] == "admin"


def test_the_list_of_sessions(page: Page, company: Company, spotless: Spotless):
    signed_in(page, company)
    page.goto("/connections/")
    page.get_by_role("link", name="Your sessions").click()
    expect(page.get_by_role("heading", name="Chrome on Linux This one")).to_be_visible()
    spotless("your sessions")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("You are signed out everywhere.")).to_be_visible()


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_without_javascript_no_page_begins_with_an_empty_warning(page: Page, company: Company):
    signed_in(page, company)
    expect(page.locator("#ending")).to_have_count(1)
    expect(page.locator("#ending")).to_be_hidden()


def test_at_the_end_of_the_day_one_signs_in_again_and_is_back(page: Page, company: Company, stack: Stack):
    signed_in(page, company)
    set_logins(stack, "created_at = datetime('now', '-11 hours', '-56 minutes')")
    page.goto("/audit/?q=sam")
    page.get_by_role("link", name="Sign in again").click()
    consent(page, company.admin, company.name)
    expect(page).to_have_url(f"{stack.url}/audit/?q=sam")
    expect(page.get_by_text(SOON)).to_have_count(0)
