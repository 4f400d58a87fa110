"""The roles of one organization: how many people have each, and who has a permission through them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from memberships.domain.people import Role, Status
from memberships.models import MirroredMember, Organization

from . import roster
from .roster import Holders

NOBODY = Holders()


@dataclass(frozen=True, slots=True)
class HeldRole:
    role: Role
    people: Holders


@dataclass(frozen=True, slots=True)
class LostRole:
    """An id that people carry although no role has it, such as one deleted meanwhile. What it grants is unknown."""

    id: str
    people: Holders


@dataclass(frozen=True, slots=True)
class Roles:
    held: tuple[HeldRole, ...]
    lost: tuple[LostRole, ...]

    @property
    def roles(self) -> list[Role]:
        return [held.role for held in self.held]

    def granting(self, permission: str) -> list[HeldRole]:
        return [held for held in self.held if permission in held.role.permissions]

    def of(self, role: Role) -> HeldRole:
        return next(held for held in self.held if held.role == role)


def overview(organization: Organization) -> Roles:
    """Every role in order of name, with its people."""
    known, by_role = roster.roles(organization), roster.glance(organization).by_role
    held = tuple(HeldRole(role, by_role.get(role.id, NOBODY)) for role in known.values())
    lost = tuple(LostRole(role_id, by_role[role_id]) for role_id in lost_ids(known, by_role))
    return Roles(held, lost)


def lost_ids(known: Iterable[str], carried: Iterable[str]) -> list[str]:
    """Of the role ids that people carry, those that no role has."""
    return sorted(set(carried).difference(known))


def active_with(organization: Organization, its_roles: Iterable[HeldRole]) -> QuerySet[MirroredMember]:
    """The active people who have one of these roles, by name."""
    return MirroredMember.objects.filter(
        organization=organization,
        status=Status.ACTIVE,
        role_id__in=[held.role.id for held in its_roles],
    ).order_by("sort_name", "id")
