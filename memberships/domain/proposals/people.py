"""Rows about people: new values, invitations, leaving and coming back."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from .. import metadata
from ..addresses import Entry
from ..history import STATUS
from ..items import to_be_made
from ..people import APPS, RESENT, ROLE, Member, Role, Roster, Status, Value, group_field, group_of, is_detail
from ..plan import Action, Edit, Row, Verdict
from ..reading import leaves_groups


def changes(
    members: Iterable[Member], wanted: Mapping[str, Value], *, coming_back: Collection[str] = ()
) -> list[Row]:
    """Give each member the wanted values, each person once however often they are named.

    `coming_back` are ids of those who are inactive now and won't be any more when it is their turn.
    """
    rows: dict[str, Row] = {}
    for member in members:
        edits = tuple(
            Edit(field, member.value(field), after)
            for field, after in wanted.items()
            if member.value(field) != after
        )
        row = Row(Action.CHANGE, Verdict.WILL, member.id, member.email, member.name, edits)
        if not edits:
            row = row.already("Already so: nothing is sent.")
        elif any(group_of(edit.field) and edit.before is None for edit in edits):
            row = row.blocked("There is no such group any more.")
        elif any(metadata.is_locked(member, field) for field in wanted):
            row = row.blocked("What stands under this key is more than text: it is left as it is.")
        elif member.status is Status.INACTIVE and not (leaves_groups(row) or member.id in coming_back):
            row = row.blocked("Inactive: reactivate them first.")
        rows[member.id] = row
    return list(rows.values())


def calls(fields: Mapping[str, Value]) -> Iterator[dict[str, Value]]:
    """What goes in one call: settings together, each group and the pinned views alone."""
    if together := {name: value for name, value in fields.items() if not is_detail(name)}:
        yield together
    yield from ({name: value} for name, value in fields.items() if is_detail(name))


def joining(creation: Row, members: Iterable[Member]) -> list[Row]:
    """Put each member into the group that the row `creation` makes in an earlier stage."""
    edits = (Edit(group_field(to_be_made(creation.name)), False, True),)
    rows = []
    for member in {member.id: member for member in members}.values():
        row = Row(Action.CHANGE, Verdict.WILL, member.id, member.email, member.name, edits)
        if creation.verdict is not Verdict.WILL:
            row = row.blocked("The group is not made, so nobody is put into it.")
        elif member.status is Status.INACTIVE:
            row = row.blocked("Inactive: reactivate them first.")
        rows.append(row)
    return rows


def invitations(
    entries: Iterable[Entry],
    role: Role,
    roster: Roster,
    roles: Mapping[str, Role],
    *,
    managers: bool = False,
    through: Role | None = None,
    most: int | None = None,
) -> list[Row]:
    """Invite everyone in `entries` with one role; people who left come back, the rest is said per entry.

    `managers`: a role that can manage may be given this way. `through`: else it is given in a second step, after this
    one. `most`: for how many there is room.
    """
    members = roster.by_email()
    first_line: dict[str, int] = {}
    rows: list[Row] = []
    for entry in entries:
        member = members.get(entry.email)
        row = Row(
            Action.INVITE,
            Verdict.WILL,
            email=entry.email,
            name=entry.name,
            edits=(Edit(ROLE, None, role.id),),
        )
        if member:
            name = member.name or entry.name
            row = replace(
                row,
                action=Action.REACTIVATE,
                member_id=member.id,
                name=name,
                edits=(Edit(ROLE, member.role_id, role.id),),
            )
        if not entry.email:
            row = replace(row, name=entry.text).blocked(f"Not an e-mail address (line {entry.line}).")
        elif entry.email in first_line:
            row = row.blocked(f"Duplicate: already on line {first_line[entry.email]}.")
        elif member and member.status is not Status.INACTIVE:
            held = roles[member.role_id].name if member.role_id in roles else member.role_id
            state = "active" if member.active else "invited"
            row = row.already(f"Already {state}, with the role {held}.")
        elif role.can_manage and not managers and through is not None:
            row = replace(
                row, via=through.id, reason=f"Comes as {through.name} first, then becomes {role.name}."
            )
        elif role.can_manage and not managers:
            row = row.blocked(
                f"{role.name} can't be given by invitation: invite with another role, raise it after."
            )
        elif member:
            row = replace(row, reason="Was here before: will be reactivated.")
        else:
            row = replace(row, reason="New.")
        if entry.email:
            first_line.setdefault(entry.email, entry.line)
        if row.verdict is Verdict.WILL and most is not None:
            if most == 0:
                row = row.blocked("The plan of the organization has no room for more members.")
            most = max(0, most - 1)
        rows.append(row)
    return rows


def deactivations(members: Iterable[Member], *, removes: bool = False) -> list[Row]:
    """Take each member out of the organization: the membership becomes inactive, or is gone where that `removes`.

    What somebody had who is gone is kept in their row: they can be invited with it again.
    """
    rows: dict[str, Row] = {}
    for member in members:
        kept = {ROLE: member.role_id, STATUS: member.status.value, **member.settings} if removes else {}
        row = Row(Action.DEACTIVATE, Verdict.WILL, member.id, member.email, member.name, kept=kept)
        if member.status is Status.INACTIVE:
            row = row.already("Already inactive: nothing is sent.")
        rows[member.id] = row
    return list(rows.values())


def reactivations(members: Iterable[Member], roles: Mapping[str, Role], role_id: str = "") -> list[Row]:
    """Bring each member back with this role, or the one they had; one that can manage is given in a second step."""
    rows: dict[str, Row] = {}
    for member in members:
        role = roles.get(role_id or member.role_id)
        edits = (Edit(ROLE, member.role_id, role_id or member.role_id),)
        row = Row(
            Action.REACTIVATE, Verdict.WILL, member.id, member.email, member.name, edits, kept=member.settings
        )
        if member.active:
            row = row.already("Already active: nothing is sent.")
        elif role is None:
            row = row.blocked("Their role no longer exists: invite them with another one.")
        elif not member.email:
            row = row.blocked("Has no e-mail address here, so can't be brought back.")
        elif role.can_manage:
            lesser = lesser_role(roles)
            if lesser is None:
                row = row.blocked(
                    "There is no role without the power to manage that they could come back with first."
                )
            else:
                reason = f"Comes back as {lesser.name} first, then becomes {role.name}."
                row = replace(row, via=lesser.id, reason=reason)
        else:
            row = replace(row, reason=f"Comes back as {role.name}.")
        rows[member.id] = row
    return list(rows.values())


def resends(members: Iterable[Member]) -> list[Row]:
    """Send the invitation again to each who has not accepted it yet."""
    rows: dict[str, Row] = {}
    for member in members:
        edits = (Edit(RESENT, None, True),)
        row = Row(Action.RESEND, Verdict.WILL, member.id, member.email, member.name, edits)
        if member.status is not Status.PENDING:
            row = row.already("Has accepted already: nothing is sent.")
        rows[member.id] = row
    return list(rows.values())


def invited_again(row: Row, roles: Mapping[str, Role]) -> Row:
    """Somebody who was removed, with all they had; that is an invitation, because nothing of them is left."""
    wanted = {field: value for field, value in row.kept.items() if field != STATUS and value is not None}
    edits = tuple(Edit(field, None, value) for field, value in wanted.items())
    again = Row(Action.INVITE, Verdict.WILL, "", row.email, row.name, edits)
    if wanted.get(ROLE) not in roles:
        return again.blocked("Their role no longer exists: invite them with another one.")
    return replace(again, reason="Is invited again: an e-mail is sent.")


def given_again(member: Member, apps: tuple[str, ...]) -> Row:
    """Somebody who is back, with the apps they had; those they have by then are left as they are."""
    row = Row(Action.CHANGE, Verdict.WILL, member.id, member.email, member.name)
    return replace(row, edits=(Edit(APPS, (), apps),))


def lesser_role(roles: Mapping[str, Role]) -> Role | None:
    """The role closest to managing that can't manage: the one with the most permissions."""
    powerless = [role for role in roles.values() if not role.can_manage]
    return max(powerless, key=lambda role: (len(role.permissions), role.id), default=None)


def least_role(roles: Mapping[str, Role]) -> Role | None:
    """The role with the fewest permissions that can't manage."""
    powerless = [role for role in roles.values() if not role.can_manage]
    return min(powerless, key=lambda role: (len(role.permissions), role.id), default=None)
