"""From a roster file to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from memberships.domain.people import Status
from memberships.domain.plan import Row
from memberships.domain.wishes import Fault, Wish
from memberships.models import Connection, Plan
from memberships.services import proposals
from memberships.services.current import Live
from memberships.services.patience import patiently
from memberships.services.storing import Note

from .comparison import Comparison


def wishes(comparison: Comparison) -> list[Wish]:
    """What the file wants of everybody who isn't so; of people it doesn't name only where it says that."""
    found = list(comparison.wishes)
    if comparison.file.prune and not comparison.faults:
        found += [Wish(0, m.email, m.id, m.name, status=Status.INACTIVE) for m in comparison.absent]
    return found


def rows(connection: Connection, comparison: Comparison) -> tuple[list[Row], Live]:
    """What would become of the people, before any guard; nothing is kept."""
    wanted = wishes(comparison)
    return patiently(connection, lambda: proposals.wished(connection, wanted, live=comparison.live))


def plan(
    connection: Connection,
    comparison: Comparison,
    wanted: Sequence[Wish],
    *,
    source: str,
    kind: Plan.Kind = Plan.Kind.FILE,
    faults: Sequence[Fault] = (),
    **note: Unpack[Note],
) -> Plan:
    """Keep these wishes as a plan, within the rails of the file. Raises NothingLeft where they forbid it."""
    live, rails = comparison.live, comparison.file.rails
    return patiently(
        connection,
        lambda: proposals.wishes(
            connection,
            wanted,
            faults=faults,
            source=source,
            live=live,
            rails=rails,
            kind=kind,
            unchanged=comparison.unchanged,
            **note,
        ),
    )
