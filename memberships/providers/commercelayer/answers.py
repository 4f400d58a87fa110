"""Commerce Layer's JSON:API documents, and what they are in our words. All conversion from raw JSON is here.

Source: https://docs.commercelayer.io/provisioning/api-reference/memberships
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from memberships.domain import metadata
from memberships.domain.apps import App
from memberships.domain.people import METADATA, Actor, Member, Role, Status, Value
from memberships.domain.versions import Version

from ..errors import Unavailable
from .capabilities import ACCESS, ADMIN, PROFILE, REFERENCE


class _Identifier(msgspec.Struct):
    type: str
    id: str


class _Resource(msgspec.Struct):
    id: str
    type: str
    attributes: dict[str, Any] = {}
    relationships: dict[str, Any] = {}


_SHOWN = {"user_email", "user_first_name", "user_last_name", "status", "owner", ACCESS, REFERENCE, METADATA}
# What is known of roles by their kind; what custom ones allow is listed by the API.
_GRANTED = {ADMIN: frozenset({ADMIN}), "read_only": frozenset({"everything: read"})}


class Document:
    """One answer: its resources, and what was included, by type and id."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        included = [] if raw.get("included") is None else raw["included"]
        if not isinstance(included, list):
            raise Unavailable("Commerce Layer gave an answer that can't be understood (included).")
        found = [typed(item, _Resource) for item in included]
        self.included = {(item.type, item.id): item for item in found}

    @property
    def resources(self) -> list[_Resource]:
        data = self.raw.get("data")
        if not isinstance(data, list):
            raise Unavailable("Commerce Layer gave an answer without a list.")
        return [typed(item, _Resource) for item in data]

    @property
    def resource(self) -> _Resource:
        return typed(self.raw.get("data"), _Resource)

    def all_related(self, resource: _Resource, name: str) -> list[_Resource]:
        """The same of a relationship to many. Raises Unavailable when one of them was not included."""
        relationship = resource.relationships.get(name)
        data = relationship.get("data") if isinstance(relationship, dict) else None
        if data is None and isinstance(relationship, dict):
            return []
        identifiers = [(i.type, i.id) for i in typed(data, list[_Identifier])]
        if not self.included.keys() >= set(identifiers):
            raise Unavailable(f"Commerce Layer gave an answer that is not whole ({name}).")
        return [self.included[identifier] for identifier in identifiers]

    @property
    def record_count(self) -> int | None:
        return self._meta("record_count")

    @property
    def page_count(self) -> int:
        return self._meta("page_count") or 1

    def names(self, type: str) -> dict[str, str]:
        """How the included resources of a type are called, by id."""
        return {
            pk: _text(resource.attributes.get("name")) or pk
            for (its_type, pk), resource in self.included.items()
            if its_type == type
        }

    def _meta(self, name: str) -> int | None:
        meta = self.raw.get("meta")
        number = meta.get(name) if isinstance(meta, dict) else None
        return number if isinstance(number, int) and not isinstance(number, bool) else None

    def related(self, resource: _Resource, name: str) -> _Resource | None:
        """What a resource refers to, as far as it was included; at least its id when it was not."""
        relationship = resource.relationships.get(name)
        data = relationship.get("data") if isinstance(relationship, dict) else None
        if data is None:
            return None
        identifier = typed(data, _Identifier)
        return self.included.get((identifier.type, identifier.id), _Resource(identifier.id, identifier.type))


def member(document: Document, raw: _Resource) -> Member:
    """One membership. Its role is known only when it was included; a missing one is no role."""
    known = raw.attributes
    role, profile = document.related(raw, "role"), document.related(raw, "membership_profile")
    email = _text(known.get("user_email")).lower()
    status = _status(known.get("status"))
    kind = role.attributes.get("kind") if role else None
    settings: dict[str, Value] = {
        ACCESS: known.get(ACCESS) if isinstance(known.get(ACCESS), str) else None,
        REFERENCE: known.get(REFERENCE) if isinstance(known.get(REFERENCE), str) else None,
        PROFILE: profile.id if profile else None,
        **metadata.fields(known.get(METADATA)),
    }
    return Member(
        id=raw.id,
        # There is no user resource to see: the address is what identifies a person across organizations.
        user_id=email,
        email=email,
        first_name=_text(known.get("user_first_name")),
        last_name=_text(known.get("user_last_name")),
        role_id=role.id if role else "",
        status=status,
        can_manage=status is Status.ACTIVE and kind == ADMIN,
        settings=settings,
        more={name: value for name, value in known.items() if name not in _SHOWN},
        owner=known.get("owner") is True,
    )


def apps(document: Document, raw: _Resource) -> tuple[str, ...]:
    """The apps of one membership in their stored form. Only what is named here is taken over: never a secret."""
    return tuple(
        _app(document, given).stored() for given in document.all_related(raw, "application_memberships")
    )


def _app(document: Document, given: _Resource) -> App:
    credential, its_role = document.related(given, "api_credential"), document.related(given, "role")
    if credential is None or its_role is None:
        raise Unavailable("Commerce Layer gave an answer that is not whole (application_memberships).")
    filters = given.attributes.get("filters")
    name = _text(credential.attributes.get("name")) or _text(credential.attributes.get("kind"))
    return App(
        credential.id,
        its_role.id,
        name or credential.id,
        _text(credential.attributes.get("mode")),
        _text(its_role.attributes.get("name")),
        filters if isinstance(filters, dict) else {},
    )


def role(raw: _Resource, permissions: frozenset[str] = frozenset()) -> Role:
    kind = raw.attributes.get("kind")
    granted = _GRANTED.get(str(kind), permissions)
    name = _text(raw.attributes.get("name")) or raw.id
    return Role(raw.id, name, granted, kind == ADMIN, editable=is_custom(raw))


def is_custom(raw: _Resource) -> bool:
    return str(raw.attributes.get("kind")) not in _GRANTED


def permissions(resources: list[_Resource]) -> frozenset[str]:
    """`subject: create, read` and so on, one for each subject."""
    found = set()
    for item in resources:
        may = [
            verb
            for verb in ("create", "read", "update", "destroy")
            if item.attributes.get(f"can_{verb}") is True
        ]
        if may:
            found.add(f"{_text(item.attributes.get('subject'))}: {', '.join(may)}")
    return frozenset(found)


def actor(raw: _Resource, organization_id: str, organization_name: str, *, can_manage: bool) -> Actor:
    first, last = _text(raw.attributes.get("first_name")), _text(raw.attributes.get("last_name"))
    email = _text(raw.attributes.get("email")).lower()
    return Actor(email, f"{first} {last}".strip(), email, organization_id, organization_name, can_manage)


def version(raw: _Resource) -> Version:
    changes = raw.attributes.get("changes")
    pairs = {
        str(name): (value[0], value[1])
        for name, value in (changes.items() if isinstance(changes, dict) else ())
        if isinstance(value, list) and len(value) == 2
    }
    if METADATA in pairs:
        pairs |= _each_key(*pairs.pop(METADATA))
    return Version(
        _text(raw.attributes.get("event")),
        _text(raw.attributes.get("created_at")),
        _who(raw.attributes.get("who")),
        pairs,
    )


def _each_key(before: object, after: object) -> dict[str, tuple[object, object]]:
    """A change of the whole object, told by its keys."""
    was, became = metadata.fields(before), metadata.fields(after)
    names = [name for name in was | became if was.get(name) != became.get(name)]
    return {name: (was.get(name), became.get(name)) for name in names}


def _who(raw: object) -> str:
    if isinstance(raw, dict):
        named = [raw.get(key) for key in ("email", "name", "owner", "id")]
        return next((str(value) for value in named if isinstance(value, str) and value), "")
    return raw if isinstance(raw, str) else ""


def explain(answer: Any) -> str:
    """Commerce Layer's own words. `errors` is a list, or for a few statuses one object."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    found = [errors] if isinstance(errors, dict) else errors if isinstance(errors, list) else []
    texts = [
        str(error.get("detail") or error.get("title") or "").strip()
        for error in found
        if isinstance(error, dict)
    ]
    return " ".join(dict.fromkeys(filter(None, texts)))[:500]


def typed[T](raw: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise Unavailable(f"Commerce Layer gave an answer that can't be understood ({error}).") from None


def _status(raw: object) -> Status:
    """Anything but active is taken for somebody who isn't in yet."""
    return Status.ACTIVE if raw == "active" else Status.PENDING


def _text(raw: object) -> str:
    """Text without the one character PostgreSQL can't store."""
    return raw.replace("\0", "") if isinstance(raw, str) else ""
