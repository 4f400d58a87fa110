"""The second provider in a real browser: connect it, do the main job, take it back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sandbox.commercelayer.rehearsal import BLUEFIN, CLIENT_ID, CLIENT_SECRET, MERCHANDISER
from tests.browser.company import Company
from tests.browser.stack import Stack
from tests.browser.steps import apply, bulk, outcome, review_role, signed_in, tick, wait_for_receipt

pytestmark = pytest.mark.browser


def members(stack: Stack, **wanted: Any) -> list[dict[str, Any]]:
    """What is true in Commerce Layer of everyone who fits."""
    everyone = stack.commerce.members(stack.commerce.organization_id(BLUEFIN))
    return [m for m in everyone if all(m[name] == value for name, value in wanted.items())]


def roles(stack: Stack) -> dict[str, str]:
    return {m["email"]: m["role_name"] for m in members(stack)}


def connect(page: Page, look: Callable[[str], None]) -> None:
    """From the list of one organization to that of Bluefin, over the connections page."""
    page.get_by_role("link", name="Connections").click()
    page.get_by_role("link", name="Connect Commerce Layer").click()
    expect(page.get_by_role("heading", name="Connect Commerce Layer")).to_be_visible()
    look("connect")
    page.get_by_role("textbox", name="Client ID").fill(CLIENT_ID)
    page.get_by_label("Client secret").fill("of yesterday")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    look("connect with a problem")
    expect(page.get_by_label("Client secret")).to_have_value("")
    page.get_by_label("Client secret").fill(f" {CLIENT_SECRET} ")
    page.get_by_role("button", name="Connect").click()
    page.get_by_role("combobox", name="Organization", exact=True).select_option(label=BLUEFIN)
    look("choose an organization")
    page.get_by_role("button", name="Choose").click()
    table, again = (
        page.get_by_role("table", name="Members"),
        page.get_by_role("link", name="Look again"),
    )
    expect(table.or_(again)).to_be_visible()
    while not table.is_visible() and again.is_visible():
        again.click()
    expect(table).to_be_visible()


def the_main_job(page: Page, company: Company, stack: Stack, look: Callable[[str], None]) -> None:
    before = roles(stack)
    signed_in(page, company)
    connect(page, look)
    expect(page.get_by_role("combobox", name="Switch organization")).to_have_value(re.compile(r"\d+"))
    look("members")
    chosen = [m["email"] for m in members(stack, role_kind="read_only", status="active")][:3]
    page.goto("/members/?status=active")
    if look is nothing:
        _tick(page, chosen)
    else:
        tick(page, chosen)
    review_role(page, MERCHANDISER, "New season")
    look("review")
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "3 done")).to_be_visible()
    look("receipt")
    assert {email for email, role in roles(stack).items() if role != before[email]} == set(chosen)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "3 done")).to_be_visible()
    assert roles(stack) == before


def nothing(state: str) -> None:
    """Without JavaScript there is nobody to look."""


def _tick(page: Page, emails: list[str]) -> None:
    """Ticks count once a button is pressed."""
    for email in emails:
        page.get_by_role("checkbox", name=re.compile(f"(, |Select ){re.escape(email)}$")).check()


def test_connect_and_change_roles_and_take_it_back(
    page: Page, company: Company, stack: Stack, spotless: Callable[[str], None]
):
    the_main_job(page, company, stack, spotless)


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_the_same_without_javascript(page: Page, company: Company, stack: Stack):
    the_main_job(page, company, stack, nothing)


def test_invite_send_again_remove_and_take_it_back(
    page: Page, company: Company, stack: Stack, spotless: Callable[[str], None]
):
    signed_in(page, company)
    connect(page, nothing)
    email = f"neu@{company.domain}"
    page.get_by_role("link", name="Invite").click()
    page.get_by_role("textbox", name="Email addresses").fill(email)
    page.get_by_role("combobox", name="Role", exact=True).select_option(label=MERCHANDISER)
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("Whoever has an account there is active at once")).to_be_visible()
    apply(page)
    wait_for_receipt(page)
    expect(page.get_by_text("Pending until they accept.")).to_be_visible()
    spotless("receipt of an invitation")

    mails = len(stack.commerce.outbox)
    page.goto(f"/members/?q={email}")
    tick(page, [email])
    bulk(page).get_by_role("button", name="Send invitation again").click()
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Send 1 invitation again").click()
    wait_for_receipt(page)
    assert len(stack.commerce.outbox) == mails + 1

    page.goto(f"/members/?q={email}")
    tick(page, [email])
    bulk(page).get_by_text("More", exact=True).click()
    page.set_viewport_size({"width": 320, "height": 640})
    entry = bulk(page).get_by_role("button", name="Membership profile")
    box = entry.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    page.set_viewport_size({"width": 1280, "height": 800})
    bulk(page).get_by_role("button", name="Remove").click()
    expect(page.get_by_text("This deletes the membership")).to_be_visible()
    page.get_by_role("button", name="Review").click()
    spotless("review of a removal")
    apply(page)
    wait_for_receipt(page)
    assert not members(stack, email=email)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("an e-mail is sent").first).to_be_visible()
    spotless("review of its undo")
    apply(page)
    wait_for_receipt(page)
    (again,) = members(stack, email=email)
    assert (again["role_name"], again["status"]) == (MERCHANDISER, "pending")
    page.goto("/audit/")
    expect(page.get_by_role("table", name="Audit log").get_by_text("Removal")).to_be_visible()
    spotless("audit log of both")
