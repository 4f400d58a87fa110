"""What an installation for many organizations takes, reckoned from what was measured: `python -m bench.capacity`.

Every number in MEASURED comes from a bench of this project and is named with it in docs/scale.md; those in WORLD are
assumptions about how people work, to be changed to yours: `python -m bench.capacity organizations=2000 people=1000`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

DAY_S, YEAR_DAYS = 86_400, 365


@dataclass(frozen=True, slots=True)
class World:
    """How large it is, and how people use it."""

    organizations: int = 10_000
    people: int = 500
    roles: int = 8
    groups: int = 5
    admins_at_once: int = 3_000
    """Who look at a page at the busiest time, each with one every `page_every_s`."""
    page_every_s: float = 20.0
    organizations_at_once: int = 2_000
    """That these admins belong to."""
    rows_a_day: int = 20
    """Changes an organization makes, so much of them in the busiest hour:"""
    busiest_hour: float = 0.2
    commercelayer_share: float = 0.02
    """Of the organizations at once, those that look at a Commerce Layer organization, too."""
    room: float = 0.6
    """How far a processor is planned to be used."""


@dataclass(frozen=True, slots=True)
class Measured:
    """By the benches `members`, `growth`, `memory` and `rows`."""

    pages_per_s: float = 115.0
    sync_cpu_ms: float = 0.1
    """A person, also one who has not changed."""
    row_cpu_ms: float = 0.55
    """A row from plan to receipt."""
    web_mb: float = 105.0
    member: float = 732.0
    member_indexes: float = 302.0
    role: float = 563.0
    role_indexes: float = 154.0
    group: float = 967.0
    group_indexes: float = 197.0
    plan_row: float = 336.0
    plan_row_indexes: float = 201.0
    audit: float = 571.0
    audit_indexes: float = 202.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Close's, for each organization, as documented by example and seen; Commerce Layer's, for each address."""

    close_reads_per_s: float = 100.0
    commercelayer_reads_per_min: float = 200.0
    commercelayer_page: int = 25
    mirror_fresh_s: float = 300.0
    groups_fresh_s: float = 900.0
    permission_fresh_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Line:
    what: str
    number: float
    unit: str = ""

    def __str__(self) -> str:
        shown = (
            f"{self.number:,.0f}"
            if self.number >= 100 or self.number == int(self.number)
            else f"{self.number:,.2g}"
        )
        return f"| {self.what} | {shown} {self.unit}".rstrip() + " |"


def reckon(world: World, measured: Measured, limits: Limits) -> Iterator[Line | str]:
    """The model, line by line; a text begins a section."""
    yield "Rows"
    members = world.organizations * world.people
    yield Line("people in the mirror", members)
    changes = world.organizations * world.rows_a_day * YEAR_DAYS
    yield Line("rows of plans, and audit entries, a year", changes)

    yield "Database"
    mirror = (
        (members, measured.member, measured.member_indexes),
        (world.organizations * world.roles, measured.role, measured.role_indexes),
        (world.organizations * world.groups, measured.group, measured.group_indexes),
    )
    yield Line("the mirror's tables", sum(n * row for n, row, _ in mirror) / 1e9, "GB")
    yield Line("its indexes", sum(n * index for n, _, index in mirror) / 1e9, "GB")
    yield Line(
        "plans and audit log, tables, a year", changes * (measured.plan_row + measured.audit) / 1e9, "GB"
    )
    grown = changes * (measured.plan_row_indexes + measured.audit_indexes) / 1e9
    yield Line("their indexes, a year", grown, "GB")

    yield "Calls to Close, at the busiest time"
    syncs = world.organizations_at_once / limits.mirror_fresh_s
    yield Line("rosters read", syncs, "/s")
    group_calls = world.organizations_at_once * (1 + world.groups) / limits.groups_fresh_s
    permissions = world.admins_at_once / limits.permission_fresh_s
    yield Line("calls in all", 2 * syncs + group_calls + permissions, "/s")
    each = (2 * syncs + group_calls + permissions) / world.organizations_at_once
    yield Line("of one organization's limit", each / limits.close_reads_per_s * 100, "%")

    yield "Calls to Commerce Layer, at the busiest time"
    reads = math.ceil(world.people / limits.commercelayer_page)
    wanted = world.organizations_at_once * world.commercelayer_share * reads / limits.mirror_fresh_s * 60
    yield Line("reads wanted", wanted, "/min")
    yield Line("of one address's limit", wanted / limits.commercelayer_reads_per_min * 100, "%")
    most = limits.commercelayer_reads_per_min / reads * limits.mirror_fresh_s / 60
    yield Line("organizations one address keeps fresh", math.floor(most))

    yield "Processes"
    pages = world.admins_at_once / world.page_every_s
    yield Line("pages", pages, "/s")
    yield Line("web processes", math.ceil(pages / measured.pages_per_s / world.room))
    rows = world.organizations * world.rows_a_day * world.busiest_hour / 3600
    busy = syncs * world.people * measured.sync_cpu_ms / 1000 + rows * measured.row_cpu_ms / 1000
    yield Line(
        "tasks through the queue",
        syncs + rows / world.rows_a_day + world.organizations_at_once / limits.groups_fresh_s,
        "/s",
    )
    yield Line("processors' worth of work for workers", busy)
    yield Line("worker processes", max(2, math.ceil(busy / world.room)))
    yield Line("memory of one process", measured.web_mb, "MB")


def table(world: World | None = None) -> str:
    """As it stands in docs/scale.md."""
    lines = ["| what | how much |", "|---|---|"]
    for line in reckon(world or World(), Measured(), Limits()):
        lines.append(f"| **{line}** | |" if isinstance(line, str) else str(line))
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    world = World()
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in World.__slots__:
            raise SystemExit(f"There is no {name}; there are {', '.join(World.__slots__)}.")
        kind = type(getattr(world, name))
        world = replace(world, **{name: kind(value)})
    print(table(world))


if __name__ == "__main__":
    main(sys.argv[1:])
