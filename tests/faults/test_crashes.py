"""A worker that dies at any statement and at either end of any call: the next one finishes, and nothing is done twice.

The worker is this process; its death is an exception after which no statement gets through but
the rollback. Real ones are killed in test_workers.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from memberships.models import Connection, Job, Organization
from memberships.providers import http
from memberships.services import connections, jobs, oauth
from sandbox.rehearsal import ADMIN, PEOPLE_OPS, SECOND_ADMIN
from tests.faults.rig import Rig, bulk_size, hurry


class Killed(BaseException):
    """Not an Exception: nobody may catch it."""


class Steps:
    """Counts what a worker does: statements, and the start and end of its calls. At number `at` something happens."""

    def __init__(self, at: int, act: Callable[[], None] | None = None) -> None:
        """Without `act` the worker dies."""
        self.at = at
        self.act = act
        self.number = 0
        self.log: list[str] = []
        self.dead = False

    def step(self, name: str) -> None:
        if self.dead:
            raise Killed
        self.number += 1
        self.log.append(name)
        if self.number == self.at:
            if self.act:
                self.act()
                return
            self.dead = True
            raise Killed

    def statement(self, execute, sql, params, many, context):
        if not (self.dead and sql.startswith(("ROLLBACK", "RELEASE"))):
            self.step(sql[:60])
        return execute(sql, params, many, context)

    @contextmanager
    def counted(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch, database.execute_wrapper(self.statement):
            patch.setattr(http, "exchange", self.call(http.exchange))
            patch.setattr(oauth.TokenSession, "refresh_token", self.call(oauth.TokenSession.refresh_token))
            yield

    def call(self, function):
        def counted(*args, **kwargs):
            self.step("before a call")
            answer = function(*args, **kwargs)
            self.step("after a call")
            return answer

        return counted


def narrowing(rig: Rig) -> Job:
    people = rig.people(8)
    rig.world.refuse(people[4], "This one can't be changed.")
    return rig.change(people, {"role": "superuser"})


def lost_answer(rig: Rig) -> Job:
    rig.close.faults.drop("after", method="PUT", skip=1)
    return rig.change(rig.people(6), {"role": "superuser"})


def one_by_one(rig: Rig) -> Job:
    people = rig.people(3)
    rig.world.refuse(people[1], "This one can't be changed.")
    return rig.change(people, {"role": "superuser"})


def invitations(rig: Rig) -> Job:
    gone = next(m for m in rig.world.members(rig.organization_id, active=None) if not m["active"])
    return rig.invite(["ann", gone["email"].partition("@")[0]])


def deactivations(rig: Rig) -> Job:
    job = rig.undo(rig.finish(rig.invite(["ann", "ben"])))
    rig.witness.begin()
    return job


def back_in_two_steps(rig: Rig) -> Job:
    """Somebody who could manage comes back with a lesser role first, and somebody who comes back as they were."""
    people = [rig.world.membership_id(rig.organization_id, PEOPLE_OPS), rig.people(1)[0]]
    job = rig.undo(rig.finish(rig.deactivate(people)))
    rig.witness.begin()
    return job


def power(rig: Rig) -> Job:
    mine = [rig.world.membership_id(rig.organization_id, email) for email in (ADMIN, SECOND_ADMIN)]
    return rig.change([*mine, *rig.people(2, "superuser")], {"role": "user"})


def expired_token(rig: Rig) -> Job:
    job = rig.change(rig.people(2), {"role": "superuser"})
    rig.world.expire_access_tokens()
    return job


def pinned_views(rig: Rig) -> Job:
    """One of them is refused, and of one the answer is lost."""
    people = rig.people(4)
    rig.close.faults.fail_next(400, method="PUT", path=f"/membership/{people[1]}/", times=None)
    rig.close.faults.drop("after", method="PUT", path=f"/membership/{people[2]}/")
    views = list(rig.world.organizations[rig.organization_id].smart_views)
    return rig.change(people, {"pinned_views": (views[5], views[0], views[3])})


SCENARIOS = [
    narrowing, lost_answer, one_by_one, invitations, deactivations, back_in_two_steps, power, expired_token,
    pinned_views,
]  # fmt: skip
AT_A_TIME: dict[Callable[[Rig], Job], int] = {one_by_one: 1, expired_token: 1}


@pytest.fixture
def again(rig: Rig, monkeypatch) -> Callable[..., object]:
    """The same scenario once more from the start: one world, one database, as often as there are steps."""
    hurry(monkeypatch, (0.0,) * 4)

    @contextmanager
    def again(scenario: Callable[[Rig], Job]) -> Iterator[Job]:
        rig.world.reset()
        rig.close.faults.clear()
        rig.close.limits.reset()
        bulk_size(monkeypatch, AT_A_TIME.get(scenario, 3))
        with transaction.atomic():
            sign_in(rig)
            rig.witness.begin()
            yield scenario(rig)
            transaction.set_rollback(True)

    return again


def sign_in(rig: Rig) -> None:
    token = rig.world.grant(rig.world.user_id(ADMIN), rig.organization_id)
    rig.connection = connections.sign_in(token)
    jobs.resume(rig.connection)


def time_passes() -> None:
    """Until every lease of the dead has run out."""
    past = timezone.now() - timedelta(seconds=1)
    Organization.objects.exclude(writer_until=None).update(writer_until=past)
    Connection.objects.exclude(renewing_until=None).update(renewing_until=past)


def finish(rig: Rig, job: Job) -> None:
    time_passes()
    rig.finish(job)
    if job.state == job.State.PAUSED:
        sign_in(rig)
        rig.finish(job)


def undisturbed(rig: Rig, again, scenario) -> tuple[list[str], int]:
    """What becomes of the rows, and in how many steps."""
    steps = Steps(at=0)
    with again(scenario) as job:
        with steps.counted():
            rig.finish(job)
        assert rig.truth.lies(job.pk) == []
        return rig.outcomes(job), steps.number


def twice(rig: Rig) -> list[object]:
    """What was changed more than once."""
    changed = Counter((effect.member_id, effect.field, str(effect.after)) for effect in rig.witness.effects)
    return [what for what, times in changed.items() if times > 1]


EVERY = [
    pytest.param(1, id="every step", marks=pytest.mark.faults),
    pytest.param(23, id="some steps", marks=pytest.mark.once),
]


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_worker_may_die_anywhere(rig, again, scenario, every, record_property):
    outcomes, number = undisturbed(rig, again, scenario)
    record_property("died", f"{scenario.__name__.replace('_', ' ')}={len(range(1, number + 1, every))}")
    for at in range(1, number + 1, every):
        with again(scenario) as job:
            steps = Steps(at)
            with steps.counted(), pytest.raises(Killed):
                rig.finish(job)
            told = f"died at step {at} of {number}, {steps.log[-1]}"
            assert rig.truth.lies(job.pk, open=True) == [], told
            finish(rig, job)
            assert rig.truth.lies(job.pk) == [], told
            assert rig.outcomes(job) == outcomes, told
            assert twice(rig) == [], told


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("scenario", [narrowing, invitations, power], ids=lambda scenario: scenario.__name__)
def test_a_worker_that_lost_its_lease_anywhere_writes_no_more(rig, again, scenario, every, record_property):
    """As after a long sleep of the machine: another worker has the lease now, this one wakes up and goes on."""

    def rob() -> None:
        sent.append(writes())
        Organization.objects.filter(pk=rig.connection.organization_id).update(
            writer_token="somebody else", writer_until=timezone.now() + timedelta(seconds=60)
        )

    def writes() -> int:
        return len(rig.witness.asked)

    sent: list[int] = []
    outcomes, number = undisturbed(rig, again, scenario)
    record_property("robbed", f"{scenario.__name__.replace('_', ' ')}={len(range(8, number + 1, every))}")
    for at in range(8, number + 1, every):
        with again(scenario) as job:
            steps = Steps(at, rob)
            with steps.counted():
                for _ in range(10):
                    if rig.turn(job) not in jobs.OPEN or steps.number >= at:
                        break
            told = f"robbed at step {at} of {number}, {steps.log[at - 1]}"
            assert writes() - sent.pop() <= 1, told  # the one that was just about to be made
            finish(rig, job)
            assert rig.truth.lies(job.pk) == [], told
            assert rig.outcomes(job) == outcomes, told
