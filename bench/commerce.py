"""Commerce Layer, no bulk call and a hard limit: 500 role changes and a list of 1,000, windows ten times shorter."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from statistics import median
from typing import TYPE_CHECKING, Any

import requests

from bench.rig import Rig, finished, look_at, press_apply, rig
from bench.table import Line, took_s
from sandbox.commercelayer.rehearsal import ADMIN, BLUEFIN, TERN
from sandbox.commercelayer.server import running
from sandbox.commercelayer.world import CommerceWorld

if TYPE_CHECKING:
    from memberships.models import Connection, Job

PEOPLE, OTHERS, CHANGES, ROUNDS = 1_000, 300, 500, 3
LATENCY_S = 0.1
CREDENTIALS = ("bench-id", "bench-secret")
# 200 in 60 s and 50 in 10 s, ten times shorter: fifty each second until the longer window is full, and so on.
SHORTER = 10
WINDOWS = {"COMMERCELAYER_WINDOWS": "200/6,50/1"}
FASTEST_S = 13.0
FASTEST_LIST_S = (1 + math.ceil((PEOPLE / 25 - 1) / 8)) * LATENCY_S


def measure() -> list[Line]:
    with _commerce() as commerce, rig(30, worker=True, workers=2, **WINDOWS, **commerce.addresses) as its_rig:
        from memberships.services import attached, connections
        from memberships.services.attached import Secret

        large, small = (
            attached.attach(its_rig.connection, Secret(*CREDENTIALS), pk) for pk in commerce.organizations
        )
        finished(_start(its_rig, small, 1))  # now the workers are up
        commerce.control("settings", latency_s=LATENCY_S)
        lists_s = []
        for _ in range(ROUNDS):
            _rest()
            lists_s.append(took_s(connections.provider_for(large, patient=True).roster))
        _rest()
        before = commerce.mark()
        finished(_start(its_rig, large, CHANGES))
        alone_s, alone_refused = commerce.changes(before)
        _rest()
        before = commerce.mark()
        for job in [_start(its_rig, large, CHANGES // 2), _start(its_rig, small, CHANGES // 2)]:
            finished(job)
        both_s, both_refused = commerce.changes(before)
    return [
        Line(f"list of {PEOPLE:,}", median(lists_s), "s"),
        Line("list : fastest at this latency", median(lists_s) / FASTEST_LIST_S, limit=1.5),
        Line(f"{CHANGES} role changes, first request to last answer", alone_s, "s"),
        Line("the same : fastest the windows allow", alone_s / FASTEST_S, limit=1.15),
        Line("refused for their rate", alone_refused, limit=0),
        Line(f"two workers, {CHANGES // 2} each", both_s, "s"),
        Line("the same : fastest the windows allow", both_s / FASTEST_S, limit=1.15),
        Line("refused for their rate", both_refused, limit=0),
    ]


def _start(its_rig: Rig, connection: Connection, number: int) -> Job:
    """A new role for so many people."""
    from memberships.models import MirroredMember, MirroredRole
    from memberships.services import proposals, roster

    connection.person = its_rig.connection
    roster.read(connection, patient=True)
    ordinary = MirroredMember.objects.filter(organization=connection.organization, can_manage=False)
    held = Counter(ordinary.values_list("role_id", flat=True))
    roles = MirroredRole.objects.filter(organization=connection.organization, can_manage=False)
    role_id = min(roles.values_list("remote_id", flat=True), key=lambda pk: held[pk])
    ids = list(ordinary.exclude(role_id=role_id).values_list("remote_id", flat=True)[:number])
    assert len(ids) == number, f"only {len(ids)} people could change"
    _rest()
    plan = proposals.change(connection, ids, {"role": role_id}, reason="bench", channel="dashboard")
    look_at(its_rig, connection)
    return press_apply(its_rig, plan)


def _rest() -> None:
    """Until every window is empty again."""
    time.sleep(60 / SHORTER + 0.2)


@dataclass(frozen=True, slots=True)
class _Commerce:
    url: str
    organizations: Sequence[str]

    @property
    def addresses(self) -> dict[str, str]:
        return {"COMMERCELAYER_AUTH_URL": self.url, "COMMERCELAYER_API_URL": self.url}

    def control(self, name: str, **body: Any) -> None:
        requests.post(f"{self.url}/_rehearsal/{name}", json=body, timeout=30).raise_for_status()

    def mark(self) -> int:
        """How many calls there were so far."""
        return len(requests.get(f"{self.url}/_rehearsal/calls", timeout=30).json())

    def changes(self, since: int) -> tuple[float, int]:
        """From the first PATCH to the last answer in seconds, and how many calls were refused for their rate."""
        calls = requests.get(f"{self.url}/_rehearsal/calls", timeout=30).json()[since:]
        patches = [call for call in calls if call["method"] == "PATCH"]
        took = max(call["ended_at"] for call in patches) - min(call["started_at"] for call in patches)
        return took, sum(call["status"] == 429 for call in calls)


@contextmanager
def _commerce() -> Iterator[_Commerce]:
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    child = processes.Process(target=_rehearse, args=(theirs,), daemon=True)
    child.start()
    theirs.close()
    try:
        yield _Commerce(*ours.recv())
    finally:
        ours.close()
        child.join()


def _rehearse(pipe: Pipe) -> None:
    """Answer until the other end of the pipe is closed, as it also is when that process is killed."""
    world = CommerceWorld.rehearsal(people=PEOPLE)
    large, small = world.organization_id(BLUEFIN), world.organization_id(TERN)
    world.set_plan(small, "enterprise")
    other = world.add_role(small, "Order desk", {"orders": "cru"})
    for number in range(OTHERS):
        world.add_person(small, f"person{number}@tern-sons.example", "Per", f"Son {number}", role=other)
    world.set_credentials(ADMIN, *CREDENTIALS)
    with running(world) as server, suppress(EOFError, KeyboardInterrupt):
        server.limits.set({"times_faster": SHORTER})
        pipe.send((server.url, [large, small]))
        pipe.recv()
