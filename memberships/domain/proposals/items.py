"""Rows about roles, groups and work."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..guards import still_held
from ..items import MEMBERS, NAME, OPEN, OWNER, PERMISSIONS, WORK, Item, Items, Kind
from ..people import Member, Value
from ..plan import Action, Edit, Row, Verdict

_WORDS = {Kind.ROLE: "role", Kind.GROUP: "group"}
_CHANGED_SINCE = "Changed since by someone else: left as it is."


def creation(kind: Kind, values: Mapping[str, Value], items: Items) -> Row:
    """Make a role or group; its name is how it is found again when the answer is lost, so it must be a new one.

    What is empty need not be asked for, except of permissions.
    """
    name = str(values[NAME])
    edits = tuple(
        Edit(field, None, value)
        for field, value in values.items()
        if field == PERMISSIONS or value not in (None, ())
    )
    row = Row(Action.CREATE, Verdict.WILL, name=name, edits=edits, kind=kind)
    return row.blocked(_taken(kind, name)) if _named(kind, name, items) else row


def edit(item: Item, wanted: Mapping[str, Value], items: Items, *, editable: bool = True) -> Row:
    """Give one item new values."""
    edits = tuple(
        Edit(field, item.value(field), after) for field, after in wanted.items() if item.value(field) != after
    )
    row = _row(Action.CHANGE, item, edits)
    if not edits:
        return row.already("Already so: nothing is sent.")
    if not editable:
        return row.blocked("This is a system role, which can't be changed: clone it and change the clone.")
    name = str(row.wanted.get(NAME, item.name))
    if any(other.id != item.id for other in _named(item.kind, name, items)):
        return row.blocked(_taken(item.kind, name))
    return row


def merged(now: Value, opened: Value, wanted: Value) -> tuple[str, ...]:
    """A list with what somebody added and took away since they opened it, whatever else has come of it meanwhile."""
    is_now, was, will_be = (set(v) if isinstance(v, tuple) else set() for v in (now, opened, wanted))
    return tuple(sorted(is_now - (was - will_be) | (will_be - was)))


def deletion(item: Item, *, holders: int = 0, carriers: int = 0, editable: bool = True) -> Row:
    """Take a role or group away; a group says itself who is in it.

    `holders` are the active people with the role, `carriers` those who left with it.
    """
    row = Row(
        Action.DELETE, Verdict.WILL, name=item.name, kind=item.kind, item_id=item.id, kept=dict(item.values)
    )
    if not editable:
        return row.blocked("This is a system role, which can't be deleted.")
    if holders:
        return row.blocked(still_held(holders))
    if carriers:
        people = (
            "1 inactive person still carries"
            if carriers == 1
            else f"{carriers:,} inactive people still carry"
        )
        return replace(row, reason=f"{people} it: what becomes of that is not documented.")
    return row


def transfers(work: Iterable[Item], holder: Member, taker: Member) -> list[Row]:
    """Hand tasks or opportunities to somebody else."""
    rows = []
    for item in work:
        edits = (Edit(OWNER, item.value(OWNER), taker.user_id),)
        row = Row(
            Action.CHANGE,
            Verdict.WILL,
            holder.id,
            name=item.name,
            edits=edits,
            kind=item.kind,
            item_id=item.id,
        )
        if not taker.active:
            row = row.blocked(f"{taker.name or taker.email} is not active.")
        rows.append(row)
    return rows


def again(row: Row, items: Items, holders: Mapping[str, int]) -> Row:
    """The same wish for what isn't a person, planned on what is true now. `holders`: active people by role id."""
    if row.action is Action.CREATE:
        return creation(row.kind, row.wanted, items)
    item = items.get((row.kind, row.item_id))
    if item is None:
        return _missing(row)
    if row.action is Action.DELETE:
        return deletion(item, holders=holders.get(item.id, 0))
    wanted = {
        e.field: merged(item.value(e.field), e.before, e.after) if e.field == PERMISSIONS else e.after
        for e in row.edits
    }
    found = replace(edit(item, wanted, items), member_id=row.member_id)
    if row.kind not in WORK or found.verdict is Verdict.ALREADY:
        return found
    if item.value(OPEN) is False:
        return _missing(row)
    if any(item.value(e.field) != e.before for e in row.edits):
        return found.already("Is somebody else's by now: nothing is sent.")
    return found


def undone(row: Row, items: Items, holders: Mapping[str, int]) -> Row:
    """The inverse of what was done to something that isn't a person. What is made again gets another id."""
    if row.action is Action.DELETE:
        values = {field: value for field, value in row.kept.items() if field != MEMBERS}
        found = creation(row.kind, values, items)
        anew = f"Is made anew: the {_WORDS[row.kind]} gets a new id."
        if row.kind is Kind.ROLE:
            anew = "Is made anew: the role gets a new id, and at first nobody has it."
        return found if found.verdict is Verdict.BLOCKED else replace(found, reason=anew)
    item = items.get((row.kind, row.item_id))
    if item is None:
        return _missing(row)
    if row.action is Action.CREATE:
        back = deletion(item, holders=holders.get(item.id, 0))
        as_made = all(item.value(e.field) == e.after for e in row.edits)
        return back if as_made else back.blocked(_CHANGED_SINCE)
    inverse = tuple(Edit(e.field, e.after, e.before) for e in row.edits)
    back = replace(_row(Action.CHANGE, item, inverse), member_id=row.member_id)
    if all(item.value(e.field) == e.after for e in inverse):
        return back.already("Already back: nothing is sent.")
    if any(item.value(e.field) != e.before for e in inverse):
        return back.blocked(_CHANGED_SINCE)
    if item.value(OPEN) is False:
        return back.blocked("Is no longer open: left with whoever finished it.")
    name = str(back.wanted.get(NAME, item.name))
    if row.kind not in WORK and any(other.id != item.id for other in _named(row.kind, name, items)):
        return back.blocked(_taken(row.kind, name))
    return back


def _missing(row: Row) -> Row:
    if row.kind in WORK:
        return row.already("Is no longer open: nothing is sent.")
    if row.action is Action.CHANGE:
        return row.blocked(f"There is no such {_WORDS[row.kind]} any more.")
    return row.already(f"There is no such {_WORDS[row.kind]} any more: nothing is sent.")


def _row(action: Action, item: Item, edits: tuple[Edit, ...]) -> Row:
    return Row(action, Verdict.WILL, name=item.name, edits=edits, kind=item.kind, item_id=item.id)


def _named(kind: Kind, name: str, items: Items) -> list[Item]:
    return [item for (its_kind, _), item in items.items() if its_kind is kind and item.name == name]


def _taken(kind: Kind, name: str) -> str:
    return f"There is a {_WORDS[kind]} named {name} already."
