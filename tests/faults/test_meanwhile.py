"""What other people do between review, call and read; and what the buttons do."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from memberships.domain import proposals as domain
from memberships.models import Cause, Job, Organization, Plan, PlanRow
from memberships.providers.errors import Disconnected
from memberships.services import current, jobs, plans, proposals, run
from memberships.services.lease import Lease
from memberships.services.storing import NothingLeft, store
from sandbox.rehearsal import ADMIN, PEOPLE_OPS, PEOPLE_OPS_ROLE, SECOND_ADMIN
from tests.faults.rig import Rig, bulk_size, hurry, when
from tests.steps import just_signed_in

pytestmark = pytest.mark.django_db


def is_put(request) -> bool:
    return request.method == "PUT"


def ids(rig: Rig, *emails: str) -> list[str]:
    return [rig.world.membership_id(rig.organization_id, email) for email in emails]


# Changed by someone else


def test_who_was_changed_since_the_review_is_refused_with_both_values(rig):
    people = rig.people(4)
    job = rig.change(people, {"role": "superuser"})
    rig.world.set_role(people[1], "restricteduser")
    rig.finish(job)
    assert rig.truth.lies(job.pk, moved=people[1:2]) == []
    assert rig.outcomes(job) == ["done", "refused", "done", "done"]
    row = job.plan.rows.get(member_id=people[1])
    assert row.cause == Cause.STALE
    assert "was User at the review and is now Restricted User" in row.error
    assert rig.world.membership(people[1])["role_id"] == "restricteduser"


def test_review_again_plans_just_those_from_what_is_true_now(rig):
    people = rig.people(4)
    rig.world.refuse(people[3], "Not this one.")
    job = rig.change(people, {"role": "superuser"})
    rig.world.set_role(people[1], "restricteduser")
    rig.finish(job)
    rig.witness.begin()
    second = rig.finish(rig.again(job, only_stale=True))
    rows = second.plan.rows.values_list("member_id", "edits")
    assert list(rows) == [(people[1], [["role", "restricteduser", "superuser"]])]
    assert rig.truth.lies(second.pk) == []
    assert rig.outcomes(second) == ["done"]


def test_who_was_changed_while_a_dead_workers_call_was_open_is_not_overwritten(rig):
    """The intention was written, the worker died before the call, and someone else changed the person."""
    people = rig.people(2)
    job = rig.change(people, {"role": "superuser"})
    PlanRow.objects.filter(plan=job.plan).update(outcome="unknown", sent_at=timezone.now())
    rig.world.set_role(people[0], "restricteduser")
    rig.finish(job)
    assert rig.outcomes(job) == ["refused", "done"]
    assert job.plan.rows.get(member_id=people[0]).cause == Cause.STALE
    assert rig.world.membership(people[0])["role_id"] == "restricteduser"


def test_who_was_changed_while_a_bulk_was_refused_is_not_overwritten_by_a_half(rig):
    people = rig.people(3)
    rig.world.refuse(people[0], "Not this one.")
    job = rig.change(people, {"role": "superuser"})
    when(rig.close, is_put, lambda: rig.world.set_role(people[2], "restricteduser"))
    rig.finish(job)
    assert rig.truth.lies(job.pk, moved=people[2:]) == []
    assert rig.outcomes(job) == ["refused", "done", "refused"]
    assert rig.world.membership(people[2])["role_id"] == "restricteduser"


def test_what_shows_late_after_a_refused_bulk_is_done_and_not_called_somebody_elses(rig, monkeypatch):
    """Reads that lag behind the writes, as from a replica."""
    people = rig.people(3)
    rig.world.refuse(people[2], "Not this one.")
    job = rig.change(people, {"role": "superuser"})
    app, old = rig.close.app, []

    def lagging(request):
        answer = app(request)
        if request.method == "GET" and "/organization/" in request.path:
            old.append(answer)
            if len(old) == 2:  # the read after the refused bulk shows what was before
                return old[0]
        return answer

    rig.close.app = lagging
    rig.close.faults.fail_next(429, method="PUT", skip=1, headers={"retry-after": "60"})
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []
    assert rig.outcomes(job) == ["done", "done", "refused"]


# Applied once, as reviewed, in time


def test_a_plan_applied_twice_is_one_job(rig):
    plan = proposals.change(rig.connection, rig.people(2), {"role": "superuser"}, reason="", channel="test")
    first, second = rig.apply(plan), rig.apply(Plan.objects.get(pk=plan.pk))
    assert first.pk == second.pk
    rig.finish(first)
    assert rig.truth.lies(first.pk) == []
    assert rig.calls("PUT") == 1
    assert rig.apply(plan).pk == first.pk
    assert rig.turn(first) == "finished"
    assert rig.calls("PUT") == 1


@pytest.mark.parametrize("wrong", ["fingerprint", "expired", "number", "expired meanwhile"])
def test_what_is_not_the_plan_reviewed_is_not_applied(rig, wrong, monkeypatch):
    plan = proposals.change(rig.connection, rig.people(12), {"role": "superuser"}, reason="", channel="test")
    assert plan.brake_number == 12
    fingerprint, typed = plan.fingerprint, "12"
    match wrong:
        case "fingerprint":
            fingerprint = "0" * 64
        case "number":
            typed = "11"
        case "expired":
            plan.expires_at = timezone.now() - timedelta(seconds=1)
        case "expired meanwhile":
            Plan.objects.filter(pk=plan.pk).update(expires_at=timezone.now())
    with pytest.raises(plans.CannotApply) as caught:
        plans.apply(plan, rig.connection, fingerprint=fingerprint, typed=typed, proof=just_signed_in())
    assert str(caught.value).endswith(".")
    assert not Job.objects.exists()
    assert not rig.witness.asked


# One worker at a time


def test_a_worker_that_comes_late_to_a_finished_job_does_not_open_it_again(rig, monkeypatch):
    """It had read the job while it was open; when it gets the lease, somebody else has ended it."""
    people = rig.people(2)
    job = rig.change(people, {"role": "superuser"})
    take = Lease.take

    def late(organization):
        Job.objects.filter(pk=job.pk).update(state=Job.State.FINISHED, note="Stopped after 3 lost answers.")
        return take(organization)

    monkeypatch.setattr(Lease, "take", late)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.note) == ("finished", "Stopped after 3 lost answers.")
    assert rig.outcomes(job) == ["not attempted"] * 2
    assert not rig.witness.asked
    assert Organization.objects.get().writer_token == ""


def test_a_worker_that_lost_its_lease_can_not_put_off_what_another_one_ended(rig, monkeypatch):
    job = rig.change(rig.people(2), {"role": "superuser"})
    rig.close.faults.fail_next(503, method="GET", times=3)

    def overtaken(seconds: float) -> None:
        """While it sleeps before it asks again."""
        Organization.objects.update(writer_token="somebody else's")
        Job.objects.filter(pk=job.pk).update(state=Job.State.FINISHED)

    monkeypatch.setattr(time, "sleep", overtaken)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "finished"


def test_a_lease_is_one_workers(rig):
    organization = rig.connection.organization
    lease = Lease.take(organization)
    assert lease
    assert Lease.take(organization) is None
    job = rig.change(rig.people(1), {"role": "superuser"})
    rig.close.calls.clear()
    jobs.run(job.pk)
    assert not rig.calls()
    lease.release()
    rig.finish(job)
    assert rig.outcomes(job) == ["done"]


class Died(Exception):
    """A worker is gone."""


def test_what_a_dead_worker_sent_is_read_before_another_job_sends(rig, monkeypatch):
    """Else the second would change it, and the first would be told as not done though it was."""
    people = rig.people(2)
    first = rig.change(people, {"role": "superuser"})

    def die(_run: run.Run) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(run.Run, "settle", die)
        with pytest.raises(Died):
            jobs.run(first.pk)
    Organization.objects.update(writer_until=timezone.now() - timedelta(seconds=1))
    second = rig.change(people[:1], {"role": "restricteduser"})
    jobs.run(second.pk)
    assert rig.outcomes(second) == ["not attempted"]
    rig.finish(first)
    rig.finish(second)
    assert (rig.outcomes(first), rig.outcomes(second)) == (["done", "done"], ["done"])
    assert rig.truth.lies_of_many() == []


@pytest.mark.parametrize("shows", [True, False], ids=["it was done", "it was not"])
def test_what_a_job_that_rests_has_sent_is_read_before_another_job_sends(rig, monkeypatch, shows):
    """Whose sign-in has ended can't look, so whoever sends next to the same people looks for them."""
    people = rig.people(2)
    first = rig.change(people, {"role": "superuser"})

    def end(_run: run.Run) -> None:
        raise Disconnected("Sign in again.")

    with monkeypatch.context() as patch:
        patch.setattr(run.Run, "settle", end)
        jobs.run(first.pk)
    assert rig.outcomes(first) == ["unknown", "unknown"]
    if not shows:
        rig.world.set_role(people[0], "user")
    second = rig.change(people[:1], {"role": "restricteduser"})
    rig.finish(second)
    assert rig.outcomes(second) == ["done"]
    first.refresh_from_db()
    assert first.state == Job.State.PAUSED
    assert rig.outcomes(first) == ["done" if shows else "unknown", "unknown"]

    jobs.resume(rig.connection)
    rig.finish(first)
    assert rig.outcomes(first) == ["done" if shows else "refused", "done"]
    if shows:  # what somebody takes back behind our back the judge can't tell from what was never done
        assert rig.truth.lies_of_many() == []


# Stop, Retry the rest, Undo


def test_stop_ends_a_job_after_the_call_under_way(rig):
    job = rig.change(rig.people(9), {"role": "superuser"})
    rig.close.faults.fail_next(429, method="PUT", skip=1, headers={"retry-after": "60"})
    assert rig.turn(job) == "waiting"
    assert jobs.stop(job)
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []
    assert rig.outcomes(job) == ["done"] * 3 + ["not attempted"] * 6
    assert job.note == run.STOPPED
    assert not jobs.stop(job)


def test_stop_needs_no_close_when_nothing_is_unknown(rig):
    job = rig.change(rig.people(3), {"role": "superuser"})
    rig.close.faults.fail_next(503, times=None)
    assert rig.turn(job) == "waiting"
    jobs.stop(job)
    assert rig.turn(job) == "finished"
    assert rig.truth.lies(job.pk) == []
    assert rig.outcomes(job) == ["not attempted"] * 3


def test_stop_while_close_is_away_keeps_looking_for_what_is_unknown(rig):
    job = rig.change(rig.people(6), {"role": "superuser"})
    rig.close.faults.drop("after", method="PUT")
    away = rig.close.faults.fail_next(503, method="GET", skip=2, times=None)
    assert rig.turn(job) == "waiting"
    jobs.stop(job)
    assert rig.turn(job) == "waiting"
    waits = job.not_before - timezone.now()
    assert waits <= timedelta(seconds=5)
    assert rig.outcomes(job) == ["unknown"] * 3 + ["not attempted"] * 3
    assert rig.truth.lies(job.pk, open=True) == []
    away.times = 0
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []
    assert rig.outcomes(job) == ["done"] * 3 + ["not attempted"] * 3


def test_stop_ends_a_job_that_waits_for_somebody_who_never_signs_in_again(rig, connect):
    job = rig.change(rig.people(6), {"role": "superuser"})
    when(rig.close, is_put, lambda: rig.world.revoke_everything(rig.world.user_id(ADMIN)))
    assert rig.turn(job) == "paused"
    other = connect(SECOND_ADMIN)
    with pytest.raises(NothingLeft):
        proposals.again(job, other, reason="", channel="test")
    assert jobs.stop(job)
    job.refresh_from_db()
    assert job.finished
    assert rig.truth.lies(job.pk) == []
    rest = rig.apply(proposals.again(job, other, reason="", channel="test"), by=other)
    rig.finish(rest)
    assert rig.outcomes(rest) == ["done"] * 6
    assert rig.truth.lies(rest.pk) == []


def test_retry_the_rest_plans_what_is_not_done_from_what_is_true_now(rig):
    people = rig.people(6)
    job = rig.change(people, {"role": "superuser"})
    rig.close.faults.drop(method="PUT")
    rig.world.refuse(people[4], "Not now.")
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []
    assert rig.outcomes(job) == ["refused"] * 3 + ["done", "refused", "done"]
    rig.world.refuse(people[4], None)
    rig.world.set_role(people[0], "restricteduser")
    rig.world.set_role(people[1], "superuser")
    rig.witness.begin()
    rest = rig.again(job)
    verdicts = dict(rest.plan.rows.values_list("member_id", "verdict"))
    assert verdicts == {people[0]: "will", people[1]: "already", people[2]: "will", people[4]: "will"}
    rig.finish(rest)
    assert rig.truth.lies(rest.pk) == []
    assert rig.outcomes(rest) == ["done"] * 3


def test_undo_puts_everyone_back_as_a_read_shows_and_leaves_who_was_changed_since(rig):
    before = rig.witness.before
    people = [*rig.people(4), *rig.people(2, "superuser")]
    job = rig.finish(rig.change(people, {"role": "restricteduser"}))
    rig.world.set_role(people[2], "superuser")
    rig.witness.begin()
    back = rig.undo(job)
    blocked = back.plan.rows.get(verdict="blocked")
    assert (blocked.member_id, blocked.reason) == (people[2], "Changed since by someone else: left as it is.")
    rig.finish(back)
    assert rig.truth.lies(back.pk) == []
    now = rig.witness.state()
    assert {pk for pk in now if now[pk] != before[pk]} == {people[2]}
    assert rig.outcomes(back) == ["done"] * 5


def test_undo_of_invitations_takes_out_who_came_by_them(rig):
    gone = next(m for m in rig.world.members(rig.organization_id, active=None) if not m["active"])
    here = rig.people(1)[0]
    names = [rig.world.membership(pk)["email"].partition("@")[0] for pk in (gone["id"], here)]
    job = rig.finish(rig.invite(["ann", *names]))
    assert rig.truth.lies(job.pk) == []
    assert rig.outcomes(job) == ["done", "done"]
    rig.witness.begin()
    back = rig.finish(rig.undo(job))
    assert rig.truth.lies(back.pk) == []
    assert set(rig.outcomes(back)) == {"done"}
    after = rig.world.membership(gone["id"])
    assert (after["active"], after["role_id"]) == (False, gone["role_id"])
    assert rig.world.membership(here)["active"]


def test_stop_retry_and_undo_in_the_wrong_state_send_nothing(rig):
    job = rig.change(rig.people(2), {"role": "superuser"})
    for propose in (proposals.again, proposals.undo):
        with pytest.raises(NothingLeft, match="still running"):
            propose(job, rig.connection, reason="", channel="test")
    rig.finish(job)
    with pytest.raises(NothingLeft):
        proposals.again(job, rig.connection, reason="", channel="test")
    undone = rig.finish(rig.undo(job))
    calls = len(rig.witness.asked)
    third = proposals.undo(job, rig.connection, reason="", channel="test")
    with pytest.raises(plans.CannotApply, match="nothing to do"):
        rig.apply(third)
    assert not jobs.stop(undone)
    assert len(rig.witness.asked) == calls


# Settling


def test_what_was_answered_with_yes_and_does_not_show_is_looked_for_again(rig):
    people = rig.people(3)
    job = rig.change(people, {"role": "superuser"})
    app, reads = rig.close.app, []

    def lagging(request):
        answer = app(request)
        if request.method == "GET" and "/organization/" in request.path:
            reads.append(answer)
            return reads[0] if len(reads) < 4 else answer
        return answer

    rig.close.app = lagging
    rig.finish(job)
    assert rig.outcomes(job) == ["done"] * 3
    assert rig.truth.lies(job.pk) == []


def test_a_put_off_look_is_a_state_of_its_own_that_says_so(rig, monkeypatch):
    hurry(monkeypatch, (0.0, 0.0, 4.0, 10.0))
    job = rig.change(rig.people(3), {"role": "superuser"})
    rig.close.faults.drop(method="PUT")
    assert rig.turn(job) == "waiting"
    assert job.note == "Reading again whether the changes without an answer were made."
    assert 3 <= jobs.waits_s(job) <= 4
    assert rig.outcomes(job) == ["unknown"] * 3
    assert rig.turn(job) == "waiting"
    assert rig.turn(job) == "finished"
    assert rig.outcomes(job) == ["refused"] * 3
    assert rig.truth.lies(job.pk) == []


def test_bad_luck_long_ago_does_not_shorten_the_looks_for_what_is_sent_last(rig, monkeypatch):
    """All looks were needed for the others; the demotion of oneself, sent after them, gets as many."""
    hurry(monkeypatch, (0.0, 0.1, 0.2, 0.3))
    others, me = rig.people(2), ids(rig, ADMIN)
    job = rig.change([*others, *me], {"role": "restricteduser"})
    rig.close.faults.drop(method="PUT")
    rig.close.faults.delay(0.6, method="PUT", path=me[0])
    rig.finish(job)
    assert rig.outcomes(job) == ["refused", "refused", "done"]
    assert rig.truth.lies(job.pk) == []


def test_three_lost_answers_in_a_row_end_the_sending(rig):
    job = rig.change(rig.people(12), {"role": "superuser"})
    rig.close.faults.drop(method="PUT", times=None)
    rig.finish(job)
    assert rig.calls("PUT") == 3
    assert rig.outcomes(job) == ["refused"] * 9 + ["not attempted"] * 3
    assert rig.truth.lies(job.pk) == []


def test_twenty_refusals_for_one_reason_end_the_sending(rig, monkeypatch):
    bulk_size(monkeypatch, 1)
    monkeypatch.setattr(run, "_REFUSED_IN_A_ROW", 5)
    people = rig.people(8)
    for pk in people:
        rig.world.refuse(pk, "Roles are frozen.")
    job = rig.finish(rig.change(people, {"role": "superuser"}))
    assert rig.outcomes(job) == ["refused"] * 5 + ["not attempted"] * 3
    assert "Roles are frozen." in job.note
    assert rig.truth.lies(job.pk) == []


def test_the_wait_for_an_unreadable_close_starts_small_again(rig):
    job = rig.change(rig.people(6), {"role": "superuser"})
    rig.close.faults.fail_next(503, method="GET", times=9)
    for expected in (2, 5, 15):
        assert rig.turn(job) == "waiting"
        assert expected - 1 <= jobs.waits_s(job) <= expected
    rig.close.faults.clear()
    rig.close.faults.drop("after", method="PUT", skip=1)
    rig.close.faults.fail_next(503, method="GET", path="/organization/", skip=1, times=3)
    assert rig.turn(job) == "waiting"
    assert jobs.waits_s(job) <= 2
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []


# Guards


def test_two_plans_that_together_remove_the_last_manager_do_not(rig, connect):
    """Each was fine when it was reviewed."""
    priya, noor = ids(rig, SECOND_ADMIN, PEOPLE_OPS)
    second = connect(SECOND_ADMIN)
    first_job = rig.change([priya, noor], {"role": "user"})
    second_job = rig.change(ids(rig, ADMIN, PEOPLE_OPS), {"role": "user"}, by=second)
    rig.finish(first_job)
    rig.finish(second_job)
    assert rig.outcomes(first_job) == ["done", "done"]
    assert "done" not in rig.outcomes(second_job)
    assert not rig.witness.outrages
    managers = [m["email"] for m in rig.world.members(rig.organization_id) if m["manages"]]
    assert managers == [ADMIN]


def test_a_demotion_without_an_answer_counts_for_every_job_until_it_is_settled(rig, monkeypatch):
    """It may still take effect: another job that runs meanwhile may not take the power of the last other manager."""
    hurry(monkeypatch, (0.0, 0.0, 4.0, 10.0))
    rig.world.set_role(*ids(rig, PEOPLE_OPS), "user")
    (me,), (priya,) = ids(rig, ADMIN), ids(rig, SECOND_ADMIN)
    mine = rig.change([me], {"role": "user"})
    other = rig.change([priya], {"role": "user"})
    rig.close.faults.fail_next(504, method="PUT", path=me)
    assert rig.turn(mine) == "waiting"
    assert rig.outcomes(mine) == ["unknown"]
    rig.finish(other)
    assert rig.outcomes(other) == ["refused"]
    rig.world.set_role(me, "user")  # the late effect of the first
    rig.finish(mine)
    assert rig.outcomes(mine) == ["done"]
    assert [m["id"] for m in rig.world.members(rig.organization_id) if m["manages"]] == [priya]


def test_a_swap_whose_grant_is_refused_takes_nobodys_power(rig):
    """Ben is to manage instead of Alex: he does not, so she stays."""
    rig.world.set_role(*ids(rig, PEOPLE_OPS), "user")
    rig.world.set_role(*ids(rig, SECOND_ADMIN), "user")
    ben, me = rig.people(1)[0], ids(rig, ADMIN)[0]
    plan = mixed_plan(rig, {ben: "admin", me: "user"})
    assert set(plan.rows.values_list("verdict", flat=True)) == {"will"}
    rig.world.refuse(ben, "Not an admin, ever.")
    job = rig.finish(rig.apply(plan))
    assert rig.outcomes(job) == ["refused", "refused"]
    assert job.plan.rows.get(member_id=me).cause == Cause.GUARD
    assert rig.truth.lies(job.pk) == []


def test_a_swap_gives_power_before_it_takes_any(rig):
    rig.world.set_role(*ids(rig, PEOPLE_OPS), "user")
    rig.world.set_role(*ids(rig, SECOND_ADMIN), "user")
    ben, me = rig.people(1)[0], ids(rig, ADMIN)[0]
    job = rig.finish(rig.apply(mixed_plan(rig, {me: "user", ben: "admin"})))
    assert rig.outcomes(job) == ["done", "done"]
    assert rig.truth.lies(job.pk) == []
    assert [m["id"] for m in rig.world.members(rig.organization_id) if m["manages"]] == [ben]


def test_a_role_that_lost_the_permission_since_the_review_is_no_longer_a_grant(rig):
    """The plan moves the other managers to a role that could manage when it was reviewed."""
    role_id = rig.world.role_id(rig.organization_id, PEOPLE_OPS_ROLE)
    everyone = ids(rig, SECOND_ADMIN, ADMIN)
    job = rig.change(everyone, {"role": role_id})
    rig.world.set_permissions(rig.organization_id, role_id, ["calling"])
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []
    assert rig.outcomes(job) == ["done", "refused"]
    assert [m["email"] for m in rig.world.members(rig.organization_id) if m["manages"]] == [ADMIN]


def test_a_role_that_loses_the_permission_while_a_job_runs_is_read_again(rig, monkeypatch):
    """The first call is on its way when somebody edits the role that the second one gives to the last managers."""
    bulk_size(monkeypatch, 1)
    role_id = rig.world.role_id(rig.organization_id, PEOPLE_OPS_ROLE)
    job = rig.change([*rig.people(1), *ids(rig, SECOND_ADMIN, ADMIN)], {"role": role_id})
    when(rig.close, is_put, lambda: rig.world.set_permissions(rig.organization_id, role_id, ["calling"]))
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []
    assert [m["email"] for m in rig.world.members(rig.organization_id) if m["manages"]] == [ADMIN]


def test_who_may_no_longer_manage_sends_nothing(rig):
    job = rig.change(rig.people(3), {"role": "superuser"})
    rig.world.set_role(*ids(rig, ADMIN), "user")
    rig.finish(job)
    assert rig.outcomes(job) == ["refused"] * 3
    assert not rig.witness.asked
    assert rig.truth.lies(job.pk) == []
    rig.connection.refresh_from_db()
    assert not rig.connection.can_manage


def mixed_plan(rig: Rig, roles: dict[str, str]) -> Plan:
    """Different roles in one plan, as from a file."""
    live = current.read(rig.connection)
    rows = [
        row for pk, role in roles.items() for row in domain.changes([live.roster.members[pk]], {"role": role})
    ]
    return store(rig.connection, Plan.Kind.CHANGE, rows, live, {}, reason="", channel="test")
