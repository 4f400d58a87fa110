"""The remote APIs behind one small protocol. No Django here; configuration comes as arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from memberships.domain.people import Actor, Member, Role, Roster, Value


@dataclass(frozen=True, slots=True)
class Field:
    """A membership field people may write: our name, its label on the screen, and its choices if it has fixed ones."""

    name: str
    label: str
    choices: tuple[tuple[str, str], ...] = ()

    def text(self, value: Value) -> str:
        return dict(self.choices).get(str(value), "–" if value in (None, "") else str(value))


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this provider can do: screens ask here, never for the provider's name."""

    label: str
    fields: tuple[Field, ...]
    bulk_size: int
    invite: bool
    deactivate: bool
    manage_permission: str
    """What the permission to manage the organization is called on the provider's own screens."""

    def field(self, name: str) -> Field:
        return next((field for field in self.fields if field.name == name), Field(name, name))


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


@dataclass(frozen=True, slots=True)
class Deactivation:
    member_id: str


type Request = Change | Invitation | Deactivation


class MembershipProvider(Protocol):
    """One organization at one provider, in one person's name. Raises ProviderError and nothing else."""

    capabilities: Capabilities

    def actor(self) -> Actor: ...

    def roles(self) -> list[Role]: ...

    def roster(self) -> Roster: ...

    def apply(self, request: Request) -> Member | None:
        """Send one request. An answer that shows the whole changed member is returned and counts as a re-read;
        None means that only a re-read can tell."""
        ...
