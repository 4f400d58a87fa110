"""What is on somebody's desk, and who takes it over when they leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping

from memberships.domain.items import WORK, Item, Kind
from memberships.domain.people import Member, Value
from memberships.providers import MembershipProvider

from .wording import listed, still_open

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


def still_theirs(
    provider: MembershipProvider, leaver: Member, takers: Takers, beat: Callable[[], object]
) -> str:
    """Why somebody can't go yet: what has come in for them since the review, in a sentence. Raises ProviderError."""
    left = to_hand_over(open_work(provider, leaver.user_id, beat), leaver, takers)
    if not left:
        return ""
    number = Counter(item.kind for item in left)
    what = listed([still_open(number[kind], kind) for kind in WORK if number[kind]])
    return (
        f"Stopped before {leaver.name or leaver.email} was deactivated: they have {what}, come in since the review. "
        "“Retry the rest” deals with that first."
    )
