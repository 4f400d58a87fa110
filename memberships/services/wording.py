"""The sentences about plans and what became of them: the same on the review page, the receipt and in the audit log."""

from __future__ import annotations

from collections.abc import Mapping

from memberships.domain.people import ROLE, Member, Role, Value
from memberships.domain.plan import Action, Edit, Row
from memberships.providers import Capabilities


def people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"


def members(number: int) -> str:
    return "1 member" if number == 1 else f"{number:,} members"


def invitations(number: int) -> str:
    return "1 invitation" if number == 1 else f"{number:,} invitations"


class Words:
    """How one organization's fields and values read."""

    def __init__(self, capabilities: Capabilities, roles: Mapping[str, Role]) -> None:
        self.capabilities = capabilities
        self.roles = roles

    def label(self, field: str) -> str:
        return self.capabilities.field(field).label

    def value(self, field: str, value: Value) -> str:
        if field == ROLE:
            role = self.roles.get(str(value))
            return role.name if role else str(value or "–")
        return self.capabilities.field(field).text(value)

    def edit(self, edit: Edit) -> tuple[str, str, str]:
        """Field, before and after as people read them."""
        return self.label(edit.field), self.value(edit.field, edit.before), self.value(edit.field, edit.after)

    def stale(self, row: Row, member: Member | None) -> str:
        """What moved since the review: both values, so that nobody has to look them up."""
        if row.action is Action.INVITE:
            return "Has come into the organization since the review."
        if member is None:
            return "Is no longer in the organization."
        if row.action is Action.REACTIVATE:
            return "Has become active since the review."
        if not member.active:
            return "Has become inactive since the review."
        moved = [
            f"{self.label(e.field)} was {self.value(e.field, e.before)} at the review and is now "
            f"{self.value(e.field, member.value(e.field))}."
            for e in row.edits
            if member.value(e.field) != e.before
        ]
        return " ".join(["Changed by someone else since the review:", *moved])

    def differences(self, row: Row, member: Member | None) -> str:
        """What somebody who is back had otherwise before they left."""
        if member is None or row.action is not Action.REACTIVATE:
            return ""
        changed = [
            f"{self.label(name)} was {self.value(name, before)}, is {self.value(name, member.settings[name])}."
            for name, before in row.kept.items()
            if name in member.settings and member.settings[name] != before
        ]
        return " ".join(["Came back differently:", *changed]) if changed else ""

    def goal(self, kind: str, wanted: Mapping[str, Value], number: int) -> str:
        """What a plan does, as one sentence with its count."""
        if kind == "invite":
            return f"Invite {people(number)} with the role {self.value(ROLE, wanted.get(ROLE))}."
        if kind == "deactivate":
            return f"Deactivate {members(number)}."
        if kind == "reactivate":
            return f"Reactivate {members(number)}, each with the role they had."
        if kind == "undo":
            return f"Undo: put {members(number)} back as they were."
        changes = [
            f"{self.label(field).lower()} to {self.value(field, value)}" for field, value in wanted.items()
        ]
        return f"Change {' and '.join(changes)} for {members(number)}."
