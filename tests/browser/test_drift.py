"""The roster file in the browser: downloaded, kept, compared by a worker, adopted and reverted."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company
from tests.browser.stack import Stack
from tests.browser.steps import apply, signed_in, wait_for_receipt
from tests.browser.test_accessibility import Spotless

pytestmark = pytest.mark.browser


def keep(page: Page, text: str, folder: Path) -> None:
    file = folder / "people.yaml"
    file.write_text(text)
    page.goto("/drift/")
    page.get_by_label("Roster file", exact=True).set_input_files(file)
    page.get_by_role("button", name="Upload").click()


def test_what_differs_is_shown_when_the_worker_has_looked_and_goes_either_way(
    page: Page, company: Company, stack: Stack, tmp_path: Path, spotless: Spotless
) -> None:
    signed_in(page, company)
    page.goto("/drift/")
    expect(page.get_by_role("heading", name="No roster file yet")).to_be_visible()
    spotless("no roster file yet")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download one of everybody as they are now").click()
    text = Path(download.value.path()).read_text()
    keep(
        page,
        text.replace("role: User", "role: Restricted User", 2).replace("role: User", "role: Usher", 1),
        tmp_path,
    )
    # Nobody reloads: the page asks by itself until it has been compared.
    expect(page.get_by_role("heading", name="Differences")).to_be_visible()
    expect(page.get_by_text("1 line of the file can't be used")).to_be_visible()
    spotless("differences, and a line that can't be used")
    rows = page.get_by_role("table", name="Differences").get_by_role("row")
    expect(rows).to_have_count(3)
    rows.nth(1).get_by_role("checkbox").check()
    page.get_by_role("button", name="Adopt into the file").click()
    expect(page.get_by_text("Version 2 of the file says what is true of these people now.")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Drift")).to_contain_text("1")
    page.get_by_role("table", name="Differences").get_by_role("checkbox").check()
    page.get_by_role("button", name="Revert to the file").click()
    expect(page.get_by_role("heading", name="Review")).to_be_visible()
    apply(page)
    wait_for_receipt(page)
    page.goto("/drift/")
    # Nobody asks: it is compared again once the job is over.
    expect(page.get_by_role("heading", name="Nobody else differs")).to_be_visible()


def test_a_tick_stays_with_whom_it_was_given_when_others_differ_no_more(
    page: Page, company: Company, tmp_path: Path
) -> None:
    signed_in(page, company)
    page.goto("/drift/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download one of everybody as they are now").click()
    text = Path(download.value.path()).read_text()
    keep(page, text.replace("role: User", "role: Restricted User", 3), tmp_path)
    expect(page.get_by_role("heading", name="Differences")).to_be_visible()
    boxes = page.get_by_role("table", name="Differences").get_by_role("checkbox")
    first, _, third = [box.get_attribute("aria-label") for box in boxes.all()]
    (person,) = company.people(email=(first or "").rpartition(", ")[2])
    company.world.set_role(person["id"], "restricteduser")
    page.get_by_role("button", name="Check now").click()
    page.get_by_role("checkbox", name=third, exact=True).check()
    expect(boxes).to_have_count(2)
    expect(page.get_by_role("checkbox", name=third, exact=True)).to_be_checked()
    expect(page.locator("input[name=key]:checked")).to_have_count(1)


def test_a_file_that_is_none_says_so_beside_the_field(
    page: Page, company: Company, tmp_path: Path, spotless: Spotless
) -> None:
    signed_in(page, company)
    keep(page, "people: &everybody []\n", tmp_path)
    expect(page.get_by_text("“&everybody” is not allowed").first).to_be_visible()
    spotless("a file that is none")
