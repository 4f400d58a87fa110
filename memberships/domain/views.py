"""Views people pin to their sidebar, and how two orders of them differ."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from .people import Member

_KINDS = {"sms": "SMS", "whatsapp_message": "WhatsApp message"}


class Sight(Enum):
    """May somebody open a view they have pinned?"""

    OPEN = auto()
    UNSHARED = auto()
    UNCLEAR = auto()
    """It is shared with groups of which nobody has read yet who is in them."""
    GONE = auto()
    """It isn't there any more, or can't be seen by whoever asked."""


@dataclass(frozen=True, slots=True)
class View:
    """A saved search. Whom it is shared with is told in three ways; its owner sees it anyhow."""

    id: str
    name: str
    type: str
    owner_id: str = ""
    shared_with_all: bool = False
    user_ids: frozenset[str] = frozenset()
    group_ids: frozenset[str] = frozenset()
    member_ids: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        """What it lists, for people to read."""
        return _KINDS.get(self.type) or self.type.replace("_", " ").capitalize()

    def is_seen_by(self, member: Member, group_ids: Collection[str]) -> bool:
        """May this member open it? `group_ids` are the groups they are in."""
        return (
            self.shared_with_all
            or member.user_id in (self.owner_id, *self.user_ids)
            or member.id in self.member_ids
            or not self.group_ids.isdisjoint(group_ids)
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """What one order of ids has that the other hasn't; `reordered`: not just what stays, followed by what comes."""

    added: tuple[str, ...]
    lost: tuple[str, ...]
    reordered: bool


def difference(before: Sequence[str], after: Sequence[str]) -> Difference:
    added = tuple(pk for pk in after if pk not in before)
    stay = tuple(pk for pk in before if pk in after)
    return Difference(added, tuple(pk for pk in before if pk not in after), tuple(after) != stay + added)


def moved(ids: Sequence[str], pk: str, by: int) -> tuple[str, ...]:
    """The same ids with one of them some places further down, or up; never beyond the ends."""
    order = [other for other in ids if other != pk]
    if pk in ids:
        order.insert(max(0, list(ids).index(pk) + by), pk)
    return tuple(order)
