"""Planning a roster file of 10,000 people, against reading that file and the mirror alone."""

from __future__ import annotations

import resource

from bench.rig import rig
from bench.table import Line

PEOPLE = 10_000
ROUNDS = 5
MOST_MB = 300


def measure() -> list[Line]:
    with rig(PEOPLE) as its_rig:
        import yaml

        from memberships.models import MirroredMember
        from memberships.services import command_line, proposals
        from memberships.services.rosterfile import comparison

        connection = its_rig.connection
        connection.patient = True
        text = "".join(command_line.dumped(connection, with_groups=False, with_pins=False))
        import time

        data = text.encode()

        def prof():
            t = time.perf_counter()

            def lap(n):
                nonlocal t
                print(f"{n:30} {time.perf_counter() - t:.2f}")
                t = time.perf_counter()

            file = comparison.read(connection.organization, text)
            lap("contents.read")
            live = proposals.read(connection)
            lap("proposals.read")
            found = comparison.compare(connection, file)
            lap("compare incl read")
            rows, live = proposals.wished(connection, found.wishes, live=found.live)
            lap("wished")
            plan = command_line.plan(connection, found, source="x", reason="")
            lap("plan")
            plan.totals
            lap("report")
            yaml.load(text, Loader=yaml.CSafeLoader)
            lap("yaml.load C")
            [row.member() for row in MirroredMember.objects.filter(organization=connection.organization)]
            lap("mirror")
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(text))

        prof()
        prof()
    return [Line("x", 1)]
