"""What a read tells about a row: is it so, has it begun to be so, has anything moved since the review?"""

from collections.abc import Mapping

from . import metadata
from .items import OPEN, Item, Kind
from .people import APPS, Member, Status, Value, group_of
from .plan import Action, Row

type Subject = Member | Item
"""What a row is about, as last read."""


def is_so(row: Row, subject: Subject | None) -> bool:
    """Does what was just read show what the row wants?"""
    if row.action is Action.DELETE:
        return subject is None
    if row.action is Action.DEACTIVATE:
        return subject is None or _is_inactive(subject)
    if subject is None or (row.action in (Action.INVITE, Action.REACTIVATE) and _is_inactive(subject)):
        return False
    return all(subject.value(edit.field) == edit.after for edit in row.edits)


def has_arrived(row: Row, subject: Subject | None) -> bool:
    """Is at least the first step made: the change, or for someone who comes, that they are here?

    A provider may give somebody who comes back another role than the one asked for.
    """
    if row.action in (Action.INVITE, Action.REACTIVATE):
        return subject is not None and not _is_inactive(subject)
    return is_so(row, subject)


def is_stale(row: Row, subject: Subject | None) -> bool:
    """Did anything the row was planned on change since?"""
    match row.action:
        case Action.INVITE | Action.CREATE:
            return subject is not None
        case Action.REACTIVATE:
            return not isinstance(subject, Member) or subject.status is not Status.INACTIVE
        case Action.RESEND:
            return not isinstance(subject, Member) or subject.status is not Status.PENDING
        case Action.DEACTIVATE:
            return subject is None or _is_inactive(subject)
        case Action.DELETE:
            return subject is None or any(
                subject.value(name) != value for name, value in row.kept.items() if name in _values(subject)
            )
        case Action.CHANGE:
            return (
                subject is None
                or (_is_inactive(subject) and not leaves_groups(row))
                or subject.value(OPEN) is False
                # Apps are only ever added: those that are there already are left out.
                or any(subject.value(e.field) != e.before for e in row.edits if e.field != APPS)
                or (isinstance(subject, Member) and any(metadata.is_locked(subject, f) for f in row.wanted))
            )


def leaves_groups(row: Row) -> bool:
    """Is all it asks for that somebody is out of groups? That can be done for people who left, too."""
    return row.kind is Kind.MEMBER and all(group_of(edit.field) and edit.after is False for edit in row.edits)


def _is_inactive(subject: Subject) -> bool:
    return isinstance(subject, Member) and subject.status is Status.INACTIVE


def _values(subject: Subject) -> Mapping[str, Value]:
    return subject.values if isinstance(subject, Item) else subject.settings
