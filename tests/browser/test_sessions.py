"""A session that is about to end says so, and whoever is there stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from playwright.sync_api import Page, expect

from tests.browser.company import Company
from tests.browser.stack import Stack
from tests.browser.steps import consent, signed_in

SOON = "you will be signed out in about 5 minutes"


def set_logins(stack: Stack, assignment: str) -> None:
    with closing(sqlite3.connect(stack.database, timeout=10)) as database, database:
        database.execute(f"UPDATE memberships_login SET {assignment}")


def noted(stack: Stack) -> str:
    with closing(sqlite3.connect(stack.database, timeout=10)) as database:
        latest: str = database.execute("SELECT max(used_at) FROM memberships_login").fetchone()[0]
    return latest


def test_whoever_is_still_there_stays_by_one_press(page: Page, company: Company, stack: Stack):
    page.clock.install()
    signed_in(page, company)
    page.clock.fast_forward("01:50:00")
    expect(page.get_by_text(SOON)).to_have_count(0)
    page.clock.fast_forward("00:10:00")
    expect(page.get_by_text(SOON)).to_be_visible()
    set_logins(stack, "used_at = datetime('now', '-90 minutes')")
    before = noted(stack)
    page.get_by_role("button", name="Stay signed in").press("Enter")
    expect(page.get_by_text(SOON)).to_have_count(0)
    assert noted(stack) > before
    expect(page.get_by_role("heading", name="Members")).to_be_visible()


def test_at_the_end_of_the_day_one_signs_in_again_and_is_back(page: Page, company: Company, stack: Stack):
    signed_in(page, company)
    set_logins(stack, "created_at = datetime('now', '-11 hours', '-56 minutes')")
    page.goto("/audit/?q=sam")
    page.get_by_role("link", name="Sign in again").click()
    consent(page, company.admin, company.name)
    expect(page).to_have_url(f"{stack.url}/audit/?q=sam")
    expect(page.get_by_text(SOON)).to_have_count(0)
