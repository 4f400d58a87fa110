"""Without a mouse, and by ear: where the focus is, that it can be seen, and what is announced."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company
from tests.browser.stack import Stack
from tests.browser.steps import apply, bulk, outcome, row_boxes, signed_in, wait_for_receipt

pytestmark = pytest.mark.browser

# Of the focused element: its role and name as far as these tests need them, and whether all of its middle can be seen.
_FOCUS = """() => {
  const focus = document.activeElement;
  const box = focus.getClientRects()[0] ?? focus.getBoundingClientRect();
  const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return {
    name: focus.ariaLabel || focus.labels?.[0]?.textContent || focus.textContent.trim(),
    id: focus.id,
    seen: focus === hit || focus.contains(hit),
  };
}"""


class Keyboard:
    """Presses keys, and looks at every stop whether the focused element is hidden under something."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def at(self) -> str:
        return str(self.page.evaluate(_FOCUS)["name"])

    def to(self, name: str, key: str = "Tab", most: int = 200) -> None:
        for _ in range(most):
            self.page.keyboard.press(key)
            focus = self.page.evaluate(_FOCUS)
            assert focus["seen"], f"{focus['name'] or focus['id']} has the focus but can't be seen"
            if focus["name"] == name:
                return
        raise AssertionError(f"{key} does not lead to {name!r}")

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)


def test_three_people_on_two_pages_with_the_keyboard_alone(page: Page, company: Company):
    before = company.roles()
    signed_in(page, company)
    page.goto("/members/?role=user")
    keys = Keyboard(page)
    first_page = [box.get_attribute("aria-label") or "" for box in row_boxes(page).all()]

    for number, name in enumerate((first_page[1], first_page[40]), 1):
        keys.to(name)
        keys.press("Space")
        expect(bulk(page).get_by_text(f"{number} selected", exact=True)).to_be_visible()
        assert keys.at() == name, "the swap keeps the focus on the box"
    keys.to("Next")
    keys.press("Enter")
    expect(page).to_have_url(re.compile("page=2"))
    expect(page.get_by_role("link", name="Page 2", exact=True)).to_have_attribute("aria-current", "page")
    # The last page has no Next: the focus is beside where it was.
    expect(page.get_by_role("link", name="Page 2", exact=True)).to_be_focused()
    third = row_boxes(page).nth(3).get_attribute("aria-label") or ""
    keys.to(third, "Shift+Tab")
    keys.press("Space")
    expect(bulk(page).get_by_text("3 selected", exact=True)).to_be_visible()
    assert keys.at() == third
    keys.to("Change role")
    keys.press("Enter")

    expect(page.get_by_role("heading", name="Change role")).to_be_visible()
    keys.to("New role")
    page.keyboard.type("Restr")
    keys.to("Reason")
    page.keyboard.type("By keyboard")
    keys.to("Review")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    keys.to("Apply to 3 members")
    keys.press("Enter")
    wait_for_receipt(page)
    expect(outcome(page, "3 done")).to_be_visible()
    chosen = {name.split(" ")[-1] for name in (first_page[1], first_page[40], third)}
    assert {email for email, role in company.roles().items() if role != before[email]} == chosen
    keys.to("Undo")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    keys.to("Apply to 3 members")
    keys.press("Enter")
    wait_for_receipt(page)
    expect(outcome(page, "3 done")).to_be_visible()
    assert company.roles() == before


def test_the_focus_is_never_hidden_under_the_bar_in_a_narrow_window(page: Page, company: Company):
    signed_in(page, company)
    page.set_viewport_size({"width": 320, "height": 640})
    keys = Keyboard(page)
    first, last = (row_boxes(page).nth(n).get_attribute("aria-label") or "" for n in (0, 12))
    keys.to(first)
    keys.press("Space")
    expect(bulk(page).get_by_text("1 selected", exact=True)).to_be_visible()
    keys.to(last)
    keys.to(first, "Shift+Tab")


def test_the_menu_of_more_fields_with_the_keyboard_alone(page: Page, company: Company):
    signed_in(page, company)
    keys = Keyboard(page)
    keys.to(row_boxes(page).nth(1).get_attribute("aria-label") or "")
    keys.press("Space")
    expect(bulk(page).get_by_text("1 selected", exact=True)).to_be_visible()
    field = bulk(page).get_by_role("button", name="Email open tracking")
    keys.to("More")
    expect(field).to_be_hidden()
    keys.press("Enter")
    expect(field).to_be_visible()
    keys.press("Escape")
    expect(field).to_be_hidden()
    assert keys.at() == "More"
    keys.press("Space")
    keys.to("Email open tracking", most=1)
    keys.to("Workflows may send as this person", most=1)
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Change workflows may send as this person")).to_be_visible()
    keys.to("Workflows may send as this person")


def test_the_focus_stays_on_what_changed_the_list(page: Page, company: Company):
    signed_in(page, company)
    search = page.get_by_role("searchbox", name="Search")
    search.press_sequentially("wolfe")
    expect(row_boxes(page)).to_have_count(1)
    expect(search).to_be_focused()
    expect(search).to_have_value("wolfe")
    search.fill("")
    expect(row_boxes(page)).to_have_count(50)
    by_role = page.get_by_role("link", name="Role", exact=True)
    by_role.press("Enter")
    expect(page.get_by_role("columnheader", name="Role")).to_have_attribute("aria-sort", "ascending")
    expect(by_role).to_be_focused()
    by_role.press("Enter")
    expect(page.get_by_role("columnheader", name="Role")).to_have_attribute("aria-sort", "descending")
    expect(by_role).to_be_focused()
    page.get_by_role("link", name="Page 2", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("page=2"))
    expect(page.get_by_role("link", name="Page 2", exact=True)).to_be_focused()
    everyone = page.get_by_role("checkbox", name="Select all on this page")
    everyone.press("Space")
    expect(bulk(page)).to_be_visible()
    expect(everyone).to_be_focused()


def test_ticks_in_quick_succession_all_count(page: Page, company: Company):
    signed_in(page, company)
    # Faster than any answer: all but the first wait for the one before.
    row_boxes(page).evaluate_all("boxes => boxes.slice(0, 6).forEach(box => box.click())")
    expect(bulk(page).get_by_text("6 selected", exact=True)).to_be_visible()
    page.reload()
    expect(bulk(page).get_by_text("6 selected", exact=True)).to_be_visible()


def test_a_form_with_a_problem_begins_at_the_problem(page: Page, company: Company):
    signed_in(page, company)
    page.goto("/members/invite/")
    page.get_by_role("button", name="Review").click()
    summary = page.get_by_role("alert").filter(has=page.get_by_role("heading", name="There is a problem"))
    expect(summary).to_be_focused()
    page.get_by_role("link", name="Email addresses: ").press("Enter")
    field = page.get_by_role("textbox", name="Email addresses")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("Paste at least one e-mail address"))


def test_what_happens_to_the_list_is_announced(page: Page, company: Company, transcript: list[str]):
    signed_in(page, company)
    transcript.clear()
    said = page.locator("#status")
    page.get_by_role("combobox", name="Role").select_option(label="User")
    expect(said).to_have_text("61 people match")
    page.get_by_role("link", name="E-mail", exact=True).click()
    expect(said).to_have_text("61 people match, sorted by email, ascending")
    page.get_by_role("link", name="Next", exact=True).click()
    expect(said).to_have_text("61 people match, page 2 of 2, sorted by email, ascending")
    row_boxes(page).nth(0).check()
    expect(said).to_have_text("Selected: 1")
    row_boxes(page).nth(1).check()
    expect(said).to_have_text("Selected: 2")
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(said).to_have_text("Selected: 11")
    page.get_by_role("button", name="Select all 61 matching").click()
    expect(said).to_have_text("Selected: 61")
    expect(bulk(page)).to_be_focused()
    assert transcript == [
        "61 people match",
        "61 people match, sorted by email, ascending",
        "61 people match, page 2 of 2, sorted by email, ascending",
        "Selected: 1",
        "Selected: 2",
        "Selected: 11",
        "Selected: 61",
    ]


def test_a_job_is_announced_in_steps_of_ten_percent_and_by_how_it_ended(
    page: Page, company: Company, stack: Stack, transcript: list[str]
):
    signed_in(page, company)
    page.goto("/members/invite/")
    page.get_by_role("textbox", name="Email addresses").fill(
        "\n".join(f"new.{number}@{company.domain}" for number in range(15))
    )
    page.get_by_role("combobox", name="Role").select_option(label="User")
    page.get_by_role("button", name="Review").click()
    stack.close.latency_s = 0.25
    transcript.clear()
    apply(page)
    wait_for_receipt(page)
    expect(page.locator("#status")).to_have_text(
        "Finished. Done: 15. Refused: 0. Unknown: 0. Not attempted: 0."
    )
    expect(page.get_by_role("heading", name="Receipt")).to_be_focused()
    *steps, last = transcript
    percents = [int(step.removesuffix(" percent settled")) for step in steps]
    assert percents == sorted(set(percents)), "each step is said once"
    assert len(percents) >= 2
    assert all(percent % 10 == 0 for percent in percents)
    assert last.startswith("Finished.")


def test_an_answer_that_fails_is_said_aloud_and_the_page_stays(
    page: Page, company: Company, transcript: list[str]
):
    signed_in(page, company)
    page.route("**/members/?role=*", lambda route: route.fulfill(status=404, body="<h1>Lost</h1>"))
    page.get_by_role("combobox", name="Role").select_option(label="User")
    expect(page.get_by_role("alert")).to_contain_text("Roster could not answer that")
    expect(row_boxes(page)).to_have_count(50)
    expect(page).to_have_url(re.compile("/members/$"))
    assert transcript[-1].startswith("Roster could not answer that")
