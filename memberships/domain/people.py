"""The people of one organization, as a provider reports them."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

type Value = str | bool | tuple[str, ...] | None
"""What a field holds; a tuple is an ordered list of ids or names."""

ROLE = "role"
"""The field every provider has: the id of the member's role."""

PINS = "pinned_views"
"""The ids of the views a person has pinned, in their order."""

RESENT = "resent"
"""True of somebody whose invitation has just been sent again."""

APPS = "apps"
"""The apps a person was given one by one, each as `apps.App.stored` has it."""

METADATA = "metadata"
"""What is kept with a person that isn't text, as JSON: only to be read."""

_GROUP = "group:"
_METADATA = "metadata:"


def group_field(group_id: str) -> str:
    """The field that says whether a person is in this group."""
    return _GROUP + group_id


def group_of(field: str) -> str:
    """The id of the group this field is about; empty for any other field."""
    return field.removeprefix(_GROUP) if field.startswith(_GROUP) else ""


def metadata_field(key: str) -> str:
    """The field that holds the text kept with a person under this key; None when there is none."""
    return _METADATA + key


def metadata_key(field: str) -> str:
    """The key this field is about; empty for any other field."""
    return field.removeprefix(_METADATA) if field.startswith(_METADATA) else ""


def is_detail(field: str) -> bool:
    """Does a read of everyone not tell this?"""
    return field == PINS or bool(group_of(field))


class Status(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Role:
    """`permissions` is an open set of the provider's own names; `settings` are its other fields we may write."""

    id: str
    name: str
    permissions: frozenset[str]
    can_manage: bool
    editable: bool = False
    settings: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """One membership. `can_manage` is what the provider grants now, whatever the role is called.

    `settings` are the fields we may write, by our names; `more` is all the rest, shown and never sent back.
    """

    id: str
    user_id: str
    email: str
    first_name: str
    last_name: str
    role_id: str
    status: Status
    can_manage: bool = False
    settings: Mapping[str, Value] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)
    owner: bool = False
    """The organization is theirs: nobody else changes or removes them."""

    @property
    def name(self) -> str:
        return full_name(self.first_name, self.last_name)

    @property
    def active(self) -> bool:
        return self.status is Status.ACTIVE

    def value(self, field: str) -> Value:
        return self.role_id if field == ROLE else self.settings.get(field)


@dataclass(frozen=True, slots=True)
class Roster:
    """Everyone in one organization, active or not, by membership id, as of `read_at`: when the read began."""

    organization_id: str
    organization_name: str
    members: Mapping[str, Member]
    read_at: datetime
    names: Mapping[str, str] = field(default_factory=dict)
    """How things are called that members' settings name by their ids."""

    def managers(self) -> set[str]:
        return {m.id for m in self.members.values() if m.active and m.can_manage}

    def active_count(self) -> int:
        return sum(m.active for m in self.members.values())

    def by_email(self) -> dict[str, Member]:
        """One member per address; where an address has several memberships the active one counts."""
        found: dict[str, Member] = {}
        for member in self.members.values():
            if member.email and (member.email not in found or member.active):
                found[member.email] = member
        return found

    def by_user(self) -> dict[str, Member]:
        """One member per user id; where somebody has several memberships the active one counts."""
        found: dict[str, Member] = {}
        for member in self.members.values():
            if member.active or member.user_id not in found:
                found[member.user_id] = member
        return found

    def of_user(self, user_id: str) -> Member | None:
        mine = [m for m in self.members.values() if m.user_id == user_id]
        return next((m for m in mine if m.active), mine[0] if mine else None)


@dataclass(frozen=True, slots=True)
class Actor:
    """The person whose credentials are used, and what they may do in this organization."""

    user_id: str
    name: str
    email: str
    organization_id: str
    organization_name: str
    can_manage: bool


def full_name(first_name: str, last_name: str) -> str:
    return f"{first_name} {last_name}".strip()


# Letters that are not made of another one and an accent, as people type them who don't have the key.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h", "ŧ": "t"}
)


def searchable(text: str) -> str:
    """Fold case and accents away, so that "jose" finds "José" and "soren" finds "Søren"."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold().translate(_PLAIN)
