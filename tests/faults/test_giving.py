"""A worker that dies at any step of what reads before it writes: metadata that is merged, apps that are given again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction

from memberships.models import Connection, Job, Plan
from memberships.services import audit, jobs, plans, proposals
from sandbox.commercelayer.world import CommerceWorld
from tests.faults.rig import hurry
from tests.faults.test_crashes import Killed, Steps, time_passes
from tests.steps import just_signed_in

NOTE = {"reason": "", "channel": "test"}
EVERY = [
    pytest.param(1, id="every step", marks=pytest.mark.faults),
    pytest.param(7, id="some steps"),
]


class Giving:
    """One person of Bluefin with metadata and an app, and what is to become of them."""

    def __init__(self, connection: Connection, commerce: CommerceWorld, number: int) -> None:
        self.connection, self.commerce = connection, commerce
        self.organization_id = connection.organization.remote_id
        people = [m for m in commerce.members(self.organization_id) if m["role_kind"] == "read_only"]
        self.person = people[number % len(people)]
        for app in self.person["application_membership_ids"]:
            commerce.take_app(app)
        commerce.set_attributes(self.person["id"], metadata={"team": "North", "n": 1})
        commerce.give_app(self.person["id"], "orders", filters={"market_id_in": [202]})

    def metadata(self) -> Plan:
        wanted = {"metadata:team": "South"}
        return proposals.change(self.connection, [self.person["id"]], wanted, **NOTE)

    def apps(self) -> Plan:
        job = start(proposals.deactivation(self.connection, [self.person["id"]], **NOTE), self.connection)
        finish(job)
        return proposals.undo(job, self.connection, **NOTE)

    def truth(self) -> tuple[object, object]:
        now = self.commerce.membership_id(self.organization_id, self.person["email"])
        return self.commerce.membership(now)["metadata"], self.commerce.apps(now)


APP = [("orders", "live", "Read-only", {"market_id_in": [202]})]
SCENARIOS: list[tuple[Callable[[Giving], Plan], tuple[object, object]]] = [
    (Giving.metadata, ({"team": "South", "n": 1}, APP)),
    (Giving.apps, ({"team": "North", "n": 1}, APP)),
]


def start(plan: Plan, connection: Connection) -> Job:
    return plans.apply(
        plan,
        connection,
        fingerprint=plan.fingerprint,
        typed=str(plan.brake_number or ""),
        proof=just_signed_in(),
    )


def finish(job: Job) -> None:
    for _ in range(20):
        Job.objects.filter(pk=job.pk).update(not_before=None)
        jobs.run(job.pk)
        job.refresh_from_db()
        if job.state not in jobs.OPEN:
            return
    raise AssertionError(f"the job does not come to an end: {job.state} {job.note}")


@contextmanager
def undone_after() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize(("scenario", "expected"), SCENARIOS, ids=["metadata", "apps"])
def test_a_worker_may_die_anywhere_and_nothing_is_lost_or_given_twice(
    attached, commerce, commercelayer, monkeypatch, scenario, expected, every
):
    hurry(monkeypatch, (0.0,) * 4)
    steps = Steps(at=0)
    with undone_after():
        job = start(scenario(giving := Giving(attached, commerce, 0)), attached)
        with steps.counted():
            finish(job)
        assert giving.truth() == expected
    for at in range(1, steps.number + 1, every):
        with undone_after():
            giving = Giving(attached, commerce, at)
            job = start(scenario(giving), attached)
            died = Steps(at)
            sent = len(commerce.outbox)
            with died.counted(), pytest.raises(Killed):
                finish(job)
            told = f"died at step {at} of {steps.number}, {died.log[-1]}"
            time_passes()
            finish(job)
            assert list(job.plan.rows.values_list("outcome", flat=True)) == ["done"], told
            assert giving.truth() == expected, told
            assert len(commerce.outbox) - sent <= 1, told
            assert audit.verify(attached.organization) == [], told
