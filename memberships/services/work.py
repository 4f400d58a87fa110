"""What is on somebody's desk, and who takes it over when they leave."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from memberships.domain.items import WORK, Item, Kind
from memberships.domain.people import Member, Value
from memberships.providers import MembershipProvider

type Takers = Mapping[str, Value]
"""By kind of work the user id of who takes it over; the leaver's own where it stays with them. Kept as what a plan to
leave wants."""


def open_work(
    provider: MembershipProvider, user_id: str, beat: Callable[[], object] = lambda: None
) -> list[Item]:
    """Every open task and active opportunity of one person. `beat` is called before each kind."""
    found: list[Item] = []
    for kind in WORK:
        beat()
        found += provider.work(kind, user_id)
    return found


def to_hand_over(
    found: Collection[Item], leaver: Member, takers: Takers, planned: Collection[tuple[Kind, str]] = ()
) -> list[Item]:
    """Of the work that was found, what isn't meant to stay and is not `planned` for yet."""
    return [
        item
        for item in found
        if (item.kind, item.id) not in planned and takers.get(item.kind.value) != leaver.user_id
    ]
