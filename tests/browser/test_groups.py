"""Groups in a real browser: somebody taken out and put back, a matrix too wide for the window."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company
from tests.browser.stack import Stack
from tests.browser.steps import apply, bulk, outcome, row_boxes, signed_in, wait_for_receipt

pytestmark = pytest.mark.browser


@pytest.fixture
def bakers(company: Company, stack: Stack) -> str:
    """Two active people and one who left are in it; Cooks is empty."""
    users = [person["user_id"] for person in company.people(role_id="user", active=True)[-2:]]
    left = company.people(active=False)[0]["user_id"]
    stack.world.add_group(company.id, "Cooks", [])
    return stack.world.add_group(company.id, "Bakers", [*users, left])


def open_groups(page: Page) -> None:
    """The page of groups; what was never read is read behind it."""
    page.get_by_role("link", name="Groups", exact=True).click()
    expect(page.get_by_role("heading", name="Groups", exact=True)).to_be_visible()
    table = page.get_by_role("table", name="Groups")
    look_again = page.get_by_role("link", name="Look again")
    expect(table.or_(look_again)).to_be_visible()
    while not table.is_visible() and look_again.is_visible():
        look_again.click()
    expect(table).to_be_visible()


def take_out_and_undo(page: Page, company: Company, stack: Stack) -> None:
    signed_in(page, company)
    open_groups(page)
    page.get_by_role("row", name="Bakers").get_by_role("link", name="2 active people").click()
    expect(page.get_by_role("heading", name="Bakers")).to_be_visible()
    boxes = page.get_by_role("table", name="Bakers").get_by_role(
        "checkbox", name=re.compile("^Select (?!all)")
    )
    expect(boxes).to_have_count(2)
    boxes.first.check()
    page.get_by_role("textbox", name="Reason").fill("Moved on")
    page.get_by_role("button", name="Take out of the group").click()
    expect(page.get_by_text("Take 1 member out of the group Bakers.")).to_be_visible()
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "1 done")).to_be_visible()
    assert len(stack.world.groups(company.id)["Bakers"]) == 2
    page.get_by_role("button", name="Undo").click()
    apply(page)
    wait_for_receipt(page)
    assert len(stack.world.groups(company.id)["Bakers"]) == 3


@pytest.mark.usefixtures("bakers")
def test_somebody_is_taken_out_of_a_group_and_put_back(page: Page, company: Company, stack: Stack):
    take_out_and_undo(page, company, stack)


@pytest.mark.usefixtures("bakers")
@pytest.mark.browser_context_args(java_script_enabled=False)
def test_the_same_without_javascript(page: Page, company: Company, stack: Stack):
    take_out_and_undo(page, company, stack)


@pytest.mark.usefixtures("bakers")
def test_ticked_people_are_put_into_a_group_from_the_members_page(page: Page, company: Company, stack: Stack):
    signed_in(page, company)
    page.goto("/members/?status=active")  # who left can't be put into a group
    for number in range(3):
        row_boxes(page).nth(number).check()
    expect(bulk(page).get_by_text("3 selected")).to_be_visible()
    open_groups(page)
    page.get_by_role("link", name="Members", exact=True).click()
    bulk(page).get_by_text("More", exact=True).click()
    bulk(page).get_by_role("button", name="Put into a group").click()
    page.get_by_role("combobox", name="Group").select_option(label="Cooks")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("Put 3 members into the group Cooks.")).to_be_visible()
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "3 done")).to_be_visible()
    assert len(stack.world.groups(company.id)["Cooks"]) == 3


def test_the_header_s_box_ticks_everybody_in_a_group(page: Page, company: Company, bakers: str):
    signed_in(page, company)
    open_groups(page)
    page.goto(f"/groups/{bakers}/")
    page.get_by_role("checkbox", name="Select all on this page").check()
    for box in page.get_by_role("table", name="Bakers").get_by_role("checkbox").all():
        expect(box).to_be_checked()


def test_the_groups_pages_in_all_their_states(
    page: Page, company: Company, stack: Stack, bakers: str, spotless: Callable[[str], None]
):
    stack.world.add_group(company.id, "Night <Shift> " + "of the unbreakable" * 5, [])
    signed_in(page, company)
    open_groups(page)
    spotless("groups, inactive people inside")
    page.get_by_role("searchbox", name="Search").fill("nobody at all")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("Nobody matches")).to_be_visible()
    spotless("nobody in the matrix")
    page.goto(f"/groups/{bakers}/")
    spotless("a group")
    page.get_by_role("button", name="Take out of the group").click()
    expect(page.get_by_text("Tick the people you want to take out of the group first.")).to_be_visible()
    spotless("nobody ticked")
    page.goto("/groups/new/")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("Give the group a name.").first).to_be_visible()
    spotless("a group without a name")
    page.goto(f"/groups/{bakers}/delete/")
    spotless("a group to delete")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    spotless("what a deleted group loses")
    page.goto(f"/members/{company.people()[5]['id']}/")
    expect(page.get_by_role("group", name="Groups")).to_be_visible()
    spotless("a member with groups")
    for name in list(stack.world.groups(company.id)):
        stack.world.drop_group(company.id, stack.world.group_id(company.id, name))
    page.goto("/groups/")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("No groups yet")).to_be_visible()
    spotless("no groups")


def test_the_matrix_keeps_its_heads_in_sight_and_scrolls_by_keyboard(
    page: Page, company: Company, stack: Stack
):
    users, rng = [person["user_id"] for person in company.people()], random.Random(5)
    for number in range(60):
        stack.world.add_group(company.id, f"Group {number}", rng.sample(users, 20))
    signed_in(page, company)
    open_groups(page)
    page.set_viewport_size({"width": 320, "height": 640})
    matrix = page.get_by_role("region", name="Who is in which group")
    matrix.focus()
    expect(matrix).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    while not matrix.evaluate("region => region.scrollLeft > 0"):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    matrix.evaluate("region => region.scrollTo(2000, 400)")
    edges = matrix.evaluate("""region => {
      const box = region.getBoundingClientRect();
      const head = region.querySelector("thead th:nth-child(9)").getBoundingClientRect();
      const first = region.querySelector("tbody th").getBoundingClientRect();
      return [head.top - box.top, first.left - box.left];
    }""")
    assert max(edges) <= 2, "the heads left with what scrolled"
