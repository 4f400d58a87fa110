"""Export, edit, import, and names pasted from a list: in a real browser, by keyboard and with JavaScript off."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.browser.company import Company
from tests.browser.steps import apply, bulk, outcome, row_boxes, signed_in, wait_for_receipt

pytestmark = pytest.mark.browser


def exported(page: Page) -> list[list[str]]:
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    text = Path(download.value.path()).read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def file_of(table: list[list[str]]) -> FilePayload:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows(table)
    return {"name": "people.csv", "mimeType": "text/csv", "buffer": text.getvalue().encode("utf-8-sig")}


def import_file(page: Page, table: list[list[str]]) -> None:
    page.goto("/members/")
    page.get_by_role("link", name="Import CSV").click()
    expect(page.get_by_role("heading", name="Import CSV")).to_be_visible()
    page.get_by_label("CSV file").set_input_files(file_of(table))
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()


def edit(company: Company, table: list[list[str]]) -> None:
    """One person gets another role, one bad row, one new person."""
    headings = table[0]
    row = next(row for row in table if row[headings.index("email")] == company.ordinary)
    row[headings.index("Role")] = "Support Lead"
    for email, role in (("nobody@@here", "User"), (f"new.one@{company.domain}", "User")):
        table.append([""] * len(headings))
        table[-1][headings.index("email")], table[-1][headings.index("Role")] = email, role


def test_an_export_is_edited_imported_applied_and_undone(
    page: Page, company: Company, spotless: Callable[[str], None]
):
    signed_in(page, company)
    table = exported(page)
    import_file(page, table)
    expect(page.get_by_text("Nothing would change.")).to_be_visible()
    edit(company, table)
    page.goto("/members/import/")
    spotless("import")
    import_file(page, table)
    expect(page.get_by_text("1 row of the file is skipped.")).to_be_visible()
    expect(page.get_by_role("table", name="Blocked")).to_contain_text(
        "“nobody@@here” is not an e-mail address."
    )
    spotless("review of a file")
    apply(page)
    wait_for_receipt(page)
    expect(outcome(page, "2 done")).to_be_visible()
    spotless("receipt of a file")
    (ordinary,) = company.people(email=company.ordinary)
    assert ordinary["role_name"] == "Support Lead"
    page.get_by_role("button", name="Undo").click()
    apply(page)
    wait_for_receipt(page)
    (ordinary,) = company.people(email=company.ordinary)
    assert ordinary["role_name"] == "User"
    assert company.people(email=f"new.one@{company.domain}", active=True) == []


def test_a_file_that_can_not_be_used_is_told_where_it_was_chosen(page: Page, company: Company):
    signed_in(page, company)
    page.goto("/members/import/")
    page.get_by_label("CSV file").set_input_files(file_of([["a", "b"]]))
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("alert", name="There is a problem")).to_be_focused()
    page.get_by_role("alert", name="There is a problem").get_by_role("link").click()
    expect(page.get_by_label("CSV file")).to_be_focused()


def test_pasted_people_are_ticked_and_the_rest_stays_in_the_box(
    page: Page, company: Company, spotless: Callable[[str], None]
):
    signed_in(page, company)
    page.get_by_role("searchbox", name="Search").fill("alex")
    expect(row_boxes(page)).to_have_count(1)
    page.get_by_text("Select by paste").press("Enter")
    box = page.get_by_role("textbox", name="Names or e-mail addresses")
    box.fill(f"{company.admin}\n{company.second}\nNo One")
    spotless("box to paste into")
    box.press("Tab")
    page.get_by_role("button", name="Select", exact=True).press("Enter")
    expect(page.get_by_role("alert", name="Pasted people")).to_contain_text(
        "2 people were found and selected."
    )
    expect(page.get_by_role("alert", name="Pasted people")).to_be_focused()
    expect(box).to_have_value("No One")
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("alex")
    expect(bulk(page).get_by_text("2 selected", exact=True)).to_be_visible()
    spotless("pasted")


def test_without_javascript_files_and_pasted_names_work_too(
    browser: Browser, company: Company, base_url: str
):
    with browser.new_context(base_url=base_url, java_script_enabled=False) as context:
        page = context.new_page()
        signed_in(page, company)
        page.get_by_text("Select by paste").click()
        page.get_by_role("textbox", name="Names or e-mail addresses").fill(company.second)
        page.get_by_role("button", name="Select", exact=True).click()
        expect(bulk(page).get_by_text("1 selected", exact=True)).to_be_visible()
        table = exported(page)
        edit(company, table)
        import_file(page, table)
        apply(page)
        wait_for_receipt(page)
        expect(outcome(page, "2 done")).to_be_visible()
