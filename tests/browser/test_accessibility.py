"""axe on every page and state: WCAG 2.0 to 2.2, A and AA, light and dark, wide and at 320 px."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company, founded
from tests.browser.stack import Stack
from tests.browser.steps import (
    apply,
    bulk,
    consent,
    outcome,
    review_role,
    sign_in,
    signed_in,
    tick,
    wait_for_receipt,
)

pytestmark = pytest.mark.browser

type Spotless = Callable[[str], None]


@pytest.fixture
def small(stack: Stack, company: Company) -> Company:
    """Few people: what is on a page counts, not how often."""
    return founded(stack.world, users=10)


def test_the_list_in_all_its_states(page: Page, small: Company, stack: Stack, spotless: Spotless):
    stack.close.faults.fail_next(503, path="organization/", times=None)
    sign_in(page, small)
    expect(page.get_by_role("heading", name="The roster could not be read")).to_be_visible()
    spotless("first roster can't be read")
    stack.close.faults.clear()
    stack.close.faults.delay(8, path="organization/")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Reading the roster")).to_be_visible()
    spotless("first roster is being read")
    stack.close.faults.clear()
    # Somebody else's roster does not wait for the slow one.
    signed_in(page, founded(stack.world, users=10))
    spotless("members")
    signed_in(page, founded(stack.world))
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(page.get_by_role("button", name=re.compile("^Select all .* matching$"))).to_be_visible()
    spotless("page selected")
    page.goto("/members/?q=nobody+at+all&status=active")
    expect(page.get_by_role("heading", name="Nobody matches")).to_be_visible()
    spotless("nobody matches, some selected elsewhere")
    stack.close.faults.fail_next(503, path="^/api/", times=None)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("The last refresh failed.")).to_be_visible()
    spotless("refresh failed")


def test_from_the_choice_to_the_receipt(page: Page, small: Company, stack: Stack, spotless: Spotless):
    stale, refused, *_ = people = small.people(role_id="user", active=True)
    signed_in(page, small)
    page.goto("/members/?role=user")
    tick(page, [person["email"] for person in people[:5]])
    bulk(page).get_by_role("button", name="Change role").click()
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    spotless("choose a role, with a problem")
    page.goto("/members/?role=user")
    review_role(page, "Restricted User", "Spring cleaning")
    page.get_by_role("button", name="Apply to 5 members").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    spotless("review with a brake and a problem")
    stack.world.set_role(stale["id"], "superuser")
    stack.world.refuse(refused["id"], "This user can not be changed.")
    page.get_by_role("textbox", name="Type 5 to confirm").fill("5")
    held = stack.close.faults.delay(2, path="organization/")
    apply(page)
    expect(page.get_by_role("progressbar")).to_be_visible()
    spotless("job running")
    assert held.hits <= 1
    wait_for_receipt(page)
    expect(outcome(page, "2 refused")).to_be_visible()
    spotless("receipt with refused and stale people")
    receipt = page.url
    page.get_by_role("button", name="Review again").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    spotless("review again")
    stack.expire(page.url.rstrip("/").rsplit("/", 1)[-1])
    page.reload()
    expect(page.get_by_text("This plan has expired.")).to_be_visible()
    spotless("expired plan")
    page.goto(receipt)
    page.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).click()
    expect(page.get_by_text("This plan has been applied")).to_be_visible()
    spotless("applied plan")
    page.get_by_role("link", name="Open the receipt").first.click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    stack.close.faults.delay(1, path="organization/")
    apply(page)
    page.get_by_role("button", name="Stop").click()
    wait_for_receipt(page)
    expect(page.get_by_text("Stopped on request.")).to_be_visible()
    spotless("stopped")
    page.get_by_role("link", name="Audit log").click()
    spotless("audit log")
    page.goto("/audit/?q=nobody+at+all")
    spotless("nothing in the audit log")
    page.goto(f"/members/{refused['id']}/")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    spotless("member with a history and a problem")


def test_invitations_and_what_blocks_a_plan(page: Page, small: Company, stack: Stack, spotless: Spotless):
    signed_in(page, small)
    page.goto("/members/invite/")
    page.get_by_role("button", name="Review").click()
    spotless("invite with problems")
    page.get_by_role("textbox", name="Email addresses").fill(
        f"new@{small.domain}\nout@elsewhere.example\nnonsense\n{small.admin}"
    )
    page.get_by_role("combobox", name="Role").select_option(label="User")
    page.get_by_role("button", name="Review").click()
    spotless("review of invitations with all three groups")
    page.get_by_role("link", name="1 already so").click()
    page.get_by_role("link", name="1 blocked").click()
    stack.close.faults.fail_next(
        429, path="^/api/", headers={"retry-after": "3", "ratelimit": "limit=1; remaining=0; reset=3"}
    )
    apply(page)
    expect(page.get_by_text("Goes on in")).to_be_visible()
    spotless("waiting for Close")
    wait_for_receipt(page)
    expect(outcome(page, "1 refused")).to_be_visible()
    spotless("receipt of invitations")
    page.goto("/members/invite/")
    page.get_by_role("textbox", name="Email addresses").fill(f"boss@{small.domain}")
    page.get_by_role("combobox", name="Role").select_option(label="Admin")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Nothing to do")).to_be_visible()
    spotless("nothing to do")


def test_leaving_coming_back_and_what_others_did(
    page: Page, small: Company, stack: Stack, spotless: Spotless
):
    signed_in(page, small)
    someone, other = small.people(role_id="user", active=True)[-2:]
    stack.world.set_role(someone["id"], "admin")
    stack.world.set_role(other["id"], "superuser")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()
    spotless("power given outside")
    tick(page, [small.second])
    bulk(page).get_by_text("More", exact=True).click()
    expect(bulk(page).get_by_role("button", name="Email open tracking")).to_be_visible()
    bulk(page).get_by_role("button", name="Voicemail drop URL").click()
    page.get_by_role("textbox", name="Voicemail drop URL").fill("http://voice.example")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    spotless("voicemail with a problem")
    page.goto("/members/deactivate/")
    spotless("deactivate")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    spotless("review of leaving")
    apply(page)
    wait_for_receipt(page)
    spotless("receipt of leaving")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("textbox", name="Type 1 to confirm")).to_be_visible()
    spotless("review of coming back")
    page.get_by_role("textbox", name="Type 1 to confirm").fill("1")
    apply(page)
    wait_for_receipt(page)
    spotless("receipt of coming back")
    page.goto(f"/members/{someone['id']}/?numbers=1")
    page.get_by_text("More", exact=True).click()
    spotless("member with an outside change, numbers and more")
    page.goto("/audit/?channel=outside")
    spotless("outside changes")
    page.goto("/members/as-of/")
    spotless("as of, nothing asked yet")
    page.get_by_label("As of").fill("2001-01-01T10:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nothing is known of that time")).to_be_visible()
    spotless("as of, too early")
    entry = datetime.now(UTC)
    page.goto(f"/members/as-of/?at={entry:%Y-%m-%dT%H:%M:%S}")
    expect(page.get_by_role("table")).to_be_visible()
    spotless("as of, now")
    page.goto(f"/members/as-of/?at={entry:%Y-%m-%dT%H:%M}")
    spotless("as of, in the minute of the first read")


def test_doors_and_connections(page: Page, small: Company, stack: Stack, spotless: Spotless):
    page.goto("/login/")
    spotless("sign in")
    page.get_by_role("link", name="Sign in with Close").click()
    consent(page, small.admin, small.name, "Deny")
    spotless("denied")
    sign_in(page, small, small.ordinary)
    expect(page.get_by_role("heading", name="You need the Manage Organization permission")).to_be_visible()
    spotless("not allowed")
    signed_in(page, small)
    signed_in(page, founded(stack.world, users=3))
    expect(page.get_by_role("combobox", name="Switch organization")).to_be_visible()
    spotless("members of one of two organizations")
    page.goto("/connections/")
    spotless("connections")
    page.get_by_role("link", name=re.compile("^Disconnect ")).first.click()
    spotless("disconnect")
    page.goto("/nothing/here/")
    expect(page.get_by_role("heading", name="Nothing is here")).to_be_visible()
    spotless("not found")


def test_tokens(page: Page, small: Company, spotless: Spotless):
    signed_in(page, small)
    page.get_by_role("link", name="Connections").click()
    spotless("connections with the tick")
    page.get_by_role("link", name="Tokens").click()
    expect(page.get_by_role("heading", name="No tokens yet")).to_be_visible()
    spotless("no tokens")
    page.get_by_role("link", name="New token").click()
    page.get_by_role("button", name="Make token").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    spotless("new token, with problems")
    page.get_by_role("textbox", name="Name").fill("Nightly sync with the payroll system")
    page.get_by_role("combobox", name="It may").select_option(value="propose")
    page.get_by_role("combobox", name="Good for").select_option(label="90 days")
    page.get_by_role("button", name="Make token").click()
    expect(page.get_by_role("textbox", name="Token")).to_have_value(re.compile("^roster_"))
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    spotless("token made")
    page.get_by_role("link", name="I have copied it").click()
    spotless("tokens")
    page.get_by_role("link", name="Revoke Nightly sync").click()
    spotless("revoke a token")
    page.goto("/connections/")
    page.get_by_role("link", name=f"Disconnect {small.name}").click()
    expect(page.get_by_text("is revoked for good")).to_be_visible()
    spotless("disconnect with a token")
