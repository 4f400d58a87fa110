"""What a provider can do, and which fields it has: screens ask here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from memberships.domain.items import Kind
from memberships.domain.people import APPS, METADATA, PINS, Value, group_of, metadata_key


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
