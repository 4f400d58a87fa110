"""Plans, jobs, receipts and undo where there is no bulk call: each person is a request of their own."""

from __future__ import annotations

from typing import Any

import pytest

from memberships.models import Connection, Job, Plan
from memberships.services import jobs, plans, proposals, roster
from sandbox.commercelayer.rehearsal import BLUEFIN_DOMAIN, OWNER, STORE_TEAM


def note() -> dict[str, Any]:
    return {"reason": "", "channel": "test"}


@pytest.fixture
def apply(attached: Connection, work, monkeypatch):
    """Apply a plan and be the worker; the plan with its job."""
    monkeypatch.setattr("memberships.services.run._LOOK_AGAIN_S", (0.05, 0.1))

    def apply(plan: Plan) -> Plan:
        plans.apply(plan, attached, fingerprint=plan.fingerprint, typed=str(plan.brake_number or ""))
        work()
        return plan

    return apply


def some(commerce, organization_id: str, number: int, **wanted: Any) -> list[str]:
    wanted = {"role_kind": "read_only", "status": "active"} | wanted
    found = [
        m["id"]
        for m in commerce.members(organization_id)
        if all(m[name] == value for name, value in wanted.items())
    ]
    assert len(found) >= number
    return found[:number]


def outcomes(plan: Plan) -> list[str]:
    return list(plan.rows.filter(verdict="will").order_by("position").values_list("outcome", flat=True))


def test_a_role_for_many_is_one_request_each_several_at_a_time(
    attached, commerce, commercelayer, bluefin, apply
):
    chosen, role_id = some(commerce, bluefin, 12), commerce.role_id(bluefin, "Merchandiser")
    commercelayer.latency_s = 0.05
    plan = apply(proposals.change(attached, chosen, {"role": role_id}, **note()))
    assert outcomes(plan) == ["done"] * 12
    assert {commerce.membership(pk)["role_id"] for pk in chosen} == {role_id}
    assert commercelayer.calls.tally()["at_once"] > 4
    assert len(commercelayer.calls.matching("PATCH", "/api/memberships")) == 12


def test_one_refused_among_many_stands_alone_with_their_words(attached, commerce, bluefin, apply):
    chosen, role_id = some(commerce, bluefin, 5), commerce.role_id(bluefin, "Merchandiser")
    commerce.refuse(chosen[2], "Not this one.")
    plan = apply(proposals.change(attached, chosen, {"role": role_id}, **note()))
    assert outcomes(plan) == ["done", "done", "refused", "done", "done"]
    assert "Not this one" in plan.rows.get(outcome="refused").error


@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_answers_among_many_are_settled_by_reading(
    attached, commerce, commercelayer, bluefin, apply, when
):
    chosen, role_id = some(commerce, bluefin, 6), commerce.role_id(bluefin, "Merchandiser")
    commercelayer.faults.drop(when, method="PATCH", times=2)
    plan = apply(proposals.change(attached, chosen, {"role": role_id}, **note()))
    for pk, outcome in zip(chosen, outcomes(plan), strict=True):
        assert (commerce.membership(pk)["role_id"] == role_id) is (outcome == "done")
    assert outcomes(plan).count("done") == (6 if when == "after" else 4)


def test_the_owner_is_never_touched(attached, commerce, bluefin, apply):
    owner = commerce.membership_id(bluefin, OWNER)
    role_id = commerce.role_id(bluefin, "Merchandiser")
    plan = proposals.change(attached, [owner, *some(commerce, bluefin, 1)], {"role": role_id}, **note())
    assert [row.verdict for row in plan.rows.order_by("position")] == ["blocked", "will"]
    assert "Owns the organization" in plan.rows.get(member_id=owner).reason
    assert proposals.deactivation(attached, [owner], **note()).rows.get().verdict == "blocked"


def test_whoever_becomes_the_owner_meanwhile_is_left_alone(attached, commerce, bluefin, apply):
    (chosen,), role_id = some(commerce, bluefin, 1), commerce.role_id(bluefin, "Merchandiser")
    plan = proposals.change(attached, [chosen], {"role": role_id}, **note())
    commerce.transfer(chosen)
    apply(plan)
    row = plan.rows.get()
    assert (row.outcome, row.cause) == ("refused", "guard")
    assert commerce.membership(chosen)["role_id"] != role_id


def test_demoting_an_admin_warns_of_no_apps_unless_a_profile_is_given(attached, commerce, bluefin):
    (admin,) = some(commerce, bluefin, 1, role_kind="admin", owner=False, profile_id=None)
    role_id = commerce.role_id(bluefin, "Merchandiser")
    plan = proposals.change(attached, [admin], {"role": role_id}, **note())
    assert "may be left with none" in plan.rows.get().reason
    profile = next(m["profile_id"] for m in commerce.members(bluefin) if m["profile_id"])
    plan = proposals.change(attached, [admin], {"role": role_id, "membership_profile": profile}, **note())
    assert plan.rows.get().reason == ""


def test_invitations_say_pending_or_active_and_room_is_checked_before(attached, commerce, bluefin, apply):
    role_id = commerce.role_id(bluefin, "Order desk")
    new = f"neu@{BLUEFIN_DOMAIN}"
    plan = apply(proposals.invitations(attached, new, role_id, {"access_scope": "test_access"}, **note()))
    assert outcomes(plan) == ["done"]
    made = commerce.membership(commerce.membership_id(bluefin, new))
    assert (made["status"], made["access_scope"]) == ("pending", "test_access")
    commerce.set_plan(bluefin, "growth", most_members=len(commerce.members(bluefin)) + 1)
    plan = proposals.invitations(attached, "a@x.example\nb@x.example", role_id, **note())
    assert [row.verdict for row in plan.rows.order_by("position")] == ["will", "blocked"]
    assert "no room" in plan.rows.get(verdict="blocked").reason


def test_invitations_are_sent_again_to_those_who_wait(attached, commerce, bluefin, apply):
    waiting = some(commerce, bluefin, 2, status="pending")
    sent = len(commerce.outbox)
    plan = apply(proposals.resending(attached, [*waiting, *some(commerce, bluefin, 1)], **note()))
    assert outcomes(plan) == ["done", "done"]
    assert plan.rows.get(verdict="already").reason.startswith("Has accepted already")
    assert len(commerce.outbox) == sent + 2
    undo = proposals.undo(Job.objects.get(plan=plan), attached, **note())
    assert {row.verdict for row in undo.rows.all()} == {"blocked"}


def test_a_lost_resend_is_not_sent_a_second_time_and_says_what_is_unknown(
    attached, commerce, commercelayer, bluefin, apply
):
    (waiting,) = some(commerce, bluefin, 1, status="pending")
    commercelayer.faults.drop("after", method="POST", path="/resend")
    sent = len(commerce.outbox)
    plan = apply(proposals.resending(attached, [waiting], **note()))
    row = plan.rows.get()
    assert (row.outcome, row.cause) == ("refused", "lost")
    assert "can't be read back" in row.error
    assert len(commerce.outbox) == sent + 1


def test_removing_deletes_and_its_undo_is_an_invitation_with_all_they_had(attached, commerce, bluefin, apply):
    (chosen,) = some(commerce, bluefin, 1)
    profile = next(m["profile_id"] for m in commerce.members(bluefin) if m["profile_id"])
    commerce.set_profile(chosen, profile)
    commerce.set_attributes(chosen, access_scope="all_access", reference="HR-9")
    before = commerce.membership(chosen)
    plan = apply(proposals.deactivation(attached, [chosen], **note()))
    assert outcomes(plan) == ["done"]
    assert not commerce.is_member(chosen)
    undo = proposals.undo(Job.objects.get(plan=plan), attached, **note())
    row = undo.rows.get()
    assert (row.verdict, row.action, row.reason) == ("will", "invite", "Is invited again: an e-mail is sent.")
    apply(undo)
    after = commerce.membership(commerce.membership_id(bluefin, before["email"]))
    kept = ("role_id", "access_scope", "reference", "profile_id")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_the_last_admin_keeps_the_role(attached, commerce, bluefin):
    admins = [m["id"] for m in commerce.members(bluefin) if m["role_kind"] == "admin"]
    role_id = commerce.role_id(bluefin, "Merchandiser")
    plan = proposals.change(attached, admins, {"role": role_id}, **note())
    assert plan.rows.filter(verdict="will").count() + 1 <= len(admins)


def test_what_others_did_is_noticed_and_a_role_of_another_organization_is_refused(
    attached, commerce, bluefin, apply
):
    (chosen,) = some(commerce, bluefin, 1)
    commerce.set_attributes(chosen, reference="elsewhere")
    roster.read(attached)
    entry = attached.organization.audit.get(channel="outside")
    assert (entry.event, entry.after) == ("member.reference.set", "elsewhere")


def test_a_rate_limit_puts_the_job_off_and_nothing_is_lost(
    attached, commerce, commercelayer, bluefin, apply, work
):
    chosen, role_id = some(commerce, bluefin, 6), commerce.role_id(bluefin, "Merchandiser")
    commercelayer.limits.set({"writes_burst": 4})
    plan = proposals.change(attached, chosen, {"role": role_id}, **note())
    job = plans.apply(plan, attached, fingerprint=plan.fingerprint, typed=str(plan.brake_number or ""))
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "waiting"
    assert outcomes(plan).count("done") == 4
    commercelayer.limits.set({"writes_burst": 1000})
    type(job).objects.filter(pk=job.pk).update(not_before=None)
    work()
    assert outcomes(plan) == ["done"] * 6


def test_names_of_profiles_are_known_from_the_list(attached):
    attached.organization.refresh_from_db()
    assert STORE_TEAM in attached.organization.names.values()
