"""In what order and how many at a time the rows of a plan are sent."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from .guards import Situation
from .people import Value
from .plan import Action, Row


class Phase(IntEnum):
    """Power is given before it is taken, and the actor's own power is taken last and alone."""

    GRANT = 0
    ORDINARY = 1
    TAKE = 2
    SELF = 3


@dataclass(frozen=True, slots=True)
class Pending:
    """A row not sent yet. `at_most` is the largest bulk it may still be part of; a refused bulk halves it."""

    key: int
    row: Row
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that go in one call: same action, same new values."""

    phase: Phase
    pending: tuple[Pending, ...]

    @property
    def rows(self) -> list[Row]:
        return [p.row for p in self.pending]


def phase(row: Row, now: Situation) -> Phase:
    if now.takes_power(row):
        return Phase.SELF if now.is_self(row) else Phase.TAKE
    return Phase.GRANT if now.grants_power(row) else Phase.ORDINARY


class _Group(NamedTuple):
    """What rows of one call have in common. `alone` is a row's own key when it can't share a call."""

    phase: Phase
    limit: int
    wanted: tuple[tuple[str, Value], ...]
    alone: int | None


def batches(waiting: Sequence[Pending], now: Situation, bulk_size: int) -> list[Batch]:
    """All that is left, in the order it should be sent as far as `now` tells; after a re-read, ask again."""
    groups: defaultdict[_Group, list[Pending]] = defaultdict(list)
    for pending in waiting:
        its_phase = phase(pending.row, now)
        alone = pending.row.action is not Action.CHANGE or its_phase is Phase.SELF
        limit = 1 if alone else min(bulk_size, pending.at_most or bulk_size)
        wanted = tuple(sorted(pending.row.wanted.items()))
        groups[_Group(its_phase, limit, wanted, pending.key if alone else None)].append(pending)
    # The smallest limit first: a narrowed bulk is settled before new ones are sent.
    ordered = sorted(groups.items(), key=lambda item: (item[0].phase, item[0].limit))
    return [
        Batch(group.phase, tuple(members[start : start + group.limit]))
        for group, members in ordered
        for start in range(0, len(members), group.limit)
    ]
