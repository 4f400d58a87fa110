"""The same pages over the second provider: what it can do is offered, what it can't is not."""

from __future__ import annotations

import pytest

from memberships.services.connections import capabilities
from sandbox.commercelayer.rehearsal import BLUEFIN, BLUEFIN_DOMAIN, OWNER, STORE_TEAM
from tests import steps
from tests.pages import Page


@pytest.fixture
def reader_id(commerce, bluefin) -> str:
    members = commerce.members(bluefin)
    return next(
        m["id"]
        for m in members
        if m["role_kind"] == "read_only" and m["status"] == "active" and m["first_name"]
    )


def test_the_list_shows_access_and_the_owner_and_offers_what_can_be_done(commerce_admin):
    page = Page.visit(commerce_admin, "/members/?q=marta")
    (row,) = page.rows("Members")
    assert row[2:] == ["Admin owner", "Active", "Live"]
    assert page.options("Status") == ["All", "Active", "Pending"]
    buttons = page.buttons()
    assert {"Change role", "Change access", "Remove", "Send invitation again", "Reference"} <= set(buttons)
    assert not {"Reactivate", "Deactivate", "Put into a group", "Copy pinned views"} & set(buttons)
    assert "Groups" not in [link.text for link in page.all("a")]


def test_search_filter_and_export_are_the_same(commerce_admin, commerce, bluefin):
    pending = [m for m in commerce.members(bluefin) if m["status"] == "pending"]
    page = Page.visit(commerce_admin, "/members/?status=pending")
    assert f"{len(pending)} people match" in page.text
    export = commerce_admin.get("/members/export/?status=pending")
    lines = b"".join(export.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0].startswith("id,name,email,status,Role,Access,Membership profile,Reference")
    assert len(lines) == len(pending) + 1


def test_the_main_job(commerce_admin, commerce, bluefin, reader_id, work):
    page = steps.tick(commerce_admin, [reader_id], action="role")
    assert "Membership profile" in page.text
    page = page.press(
        "Review", {"New role": "Merchandiser", "Membership profile": STORE_TEAM, "Reason": "New season"}
    )
    assert page.heading == "Review"
    assert "read again from Commerce Layer first" in page.text
    steps.apply(page)
    work()
    after = commerce.membership(reader_id)
    assert (after["role_name"], after["profile_id"] is not None) == ("Merchandiser", True)
    page = Page.visit(commerce_admin, f"/members/{reader_id}/")
    assert page.field("Membership profile").value == STORE_TEAM


def test_one_persons_fields(commerce_admin, commerce, reader_id, work):
    page = Page.visit(commerce_admin, f"/members/{reader_id}/")
    page = page.press("Review", {"Access": "Live and test", "Reference": "HR-77"})
    steps.apply(page)
    work()
    after = commerce.membership(reader_id)
    assert (after["access_scope"], after["reference"]) == ("all_access", "HR-77")
    page = Page.visit(commerce_admin, f"/members/{reader_id}/").press("Review", {"Reference": ""})
    steps.apply(page)
    work()
    assert commerce.membership(reader_id)["reference"] is None


def test_invitations_with_access_and_a_profile(commerce_admin, commerce, bluefin, work):
    page = Page.visit(commerce_admin, "/members/invite/")
    typed = {"Email addresses": f"neu@{BLUEFIN_DOMAIN}", "Role": "Order desk", "Access": "Test"}
    page = page.press("Review", typed | {"Membership profile": STORE_TEAM})
    steps.apply(page)
    work()
    made = commerce.membership(commerce.membership_id(bluefin, f"neu@{BLUEFIN_DOMAIN}"))
    assert (made["status"], made["access_scope"], made["profile_id"] is not None) == (
        "pending",
        "test_access",
        True,
    )


def test_removing_says_what_it_does_and_how_it_is_taken_back(commerce_admin, commerce, reader_id, work):
    page = steps.tick(commerce_admin, [reader_id], action="deactivate")
    assert page.heading == "Remove"
    assert "Undo is an invitation" in page.text
    page = page.press("Review")
    assert "Remove 1 member." in page.text
    receipt = steps.apply(page)
    work()
    receipt = Page.visit(commerce_admin, receipt.address)
    assert "Removed" in receipt.text
    undo = receipt.press("Undo")
    assert "an e-mail is sent" in undo.text


def test_pending_people_are_invited_again(commerce_admin, commerce, bluefin, work):
    waiting = [m["id"] for m in commerce.members(bluefin) if m["status"] == "pending"][:2]
    page = steps.tick(commerce_admin, waiting, action="resend")
    assert page.heading == "Send invitations again"
    page = page.press("Review")
    assert "Send 2 invitations again." in page.text
    sent = len(commerce.outbox)
    steps.apply(page)
    work()
    assert len(commerce.outbox) == sent + 2


def test_what_it_remembers_itself_stands_in_the_timeline_once(
    commerce_admin, commerce, attached, reader_id, work
):
    # Between two reads of ours: nobody else can tell.
    commerce.set_attributes(reader_id, reference="elsewhere")
    commerce.set_attributes(reader_id, reference=None)
    page = Page.visit(commerce_admin, f"/members/{reader_id}/")
    assert "From Commerce Layer" not in page.text
    steps.apply(page.press("Review", {"Access": "Test"}))
    work()
    page = Page.visit(commerce_admin, f"/members/{reader_id}/").follow(
        "Show what Commerce Layer remembers, too"
    )
    entries = [e.text for e in page.all("li") if "From Commerce Layer" in e.text]
    assert [e for e in entries if "Reference" in e]
    assert not [e for e in entries if "Access" in e]


def test_the_history_asked_for_by_htmx_is_that_part_alone(commerce_admin, reader_id):
    answer = commerce_admin.get(f"/members/{reader_id}/?versions=1", headers={"HX-Request": "true"})
    assert answer.content.decode().strip().startswith("<section")


def test_a_history_that_can_not_be_read_is_a_sentence(commerce_admin, commercelayer, reader_id):
    commercelayer.faults.fail_next(500, method="GET", path="/versions", times=9)
    page = Page.visit(commerce_admin, f"/members/{reader_id}/?versions=1")
    assert page.status == 200
    assert "could not be read" in page.text


def test_pages_for_what_it_can_not_do_are_not_there(commerce_admin, reader_id):
    for address in (
        "/members/reactivate/",
        "/groups/",
        "/roles/new/",
        f"/members/{reader_id}/leave/",
        f"/members/{reader_id}/pins/",
    ):
        answer = commerce_admin.get(address)
        assert answer.status_code in (302, 404), address


def test_roles_with_what_they_allow(commerce_admin):
    page = Page.visit(commerce_admin, "/roles/")
    assert "Merchandiser" in page.text
    assert "New role" not in [link.text for link in page.all("a")]


def test_no_page_names_the_other_provider(commerce_admin, attached, reader_id):
    assert capabilities(attached.organization).label == "Commerce Layer"
    for address in (
        "/members/",
        "/roles/",
        "/audit/",
        "/members/invite/",
        f"/members/{reader_id}/",
        "/members/as-of/",
    ):
        page = Page.visit(commerce_admin, address)
        main = next(e for e in page.all("main")).text
        assert "Close" not in main, address


def test_the_switch_in_the_header_lists_both(commerce_admin):
    page = Page.visit(commerce_admin, "/members/")
    assert set(page.options("Switch organization")) == {BLUEFIN, "Northwind Rehearsal"}


def test_the_owner_is_marked_and_untouchable(commerce_admin, commerce, bluefin):
    owner = commerce.membership_id(bluefin, OWNER)
    page = steps.tick(commerce_admin, [owner], action="deactivate").press("Review")
    assert "Owns the organization" in page.rows("Blocked")[0][-1]
