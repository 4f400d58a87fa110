"""Both rehearsals behind one face, so that one suite says what every provider must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from memberships.providers import MembershipProvider


@dataclass(frozen=True, slots=True)
class Side:
    """A provider in a manager's name, and the truth behind it.

    `members()` are facts about everyone who is listed: id, email, role_id, active, manages. `roles` are ids of two
    roles that can't manage. `leave(id)` is what somebody else does.
    """

    provider: MembershipProvider
    actor_email: str
    actor_name: str
    organization_id: str
    domain: str
    roles: tuple[str, str]
    members: Callable[[], list[dict[str, Any]]]
    leave: Callable[[str], None]
    refuse: Callable[[str, str], None]

    def some(self, number: int) -> list[str]:
        """Active people with the first of the two roles."""
        found = [m["id"] for m in self.members() if m["role_id"] == self.roles[0] and m["active"]]
        assert len(found) >= number
        return found[:number]

    def member(self, member_id: str) -> dict[str, Any] | None:
        return next((m for m in self.members() if m["id"] == member_id), None)
