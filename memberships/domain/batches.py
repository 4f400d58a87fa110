"""In what order and how many at a time the rows of a plan are sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from .guards import Situation
from .plan import Action, Row


class Phase(IntEnum):
    """Power is given before it is taken, and the actor's own power is taken last and alone."""

    GRANT = 0
    ORDINARY = 1
    TAKE = 2
    SELF = 3


@dataclass(frozen=True, slots=True)
class Pending:
    """A row not sent yet. `at_most` is the size of the largest bulk it may still be part of: a refused bulk halves it."""

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


def batches(waiting: Sequence[Pending], now: Situation, bulk_size: int) -> list[Batch]:
    """All that is left, in the order it should be sent as far as `now` tells; after a re-read, ask again."""
    alike: dict[tuple[object, ...], list[Pending]] = {}
    for pending in waiting:
        its_phase = phase(pending.row, now)
        alone = pending.row.action is not Action.CHANGE or its_phase is Phase.SELF
        # The smallest limit first: a narrowed bulk is settled before new ones are sent.
        limit = 1 if alone else min(bulk_size, pending.at_most or bulk_size)
        wanted = tuple(sorted(pending.row.wanted.items()))
        group = (its_phase, limit, wanted, pending.key if alone else None)
        alike.setdefault(group, []).append(pending)
    ordered = sorted(alike.items(), key=lambda item: item[0][:2])
    return [
        Batch(its_phase, tuple(group[start : start + limit]))  # type: ignore[arg-type]
        for (its_phase, limit, *_), group in ordered
        for start in range(0, len(group), limit)  # type: ignore[arg-type,call-overload]
    ]
