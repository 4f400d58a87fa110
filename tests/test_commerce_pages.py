"""The same pages over the second provider: what it can do is offered, what it can't is not."""

from __future__ import annotations

import pytest

from memberships.models import Plan, PlanRow
from memberships.services import roster
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
    receipt = steps.apply(page)
    work()
    assert len(commerce.outbox) == sent + 2
    assert "Undo" not in Page.visit(commerce_admin, receipt.address).buttons(), (
        "an e-mail can't be taken back"
    )


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


# Metadata


def test_one_persons_metadata_is_changed_added_and_removed(
    commerce_admin, commerce, attached, reader_id, work
):
    commerce.set_attributes(
        reader_id, metadata={"team": "North", "old": "x", "lines": "a\nb", "shift": {"from": 6}}
    )
    roster.read(attached)
    page = Page.visit(commerce_admin, f"/members/{reader_id}/")
    assert (page.field("team").value, page.field("lines").value) == ("North", "a\nb")
    assert '{"from": 6}' in page.text
    review = page.press("Review", {"team": "South", "old": "", "New key": "desk", "Value": "4"})
    assert review.heading == "Review"
    (row,) = review.rows("Will change")
    assert "Metadata team: from North → to South" in row[1]
    assert "Metadata desk: from – → to 4" in row[1]
    assert "Metadata old: from x → to –" in row[1]
    assert "lines" not in row[1]
    receipt = steps.apply(review)
    work()
    wanted = {"team": "South", "lines": "a\nb", "shift": {"from": 6}, "desk": "4"}
    assert commerce.membership(reader_id)["metadata"] == wanted
    page = Page.visit(commerce_admin, f"/members/{reader_id}/")
    history = [e.text for e in page.all("li") if "Metadata team" in e.text]
    assert history
    assert "North → to South" in history[0]
    assert "Metadata team" in Page.visit(commerce_admin, "/audit/?event=member.metadata.set").text
    table = b"".join(commerce_admin.get(f"{receipt.address}result/").streaming_content).decode()
    assert "Metadata team,North,South" in table
    export = b"".join(commerce_admin.get("/members/export/").streaming_content).decode()
    assert "Reference,Metadata desk,Metadata lines,Metadata team,can manage" in export
    undo = Page.visit(commerce_admin, receipt.address).press("Undo")
    steps.apply(undo)
    work()
    now = commerce.membership(reader_id)["metadata"]
    assert now == {"team": "North", "old": "x", "lines": "a\nb", "shift": {"from": 6}}


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"Value": "South"}, "New key", "Give the key, too"),
        ({"New key": "desk"}, "Value", "Give a value for the new key"),
        ({"New key": "team", "Value": "South"}, "New key", "team is there already"),
        ({"New key": "shift", "Value": "late"}, "New key", "more than text"),
        ({"New key": "x" * 101, "Value": "1"}, "New key", "yours has 101"),
        ({"New key": "a\tb", "Value": "1"}, "New key", "control characters"),
        ({"New key": "desk", "Value": "x" * 1001}, "Value", "yours has 1001"),
        ({"team": "x" * 1001}, "team", "yours has 1001"),
        ({"team": "a\0b"}, "team", "Null characters"),
    ],
)
def test_what_is_wrong_with_metadata_is_said_beside_it(
    commerce_admin, commerce, attached, reader_id, typed, field, words
):
    commerce.set_attributes(reader_id, metadata={"team": "North", "shift": {"from": 6}})
    roster.read(attached)
    page = Page.visit(commerce_admin, f"/members/{reader_id}/").press("Review", typed)
    assert page.status == 422
    assert words in page.error(field)
    assert f"#{page.field(field).attributes['id']}" in [a.attributes.get("href") for a in page.all("a")]
    assert all(
        page.field(label).value == value.strip("\0") or "\0" in value for label, value in typed.items()
    )


def test_a_value_that_vanished_while_the_form_was_open_is_nobodys_wish(
    commerce_admin, commerce, attached, reader_id
):
    commerce.set_attributes(reader_id, metadata={"team": "North", "old": "x"})
    roster.read(attached)
    page = Page.visit(commerce_admin, f"/members/{reader_id}/")
    commerce.set_attributes(reader_id, metadata={"team": "West"})
    roster.read(attached)
    (row,) = page.press("Review", {"Access": "Test"}).rows("Will change")
    assert "Metadata" not in row[1]
    (row,) = page.press("Review", {"Access": "Live", "team": "South"}).rows("Will change")
    assert "Metadata team: from West → to South" in row[1]


def test_long_and_odd_values_nobody_touched_stay(commerce_admin, commerce, attached, reader_id, work):
    odd = {
        "long": "x" * 3000,
        "spaces": "  a ",
        "empty": "",
        "crlf": "a\r\nb",
        "Role": "<b>",
        "tab\tkey": "v",
    }
    commerce.set_attributes(reader_id, metadata=odd)
    roster.read(attached)
    page = Page.visit(commerce_admin, f"/members/{reader_id}/").press("Review", {"Access": "Test"})
    steps.apply(page)
    work()
    assert commerce.membership(reader_id)["metadata"] == odd


def test_a_forged_form_changes_no_key_that_can_be_none(commerce_admin, commerce, reader_id):
    for key in ("", "x" * 101, "a\nb"):
        data = {"metadata-keys": [key], "metadata-was": [""], "metadata-0": "v"}
        page = Page(commerce_admin, commerce_admin.post(f"/members/{reader_id}/", data))
        assert page.status == 422
        assert "Nothing is changed yet" in page.text
    data = {"metadata-keys": ["a", "b"], "metadata-was": ["only one"]}
    assert commerce_admin.post(f"/members/{reader_id}/", data).status_code in (302, 422)


def test_a_key_for_everyone_selected(commerce_admin, commerce, attached, bluefin, reader_id, work):
    others = [m["id"] for m in commerce.members(bluefin) if m["role_kind"] == "read_only"][:2]
    chosen = list({reader_id, *others})
    commerce.set_attributes(reader_id, metadata={"team": "North", "n": 1})
    roster.read(attached)
    page = steps.tick(commerce_admin, chosen, action="metadata")
    assert page.heading == "Set metadata"
    assert "Leave it empty to remove the key" in page.text
    (known,) = page.all("datalist")[-1:]
    assert [e.attributes["value"] for e in known.all("option")] == ["team"]
    review = page.press("Review", {"Key": " Team ", "Value": "South", "Reason": "Moved"})
    assert f"Set metadata Team to South for {len(chosen)} members." in review.text
    review = page.press("Review", {"Key": "team", "Value": ""})
    assert "Remove metadata team from 1 member." in review.text
    steps.apply(review)
    work()
    assert commerce.membership(reader_id)["metadata"] == {"n": 1}


@pytest.mark.parametrize(
    ("typed", "words"),
    [({}, "Give the key"), ({"Key": "x" * 101}, "yours has 101"), ({"Key": "a\tb"}, "control")],
)
def test_a_key_that_can_be_none_is_said(commerce_admin, reader_id, typed, words):
    page = steps.tick(commerce_admin, [reader_id], action="metadata").press("Review", typed)
    assert page.status == 422
    assert words in page.error("Key")


def test_nobody_selected_and_a_provider_without_metadata(commerce_admin, admin):
    assert "Nobody is selected" in Page.visit(commerce_admin, "/members/selection/metadata/").text
    assert admin.get("/members/selection/metadata/").status_code == 404
    assert "Set metadata" not in Page.visit(admin, "/members/").buttons()


# Apps


def test_apps_that_are_lost_and_given_again_are_told(
    commerce_admin, commerce, commercelayer, bluefin, reader_id, work
):
    for app in commerce.membership(reader_id)["application_membership_ids"]:
        commerce.take_app(app)
    commerce.give_app(reader_id, "orders")
    commerce.give_app(reader_id, "exports")
    email = commerce.membership(reader_id)["email"]
    review = steps.tick(commerce_admin, [reader_id], action="deactivate").press("Review")
    (row,) = review.rows("Will change")
    assert "Loses 2 apps: Orders (live) as Read-only; Exports (live) as Read-only." in row[1]
    receipt = steps.apply(review)
    work()
    undo = Page.visit(commerce_admin, receipt.address).press("Undo")
    assert "an e-mail is sent" in undo.text
    assert "membership profile, reference, metadata and apps are given again" in undo.text
    (row,) = undo.rows("Will change")
    assert "Orders (live) as Read-only" in row[1]
    commercelayer.faults.fail_next(422, method="POST", path="/application_memberships")
    receipt = steps.apply(undo)
    work()
    receipt = Page.visit(commerce_admin, receipt.address)
    assert "1 refused" in receipt.text
    assert "Is back, as Read-only. Not given again: " in receipt.text
    again = receipt.press("Retry the rest")
    assert again.heading == "Review"
    steps.apply(again)
    work()
    now = commerce.membership_id(bluefin, email)
    assert sorted(kind for kind, *_ in commerce.apps(now)) == ["exports", "orders"]


def test_a_removal_whose_apps_cannot_be_read_is_not_planned(
    commerce_admin, commercelayer, reader_id, impatient
):
    page = steps.tick(commerce_admin, [reader_id], action="deactivate")
    commercelayer.faults.fail_next(403, method="GET", path="/memberships$", skip=3)
    answer = page.press("Review")
    assert answer.status == 422
    assert "Nothing was sent" in answer.text
    assert not Plan.objects.exists()


def test_what_came_otherwise_than_asked_stands_on_the_receipt(
    commerce_admin, commerce, bluefin, work, attached
):
    page = Page.visit(commerce_admin, "/members/invite/")
    email = f"neu@{BLUEFIN_DOMAIN}"
    page = page.press("Review", {"Email addresses": email, "Role": "Order desk", "Access": "Test"})
    receipt = steps.apply(page)
    work()
    row = PlanRow.objects.get(email=email)
    row.advice = "Otherwise than asked: Access is Live, not Test."
    row.save()
    assert "Access is Live, not Test" in Page.visit(commerce_admin, receipt.address).text
