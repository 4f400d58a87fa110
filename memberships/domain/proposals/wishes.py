"""Rows from wishes: whatever is wanted of each person, as changes, invitations, deactivations and reactivations."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from .. import metadata
from ..addresses import Entry
from ..people import ROLE, Member, Role, Roster, Status, Value
from ..plan import Action, Edit, Row, Verdict
from ..wishes import Fault, Wish, matched
from .people import calls, changes, deactivations, invitations, lesser_role, reactivations

AFTERWARDS = 1
"""The stage of what can only be set once somebody is here."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How people come and go: which fields an invitation carries, whether it may give a role that can manage, whether
    leaving deletes, and for how many there is room (None: as many as like)."""

    invited_with: Collection[str] = ()
    invites_managers: bool = False
    removes: bool = False
    most: int | None = None


def rows(
    wishes: Iterable[Wish],
    roster: Roster,
    roles: Mapping[str, Role],
    ways: Ways,
    faults: Iterable[Fault] = (),
) -> list[Row]:
    """A row or more for each wish in the order of their lines. What can't be used is blocked and says why.

    `roster` must tell of everyone who is meant the groups and pinned views that are wished for. `faults` were found
    before.
    """
    found = matched(wishes, roster)
    nobody = replace(roster, members={})
    planned = [(fault.line, [_useless(fault)]) for fault in (*faults, *found.faults)]
    for wish, member in found.wishes:
        its_rows = list(_rows(wish, member, nobody, roles, ways))
        if ways.most and any(row.action is Action.INVITE and row.verdict is Verdict.WILL for row in its_rows):
            ways = replace(ways, most=ways.most - 1)
        planned.append((wish.line, [_located(row, wish) for row in its_rows]))
    return [row for _, its_rows in sorted(planned, key=lambda one: one[0]) for row in its_rows]


def _rows(
    wish: Wish, member: Member | None, nobody: Roster, roles: Mapping[str, Role], ways: Ways
) -> Iterator[Row]:
    if member is None:
        yield from _coming(wish, nobody, roles, ways)
    elif wish.status is Status.INACTIVE and member.status is not Status.INACTIVE:
        yield _leaving(wish, member, ways)
    elif wish.status is Status.PENDING and member.status is Status.INACTIVE:
        yield _blocked(
            wish,
            "“Pending” is what invited people are by themselves: write “active” to have them back.",
            member,
        )
    elif wish.status is Status.ACTIVE and member.status is Status.INACTIVE:
        yield from _returning(wish, member, roles)
    else:
        yield from _changing(member, wish.fields)


def _changing(member: Member, fields: Mapping[str, Value]) -> Iterator[Row]:
    """One row for each call that changes something; one that says so where nothing would."""
    wanted = {name: value for name, value in fields.items() if not _looks_alike(member.value(name), value)}
    yield from [row for part in calls(wanted) for row in changes([member], part)] or changes([member], {})


def _coming(wish: Wish, nobody: Roster, roles: Mapping[str, Role], ways: Ways) -> Iterator[Row]:
    role = roles.get(str(wish.fields.get(ROLE) or ""))
    if wish.status is Status.INACTIVE:
        row = Row(Action.DEACTIVATE, Verdict.WILL, email=wish.email, name=wish.name)
        yield row.already("Is not in the organization: nothing is sent.")
        return
    if role is None:
        yield _blocked(wish, "Is new here, so needs a role to be invited with.")
        return
    entry = Entry(wish.line, wish.email, wish.email, wish.name)
    through = lesser_role(roles)
    (row,) = invitations(
        [entry], role, nobody, roles, managers=ways.invites_managers, through=through, most=ways.most
    )
    wanted = {
        name: value for name, value in wish.fields.items() if name != ROLE and value not in (None, False)
    }
    at_once = tuple(Edit(name, None, value) for name, value in wanted.items() if name in ways.invited_with)
    yield replace(row, edits=(*row.edits, *at_once))
    if row.verdict is Verdict.WILL:
        later = {name: value for name, value in wanted.items() if name not in ways.invited_with}
        yield from (_afterwards(row, part) for part in calls(later))


def _afterwards(invitation: Row, wanted: Mapping[str, Value]) -> Row:
    """What somebody invited gets once they are here: then it is known who they are, and what they had before."""
    edits = tuple(Edit(name, None, value) for name, value in wanted.items())
    return Row(
        Action.CHANGE,
        Verdict.WILL,
        email=invitation.email,
        name=invitation.name,
        edits=edits,
        stage=AFTERWARDS,
    )


def _returning(wish: Wish, member: Member, roles: Mapping[str, Role]) -> Iterator[Row]:
    """Somebody comes back with the role that is wished for, or the one they had; the rest is set afterwards."""
    (row,) = reactivations([member], roles, str(wish.fields.get(ROLE) or ""))
    yield row
    if row.verdict is Verdict.WILL:
        others = {name: value for name, value in wish.fields.items() if name != ROLE}
        for part in calls(others):
            found = changes([member], part, coming_back=[member.id])
            yield from (replace(r, stage=AFTERWARDS) for r in found if r.verdict is not Verdict.ALREADY)


def _leaving(wish: Wish, member: Member, ways: Ways) -> Row:
    differing = [name for name, value in wish.fields.items() if not _looks_alike(member.value(name), value)]
    if differing:
        return _blocked(
            wish,
            "Would be changed and leave at once: only set the status, or leave the status as it is.",
            member,
        )
    (row,) = deactivations([member], removes=ways.removes)
    return row


def _looks_alike(held: Value, wanted: Value) -> bool:
    """The same value, as far as a spreadsheet can tell: some write line breaks their own way."""
    if held == wanted:
        return True
    if not isinstance(held, str) or not isinstance(wanted, str):
        return False
    return metadata.one_break(held) == metadata.one_break(wanted)


def _blocked(wish: Wish, reason: str, member: Member | None = None) -> Row:
    row = Row(Action.CHANGE, Verdict.BLOCKED, email=wish.email, name=wish.who, reason=reason)
    if member is None:
        return row
    return replace(row, member_id=member.id, email=member.email, name=member.name)


def _useless(fault: Fault) -> Row:
    return Row(Action.CHANGE, Verdict.BLOCKED, name=fault.who, reason=str(fault))


def _located(row: Row, wish: Wish) -> Row:
    """What can't be done says on which line it stands."""
    return row.blocked(str(Fault(wish.line, "", row.reason))) if row.verdict is Verdict.BLOCKED else row
