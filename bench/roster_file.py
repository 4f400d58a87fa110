"""Planning a roster file of 10,000 people, against reading that file and everybody and nothing else."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from bench.rig import rig
from bench.table import Line, medians, took_s

PEOPLE, FEWER = 10_000, 5_000
CHANGED = 20
ROUNDS = 5
MB = 1_000_000


def measure() -> list[Line]:
    with rig(PEOPLE) as its_rig:
        from memberships.models import MirroredMember
        from memberships.services import command_line, current
        from memberships.services.connections import capabilities
        from memberships.services.rosterfile import contents

        connection = its_rig.connection
        organization, can = connection.organization, capabilities(connection.organization)
        text = "".join(command_line.dumped(connection, with_groups=False, with_pins=False))
        text = text.replace("track_email_opens: true", "track_email_opens: false", CHANGED)
        people = text.partition("people:\n")[2].split("  - email: ")

        def plan(file: str = text) -> None:
            found = command_line.compared(connection, file.encode())
            report = command_line.plan(connection, found, source="people.yaml", reason="")
            assert report.changes == CHANGED

        def read() -> None:
            contents.read(text, organization.provider, can)
            current.read(connection)

        def mirror() -> None:
            contents.read(text, organization.provider, can)
            assert len([row.member() for row in MirroredMember.objects.all()]) == PEOPLE

        plan()
        plan_s, read_s, mirror_s = medians(
            ROUNDS, lambda: took_s(plan), lambda: took_s(read), lambda: took_s(mirror)
        )
        half = text.partition("people:\n")[0] + "people:\n" + "  - email: ".join(people[: FEWER + 1])
        most, most_of_half = _most_mb(plan), _most_mb(lambda: plan(half))
    return [
        Line("plan the file", plan_s * 1000, "ms"),
        Line("read the file and everybody at Close", read_s * 1000, "ms"),
        Line("read the file and the mirror", mirror_s * 1000, "ms"),
        Line("plan : read the file and everybody", plan_s / read_s, limit=2.0),
        Line("plan : read the file and the mirror", plan_s / mirror_s),
        Line("most memory", most, "MB", limit=300.0),
        Line("with half the entries", most_of_half, "MB"),
    ]


def _most_mb(act: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()
