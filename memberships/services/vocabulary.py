"""From words to fields and values: how people write in files what they wish for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Self, assert_never

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from memberships.domain import metadata
from memberships.domain.people import ROLE, Role, Status, Value, metadata_field, metadata_key, searchable
from memberships.models import Connection
from memberships.providers import Capabilities, Field, FieldKind

from . import details, groups
from .connections import capabilities
from .current import Live

type Named = Iterable[tuple[str, str]]
"""Ids with their names."""

LONGEST_TEXT = 255
LONGEST_METADATA = 1000
_LONGEST_ADDRESS = 1000
_LONGEST_ID = 100
_METADATA = "metadata "
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_is_https = URLValidator(["https"])


class Misunderstood(ValueError):
    """A sentence on why a value can't be used, with what would be right."""


class Vocabulary:
    """The fields and values of one organization, by the words on its screens or by the names its API has for them."""

    def __init__(
        self,
        capabilities: Capabilities,
        roles: Mapping[str, Role],
        *,
        profiles: Named = (),
        groups: Named = (),
        views: Named = (),
        keys: Collection[str] = (),
    ) -> None:
        """`keys` are those of metadata that are there already."""
        self._keys = keys
        self.capabilities = capabilities
        self._roles = _Names("role", ((role.id, role.name) for role in roles.values()))
        self._profiles = _Names("membership profile", profiles)
        self._groups = _Names("group", groups)
        self._views = _Names("view", views)
        self._fields = {
            _folded(word): field.name
            for field in capabilities.fields
            for word in (field.name, field.label, *(["role_id"] if field.name == ROLE else []))
        }

    @classmethod
    def of(
        cls, connection: Connection, live: Live, *, with_groups: bool = False, with_views: bool = False
    ) -> Self:
        """The words of what was just read, those of groups as the mirror knows them. Raises ProviderError."""
        its_capabilities, profiles = capabilities(connection.organization), dict[str, str]()
        if any(field.kind is FieldKind.PROFILE for field in its_capabilities.fields):
            profiles = {**live.roster.names, **dict(details.profiles(connection))}
        its_groups = groups.everything(connection.organization) if with_groups else ()
        views = details.views(connection) if with_views else ()
        members = live.roster.members.values() if its_capabilities.metadata else ()
        return cls(
            its_capabilities,
            live.roles,
            profiles=profiles.items(),
            groups=[(group.remote_id, group.name) for group in its_groups],
            views=[(view.id, view.name) for view in views],
            keys={key for member in members for name in member.settings if (key := metadata_key(name))},
        )

    def field(self, word: str) -> str | None:
        """The field that is called this; None when there is none that may be written."""
        start = word.lstrip()[: len(_METADATA)].lower().replace(":", " ")
        if self.capabilities.metadata and start == _METADATA:
            key = word.lstrip()[len(_METADATA) :]
            key = key if key in self._keys else key.strip()
            return None if metadata.problem_with(key) else metadata_field(key)
        return self._fields.get(_folded(word))

    def value(self, field: str, said: object) -> Value:
        """What is meant by a word, or by True, False or None. Raises Misunderstood."""
        its_field = self.capabilities.field(field)
        if said is None:
            return self.cleared(field)
        match its_field.kind:
            case FieldKind.ROLE:
                return self._roles.id_of(said)
            case FieldKind.PROFILE:
                return self._profiles.id_of(said)
            case FieldKind.FLAG:
                return _flag(its_field, said)
            case FieldKind.CHOICE:
                return _choice(its_field, said)
            case FieldKind.URL:
                return _address(its_field, _text(its_field, said))
            case FieldKind.NUMBER:
                return _number(its_field, _text(its_field, said))
            case FieldKind.TEXT:
                text = _text(its_field, said)
                most = LONGEST_METADATA if metadata_key(field) else LONGEST_TEXT
                if len(text) > most:
                    raise Misunderstood(
                        f"{its_field.label} can be {most:,} characters at most; this has {len(text):,}."
                    )
                return text
            case (
                FieldKind.PERSON
                | FieldKind.GROUP
                | FieldKind.VIEWS
                | FieldKind.PERMISSIONS
                | FieldKind.NAMED
                | FieldKind.APPS
            ):
                raise Misunderstood(f"{its_field.label} can't be set like this.")
        assert_never(its_field.kind)

    def cleared(self, field: str) -> Value:
        """No value, where the field may have none. Raises Misunderstood."""
        its_field = self.capabilities.field(field)
        if its_field.clears:
            return None
        raise Misunderstood(f"{its_field.label} can't be cleared: it always has a value.")

    @property
    def group_ids(self) -> list[str]:
        return self._groups.ids

    def group_id(self, said: object) -> str:
        """Raises Misunderstood."""
        return self._groups.id_of(said)

    def view_id(self, said: object) -> str:
        """Raises Misunderstood."""
        return self._views.id_of(said)

    def role_name(self, role_id: str) -> str:
        """What stands for a role in a file: its name, or its id where the name doesn't stand for it alone."""
        return self._roles.called(role_id)

    def profile_name(self, profile_id: str) -> str:
        return self._profiles.called(profile_id)

    def group_name(self, group_id: str) -> str:
        return self._groups.called(group_id)

    def view_name(self, view_id: str) -> str:
        return self._views.called(view_id)

    def status(self, said: object) -> Status:
        """Raises Misunderstood."""
        word = _folded(str(said))
        if word == "removed" and self.capabilities.removes:
            return Status.INACTIVE
        if word not in set(Status):
            raise Misunderstood(f"Status can be active or inactive, not “{_short(said)}”.")
        return Status(word)


class _Names:
    """Things of one kind by name, where only one has it, and by id."""

    def __init__(self, what: str, pairs: Named) -> None:
        self.what = what
        self._names = dict(pairs)
        self._ids: dict[str, list[str]] = {}
        self._called: dict[str, str] = {}
        for pk, name in self._names.items():
            self._ids.setdefault(_folded(name), []).append(pk)

    @property
    def ids(self) -> list[str]:
        return list(self._names)

    def id_of(self, said: object) -> str:
        word = str(said).strip()
        if word in self._names:
            return word
        # Where names differ only in capitals, the one that is written alike is meant.
        exactly = [pk for pk in self._ids.get(_folded(word), ()) if self._names[pk] == word]
        found = exactly if len(exactly) == 1 else self._ids.get(_folded(word), [])
        if len(found) == 1:
            return found[0]
        if found:
            raise Misunderstood(
                f"{len(found)} {self.what}s are called “{_short(word)}”: write the id of the one you mean."
            )
        raise Misunderstood(f"There is no {self.what} called “{_short(word)}”.{self._known()}")

    def called(self, pk: str) -> str:
        """The name that means this one and nothing else, or else the id."""
        if pk not in self._called:
            self._called[pk] = self._name_of(pk)
        return self._called[pk]

    def _name_of(self, pk: str) -> str:
        name = self._names.get(pk, "")
        try:
            return name if name and name == name.strip() and self.id_of(name) == pk else pk
        except Misunderstood:
            return pk

    def _known(self) -> str:
        if not 0 < len(self._names) <= 12:
            return ""
        return f" There are: {', '.join(sorted(self._names.values()))}."


def _flag(field: Field, said: object) -> bool:
    if isinstance(said, bool):
        return said
    word = _folded(str(said))
    words = {_folded(text): value == "true" for value, text in field.choices}
    words |= dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)
    if word not in words:
        raise Misunderstood(_choices(field, said))
    return words[word]


def _choice(field: Field, said: object) -> str:
    word = _folded(str(said))
    if isinstance(said, bool):  # YAML takes a bare On for true
        word = "on" if said else "off"
    for value, text in field.choices:
        if word in (_folded(value), _folded(text)):
            return value
    raise Misunderstood(_choices(field, said))


def _choices(field: Field, said: object) -> str:
    *most, last = [text for _, text in field.choices]
    return f"{field.label} can be {', '.join(most)} or {last}, not “{_short(said)}”."


def _address(field: Field, text: str) -> str:
    text = text.strip()
    try:
        if len(text) > _LONGEST_ADDRESS:
            raise ValidationError("long")
        _is_https(text)
    except ValidationError:
        raise Misunderstood(f"{field.label} has to be an address that starts with https://.") from None
    return text


def _number(field: Field, text: str) -> str:
    text = text.strip()
    if len(text) > _LONGEST_ID or len(text.split()) != 1 or text.startswith("+"):
        raise Misunderstood(f"{field.label} has to be the id of one of their numbers, as an export has it.")
    return text


def _text(field: Field, said: object) -> str:
    if isinstance(said, bool | int | float | str):
        text = str(said)
        if "\0" not in text:
            return text
    raise Misunderstood(f"{field.label} has to be text.")


def _folded(text: str) -> str:
    return searchable(" ".join(text.split()))


def _short(said: object) -> str:
    text = str(said)
    return text if len(text) <= 40 else f"{text[:39]}…"
