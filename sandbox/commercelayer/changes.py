"""What every change of a record has in common: what it points at, what is remembered of it.

Source: https://docs.commercelayer.io/provisioning/api-reference/versions
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sandbox.commercelayer.caller import Caller
from sandbox.commercelayer.documents import Document
from sandbox.commercelayer.errors import (
    RELATIONSHIP,
    CommerceError,
    Denied,
    Invalid,
    Locked,
    NotFound,
    NotUnique,
    Problem,
    blank,
    wrong,
)
from sandbox.commercelayer.records import KINDS, TYPES, Organization, Record, Version
from sandbox.commercelayer.schema import SCHEMA

if TYPE_CHECKING:
    from sandbox.commercelayer.world import CommerceWorld

REMEMBERED = {"memberships", "roles", "permissions"}
SOMEBODY = {"application": {"kind": "dashboard"}, "owner": None}


def linked(
    world: CommerceWorld,
    caller: Caller,
    document: Document,
    type_: str,
    organization: Organization | None = None,
) -> dict[str, Any]:
    """The records a document points at, by relationship: one, None or a list.

    Raises NotFound or Invalid for those that are not there, not for the caller, or of another
    organization than `organization`.
    """
    found: dict[str, Any] = {}
    for name, ids in document.links.items():
        kind = KINDS[SCHEMA[type_].relationships[name].type]
        records = []
        for record_id in ids if isinstance(ids, list) else [] if ids is None else [ids]:
            record = world.look_up(kind, record_id)
            place = record if isinstance(record, Organization) else getattr(record, "organization", None)
            elsewhere = organization is not None and place is not organization
            if record is None or elsewhere or not caller.sees(record):
                if world.switches.foreign_reference_status == 404:
                    raise NotFound
                raise Invalid(wrong(name, "must exist", "required", at=RELATIONSHIP))
            records.append(record)
        found[name] = records if isinstance(ids, list) else next(iter(records), None)
    return found


def place(world: CommerceWorld, caller: Caller, document: Document, type_: str) -> Organization | None:
    """Where something is to be made. It comes first: it decides whether the caller may ask at all.

    Raises NotFound, Invalid or Denied; None where the document does not say.
    """
    links = {name: link for name, link in document.links.items() if name == "organization"}
    found = linked(world, caller, Document({}, links), type_)
    organization: Organization | None = found.get("organization")
    if organization is not None:
        caller.must_administer(organization)
    return organization


def missing(values: Mapping[str, Any], *names: str, at: str) -> list[Problem]:
    """Those that are needed and are null, empty or not there."""
    return [blank(name, at=at) for name in names if values.get(name) in (None, "", [])]


def emptied(values: Mapping[str, Any], *names: str, at: str) -> list[Problem]:
    """Those that are needed and are given as nothing."""
    return [blank(name, at=at) for name in names if name in values and values[name] in (None, "", [])]


def refused(status: int, problem: Problem) -> CommerceError:
    """The same refusal in the form a switch asks for; to be raised."""
    match status:
        case 401:
            return Denied()
        case 409:
            return NotUnique(
                Problem("Record not unique", problem.detail, "RECORD_NOT_UNIQUE", problem.pointer)
            )
        case 423:
            return Locked(problem.detail)
        case _:
            return Invalid(problem)


def apply(
    world: CommerceWorld, record: Record, values: Mapping[str, Any], who: dict[str, Any] | None
) -> None:
    """Set attributes and relationships, and remember what became different; the same again is no change."""
    changes: dict[str, Any] = {}
    for name, value in values.items():
        old = getattr(record, name)
        if old is value or (not isinstance(value, Record) and old == value):
            continue
        setattr(record, name, value)
        changes |= _shown(name, old, value)
    if not changes:
        return
    record.updated_at = datetime.fromtimestamp(world.clock(), UTC)
    if not world.switches.versions_show_role_id:
        changes.pop("role_id", None)
    remember(world, record, "update", changes, who)


def remember(
    world: CommerceWorld,
    record: Record,
    event: Literal["create", "update", "destroy"],
    changes: dict[str, Any],
    who: dict[str, Any] | None,
) -> None:
    """A version, for those resources that have them. `who` None is somebody in the Dashboard."""
    type_ = TYPES[type(record)]
    if type_ not in REMEMBERED or (event == "create" and type_ != "roles"):
        return
    at = datetime.fromtimestamp(world.clock(), UTC)
    version = Version(
        id=world.ids.make(),
        created_at=at,
        updated_at=at,
        organization=record.organization,  # type: ignore[attr-defined]  # all three have one
        resource_type=type_,
        resource_id=record.id,
        event=event,
        changes=changes,
        who=who or SOMEBODY,
    )
    world.keep(version)
    record.history.append(version)


def _shown(name: str, old: Any, new: Any) -> dict[str, Any]:
    if isinstance(old, Record) or isinstance(new, Record):
        return {f"{name}_id": [one.id if one else None for one in (old, new)]}
    return {name: [old, new]}
