"""How many invitations an organization may send in a day: blocked at the review, and checked once more when applied."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from memberships.domain.plan import Verdict
from memberships.domain.wishes import Wish
from memberships.models import AuditEntry, Job, Plan, PlanRow
from memberships.services import plans, proposals, quota
from sandbox.rehearsal import HARBOR, NORTHWIND_DOMAIN
from tests.pages import Page
from tests.steps import apply, changes, just_signed_in, people, review_invitations, verdicts


@pytest.fixture(autouse=True)
def three_a_day(settings) -> None:
    settings.INVITATIONS_PER_DAY = 3


def new(*names: str) -> list[str]:
    return [f"{name}@{NORTHWIND_DOMAIN}" for name in names]


def review(client, *names: str) -> Page:
    return review_invitations(client, "\n".join(new(*names)))


def test_the_review_says_how_many_are_left_and_blocks_what_is_beyond(admin):
    page = review(admin, "a", "b", "c", "d", "e")
    assert "3 of 3 invitations a day are left for this organization." in page.text
    assert "Send 3 invitations" in page.buttons()
    beyond = "Beyond the limit of 3 invitations a day: 3 were left."
    assert [word for word in verdicts(page).values() if word == beyond] == [beyond] * 2
    assert sum("@" in row[0] for row in page.rows("Will change")) == 3


def test_a_plan_that_sends_less_than_a_tenth_of_what_is_left_says_nothing_of_it(admin, settings):
    settings.INVITATIONS_PER_DAY = 30
    assert "are left for this organization" not in review(admin, "a", "b").text
    assert "30 of 30 invitations a day are left" in review(admin, "a", "b", "c").text


def test_what_was_sent_within_a_day_is_used_and_after_that_no_more(admin, work):
    apply(review(admin, "a", "b"))
    work()
    page = review(admin, "c", "d")
    assert "1 of 3 invitations a day are left" in page.text
    assert verdicts(page)[new("d")[0]] == "Beyond the limit of 3 invitations a day: 1 was left."
    PlanRow.objects.exclude(sent_at=None).update(sent_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert "Send 2 invitations" in review(admin, "c", "d").buttons()


def test_what_a_job_has_still_to_send_is_used_already(admin):
    apply(review(admin, "a", "b"))
    assert "Send 1 invitation" in review(admin, "c", "d").buttons()


def test_two_plans_reviewed_before_either_was_applied_are_not_both_sent(admin, work, close, world, northwind):
    first, second = review(admin, "a", "b"), review(admin, "c", "d")
    apply(first)
    page = apply(second)
    assert page.status == 422
    assert "This sends 2 invitations, and only 1 of 3 invitations a day are left" in page.text
    work()
    invited = {m["email"] for m in world.members(northwind, active=None)} & set(new("a", "b", "c", "d"))
    assert invited == set(new("a", "b"))
    assert len(changes(close)) == 2
    assert AuditEntry.objects.filter(event="plan.applied").count() == 1


def test_what_the_provider_refused_was_not_sent(admin, close, work):
    close.faults.fail_next(403, path="/membership/", method="POST", times=None)
    apply(review(admin, "a", "b"))
    work()
    close.faults.clear()
    assert "3 of 3 invitations a day are left" in review(admin, "c").text


def test_a_retry_is_held_to_the_limit_too(connection, admin, close, work, settings):
    close.faults.fail_next(403, path="/membership/", method="POST", times=None)
    apply(review(admin, "a", "b"))
    work()
    close.faults.clear()
    settings.INVITATIONS_PER_DAY = 1
    job = Plan.objects.get().job
    again = proposals.again(job, connection, reason="", channel="dashboard")
    assert plans.counts(again)[Verdict.WILL] == 1
    assert plans.counts(again)[Verdict.BLOCKED] == 1


def test_the_undo_of_removals_is_held_to_it_too(attached, work, settings):
    active = attached.organization.members.filter(status="active", can_manage=False, owner=False)
    plan = proposals.deactivation(
        attached, [row.remote_id for row in active[:2]], reason="", channel="dashboard"
    )
    plans.apply(
        plan,
        attached,
        fingerprint=plan.fingerprint,
        typed=str(plan.brake_number or ""),
        proof=just_signed_in(),
    )
    work()
    settings.INVITATIONS_PER_DAY = 1
    undo = proposals.undo(Job.objects.get(), attached, reason="", channel="dashboard")
    assert plans.counts(undo)[Verdict.WILL] == 1
    assert plans.rows(undo, Verdict.BLOCKED).get().reason.startswith("Beyond the limit of 1 invitation a day")


def test_an_invitation_sent_again_is_one(attached, settings):
    settings.INVITATIONS_PER_DAY = 1
    pending = [row.remote_id for row in attached.organization.members.filter(status="pending")[:2]]
    plan = proposals.resending(attached, pending, reason="", channel="dashboard")
    assert plans.counts(plan) == {Verdict.WILL: 1, Verdict.BLOCKED: 1, Verdict.ALREADY: 0}


def test_everything_else_has_no_such_limit(connection, world, northwind, settings):
    settings.INVITATIONS_PER_DAY = 0
    users = people(world, northwind, "user", 2)
    plan = proposals.change(connection, users, {"role": "restricteduser"}, reason="", channel="dashboard")
    assert plans.counts(plan)[Verdict.WILL] == 2


def test_each_organization_has_its_own(connection, connect, admin):
    apply(review(admin, "a", "b"))
    assert quota.left(connection.organization) == 1
    assert quota.left(connect(f"robin.castellano@{NORTHWIND_DOMAIN}", HARBOR).organization) == 3


def test_nothing_else_is_planned_for_whom_there_is_no_room(connection, work, settings):
    settings.INVITATIONS_PER_DAY = 1
    fields = {"role": "user", "auto_record_calls": "enabled"}
    wanted = [Wish(line, email, fields=fields) for line, email in enumerate(new("a", "b"), 2)]
    plan = proposals.wishes(connection, wanted, reason="", channel="dashboard")
    will = [(row.email, row.action) for row in plans.rows(plan, Verdict.WILL)]
    assert will == [(new("a")[0], "invite"), (new("a")[0], "change")]
    reasons = [row.reason for row in plans.rows(plan, Verdict.BLOCKED)]
    assert reasons == [
        "Beyond the limit of 1 invitation a day: 1 was left.",
        "Is not invited, so nothing else can be set.",
    ]
