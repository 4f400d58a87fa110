"""People, roles and situations as plain values, for the tests of rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from memberships.domain.guards import Situation
from memberships.domain.people import Member, Role, Roster, Status
from memberships.domain.plan import Action, Edit, Row, Verdict

ADMIN = Role("admin", "Admin", frozenset({"manage_organization", "export"}), can_manage=True)
PEOPLE_OPS = Role("ops", "People Ops", frozenset({"manage_organization", "calling"}), can_manage=True)
USER = Role("user", "User", frozenset({"calling"}), can_manage=False)
LIMITED = Role("limited", "Limited", frozenset(), can_manage=False)
ROLES = {role.id: role for role in (ADMIN, PEOPLE_OPS, USER, LIMITED)}


def member(pk: str, role: str = "user", status: Status = Status.ACTIVE, **other: Any) -> Member:
    """Someone whose user id is `u-` and the membership id; who can manage follows from role and status."""
    manages = status is Status.ACTIVE and role in ROLES and ROLES[role].can_manage
    known: dict[str, Any] = {
        "user_id": f"u-{pk}",
        "email": f"{pk}@example.com",
        "first_name": pk.title(),
        "last_name": "Example",
        "can_manage": manages,
    }
    return Member(id=pk, role_id=role, status=status, **(known | other))


def roster(*members: Member) -> Roster:
    return Roster("orga_1", "Example", {m.id: m for m in members}, datetime(2026, 1, 2, tzinfo=UTC))


def situation(*members: Member, actor: str = "", minimum: int = 1) -> Situation:
    """`actor` is a membership id."""
    return Situation(roster(*members), ROLES, f"u-{actor}", minimum)


def role_change(who: Member, role: str) -> Row:
    return Row(Action.CHANGE, Verdict.WILL, who.id, who.email, who.name, (Edit("role", who.role_id, role),))


def deactivation(who: Member) -> Row:
    return Row(Action.DEACTIVATE, Verdict.WILL, who.id, who.email, who.name)
