"""Pinned views as people read them: by name, with what is to be said of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from memberships.domain.people import PINS, Member
from memberships.domain.plan import Row, Verdict
from memberships.domain.views import Sight, View
from memberships.models import Connection

from . import details, groups


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of somebody's list; of a view that is gone only the id is known, which then is the name."""

    id: str
    name: str
    kind: str
    sight: Sight


class Views:
    """Every view this connection sees, and who may open each as far as the mirror tells. Raises ProviderError."""

    def __init__(self, connection: Connection) -> None:
        self.by_id: Mapping[str, View] = {view.id: view for view in details.views(connection)}
        read = [g for g in groups.everything(connection.organization) if g.members_read_at]
        self._users = {group.remote_id: frozenset(group.user_ids) for group in read}

    def sight(self, member: Member, view_id: str) -> Sight:
        view = self.by_id.get(view_id)
        if view is None:
            return Sight.GONE
        inside = [pk for pk in view.group_ids if member.user_id in self._users.get(pk, ())]
        if view.is_seen_by(member, inside):
            return Sight.OPEN
        return Sight.UNSHARED if view.group_ids <= self._users.keys() else Sight.UNCLEAR

    def pins(self, member: Member, view_ids: Iterable[str]) -> list[Pin]:
        return [self._pin(member, pk) for pk in view_ids]

    def _pin(self, member: Member, view_id: str) -> Pin:
        view, sight = self.by_id.get(view_id), self.sight(member, view_id)
        return Pin(view_id, view.name, view.kind, sight) if view else Pin(view_id, view_id, "", sight)


def cautioned(connection: Connection, rows: Sequence[Row], members: Mapping[str, Member]) -> list[Row]:
    """The rows, those that will change pinned views with what their people may not be able to open."""
    if not any(PINS in row.wanted for row in rows):
        return list(rows)
    views = Views(connection)

    def cautioned(row: Row) -> Row:
        wanted, member = row.wanted.get(PINS), members.get(row.member_id)
        if row.verdict is not Verdict.WILL or member is None or not isinstance(wanted, tuple):
            return row
        caution = _caution(views.pins(member, wanted))
        return replace(row, reason=" ".join(filter(None, (row.reason, caution))))

    return [cautioned(row) for row in rows]


def _caution(pins: Sequence[Pin]) -> str:
    sentences = []
    if unshared := [pin for pin in pins if pin.sight is Sight.UNSHARED]:
        why = "it isn't" if len(unshared) == 1 else "they aren't"
        sentences.append(f"May not be able to open {_listed(unshared)}: {why} shared with them.")
    if unclear := [pin for pin in pins if pin.sight is Sight.UNCLEAR]:
        sentences.append(
            f"Whether they can open {_listed(unclear)} isn't known yet: nobody has read who is in the groups "
            f"{'it is' if len(unclear) == 1 else 'they are'} shared with."
        )
    if gone := [pin for pin in pins if pin.sight is Sight.GONE]:
        why = "isn't" if len(gone) == 1 else "aren't"
        sentences.append(
            f"{_listed(gone)} {why} there any more, or you can't see {'it' if len(gone) == 1 else 'them'}: the whole "
            "list may be refused."
        )
    return " ".join(sentences)


def _listed(pins: Sequence[Pin]) -> str:
    *most, last = [f"“{pin.name}”" for pin in pins]
    return f"{', '.join(most)} and {last}" if most else last
