"""What a provider's own log of events tells: who did something, and when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .items import Kind


@dataclass(frozen=True, slots=True)
class Happening:
    """One event. `action` is the provider's word; `item_id` is of a member or a group, `user_id` of who did it."""

    kind: Kind
    item_id: str
    action: str
    at: datetime
    user_id: str = ""


_ACTIONS = {
    "member.joined": "activated",
    "member.reactivated": "activated",
    "member.deactivated": "deactivated",
    "group.created": "created",
    "group.changed": "updated",
    "group.deleted": "deleted",
    "member.group.set": "updated",
}


class Trace:
    """Happenings since the last read, to be asked when one of our own events took place."""

    def __init__(self, happenings: Iterable[Happening] = ()) -> None:
        self._found: dict[tuple[str, str], list[Happening]] = {}
        for happening in happenings:
            self._found.setdefault((happening.item_id, happening.action), []).append(happening)

    def of(self, event: str, item_id: str) -> Happening | None:
        """The one that explains this event of ours; None when several could, or none does."""
        found = self._found.get((item_id, _ACTIONS.get(event, "")), [])
        return found[0] if len(found) == 1 else None
