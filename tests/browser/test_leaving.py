"""Somebody leaves, in a real browser: from their page to the receipt and back, and what axe says of each page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company, founded
from tests.browser.stack import Stack
from tests.browser.steps import apply, outcome, signed_in, wait_for_receipt

pytestmark = pytest.mark.browser


@dataclass(frozen=True, slots=True)
class Leaver:
    company: Company
    id: str
    name: str


@pytest.fixture
def leaver(stack: Stack, company: Company) -> Leaver:
    """Somebody with tasks, deals, a number and a group; Sam and Priya can take work over."""
    company = founded(stack.world, users=10)
    world, person = stack.world, company.people(role_id="user", active=True)[-1]
    for number in range(14):
        world.add_task(company.id, person["user_id"], f"Call {number}", lead="Bluewater Marine")
    world.add_task(company.id, person["user_id"], "", type="missed_call", lead="Ortiz & Daughters")
    for number in range(2):
        world.add_opportunity(company.id, person["user_id"], f"Deal {number}")
    world.add_group(company.id, "Sales EMEA", [person["user_id"]])
    world.add_phone_number(company.id, "+442079460950", "Own line", [person["user_id"]])
    return Leaver(company, person["id"], person["full_name"])


def open_page(page: Page, leaver: Leaver) -> None:
    page.goto(f"/members/{leaver.id}/")
    page.get_by_role("link", name="Leaving…").click()
    expect(page.get_by_role("heading", name=f"Leaving: {leaver.name}", level=1)).to_be_visible()
    if (read := page.get_by_role("link", name="Read what they hold")).is_visible():
        read.click()  # without JavaScript it doesn't come by itself
    expect(page.get_by_text("+442079460950 Own line")).to_be_visible()
    expect(page.get_by_text("14 × To-do")).to_be_visible()


def leave_and_come_back(page: Page, leaver: Leaver) -> None:
    company, world = leaver.company, leaver.company.world
    before = world.desk(leaver.id)
    signed_in(page, company)
    open_page(page, leaver)
    page.get_by_role("combobox", name="Tasks go to").fill(company.ordinary)
    page.get_by_role("combobox", name="Opportunities go to").fill(company.second)
    page.get_by_role("textbox", name="Reason").fill("Left for the sea")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    steps = page.get_by_role("list", name="Will change").get_by_role("heading")
    expect(steps.nth(0)).to_have_text(re.compile(r"1\s+Move 15 tasks to Sam .* and 2 opportunities to Priya"))
    expect(steps.nth(3)).to_have_text(re.compile(rf"4\s+Deactivate {re.escape(leaver.name)}"))
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "20 done")).to_be_visible()
    assert not world.membership(leaver.id)["active"]
    assert world.desk(leaver.id) == {"tasks": [], "opportunities": []}
    expect(page.get_by_role("heading", name="Left to do by hand")).to_be_visible()
    expect(page.get_by_role("link", name="API keys")).to_have_attribute(
        "href", re.compile("/settings/developer/api-keys/$")
    )
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "20 done")).to_be_visible()
    assert world.membership(leaver.id)["active"]
    assert {kind: set(ids) for kind, ids in world.desk(leaver.id).items()} == {
        kind: set(ids) for kind, ids in before.items()
    }


def test_somebody_leaves_and_comes_back(page: Page, leaver: Leaver):
    leave_and_come_back(page, leaver)


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_somebody_leaves_and_comes_back_without_javascript(page: Page, leaver: Leaver):
    leave_and_come_back(page, leaver)


def test_people_are_suggested_while_somebody_types(page: Page, leaver: Leaver):
    signed_in(page, leaver.company)
    open_page(page, leaver)
    field = page.get_by_role("combobox", name="Tasks go to")
    field.press_sequentially("sam ord")
    option = page.locator(f'datalist option[value$="<{leaver.company.ordinary}>"]')
    expect(option).to_be_attached()
    expect(field).to_be_focused()


def test_the_page_of_somebody_who_leaves_in_all_its_states(
    page: Page, leaver: Leaver, stack: Stack, spotless: Callable[[str], None]
):
    signed_in(page, leaver.company)
    stack.close.faults.fail_next(503, path="/task/", times=None)
    page.goto(f"/members/{leaver.id}/leave/")
    expect(page.get_by_text("It could not be read")).to_be_visible()
    spotless("what they hold can't be read")
    stack.close.faults.clear()
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_text("14 × To-do")).to_be_visible()
    spotless("what they hold is read")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    spotless("nobody takes the work over")
    page.get_by_role("combobox", name="Tasks go to").fill(leaver.company.ordinary)
    page.get_by_role("combobox", name="Opportunities go to").fill(leaver.company.second)
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    spotless("review in steps, the first folded")
    page.get_by_role("heading", name=re.compile("^1 Move")).click()
    expect(page.get_by_role("row", name=re.compile("Missed call: Ortiz"))).to_be_visible()
    spotless("review in steps, all unfolded")
    stack.world.refuse_work(stack.world.desk(leaver.id)["opportunities"][0], "This deal is locked.")
    apply(page)
    wait_for_receipt(page)
    expect(page.get_by_text("This deal is locked.")).to_be_visible()
    spotless("receipt in steps, stopped early")
    mine = leaver.company.membership_id(leaver.company.admin)
    page.goto(f"/members/{mine}/leave/")
    expect(page.get_by_text("That is you")).to_be_visible()
    spotless("somebody who can't leave")
