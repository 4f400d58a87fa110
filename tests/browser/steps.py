"""What a person does, in the words on the screen."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playwright.sync_api import Locator, Page, expect

from tests.browser.company import Company

# A job that waits for Close to settle a lost answer takes some seconds.
JOB_MS = 20_000


def consent(page: Page, email: str, organization: str, answer: str = "Allow") -> None:
    """On Close's page: who, for which organization, and the answer."""
    first_name = email.split("@")[0].title()
    person = page.get_by_label("Sign in as")
    expect(person.locator("option").first).to_be_attached()
    label = next(text for text in person.locator("option").all_inner_texts() if text.startswith(first_name))
    person.select_option(label=label)
    page.get_by_label("Organization").select_option(label=organization)
    page.get_by_role("button", name=answer).click()


def sign_in(page: Page, company: Company, email: str | None = None) -> None:
    page.goto("/login/")
    page.get_by_role("link", name="Sign in with Close").click()
    consent(page, email or company.admin, company.name)


def signed_in(page: Page, company: Company) -> None:
    """Signed in, with the members there; a first roster is read behind the page."""
    sign_in(page, company)
    table = page.get_by_role("table", name="Members")
    look_again = page.get_by_role("link", name="Look again")
    expect(table.or_(look_again)).to_be_visible()
    while not table.is_visible() and look_again.is_visible():
        look_again.click()
    expect(table).to_be_visible()


def row_boxes(page: Page) -> Locator:
    return page.get_by_role("table", name="Members").get_by_role(
        "checkbox", name=re.compile("^Select (?!all on)")
    )


def bulk(page: Page) -> Locator:
    return page.get_by_role("region", name="Bulk actions")


def tick(page: Page, emails: Sequence[str]) -> None:
    """On the page of the list that is open."""
    already = int(
        (
            bulk(page).get_by_text(re.compile(r"^\d+ selected$")).inner_text()
            if bulk(page).is_visible()
            else "0"
        ).split()[0]
    )
    for number, email in enumerate(emails, already + 1):
        page.get_by_role("checkbox", name=re.compile(f"(, |Select ){re.escape(email)}$")).check()
        expect(bulk(page).get_by_text(f"{number} selected", exact=True)).to_be_visible()


def review_role(page: Page, role: str, reason: str = "") -> None:
    """From the ticks to the review page."""
    bulk(page).get_by_role("button", name="Change role").click()
    page.get_by_role("combobox", name="New role").select_option(label=role)
    page.get_by_role("textbox", name="Reason").fill(reason)
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()


def apply(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^(Apply|Send)")).click()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()


def wait_for_receipt(page: Page) -> None:
    """Until the job has ended, however it ended."""
    again = page.get_by_role("link", name="See how far it is")
    ended = page.get_by_text("Finished", exact=True)
    while again.is_visible():
        again.click()
    expect(ended).to_be_visible(timeout=JOB_MS)


def outcome(page: Page, text: str) -> Locator:
    """One of the four numbers of a receipt, such as "3 done"."""
    return page.get_by_role("list", name="Outcome").get_by_text(re.compile(rf"^\s*{re.escape(text)}\s*$"))
