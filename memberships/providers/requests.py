"""What a provider can be asked to change, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from memberships.domain.items import Item, Kind
from memberships.domain.people import Member, Value


@dataclass(frozen=True, slots=True)
class Change:
    """The same new values for these members: never for nobody, because a provider may take that for everybody."""

    fields: Mapping[str, Value]
    member_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.fields or not self.member_ids or not all(self.member_ids):
            raise ValueError("A change needs fields and the ids of the members it is for.")


@dataclass(frozen=True, slots=True)
class Invitation:
    """Bring an address into the organization with a role, also someone who was there before."""

    email: str
    role_id: str
    fields: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deactivation:
    member_id: str


@dataclass(frozen=True, slots=True)
class Resend:
    """Send somebody's invitation again."""

    member_id: str


@dataclass(frozen=True, slots=True)
class Grouping:
    """Put one user into a group, or take them out."""

    group_id: str
    user_id: str
    inside: bool


@dataclass(frozen=True, slots=True)
class Pinning:
    """These views, in this order, are what one member has pinned."""

    member_id: str
    view_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Creation:
    kind: Kind
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class ItemChange:
    """The same new values for these items: as with `Change`, never for none."""

    kind: Kind
    values: Mapping[str, Value]
    item_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.values or not self.item_ids or not all(self.item_ids):
            raise ValueError("A change needs values and the ids of what it is for.")


@dataclass(frozen=True, slots=True)
class Deletion:
    kind: Kind
    item_id: str


type Request = (
    Change | Invitation | Deactivation | Resend | Grouping | Pinning | Creation | ItemChange | Deletion
)


type Answer = Member | Item | None
