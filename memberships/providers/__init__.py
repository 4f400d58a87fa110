"""The remote APIs behind one small protocol. No Django here; configuration comes as arguments."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from memberships.domain.happenings import Happening
from memberships.domain.items import Item, Items, Kind
from memberships.domain.people import (
    APPS,
    METADATA,
    PINS,
    Actor,
    Member,
    Role,
    Roster,
    Value,
    group_of,
    metadata_key,
)
from memberships.domain.versions import Version
from memberships.domain.views import View

from .errors import ProviderError


class FieldKind(StrEnum):
    ROLE = "role"
    CHOICE = "choice"
    FLAG = "flag"
    URL = "url"
    NUMBER = "number"
    """One of the phone numbers the person takes part in."""
    TEXT = "text"
    PERSON = "person"
    """A user id."""
    GROUP = "group"
    """In this group, or not."""
    VIEWS = "views"
    """The ids of views, in order."""
    PERMISSIONS = "permissions"
    NAMED = "named"
    """Ids of something that has names."""
    PROFILE = "profile"
    """The id of a membership profile, or none."""
    APPS = "apps"
    """Apps that were given one by one, each in its stored form."""


_MAY_BE_EMPTY = (FieldKind.NUMBER, FieldKind.URL, FieldKind.PROFILE, FieldKind.TEXT)


@dataclass(frozen=True, slots=True)
class Field:
    """A field people may write: our name, its label on the screen, and its choices if it has fixed ones.

    `choices` pair what a form posts with what people read; a flag's are "true" and "false". `bulk` says whether the
    same value makes sense for many people. `hint` is for whoever chooses a value. Of a list, `most` is how many it may
    hold. Of a role, `unless` is the permission with which the field is empty and without which it should be set.
    """

    name: str
    label: str
    kind: FieldKind
    choices: tuple[tuple[str, str], ...] = ()
    bulk: bool = True
    hint: str = ""
    most: int | None = None
    unless: str = ""

    @property
    def clears(self) -> bool:
        """May it have no value again once it had one?"""
        return self.kind in _MAY_BE_EMPTY

    def parse(self, posted: str) -> Value:
        """A form's text as the provider's value; empty clears."""
        if self.kind in (FieldKind.FLAG, FieldKind.GROUP):
            return posted == "true"
        return posted or None

    def posted(self, value: Value) -> str:
        """The provider's value as a form's text."""
        if self.kind in (FieldKind.FLAG, FieldKind.GROUP):
            return "" if value is None else str(bool(value)).lower()
        return str(value or "")

    def text(self, value: Value) -> str:
        """How a value reads."""
        return dict(self.choices).get(self.posted(value), "–" if value in (None, "") else str(value))


@dataclass(frozen=True, slots=True)
class ToDo:
    """What no API can do when somebody leaves. `path`: where it is done, on the provider's own site."""

    text: str
    path: str
    link: str


IN_OR_OUT = (("true", "In"), ("false", "Not in"))


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this provider can do: screens ask here, never for the provider's name."""

    label: str
    fields: tuple[Field, ...]
    bulk_sizes: Mapping[Kind, int]
    """How many of a kind one call may change; what isn't here is changed one by one."""
    invite: bool
    invites_managers: bool
    """May a role that can manage be given by invitation?"""
    invited_with: tuple[str, ...]
    """Fields an invitation may carry besides the role."""
    deactivate: bool
    deactivation_notes: tuple[str, ...]
    """What deactivating does and doesn't do, in sentences."""
    reactivation_notes: tuple[str, ...]
    manage_permission: str
    """What the permission to manage the organization is called on the provider's own screens."""
    manage_permission_name: str
    """What the API calls it."""
    item_fields: Mapping[Kind, tuple[Field, ...]] = field(default_factory=dict)
    """What besides people can be written here, and which fields of it."""
    group_deletion_notes: tuple[str, ...] = ()
    """What deleting a group means besides, in sentences."""
    pinned_views: bool = False
    leaving_notes: tuple[str, ...] = ()
    """What becomes of things when somebody leaves whose work was handed over."""
    leaving_to_dos: tuple[ToDo, ...] = ()
    event_log: bool = False
    """Is there a log of who came and went?"""
    versions: bool = False
    """Does the provider itself remember changes of a member?"""
    removes: bool = False
    """Deactivating deletes: nobody can be reactivated, and they can only be invited again."""
    resend: bool = False
    metadata: bool = False
    """Can texts be kept with a member, by keys of one's own?"""
    apps: bool = False
    """Are members given apps one by one, which go with them when they are removed?"""
    return_notes: tuple[str, ...] = ()
    """What it means that somebody who was removed is invited again, in sentences."""
    statuses: tuple[str, ...] = ("active", "inactive", "pending")
    demotion_note: str = ""
    """What may happen to somebody who loses the power to manage, in a sentence."""
    at_once: int = 1
    """How many changes of a job may be under way at a time."""
    invitation_notes: tuple[str, ...] = ()
    """What an invitation does and doesn't do, in sentences."""
    invited_notes: Mapping[str, str] = field(default_factory=dict)
    """By the status somebody invited has at once: what that means, in a sentence."""
    credentials_note: str = ""
    """Where somebody finds a client id and secret of their own, in a sentence."""
    consent_note: str = ""
    """How somebody takes a consent back on the provider's own site, in a sentence."""

    @property
    def groups(self) -> bool:
        return Kind.GROUP in self.item_fields

    @property
    def work(self) -> bool:
        return Kind.TASK in self.item_fields

    @property
    def edits_roles(self) -> bool:
        return Kind.ROLE in self.item_fields

    def field(self, name: str) -> Field:
        if group_of(name):
            return Field(name, "Group", FieldKind.GROUP, IN_OR_OUT)
        if key := metadata_key(name):
            return Field(name, f"Metadata {key}", FieldKind.TEXT)
        if name == METADATA:
            return Field(METADATA, "Other metadata", FieldKind.TEXT)
        if name == APPS:
            return Field(APPS, "Apps", FieldKind.APPS)
        if name == PINS:
            return Field(PINS, "Pinned views", FieldKind.VIEWS)
        known = (*self.fields, *(f for fields in self.item_fields.values() for f in fields))
        return next((f for f in known if f.name == name), Field(name, name, FieldKind.CHOICE))


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


@dataclass(frozen=True, slots=True)
class Token:
    """What a client id and secret were exchanged for."""

    access_token: str
    expires_in_s: float


type Answer = Member | Item | None


def one_of(provider: "MembershipProvider", request: Request) -> Answer | ProviderError:
    """The answer to one request, or the error it ended with."""
    try:
        return provider.apply(request)
    except ProviderError as error:
        return error


class MembershipProvider(Protocol):
    """One organization at one provider, in one person's name. Raises ProviderError and nothing else.

    What the capabilities leave out is never asked for.
    """

    capabilities: Capabilities

    def actor(self) -> Actor: ...

    def organizations(self) -> list[tuple[str, str]]:
        """Ids and names of the organizations these credentials can manage."""
        ...

    def roles(self) -> list[Role]: ...

    def roster(self) -> Roster: ...

    def numbers(self, user_id: str) -> list[tuple[str, str]]:
        """The phone numbers a person takes part in: id and how it reads. Empty where there is no such thing."""
        ...

    def groups(self) -> list[Item]: ...

    def group_members(self, group_id: str) -> frozenset[str] | None:
        """The user ids in a group, people who left included; None when there is no such group."""
        ...

    def views(self) -> list[View]:
        """Every view that can be pinned, as far as this person sees it, in the order of the sidebar."""
        ...

    def pinned_views(self, member_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Of each member; one call a person."""
        ...

    def work(self, kind: Kind, user_id: str) -> list[Item]:
        """The open tasks, or the active opportunities, of one person."""
        ...

    def find_work(self, kind: Kind, item_ids: Collection[str], holders: Collection[str]) -> Items:
        """These tasks or opportunities, done ones too. `holders` are user ids they are likely to be found with."""
        ...

    def role_choices(self) -> Mapping[str, list[tuple[str, str]]]:
        """For fields of roles whose choices have to be asked for: ids and names."""
        ...

    def happenings(self, kind: Kind, since: datetime) -> list[Happening]:
        """Who came and went, or what was done to groups, since then and as far back as the provider's log goes."""
        ...

    def versions(self, member_id: str) -> list[Version]:
        """What the provider itself remembers of a member, newest first."""
        ...

    def profiles(self) -> list[tuple[str, str]]:
        """Ids and names of the membership profiles."""
        ...

    def apps(self, member_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The apps these members were given one by one, each in its stored form; whoever is gone is left out."""
        ...

    def seats(self) -> tuple[int, int] | None:
        """How many members there may be, and how many there are; None where nobody says."""
        ...

    def apply(self, request: Request) -> Answer:
        """Send one request. An answer that shows the whole changed member or item is returned and counts as a
        re-read; of a member it may show pinned views alone (an Item). None means that only a re-read can tell."""
        ...

    def apply_many(self, requests: Sequence[Request]) -> list[Answer | ProviderError]:
        """Of each request the answer, or the error it ended with; as many at a time as the provider can take."""
        ...
