"""Pinned views in a real browser: put into another order by keyboard, copied to several people, taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.company import Company
from tests.browser.stack import Stack
from tests.browser.steps import apply, bulk, outcome, signed_in, tick, wait_for_receipt

pytestmark = pytest.mark.browser

NAMES = ("Untouched leads", "Missed calls", "Champions", "Renewals")


@pytest.fixture
def views(company: Company, stack: Stack) -> dict[str, str]:
    """Four views everyone may open, one that only the second admin may, and one that is gone."""
    world = stack.world
    found = {name: world.add_smart_view(company.id, name) for name in NAMES}
    second = world.user_id(company.second)
    mine = world.user_id(company.admin)
    found["Secret plan"] = world.add_smart_view(company.id, "Secret plan", shared=False, users=(second, mine))
    found["Gone"] = world.add_smart_view(company.id, "Gone")
    pinned = [found[name] for name in ("Untouched leads", "Gone", "Missed calls", "Champions")]
    world.set_settings(company.membership_id(company.ordinary), pinned_views=pinned)
    world.set_settings(
        company.membership_id(company.second), pinned_views=[found["Secret plan"], found["Renewals"]]
    )
    world.delete_smart_view(company.id, found["Gone"])
    return found


def pinned(company: Company, email: str) -> list[str]:
    (person,) = company.people(email=email)
    names = {view.id: view.name for view in company.world.organizations[company.id].smart_views.values()}
    return [names.get(pk, "gone") for pk in person["pinned_views"]]


def editor_entries(page: Page) -> Locator:
    return page.locator("ol.pins > li")


def open_editor(page: Page, company: Company, email: str, *, scripted: bool = True) -> None:
    """From the members page to the page with the buttons, as a person goes."""
    page.goto(f"/members/?q={email}")
    page.get_by_role("table", name="Members").get_by_role("rowheader").get_by_role("link").click()
    expect(page.get_by_role("heading", name="Pinned views", exact=True)).to_be_visible()
    page.get_by_role("link", name="Change pinned views" if scripted else "Show pinned views").click()
    expect(page.get_by_role("heading", name="Pinned views of")).to_be_visible()


def arrange_with_the_keyboard(page: Page, company: Company, gone: str, *, scripted: bool) -> None:
    """Champions first, without what is gone, and with Renewals; each button is found and pressed by keyboard."""
    signed_in(page, company)
    open_editor(page, company, company.ordinary, scripted=scripted)

    def press(name: str) -> None:
        button = page.get_by_role("button", name=name, exact=True)
        button.focus()
        page.keyboard.press("Enter")

    def first_is(*names: str) -> None:
        expect(editor_entries(page).locator("bdi:first-child")).to_have_text([*names])

    first_is("Untouched leads", gone, "Missed calls", "Champions")
    expect(page.get_by_text("This view isn't there any more, or you can't see it.")).to_be_visible()
    press("Move up Champions")
    first_is("Untouched leads", gone, "Champions", "Missed calls")
    if scripted:
        expect(page.get_by_role("button", name="Move up Champions")).to_be_focused()
        expect(page.get_by_role("status")).to_have_text("Champions is number 3 of 4.")
    press(f"Remove {gone}")
    first_is("Untouched leads", "Champions", "Missed calls")
    if scripted:
        # What was pressed is no longer there: one goes on in its place.
        expect(page.get_by_role("button", name="Remove Champions")).to_be_focused()
    press("Move up Champions")
    first_is("Champions", "Untouched leads", "Missed calls")
    if scripted:
        # It can't go further, and still has the focus.
        expect(page.get_by_role("button", name="Move up Champions")).to_be_focused()
        page.keyboard.press("Enter")
        first_is("Champions", "Untouched leads", "Missed calls")
    page.get_by_role("combobox", name="Add a view").select_option(label="Renewals")
    press("Add")
    first_is("Champions", "Untouched leads", "Missed calls", "Renewals")
    if scripted:
        expect(page.get_by_role("button", name="Add", exact=True)).to_be_focused()
    page.get_by_role("textbox", name="Reason").fill("New quarter")
    page.get_by_role("textbox", name="Reason").press("Enter")
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()


def edit_copy_and_undo(page: Page, company: Company, gone: str, *, scripted: bool) -> None:
    arrange_with_the_keyboard(page, company, gone, scripted=scripted)
    row = page.get_by_role("table", name="Will change").get_by_role("row").nth(1)
    expect(row).to_contain_text("New order: Champions, Untouched leads, Missed calls, Renewals")
    expect(row).to_contain_text(gone)
    assert pinned(company, company.ordinary) == ["Untouched leads", "gone", "Missed calls", "Champions"]
    page.get_by_role("button", name="Apply to 1 member").click()
    wait_for_receipt(page)
    expect(outcome(page, "1 done")).to_be_visible()
    mine = ["Champions", "Untouched leads", "Missed calls", "Renewals"]
    assert pinned(company, company.ordinary) == mine

    # The page that kept the old list for five minutes shows the new one.
    page.goto(f"/members/{company.membership_id(company.ordinary)}/")
    if scripted:
        expect(editor_entries(page)).to_have_count(4)
        expect(editor_entries(page).first).to_contain_text("Champions")

    others = [person["email"] for person in company.people(role_id="restricteduser", active=True)][:3]
    before = {email: pinned(company, email) for email in others}
    page.goto("/members/?role=restricteduser")
    if scripted:
        tick(page, others)
        bulk(page).get_by_text("More", exact=True).click()
    else:
        for email in others:
            page.get_by_role("checkbox", name=email).check()
        bulk(page).get_by_text("More", exact=True).click()
    page.get_by_role("button", name="Copy pinned views").click()
    source = page.get_by_role("combobox", name="Copy from")
    if scripted:
        source.press_sequentially(company.ordinary[:6])
        suggested = page.locator(f"datalist option[value*='{company.ordinary}']")
        expect(suggested).to_have_count(1)
        source.fill(suggested.get_attribute("value") or "")
    else:
        source.fill(company.ordinary)
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    expect(page.get_by_text("to 3 members.")).to_be_visible()
    page.get_by_role("button", name="Apply to 3 members").click()
    wait_for_receipt(page)
    expect(outcome(page, "3 done")).to_be_visible()
    assert {email: pinned(company, email) for email in others} == dict.fromkeys(others, mine)

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "3 done")).to_be_visible()
    assert {email: pinned(company, email) for email in others} == before
    assert pinned(company, company.ordinary) == mine


def test_arranged_by_keyboard_copied_to_three_and_taken_back(
    page: Page, company: Company, views: dict[str, str]
):
    edit_copy_and_undo(page, company, views["Gone"], scripted=True)


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_the_same_without_javascript(page: Page, company: Company, views: dict[str, str]):
    edit_copy_and_undo(page, company, views["Gone"], scripted=False)


def test_what_is_said_while_one_arranges(
    page: Page, company: Company, views: dict[str, str], transcript: list[str]
):
    arrange_with_the_keyboard(page, company, views["Gone"], scripted=True)
    said = [text for text in transcript if "number" in text or "Removed" in text]
    assert said == [
        "Champions is number 3 of 4.",
        f"Removed {views['Gone']}. 3 left.",
        "Champions is number 1 of 3.",
        "Renewals is number 4 of 4.",
    ]


def press_at_once(page: Page, *names: str) -> None:
    """Faster than any answer: every button is pressed before the first one is heard."""
    buttons = [page.get_by_role("button", name=name, exact=True).last.element_handle() for name in names]
    page.evaluate("(buttons) => buttons.forEach((button) => button.click())", buttons)


def test_quick_presses_all_count_and_the_review_has_them(page: Page, company: Company, views: dict[str, str]):
    signed_in(page, company)
    open_editor(page, company, company.ordinary)
    page.get_by_role("combobox", name="Add a view").select_option(label="Renewals")
    gone = f"Remove {views['Gone']}"
    press_at_once(
        page, "Move up Champions", "Move up Champions", gone, gone, "Add", "Move up Champions", "Review"
    )
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    row = page.get_by_role("table", name="Will change").get_by_role("row").nth(1)
    expect(row).to_contain_text("New order: Champions, Untouched leads, Missed calls, Renewals")


def test_a_step_that_failed_is_said_instead_of_reviewed(page: Page, company: Company, views: dict[str, str]):
    signed_in(page, company)
    open_editor(page, company, company.ordinary)
    page.route("**/pins/", lambda route: route.fulfill(status=429))
    press_at_once(page, "Move up Champions", "Review")
    expect(page.get_by_role("alert")).to_contain_text("Roster could not answer that")
    page.unroute_all()
    press_at_once(page, "Move up Champions")
    expect(page.get_by_role("status")).to_have_text("Champions is number 3 of 4.")


def test_the_pages_in_all_their_states(
    page: Page, company: Company, views: dict[str, str], stack: Stack, spotless: Callable[[str], None]
):
    signed_in(page, company)
    ordinary, second = map(company.membership_id, (company.ordinary, company.second))
    page.goto(f"/members/{ordinary}/")
    expect(page.get_by_role("link", name="Change pinned views")).to_be_visible()
    spotless("a person with pinned views")
    page.goto(f"/members/{ordinary}/pins/")
    spotless("editor")
    page.get_by_role("combobox", name="Add a view").select_option(label="Secret plan")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Sam may not be able to open it: it isn't shared with them.")).to_be_visible()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Choose a view first.").first).to_be_visible()
    spotless("editor with a warning and an error")
    for name in ("Untouched leads", views["Gone"], "Missed calls", "Champions", "Secret plan"):
        page.get_by_role("button", name=f"Remove {name}", exact=True).click()
        expect(page.get_by_role("button", name=f"Remove {name}", exact=True)).to_have_count(0)
    expect(page.get_by_text("No view is pinned.")).to_be_visible()
    expect(page.get_by_role("combobox", name="Add a view")).to_be_focused()
    spotless("empty editor")

    page.goto("/members/?role=restricteduser")
    tick(page, [person["email"] for person in company.people(role_id="restricteduser", active=True)][:2])
    page.goto(f"/members/{second}/pins/")
    expect(page.get_by_role("link", name="Copy these to the 2 people selected")).to_be_visible()
    spotless("editor while others are selected")
    page.get_by_role("link", name="Copy these to the 2 people selected").click()
    spotless("copy")
    page.get_by_role("combobox", name="Copy from").fill("pri")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("alert", name="There is a problem")).to_contain_text("Did you mean")
    spotless("copy from nobody")
    page.get_by_role("combobox", name="Copy from").fill(company.second)
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("May not be able to open “Secret plan”").first).to_be_visible()
    spotless("review with a warning")

    stack.close.faults.fail_next(503, times=None, path="pinned_views")
    page.goto(f"/members/{company.membership_id(company.admin)}/pins/")
    expect(page.get_by_role("heading", name="They could not be read")).to_be_visible()
    spotless("Close is down")
