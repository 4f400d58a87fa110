"""List, plan, sync and apply as an organization grows: 100, 1,000, 10,000 people, each size in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.plot import Curve, plot
from bench.rig import Rig, press_apply, rig
from bench.table import Line, took_s

if TYPE_CHECKING:
    from memberships.models import Plan

SIZES = (100, 1_000, 10_000)
# How often each is measured; a list is quick, and so has to be measured more often.
ROUNDS = {"list": 60, "filter": 60, "plan": 9, "sync": 9, "apply": 5}
PICTURE = Path("docs/pictures/growth.svg")


def measure(draw: bool = False) -> list[Line]:
    with ExitStack() as stack:
        sizes = {people: stack.enter_context(_beside(people)) for people in SIZES}
        took: dict[str, list[list[float]]] = {}
        for what, rounds in ROUNDS.items():
            # All sizes take turns, so that a machine's bad moment hits all of them.
            took[what] = [[_ask(sizes[people], what) for people in SIZES] for _ in range(rounds)]
    medians = {what: [median(times) for times in zip(*rounds, strict=True)] for what, rounds in took.items()}
    if draw:
        curves = [
            Curve(what, [(n, s * 1000) for n, s in zip(SIZES, times, strict=True)])
            for what, times in medians.items()
        ]
        PICTURE.write_text(plot("Milliseconds, by people in the organization", curves))
    small, middle, large = range(3)
    lines = [
        Line(f"{what}, {people:,} people", medians[what][size] * 1000, "ms")
        for what in ROUNDS
        for size, people in enumerate(SIZES)
    ]
    for what in ("plan", "sync", "apply"):
        # A step may show the logarithm of an index and noise; the whole way may not be worse than linear at all.
        for low, high, limit in ((small, middle, 1.25), (middle, large, 1.25), (small, large, 1.0)):
            each = _ratio(took[what], high, low) * SIZES[low] / SIZES[high]
            lines.append(Line(f"{what}, each of {SIZES[high]:,} : each of {SIZES[low]:,}", each, limit=limit))
    return [
        *lines,
        Line(f"list, {SIZES[large]:,} : {SIZES[small]:,}", _ratio(took["list"], large, small), limit=1.5),
        Line(f"filter, {SIZES[large]:,} : {SIZES[small]:,}", _ratio(took["filter"], large, small), limit=4.0),
    ]


def _ratio(rounds: list[list[float]], high: int, low: int) -> float:
    return median(times[high] / times[low] for times in rounds)


def _ask(pipe: Pipe, what: str) -> float:
    pipe.send(what)
    took: float = pipe.recv()
    return took


@contextmanager
def _beside(people: int) -> Iterator[Pipe]:
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    # Not daemonic: it starts a rehearsal Close of its own.
    child = processes.Process(target=_answer, args=(theirs, people))
    child.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        child.join()


def _answer(pipe: Pipe, people: int) -> None:
    """Do what is asked for, and say how long it took, until the other end is closed."""
    with rig(people) as its_rig, suppress(EOFError, KeyboardInterrupt):
        acts = _acts(its_rig)
        for act in acts.values():
            act()
        while True:
            pipe.send(acts[pipe.recv()]())


def _acts(its_rig: Rig) -> dict[str, Callable[[], float]]:
    from memberships.models import MirroredMember, MirroredRole, Organization
    from memberships.services import jobs, proposals, roster

    organization = its_rig.connection.organization

    def page(address: str) -> float:
        return took_s(lambda: its_rig.browser.get(address))

    def sync() -> float:
        MirroredMember.objects.all().delete()
        MirroredRole.objects.all().delete()
        # Nobody was ever read: otherwise everyone would be noticed as having joined.
        Organization.objects.update(roster_read_at=None, first_read_at=None)
        return took_s(lambda: roster.read(its_rig.connection, patient=True))

    def proposed() -> Plan:
        """Everybody who is active and can't manage gets a role that few have; so all of them change."""
        ordinary = MirroredMember.objects.filter(organization=organization, status="active", can_manage=False)
        roles = MirroredRole.objects.filter(organization=organization, can_manage=False)
        held = {role.remote_id: ordinary.filter(role_id=role.remote_id).count() for role in roles}
        ids = list(ordinary.values_list("remote_id", flat=True))
        wanted = {"role": min(held, key=lambda role_id: held[role_id])}
        return proposals.change(its_rig.connection, ids, wanted, reason="bench", channel="dashboard")

    def apply() -> float:
        plan = proposed()
        job = press_apply(its_rig, plan)
        took = took_s(lambda: jobs.run(job.pk))
        job.refresh_from_db()
        if job.state != job.State.FINISHED or job.note:
            raise RuntimeError(f"the job is {job.state}: {job.note}")
        return took

    return {
        "sync": sync,
        "list": lambda: page("/members/"),
        "filter": lambda: page("/members/?q=an"),
        "plan": lambda: took_s(proposed),
        "apply": apply,
    }
