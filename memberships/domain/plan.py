"""A plan: per person what would change, what is already so, and what can't be done and why. Nothing here sends."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .addresses import Entry
from .people import ROLE, Member, Role, Roster, Status, Value


class Action(StrEnum):
    CHANGE = "change"
    INVITE = "invite"
    REACTIVATE = "reactivate"
    DEACTIVATE = "deactivate"


class Verdict(StrEnum):
    WILL = "will"
    ALREADY = "already"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Edit:
    field: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Row:
    """One person, or one pasted text that is nobody. `member_id` is empty for someone the provider doesn't know.

    `email` identifies people who are invited; `name` is a copy for reading. `reason` explains ALREADY and BLOCKED,
    and may say of WILL what else is good to know. `via` is a role somebody comes back with first, because theirs
    can't be given at once. `kept` is what their settings were before they left, to be compared when they are back.
    """

    action: Action
    verdict: Verdict
    member_id: str = ""
    email: str = ""
    name: str = ""
    edits: tuple[Edit, ...] = ()
    reason: str = ""
    via: str = ""
    kept: Mapping[str, Value] = field(default_factory=dict)

    @property
    def wanted(self) -> dict[str, Value]:
        return {edit.field: edit.after for edit in self.edits}

    def blocked(self, reason: str) -> "Row":
        return replace(self, verdict=Verdict.BLOCKED, reason=reason)


def changes(members: Iterable[Member], wanted: Mapping[str, Value]) -> list[Row]:
    """Give each member the wanted values, each person once however often they are named."""
    rows: dict[str, Row] = {}
    for member in members:
        edits = tuple(
            Edit(field, member.value(field), after)
            for field, after in wanted.items()
            if member.value(field) != after
        )
        row = Row(Action.CHANGE, Verdict.WILL, member.id, member.email, member.name, edits)
        if not edits:
            row = replace(row, verdict=Verdict.ALREADY, reason="Already so: nothing is sent.")
        elif member.status is Status.INACTIVE:
            row = row.blocked("Inactive: reactivate them first.")
        rows[member.id] = row
    return list(rows.values())


def invitations(entries: Iterable[Entry], role: Role, roster: Roster, roles: Mapping[str, Role]) -> list[Row]:
    """Invite everyone in `entries` with one role; people who left come back, the rest is said per entry."""
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
            row = replace(row, verdict=Verdict.ALREADY, reason=f"Already active, with the role {held}.")
        elif role.can_manage:
            row = row.blocked(
                f"{role.name} can't be given by invitation: invite with another role, raise it after."
            )
        elif member:
            row = replace(row, reason="Was here before: will be reactivated.")
        else:
            row = replace(row, reason="New.")
        if entry.email:
            first_line.setdefault(entry.email, entry.line)
        rows.append(row)
    return rows


def deactivations(members: Iterable[Member]) -> list[Row]:
    """Take each member out of the organization, as far as the provider does: the membership becomes inactive."""
    rows: dict[str, Row] = {}
    for member in members:
        row = Row(Action.DEACTIVATE, Verdict.WILL, member.id, member.email, member.name)
        if member.status is Status.INACTIVE:
            row = replace(row, verdict=Verdict.ALREADY, reason="Already inactive: nothing is sent.")
        rows[member.id] = row
    return list(rows.values())


def reactivations(members: Iterable[Member], roles: Mapping[str, Role]) -> list[Row]:
    """Bring each member back with the role they had; a role that can manage is given in a second step."""
    rows: dict[str, Row] = {}
    for member in members:
        role = roles.get(member.role_id)
        edits = (Edit(ROLE, member.role_id, member.role_id),)
        row = Row(
            Action.REACTIVATE, Verdict.WILL, member.id, member.email, member.name, edits, kept=member.settings
        )
        if member.active:
            row = replace(row, verdict=Verdict.ALREADY, reason="Already active: nothing is sent.")
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


def lesser_role(roles: Mapping[str, Role]) -> Role | None:
    """The role closest to managing that can't manage: the one with the most permissions."""
    powerless = [role for role in roles.values() if not role.can_manage]
    return max(powerless, key=lambda role: (len(role.permissions), role.id), default=None)


def at_step(row: Row, step: int) -> Row:
    """What a row asks for now: someone who comes back in two steps is first back, then given their role."""
    if not row.via:
        return row
    if step == 0:
        return replace(row, edits=(Edit(ROLE, row.edits[0].before, row.via),))
    return replace(row, action=Action.CHANGE, edits=(Edit(ROLE, row.via, row.wanted[ROLE]),))


def again(rows: Iterable[Row], roster: Roster, roles: Mapping[str, Role]) -> list[Row]:
    """The same wishes once more, planned on what is true now."""
    planned: list[Row] = []
    for row in rows:
        member = roster.members.get(row.member_id)
        match row.action:
            case Action.REACTIVATE if row.via and member:
                planned += (
                    reactivations([member], roles) if not member.active else changes([member], row.wanted)
                )
            case Action.INVITE | Action.REACTIVATE:
                entry = Entry(len(planned) + 1, row.email, row.email, row.name)
                role_id = str(row.wanted[ROLE])
                role = roles.get(role_id, Role(role_id, role_id, frozenset(), can_manage=False))
                planned += invitations([entry], role, roster, roles)
            case _ if member is None:
                planned.append(row.blocked("Is no longer in the organization."))
            case Action.DEACTIVATE:
                planned += deactivations([member])
            case Action.CHANGE:
                planned += changes([member], row.wanted)
    return planned


_CHANGED_SINCE = "Changed since by someone else: left as it is."


def undo(rows: Iterable[Row], roster: Roster, roles: Mapping[str, Role]) -> list[Row]:
    """The inverse of rows that were done. What was changed since is not touched."""
    by_email = roster.by_email()
    planned: list[Row] = []
    for row in rows:
        member = roster.members.get(row.member_id) or by_email.get(row.email)
        match row.action:
            case _ if member is None:
                planned.append(row.blocked("Is no longer in the organization."))
            case Action.DEACTIVATE:
                planned += reactivations([member], roles)
            case Action.INVITE | Action.REACTIVATE if (
                member.active and member.value(ROLE) != row.wanted[ROLE]
            ):
                back = Row(Action.DEACTIVATE, Verdict.BLOCKED, member.id, member.email, member.name)
                planned.append(back.blocked(_CHANGED_SINCE))
            case Action.INVITE | Action.REACTIVATE:
                planned += deactivations([member])
            case Action.CHANGE:
                planned.append(_undone(row, member))
    return planned


def _undone(row: Row, member: Member) -> Row:
    inverse = tuple(Edit(edit.field, edit.after, edit.before) for edit in row.edits)
    back = Row(Action.CHANGE, Verdict.WILL, member.id, member.email, member.name, inverse)
    if all(member.value(edit.field) == edit.after for edit in inverse):
        return replace(back, verdict=Verdict.ALREADY, reason="Already back: nothing is sent.")
    if any(member.value(edit.field) != edit.before for edit in inverse):
        return back.blocked(_CHANGED_SINCE)
    if any(edit.after is None for edit in inverse):
        return back.blocked("Had no value before, and that can't be set again.")
    if not member.active:
        return back.blocked("Inactive: reactivate them first.")
    return back


def fingerprint(organization_id: str, rows: Sequence[Row]) -> str:
    """SHA-256 over everything that would be sent and about whom: two plans are the same exactly when this is."""
    content = [
        [
            row.action,
            row.verdict,
            row.member_id,
            row.email,
            row.via,
            [[e.field, e.before, e.after] for e in row.edits],
        ]
        for row in rows
    ]
    canonical = json.dumps([organization_id, content], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def is_so(row: Row, member: Member | None) -> bool:
    """Does what was just read show what the row wants?"""
    if row.action is Action.DEACTIVATE:
        return member is None or not member.active
    if member is None or (row.action is not Action.CHANGE and not member.active):
        return False
    return all(member.value(edit.field) == edit.after for edit in row.edits)


def has_arrived(row: Row, member: Member | None) -> bool:
    """Is at least the first step made: the change, or for someone who comes, that they are here?

    A provider may give somebody who comes back another role than the one asked for.
    """
    if row.action in (Action.INVITE, Action.REACTIVATE):
        return member is not None and member.active
    return is_so(row, member)


def is_stale(row: Row, member: Member | None) -> bool:
    """Did anything the row was planned on change since?"""
    match row.action:
        case Action.INVITE:
            return member is not None
        case Action.REACTIVATE:
            return member is None or member.status is not Status.INACTIVE
        case Action.DEACTIVATE:
            return member is None or not member.active
        case Action.CHANGE:
            return (
                member is None
                or member.status is Status.INACTIVE
                or any(member.value(edit.field) != edit.before for edit in row.edits)
            )
