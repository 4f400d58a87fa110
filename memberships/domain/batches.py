"""In what order and how many at a time the rows of a plan are sent."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from .guards import Situation
from .items import Kind
from .people import PINS, Value, group_of
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
    """Rows that go in one call: same kind, same action, same new values."""

    stage: int
    phase: Phase
    pending: tuple[Pending, ...]

    @property
    def rows(self) -> list[Row]:
        return [p.row for p in self.pending]


def phase(row: Row, now: Situation) -> Phase:
    if now.takers(row):
        return Phase.SELF if now.takes_my_power(row) else Phase.TAKE
    return Phase.GRANT if now.gainers(row) else Phase.ORDINARY


class _Group(NamedTuple):
    """What rows of one call have in common. `alone` is a row's own key when it can't share a call."""

    stage: int
    phase: Phase
    limit: int
    kind: Kind
    wanted: tuple[tuple[str, Value], ...]
    alone: int | None


def batches(waiting: Sequence[Pending], now: Situation, bulk_sizes: Mapping[Kind, int]) -> list[Batch]:
    """All that is left, in the order it should be sent as far as `now` tells; after a re-read, ask again.

    `bulk_sizes`: how many rows about the same kind of thing one call may change; those not in it go one by one.
    """
    groups: defaultdict[_Group, list[Pending]] = defaultdict(list)
    for pending in waiting:
        row, its_phase = pending.row, phase(pending.row, now)
        alone = its_phase is Phase.SELF or not _shares_calls(row)
        bulk_size = 1 if alone else bulk_sizes.get(row.kind, 1)
        limit = min(bulk_size, pending.at_most or bulk_size)
        wanted = tuple(sorted(row.wanted.items()))
        key = _Group(row.stage, its_phase, limit, row.kind, wanted, pending.key if alone else None)
        groups[key].append(pending)
    # The smallest limit first: a narrowed bulk is settled before new ones are sent.
    ordered = sorted(groups.items(), key=lambda item: item[0][:3])
    return [
        Batch(group.stage, group.phase, tuple(members[start : start + group.limit]))
        for group, members in ordered
        for start in range(0, len(members), group.limit)
    ]


def _shares_calls(row: Row) -> bool:
    """Groups and pinned views are set one person at a time, and so is everything but a change."""
    return row.action is Action.CHANGE and not any(
        edit.field == PINS or group_of(edit.field) for edit in row.edits
    )
