"""The roles page in a real browser: two roles compared, somebody looked for, a matrix too wide for the window."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from sandbox.records import PERMISSIONS
from tests.browser.company import Company
from tests.browser.stack import Stack
from tests.browser.steps import signed_in

pytestmark = pytest.mark.browser


def compare_and_look_for_somebody(page: Page, company: Company) -> None:
    signed_in(page, company)
    page.get_by_role("link", name="Roles", exact=True).click()
    expect(page.get_by_role("heading", name="Roles", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Roles", exact=True)).to_have_attribute("aria-current", "page")
    page.get_by_role("combobox", name="Role", exact=True).select_option(label="Restricted User")
    page.get_by_role("combobox", name="With").select_option(label="Support Lead")
    page.get_by_role("button", name="Compare").click()
    only = page.get_by_role("region", name="Only Support Lead")
    expect(only.get_by_role("listitem")).to_have_count(2)
    expect(only).to_contain_text("Listen to other people's calls")
    expect(only).to_contain_text("view_all")
    address = page.url
    assert re.search(r"/roles/\?role=restricteduser&with=role_\w+", address)

    page.get_by_role("combobox", name="Who can").select_option(label="Export data")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("4 active people can export data, through 2 roles.")).to_be_visible()
    expect(only).to_be_visible()
    granting = page.get_by_role("region", name="Roles that grant it")
    granting.get_by_role("listitem").filter(has_text="Super User").get_by_role("link", name="active").click()
    expect(page.get_by_role("heading", name="Members")).to_be_visible()
    expect(page.get_by_role("table", name="Members").get_by_role("rowheader")).to_have_count(2)

    # The address alone brings the comparison back.
    page.goto(address)
    expect(only).to_be_visible()
    expect(page.get_by_role("combobox", name="With")).to_have_value(re.compile("^role_"))


def test_two_roles_are_compared_and_somebody_is_found(page: Page, company: Company):
    compare_and_look_for_somebody(page, company)


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_the_same_without_javascript(page: Page, company: Company):
    compare_and_look_for_somebody(page, company)


def test_the_roles_page_in_all_its_states(
    page: Page, company: Company, stack: Stack, spotless: Callable[[str], None]
):
    pioneers = stack.world.add_role(company.id, "Pioneers " + "of the unbreakable" * 6, ["teleport_leads"])
    stack.world.set_role(company.people(role_id="user", active=True)[0]["id"], pioneers)
    gone = stack.world.add_role(company.id, "Soon gone", ["calling"])
    stack.world.set_role(company.people(role_id="user", active=True)[1]["id"], gone)
    stack.world.unlist_role(company.id, gone)
    signed_in(page, company)
    page.goto("/roles/")
    expect(page.get_by_role("table", name="Roles").get_by_text("Not listed")).to_be_visible()
    spotless("roles, one of them not listed")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("Choose a role.", exact=True)).to_have_count(2)
    spotless("nothing chosen")
    page.goto("/roles/?role=user&with=user")
    expect(page.get_by_text("Choose two different roles.")).to_be_visible()
    spotless("a role compared with itself")
    page.goto("/roles/?role=user&with=admin&can=teleport_leads")
    expect(page.get_by_text("1 active person has teleport_leads")).to_be_visible()
    spotless("compared and looked for")
    page.goto("/roles/?can=fly")
    spotless("nobody can fly")


def test_the_matrix_keeps_its_heads_in_sight_and_scrolls_by_keyboard(
    page: Page, company: Company, stack: Stack
):
    for number in range(46):
        stack.world.add_role(company.id, f"Role {number}", list(PERMISSIONS))
    signed_in(page, company)
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/roles/")
    region = page.get_by_role("region", name="Permissions by role")
    region.focus()
    expect(region).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    # Asked again and again from here: the page's policy forbids the browser to evaluate a condition by itself.
    while not region.evaluate("region => region.scrollLeft > 0"):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    region.evaluate("region => region.scrollTo(2000, 400)")
    edges = region.evaluate("""region => {
      const box = region.getBoundingClientRect();
      const head = region.querySelector("thead th:nth-child(9)").getBoundingClientRect();
      const first = region.querySelector("tbody th").getBoundingClientRect();
      return [head.top - box.top, first.left - box.left];
    }""")
    assert max(edges) <= 2, "the heads left with what scrolled"
