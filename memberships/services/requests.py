"""From the rows that go in one call to the request for it."""

from __future__ import annotations

from memberships.domain.batches import Batch
from memberships.domain.items import Kind
from memberships.domain.people import PINS, ROLE, Roster, group_of
from memberships.domain.plan import Action
from memberships.providers import (
    Change,
    Creation,
    Deactivation,
    Deletion,
    Grouping,
    Invitation,
    ItemChange,
    Pinning,
    Request,
    Resend,
)


def request(batch: Batch, roster: Roster) -> Request:
    """`roster` tells the user ids by which groups know their members."""
    row = batch.rows[0]
    match row.action:
        case Action.INVITE | Action.REACTIVATE:
            fields = {name: value for name, value in row.wanted.items() if name != ROLE}
            return Invitation(row.email, str(row.wanted[ROLE]), fields)
        case Action.RESEND:
            return Resend(row.member_id)
        case Action.DEACTIVATE:
            return Deactivation(row.member_id)
        case Action.CREATE:
            return Creation(row.kind, row.wanted)
        case Action.DELETE:
            return Deletion(row.kind, row.item_id)
        case Action.CHANGE if row.kind is not Kind.MEMBER:
            return ItemChange(row.kind, row.wanted, tuple(row.item_id for row in batch.rows))
    (field, value), *more = row.wanted.items()
    if not more and (group_id := group_of(field)):
        return Grouping(group_id, roster.members[row.member_id].user_id, value is True)
    if not more and field == PINS and isinstance(value, tuple):
        return Pinning(row.member_id, value)
    return Change(row.wanted, tuple(row.member_id for row in batch.rows))
