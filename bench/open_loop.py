"""20 admins open a page every 2 s while jobs of 5,000 rows run back to back, 200 ms away, against the same without."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from statistics import median, quantiles
from typing import TYPE_CHECKING

import django

from bench.rig import Rig, read_all, rig
from bench.table import Line
from bench.web import Visitor, open_loop, served

if TYPE_CHECKING:
    from memberships.models import Connection

PEOPLE, ROWS = 6_400, 5_000
ADMINS, EVERY_S, FOR_S = 20, 2.0, 60.0
LATENCY_S = 0.2
PAGES = ("/members/", "/members/?page=9", "/members/?q=an", "/members/?sort=role", "/roles/", "/audit/")


def measure() -> list[Line]:
    return measured()


def measured(**environment: str) -> list[Line]:
    with rig(PEOPLE, worker=True, workers=1, **environment) as its_rig, served() as site:
        read_all(its_rig.connection)
        its_rig.close.control("settings", latency_s=LATENCY_S)
        visitors = [site.visitor(its_rig.browser) for _ in range(ADMINS)]
        _look(visitors, 10)
        # Half of the time without jobs lies before, half after: a machine that tires tires for both.
        quiet = _look(visitors, FOR_S / 2)
        with _jobs(its_rig) as job:
            busy = _look(visitors, FOR_S)
        quiet += _look(visitors, FOR_S / 2)
    return [
        Line(f"pages opened without jobs, {FOR_S:.0f} s", len(quiet)),
        Line("pages opened while jobs ran", len(busy)),
        Line(f"jobs of {ROWS:,} rows finished meanwhile", len(job.took_s), least=1),
        Line("one of them, from Apply to its end", median(job.took_s), "s"),
        Line("p50 without", median(quiet) * 1000, "ms"),
        Line("p50 with", median(busy) * 1000, "ms"),
        Line("p95 without", _p95(quiet) * 1000, "ms"),
        Line("p95 with", _p95(busy) * 1000, "ms"),
        Line("p95 with : without", _p95(busy) / _p95(quiet), limit=1.5),
    ]


def _look(visitors: list[Visitor], for_s: float) -> list[float]:
    return open_loop(visitors, PAGES, EVERY_S, for_s)


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20)[-1]


@dataclass(slots=True)
class Jobs:
    took_s: list[float] = field(default_factory=list)


@contextmanager
def _jobs(its_rig: Rig) -> Iterator[Jobs]:
    """Somebody who plans and applies again and again, through another web process than the visitors'."""
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    child = processes.Process(target=_keep_busy, args=(theirs, its_rig.connection.pk), daemon=True)
    child.start()
    theirs.close()
    jobs = Jobs()
    ours.recv()  # the first job is under way
    try:
        yield jobs
    finally:
        ours.send("enough")
        jobs.took_s += ours.recv()
        child.join()


def _keep_busy(pipe: Pipe, connection_pk: int) -> None:
    # Elsewhere, in life: it must not take the visitors' processor from them.
    os.nice(19)
    django.setup()
    from memberships.models import Connection

    connection = Connection.objects.select_related("organization").get(pk=connection_pk)
    took_s: list[float] = []
    begun = False
    while not pipe.poll():
        took_s.append(_change(connection, pipe if not begun else None))
        begun = True
    # The last one ended after the visitors did, or they would have seen less of it.
    pipe.send(took_s[:-1] or took_s)


def _change(connection: Connection, told: Pipe | None) -> float:
    """Give them all the role that fewer of them have, and wait for the end."""
    from memberships.models import Job, MirroredMember, MirroredRole
    from memberships.services import plans, proposals

    organization = connection.organization
    ordinary = MirroredMember.objects.filter(organization=organization, status="active", can_manage=False)
    ids = list(ordinary.order_by("pk").values_list("remote_id", flat=True)[:ROWS])
    held = MirroredMember.objects.get(organization=organization, remote_id=ids[0]).role_id
    roles = MirroredRole.objects.filter(organization=organization, can_manage=False)
    role_id = roles.exclude(remote_id=held).order_by("remote_id").values_list("remote_id", flat=True)[0]
    plan = proposals.change(connection, ids, {"role": role_id}, reason="bench", channel="dashboard")
    started = time.monotonic()
    job = plans.apply(plan, connection, fingerprint=plan.fingerprint, typed=str(plan.brake_number))
    if told:
        told.send("running")
    while job.state != Job.State.FINISHED:
        time.sleep(0.1)
        job.refresh_from_db()
    if job.note:
        raise RuntimeError(f"the job stopped: {job.note}")
    return time.monotonic() - started
