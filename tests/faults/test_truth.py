"""The judge of many jobs at once finds each kind of lie."""

from __future__ import annotations

from datetime import timedelta

import pytest

from memberships.models import AuditEntry, Job, PlanRow
from tests.faults.rig import Rig


@pytest.fixture
def jobs(rig: Rig) -> list[Job]:
    """Two jobs that changed the same people in turn."""
    people = rig.people(3)
    return [rig.finish(rig.change(people, {"role": role})) for role in ("superuser", "restricteduser")]


def row(job: Job) -> dict[str, object]:
    return {"plan": job.plan, "position": 0}


def test_true_receipts_are_believed(rig, jobs):
    assert rig.truth.lies_of_many() == []


def test_a_change_no_row_tells_of_is_found(rig, jobs):
    PlanRow.objects.filter(**row(jobs[0])).update(outcome="refused", error="Close said no.")
    assert any("no row is called done for it" in lie for lie in rig.truth.lies_of_many())


def test_a_row_that_is_done_by_nobody_is_found(rig, jobs):
    effects = rig.witness.effects
    effects.remove(next(effect for effect in effects if effect.field == "role_id"))
    assert any("no call of ours did it then" in lie for lie in rig.truth.lies_of_many())


def test_a_row_that_was_done_at_another_time_is_found(rig, jobs):
    stored = PlanRow.objects.get(**row(jobs[0]))
    assert stored.settled_at
    later = stored.settled_at + timedelta(minutes=1)
    PlanRow.objects.filter(pk=stored.pk).update(sent_at=later, settled_at=later)
    assert any("no call of ours did it then" in lie for lie in rig.truth.lies_of_many())


def test_what_is_no_longer_so_is_found(rig, jobs):
    rig.world.set_role(str(PlanRow.objects.get(**row(jobs[1])).member_id), "user")
    assert any("was last given restricteduser, and is user" in lie for lie in rig.truth.lies_of_many())


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_job_without_an_end_is_found(state, rig, jobs):
    Job.objects.filter(pk=jobs[0].pk).update(state=state)
    assert any(f"is {state}" in lie for lie in rig.truth.lies_of_many())


def test_an_audit_log_that_misses_something_is_found(rig, jobs):
    entry = AuditEntry.objects.filter(event="member.role.set").first()
    assert entry
    AuditEntry.objects.filter(pk=entry.pk)._raw_delete(using="default")
    lies = rig.truth.lies_of_many()
    assert any("the audit log misses" in lie for lie in lies)
    assert any("does not follow" in lie for lie in lies)
