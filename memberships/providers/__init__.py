"""The remote APIs behind one small protocol. No Django here; configuration comes as arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from memberships.domain.people import Actor, Member, Role, Roster, Value


class FieldKind(StrEnum):
    ROLE = "role"
    CHOICE = "choice"
    FLAG = "flag"
    URL = "url"
    NUMBER = "number"
    """One of the phone numbers the person takes part in."""


@dataclass(frozen=True, slots=True)
class Field:
    """A membership field people may write: our name, its label on the screen, and its choices if it has fixed ones.

    `choices` pair what a form posts with what people read; a flag's are "true" and "false". `bulk` says whether the
    same value makes sense for many people. `hint` is for whoever chooses a value.
    """

    name: str
    label: str
    kind: FieldKind
    choices: tuple[tuple[str, str], ...] = ()
    bulk: bool = True
    hint: str = ""

    def parse(self, posted: str) -> Value:
        """A form's text as the provider's value; empty clears."""
        if self.kind is FieldKind.FLAG:
            return posted == "true"
        return posted or None

    def posted(self, value: Value) -> str:
        """The provider's value as a form's text."""
        if self.kind is FieldKind.FLAG:
            return "" if value is None else str(bool(value)).lower()
        return str(value or "")

    def text(self, value: Value) -> str:
        """How a value reads."""
        return dict(self.choices).get(self.posted(value), "–" if value in (None, "") else str(value))


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this provider can do: screens ask here, never for the provider's name."""

    label: str
    fields: tuple[Field, ...]
    bulk_size: int
    invite: bool
    deactivate: bool
    deactivation_notes: tuple[str, ...]
    """What deactivating does and doesn't do, in sentences."""
    reactivation_notes: tuple[str, ...]
    manage_permission: str
    """What the permission to manage the organization is called on the provider's own screens."""

    def field(self, name: str) -> Field:
        return next((f for f in self.fields if f.name == name), Field(name, name, FieldKind.CHOICE))


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

    def numbers(self, user_id: str) -> list[tuple[str, str]]:
        """The phone numbers a person takes part in: id and how it reads. Empty where there is no such thing."""
        ...

    def apply(self, request: Request) -> Member | None:
        """Send one request. An answer that shows the whole changed member is returned and counts as a re-read;
        None means that only a re-read can tell."""
        ...
