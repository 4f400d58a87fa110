"""What a plan can be about besides people: roles, groups, and the work on somebody's desk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .people import Role, Value

NAME = "name"
PERMISSIONS = "permissions"
"""A role's: the provider's names, in alphabetical order."""
OWNER = "owner"
"""The user id of whoever a task or an opportunity belongs to."""
OPEN = "open"
"""Whether a task or an opportunity still has to be worked on."""
MEMBERS = "members"
"""The user ids of who is in a group, in their order as text: known of one that is to be deleted."""


class Kind(StrEnum):
    MEMBER = "member"
    ROLE = "role"
    GROUP = "group"
    TASK = "task"
    OPPORTUNITY = "opportunity"


WORK = (Kind.TASK, Kind.OPPORTUNITY)


@dataclass(frozen=True, slots=True)
class Item:
    """One of them as last read. `values` are what a plan may set, by our names; `sort` is what sort of task it is."""

    kind: Kind
    id: str
    name: str
    values: Mapping[str, Value] = field(default_factory=dict)
    sort: str = ""

    def value(self, field: str) -> Value:
        return self.values.get(field)


def role_item(role: Role) -> Item:
    values = {NAME: role.name, PERMISSIONS: tuple(sorted(role.permissions)), **role.settings}
    return Item(Kind.ROLE, role.id, role.name, values)


def group_item(group_id: str, name: str) -> Item:
    return Item(Kind.GROUP, group_id, name, {NAME: name})


type Items = Mapping[tuple[Kind, str], Item]
"""By kind and id."""


def to_be_made(name: str) -> str:
    """Stands for the id of the group that the same plan makes under this name, in an earlier stage."""
    return f"={name}"
