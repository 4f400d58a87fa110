"""Planning a CSV file of 10,000 people, against reading the file and everyone and nothing else."""

from __future__ import annotations

import csv
import io
import tracemalloc

from bench.rig import rig
from bench.table import Line, medians, took_s

PEOPLE = 10_000
CHANGED = 100
ROUNDS = 5
MOST_MB = 300


def measure() -> list[Line]:
    with rig(PEOPLE) as its_rig:
        from memberships.models import MirroredMember, Plan
        from memberships.services import imports, roster, tables
        from memberships.services.connections import capabilities
        from memberships.services.wording import Words

        connection = its_rig.connection
        organization = connection.organization
        live = roster.read(connection)
        organization.refresh_from_db()
        everyone = MirroredMember.objects.filter(organization=organization).order_by("pk")
        words = Words(capabilities(organization), live.roles)
        table = list(tables.members(everyone, words))
        recording = table[0].index("Call recording")
        for row in table[1 : CHANGED + 1]:
            row[recording] = "Off" if row[recording] == "On" else "On"
        data = "".join(tables.lines(table)).encode()

        def plan() -> None:
            sheet = imports.read(organization, data)
            imports.propose(connection, sheet, "people.csv", reason="", channel="bench")

        def read() -> None:
            list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
            roster.read(connection)

        def mirror() -> None:
            list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
            assert len([row.member() for row in everyone.all()]) == PEOPLE

        plan()
        plans_s, read_s, mirror_s = medians(
            ROUNDS, lambda: took_s(plan), lambda: took_s(read), lambda: took_s(mirror)
        )
        tracemalloc.start()
        plan()
        peak_mb = tracemalloc.get_traced_memory()[1] / 1024 / 1024
        tracemalloc.stop()
        Plan.objects.all().delete()
    return [
        Line("plan of a file", plans_s * 1000, "ms"),
        Line("reading the file and everyone at Close", read_s * 1000, "ms"),
        Line("reading the file and the mirror", mirror_s * 1000, "ms"),
        Line("plan : reading the file and everyone", plans_s / read_s, limit=2.0),
        Line("plan : reading the file and the mirror", plans_s / mirror_s),
        Line("memory at its peak", peak_mb, "MB", limit=MOST_MB),
    ]
