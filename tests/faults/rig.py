"""A job from plan to receipt in this process, with time that passes on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import connection as database

from memberships.domain.items import Kind
from memberships.models import Connection, Job, Plan
from memberships.providers.close import CloseProvider
from memberships.services import jobs, plans, proposals, run
from sandbox.rehearsal import NORTHWIND, NORTHWIND_DOMAIN
from sandbox.server import Server
from sandbox.world import World
from tests.faults.truth import Truth, Witness
from tests.steps import just_signed_in

LOOK_AGAIN_S = (0.05, 0.1, 0.3, 0.5)
"""How long a run waits for a change to show: longer than a change comes late in mishaps.py."""


def ask(sql: str) -> list[dict[str, Any]]:
    """One SELECT on the database of the test."""
    with database.cursor() as cursor:
        cursor.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Rig:
    """Northwind, the admin's connection, a witness between the server and its app, and a worker."""

    def __init__(self, world: World, close: Server, connection: Connection) -> None:
        self.world = world
        self.close = close
        self.connection = connection
        self.organization_id = world.organization_id(NORTHWIND)
        self.witness = Witness(world, close.app)
        close.app = self.witness
        self.truth = Truth(self.witness, ask)

    def people(self, number: int, role: str = "user") -> list[str]:
        """Membership ids of that many active people with a role."""
        found = [m["id"] for m in self.world.members(self.organization_id) if m["role_id"] == role]
        assert len(found) >= number
        return found[:number]

    # From plan to receipt

    def change(self, member_ids: Sequence[str], wanted: Mapping[str, Any], **who: Connection) -> Job:
        """A plan of these changes, applied; nothing of it has run."""
        plan = proposals.change(who.get("by", self.connection), member_ids, wanted, reason="", channel="test")
        return self.apply(plan, **who)

    def invite(self, names: Sequence[str], role: str = "user") -> Job:
        text = "\n".join(f"{name}@{NORTHWIND_DOMAIN}" for name in names)
        return self.apply(proposals.invitations(self.connection, text, role, reason="", channel="test"))

    def deactivate(self, member_ids: Sequence[str]) -> Job:
        return self.apply(proposals.deactivation(self.connection, member_ids, reason="", channel="test"))

    def undo(self, job: Job) -> Job:
        return self.apply(proposals.undo(job, self.connection, reason="", channel="test"))

    def again(self, job: Job, **options: Any) -> Job:
        return self.apply(proposals.again(job, self.connection, reason="", channel="test", **options))

    def apply(self, plan: Plan, by: Connection | None = None) -> Job:
        typed = str(plan.brake_number or "")
        return plans.apply(
            plan, by or self.connection, fingerprint=plan.fingerprint, typed=typed, proof=just_signed_in()
        )

    def turn(self, job: Job) -> str:
        """One turn of a worker, after whatever the job waits for; returns the job's state."""
        Job.objects.filter(pk=job.pk).update(not_before=None)
        jobs.run(job.pk)
        job.refresh_from_db()
        return job.state

    def finish(self, job: Job, most: int = 40) -> Job:
        """Turns until nothing more can be done."""
        for _ in range(most):
            if self.turn(job) not in jobs.OPEN:
                return job
        raise AssertionError(f"the job does not come to an end: {job.state} {job.note}")

    def outcomes(self, job: Job) -> list[str]:
        return list(
            job.plan.rows.filter(verdict="will").order_by("position").values_list("outcome", flat=True)
        )

    def calls(self, method: str | None = None, path: str = "") -> int:
        return len(self.close.calls.matching(method, path))


def bulk_size(monkeypatch: Any, size: int) -> None:
    """How many people one call may change."""
    monkeypatch.setattr(
        CloseProvider,
        "capabilities",
        replace(CloseProvider.capabilities, bulk_sizes={Kind.MEMBER: size, Kind.TASK: size}),
    )


def hurry(monkeypatch: Any, waits_s: Sequence[float] = LOOK_AGAIN_S) -> None:
    """Look again soon."""
    monkeypatch.setattr(run, "_LOOK_AGAIN_S", tuple(waits_s))


def when(server: Server, call: Callable[[Any], bool], act: Callable[[], object]) -> None:
    """Do something just before the app answers the first request for which `call` is true."""
    app = server.app
    done: list[bool] = []

    def watching(request: Any) -> Any:
        if not done and call(request):
            done.append(True)
            act()
        return app(request)

    server.app = watching
