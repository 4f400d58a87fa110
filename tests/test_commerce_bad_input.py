"""What Commerce Layer may answer and nobody expects: shown sensibly, and never written back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from memberships.models import MirroredMember
from memberships.providers.errors import Unavailable
from memberships.services import history, plans, proposals, roster
from sandbox.commercelayer.rehearsal import ADMIN, STORE_TEAM, TERN
from tests import steps
from tests.pages import Page
from tests.steps import just_signed_in


def note() -> dict[str, Any]:
    return {"reason": "", "channel": "test"}


@pytest.fixture
def reader_id(commerce, bluefin, attached) -> str:
    """A member with a profile, who can be changed."""
    readers = [
        m for m in commerce.members(bluefin) if m["role_kind"] == "read_only" and m["status"] == "active"
    ]
    return str(next(m["id"] for m in readers if m["profile_id"]))


def bodies(commercelayer) -> list[dict[str, Any]]:
    return [call.body["data"] for call in commercelayer.calls if call.method == "PATCH"]


@pytest.mark.parametrize("missing", ["included", "data null"])
def test_roles_that_are_left_out_are_shown_as_unknown_and_nothing_is_written_back(
    commerce_admin, commerce, commercelayer, attached, reader_id, work, monkeypatch, missing
):
    before = commerce.membership(reader_id)
    app = commercelayer.app

    def answered(request):
        answer = app(request)
        if not request.path.endswith("/memberships") or request.method != "GET":
            return answer
        body = json.loads(answer.body)
        if missing == "included":
            body["included"] = [one for one in body["included"] if one["id"] != before["role_id"]]
        for one in body["data"]:
            if missing == "data null" and one["id"] == reader_id:
                one["relationships"]["role"]["data"] = None
                one["relationships"]["membership_profile"]["data"] = None
        return replace(answer, body=json.dumps(body).encode())

    monkeypatch.setattr(commercelayer, "app", answered)
    roster.read(attached)
    page = Page.visit(commerce_admin, "/members/?q=" + before["email"])
    (row,) = page.rows("Members")
    assert row[2] == ("Read-only" if missing == "included" else "–")
    assert Page.visit(commerce_admin, "/roles/").status == 200
    page = Page.visit(commerce_admin, f"/members/{reader_id}/")
    steps.apply(page.press("Review", {"Reference": "HR-500"}))
    work()
    # Neither the role nor the profile, which nobody has seen, is part of what is sent.
    assert [(body["attributes"], body["relationships"]) for body in bodies(commercelayer)] == [
        ({"reference": "HR-500"}, {})
    ]
    after = commerce.membership(reader_id)
    assert (after["role_id"], after["profile_id"]) == (before["role_id"], before["profile_id"])


def test_an_unknown_status_is_somebody_who_is_not_in_yet(commerce_admin, commerce, attached, reader_id):
    commerce.set_attributes(reader_id, status="suspended")
    roster.read(attached)
    person = MirroredMember.objects.get(organization=attached.organization, remote_id=reader_id)
    assert (person.status, person.can_manage) == ("pending", False)
    page = Page.visit(commerce_admin, "/members/?status=pending&q=" + person.email)
    assert page.rows("Members")[0][3] == "Pending"


def test_a_member_without_names_goes_by_the_address(commerce_admin, commerce, attached, reader_id):
    email = commerce.membership(reader_id)["email"]
    commerce.rename(email, None, None)
    roster.read(attached)
    page = Page.visit(commerce_admin, "/members/?q=" + email)
    assert page.rows("Members")[0][1] == email
    assert f"Select {email}" in page.ticks()
    assert Page.visit(commerce_admin, f"/members/{reader_id}/").heading == email


def test_pages_that_shrink_while_they_are_read_leave_nobody_out(
    attached, commerce, commercelayer, bluefin, monkeypatch
):
    """Somebody on the first page goes while the others are read, and everyone behind moves up."""
    app = commercelayer.app
    first: list[str] = []

    def shrinking(request):
        answer = app(request)
        if request.path.endswith("/memberships") and not first:
            first.append(request.path)
            oldest = min(
                (m for m in roster_of(commerce, bluefin) if not m["owner"] and m["email"] != ADMIN),
                key=lambda m: m["id"],
            )
            commerce.remove(oldest["id"])
        return answer

    monkeypatch.setattr(commercelayer, "app", shrinking)
    roster.read(attached)
    mirror = set(attached.organization.members.values_list("remote_id", flat=True))
    assert first
    assert mirror == {m["id"] for m in roster_of(commerce, bluefin)}


def roster_of(commerce, organization_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = commerce.members(organization_id)
    return found


def test_a_role_of_another_organization_can_not_be_chosen_and_is_refused_if_it_comes_to_that(
    commerce_admin, commerce, attached, reader_id, work
):
    foreign = commerce.role_id(commerce.organization_id(TERN), "Admin")
    steps.tick(commerce_admin, [reader_id], action="role")
    answer = commerce_admin.post("/members/change/role/", {"value": foreign, "role": foreign})
    assert answer.status_code in (404, 422)
    answer = commerce_admin.post(f"/members/{reader_id}/", {"role": foreign})
    assert answer.status_code == 422
    before = commerce.membership(reader_id)["role_id"]
    plan = proposals.change(attached, [reader_id], {"role": foreign}, **note())
    if plan.rows.get().verdict == "will":
        plans.apply(
            plan,
            attached,
            fingerprint=plan.fingerprint,
            typed=str(plan.brake_number or ""),
            proof=just_signed_in(),
        )
        work()
        assert plan.rows.get().outcome == "refused"
    assert commerce.membership(reader_id)["role_id"] == before


def test_an_unusable_answer_keeps_the_list_as_it_was(commerce_admin, attached, commercelayer, monkeypatch):
    monkeypatch.setattr("memberships.providers.http._GET_RETRIES_S", ())
    before = attached.organization.members.count()
    commercelayer.faults.wrong_types(path="/memberships", times=None)
    with pytest.raises(Unavailable, match="Commerce Layer"):
        roster.read(attached)
    assert attached.organization.members.count() == before
    assert Page.visit(commerce_admin, "/members/").status == 200


# What we do ourselves is never called done by others


def test_a_removal_and_its_undo_are_ours_in_the_audit_log(
    commerce_admin, commerce, attached, bluefin, reader_id, work
):
    before = commerce.membership(reader_id)
    page = steps.tick(commerce_admin, [reader_id], action="deactivate").press("Review")
    receipt = steps.apply(page)
    work()
    roster.read(attached)
    (removal,) = attached.organization.audit.filter(member_id=reader_id, event__startswith="member.")
    assert (removal.event, removal.label, removal.channel) == ("member.removed", "Removal", "dashboard")
    assert removal.before["role"] == before["role_id"]
    assert (removal.before_text, removal.after_text) == ("Read-only", "–")
    steps.apply(Page.visit(commerce_admin, receipt.address).press("Undo"))
    work()
    roster.read(attached)
    assert not attached.organization.audit.filter(channel="outside").exists()
    assert "changed outside" not in Page.visit(commerce_admin, "/members/").text
    cells = [row[3] for row in Page.visit(commerce_admin, "/audit/").rows("Audit log")]
    assert "Invitation as Read-only" in cells
    assert f"Invitation Membership profile: {STORE_TEAM}" in cells or "Invitation Access: Live" in cells


def test_the_roster_as_it_was_has_whoever_was_removed_here(commerce_admin, commerce, attached, bluefin, work):
    waiting = next(m for m in commerce.members(bluefin) if m["status"] == "pending")
    at = attached.organization.first_read_at
    steps.apply(steps.tick(commerce_admin, [waiting["id"]], action="deactivate").press("Review"))
    work()
    roster.read(attached)
    (then,) = [p for p in history.people(attached.organization, at) if p.id == waiting["id"]]
    assert (then.email, then.role_id, then.status) == (waiting["email"], waiting["role_id"], "pending")


def test_the_receipt_of_an_invitation_says_who_is_active_and_who_is_pending(
    commerce_admin, commerce, bluefin, work
):
    known = next(
        m["email"]
        for m in commerce.members(commerce.organization_id(TERN))
        if m["status"] == "active" and m["email"].startswith("gwen")
    )
    page = Page.visit(commerce_admin, "/members/invite/")
    page = page.press("Review", {"Email addresses": f"{known}\nneu@new.example", "Role": "Order desk"})
    assert "Whoever has an account there is active at once" in page.text
    receipt = steps.apply(page)
    work()
    rows = {row[0]: row[-1] for row in Page.visit(commerce_admin, receipt.address).rows("Done")}
    assert "Has an account there: active at once." in rows[known]
    assert "Pending until they accept." in rows["neu@new.example"]


def test_the_button_of_sending_again_says_what_is_sent(commerce_admin, commerce, bluefin):
    waiting = [m["id"] for m in commerce.members(bluefin) if m["status"] == "pending"][:2]
    page = steps.tick(commerce_admin, waiting, action="resend").press("Review")
    assert "Send 2 invitations again" in page.buttons()


def test_custom_roles_are_called_so_and_nobody_is_counted_as_inactive(commerce_admin):
    page = Page.visit(commerce_admin, "/roles/")
    kinds = {row[0].split(" can")[0]: row[1] for row in page.rows("Roles")}
    assert kinds == {
        "Admin": "System",
        "Merchandiser": "Custom",
        "Order desk": "Custom",
        "Read-only": "System",
    }
    assert "Inactive" not in page.text
    page = page.follow("Merchandiser")
    assert not {"Edit", "Delete", "Clone"} & {link.text for link in page.all("a")}


def test_as_of_does_not_claim_that_nothing_is_remembered(commerce_admin):
    assert "keeps no history" not in Page.visit(commerce_admin, "/members/as-of/").text
