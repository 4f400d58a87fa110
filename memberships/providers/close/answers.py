"""Close's answers, and what they are in our words. All conversion from raw JSON is here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from memberships.domain.happenings import Happening
from memberships.domain.items import OPEN, OWNER, Item, Kind, group_item
from memberships.domain.people import Actor, Member, Role, Status, Value
from memberships.domain.views import View

from ..errors import Unavailable
from .capabilities import MANAGE, SETTINGS, VISIBILITY_BEHAVIOR, VISIBILITY_FIELDS


class _User(msgspec.Struct):
    id: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class _Membership(msgspec.Struct):
    """What we rely on; all but the id may be missing, and a field of another type is an answer we can't use."""

    id: str
    user_id: str | None = None
    role_id: str | None = None
    permissions_granted: list[str] | None = None
    user_email: str | None = None
    user_first_name: str | None = None
    user_last_name: str | None = None
    user: _User | None = None


_KNOWN = frozenset({*_Membership.__struct_fields__, "organization_id", "user_full_name", *SETTINGS})


class _Role(msgspec.Struct):
    id: str
    name: str
    permissions: list[str]
    editable: bool = False
    visibility_user_lcf_ids: list[str] | None = None
    visibility_user_lcf_behavior: str | None = None


class _Number(msgspec.Struct):
    id: str
    number: str | None = None
    number_formatted: str | None = None
    label: str | None = None


class _Group(msgspec.Struct):
    class Member(msgspec.Struct):
        user_id: str

    id: str
    name: str = ""
    members: list[Member] | None = None


class _View(msgspec.Struct):
    class Sharing(msgspec.Struct):
        whole_org: bool | None = None
        user_ids: list[str] | None = None
        group_ids: list[str] | None = None

    id: str
    name: str | None = None
    type: str | None = None
    user_id: str | None = None
    is_shared: bool | None = None
    shared_with: list[str] | None = None
    sharing_settings: Sharing | None = None


class _Pins(msgspec.Struct):
    saved_view_ids: list[str]


class _Task(msgspec.Struct):
    id: str
    assigned_to: str | None = None
    text: str | None = None
    lead_name: str | None = None
    is_complete: bool = False
    type: str | None = msgspec.field(default=None, name="_type")


class _Opportunity(msgspec.Struct):
    id: str
    user_id: str | None = None
    note: str | None = None
    lead_name: str | None = None
    value_formatted: str | None = None
    status_type: str | None = None


class _Event(msgspec.Struct):
    object_id: str
    action: str
    date_updated: datetime
    user_id: str | None = None


class _CustomField(msgspec.Struct):
    id: str
    name: str | None = None
    type: str | None = None


class _Organization(msgspec.Struct):
    id: str
    memberships: list[dict[str, Any]]
    inactive_memberships: list[dict[str, Any]] = []
    name: str = ""


class _Me(msgspec.Struct):
    class Membership(msgspec.Struct):
        organization_id: str
        permissions_granted: list[str] = []

    class Organization(msgspec.Struct):
        id: str
        name: str = ""

    id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    memberships: list[Membership] = []
    organizations: list[Organization] = []


def actor(raw: object, organization_id: str) -> Actor:
    me = _typed(raw, _Me)
    granted = [
        p for m in me.memberships if m.organization_id == organization_id for p in m.permissions_granted
    ]
    name = next((o.name for o in me.organizations if o.id == organization_id), "")
    full_name = f"{me.first_name or ''} {me.last_name or ''}".strip()
    return Actor(me.id, full_name, (me.email or "").lower(), organization_id, name, MANAGE in granted)


def managed(raw: object) -> list[tuple[str, str]]:
    """Ids and names of the organizations this person can manage."""
    me = _typed(raw, _Me)
    names = {o.id: o.name for o in me.organizations}
    return [
        (m.organization_id, names.get(m.organization_id, ""))
        for m in me.memberships
        if MANAGE in m.permissions_granted
    ]


def role(raw: object) -> Role:
    found = _typed(raw, _Role)
    settings: dict[str, Value] = {
        # Which fields, not in which order: an answer in another one shows the same.
        VISIBILITY_FIELDS: tuple(sorted(found.visibility_user_lcf_ids or ())),
        VISIBILITY_BEHAVIOR: found.visibility_user_lcf_behavior,
    }
    return Role(
        found.id,
        _text(found.name),
        frozenset(found.permissions),
        MANAGE in found.permissions,
        found.editable,
        settings,
    )


def organization(raw: object, organization_id: str) -> tuple[str, dict[str, Member]]:
    """Its name, and everyone by id; somebody in both lists is active."""
    found = _typed(raw, _Organization)
    if found.id != organization_id:
        raise Unavailable("Close answered about another organization.")
    inactive = [member(item, Status.INACTIVE) for item in found.inactive_memberships]
    active = [member(item, Status.ACTIVE) for item in found.memberships]
    return found.name, {m.id: m for m in (*inactive, *active)}


def member(raw: Mapping[str, Any], status: Status) -> Member:
    known = _typed(raw, _Membership)
    user = known.user or _User()
    return Member(
        id=known.id,
        user_id=known.user_id or user.id or "",
        email=_text(known.user_email or user.email).lower(),
        first_name=_text(known.user_first_name or user.first_name),
        last_name=_text(known.user_last_name or user.last_name),
        role_id=known.role_id or "",
        status=status,
        # People who left keep their role and permissions on paper.
        can_manage=status is Status.ACTIVE and MANAGE in (known.permissions_granted or ()),
        settings={name: raw[name] for name in SETTINGS if _is_value(raw.get(name, ...))},
        more={name: value for name, value in raw.items() if name not in _KNOWN},
    )


def changed_member(raw: Mapping[str, Any]) -> Member | None:
    """The member an answer shows. An answer without its role proves nothing and counts as none."""
    if not isinstance(raw.get("id"), str) or not isinstance(raw.get("role_id"), str):
        return None
    return member(raw, Status.ACTIVE)


def number(raw: object) -> tuple[str, str]:
    found = _typed(raw, _Number)
    return found.id, " ".join(filter(None, (found.number_formatted or found.number, found.label)))


def group(raw: object) -> Item:
    found = _typed(raw, _Group)
    return group_item(found.id, _text(found.name) or found.id)


def group_members(raw: object) -> frozenset[str]:
    found = _typed(raw, _Group)
    if found.members is None:
        raise Unavailable("Close gave a group without its members.")
    return frozenset(m.user_id for m in found.members)


def view(raw: object) -> View:
    found = _typed(raw, _View)
    sharing = found.sharing_settings or _View.Sharing()
    return View(
        found.id,
        _text(found.name) or found.id,
        found.type or "",
        found.user_id or "",
        bool(found.is_shared if sharing.whole_org is None else sharing.whole_org),
        frozenset(sharing.user_ids or ()),
        frozenset(sharing.group_ids or ()),
        frozenset(found.shared_with or ()),
    )


def pins(raw: object) -> tuple[str, ...]:
    return tuple(_typed(raw, _Pins).saved_view_ids)


def task(raw: object) -> Item:
    found = _typed(raw, _Task)
    values: dict[str, Value] = {OWNER: found.assigned_to or "", OPEN: not found.is_complete}
    # Close's own word for a task of type "lead" is to-do.
    is_to_do = found.type in (None, "lead")
    sort = "To-do" if is_to_do else _text(found.type).replace("_", " ").capitalize()
    about = ", ".join(filter(None, (_text(found.text), _text(found.lead_name))))
    name = about if is_to_do else ": ".join(filter(None, (sort, about)))
    return Item(Kind.TASK, found.id, name or found.id, values, sort)


def opportunity(raw: object) -> Item:
    found = _typed(raw, _Opportunity)
    name = ", ".join(filter(None, (_text(found.lead_name), _text(found.note), found.value_formatted)))
    is_open = found.status_type in (None, "active")
    return Item(Kind.OPPORTUNITY, found.id, name or found.id, {OWNER: found.user_id or "", OPEN: is_open})


def happening(raw: object, kind: Kind) -> Happening:
    found = _typed(raw, _Event)
    at = found.date_updated if found.date_updated.tzinfo else found.date_updated.replace(tzinfo=UTC)
    return Happening(kind, found.object_id, found.action, at, found.user_id or "")


def user_field(raw: object) -> tuple[str, str] | None:
    """Id and name of a lead custom field that holds users; None for any other."""
    found = _typed(raw, _CustomField)
    return (found.id, _text(found.name) or found.id) if found.type == "user" else None


def items(raw: Mapping[str, Any], key: str = "data") -> list[Any]:
    found = raw.get(key)
    if not isinstance(found, list):
        raise Unavailable(f"Close gave an answer without the list “{key}”.")
    return found


def explain(answer: Any) -> str:
    """Close's own words out of its three error shapes.

    `{"error": text or object}`, `{"errors": [...], "field-errors": {...}}`, `{"errors": [...]}`.
    """
    if not isinstance(answer, dict):
        return ""
    found = [*_texts(answer.get("error")), *_texts(answer.get("errors"))]
    fields = answer.get("field-errors")
    if isinstance(fields, dict):
        found += [f"{name}: {text}" for name, value in fields.items() for text in _texts(value)]
    return " ".join(dict.fromkeys(found))[:500]


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value.strip()] if value.strip() else []
        case list():
            return [text for item in value for text in _texts(item)]
        case dict():
            return [text for item in value.values() for text in _texts(item)]
        case _:
            return []


def _typed[T](raw: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise Unavailable(f"Close gave an answer that can't be understood ({error}).") from None


def _text(raw: str | None) -> str:
    """Text without the one character PostgreSQL can't store."""
    return (raw or "").replace("\0", "")


def _is_value(raw: object) -> bool:
    return raw is None or isinstance(raw, str | bool)
