"""Reading what a client sends: JSON:API documents, checked against the schema.

Sources: https://jsonapi.org/format/#crud, https://docs.commercelayer.io/core/handling-errors
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.commercelayer.errors import ATTRIBUTE, RELATIONSHIP, Problem, Unreadable, wrong
from sandbox.commercelayer.schema import Form, Relationship, Resource
from sandbox.commercelayer.switches import CommerceSwitches

FORMS: dict[Form, type | tuple[type, ...]] = {
    "text": str,
    "flag": bool,
    "number": int,
    "moment": str,
    "object": dict,
}


@dataclass(frozen=True, slots=True)
class Document:
    """`links` are ids: one, None, or a list."""

    attributes: dict[str, Any]
    links: dict[str, str | list[str] | None]

    def mistyped(self, resource: Resource) -> list[Problem]:
        """Attributes of another type than the schema says; null is left to the rules."""
        return [
            wrong(name, "is invalid", "invalid")
            for name, value in self.attributes.items()
            if value is not None
            and name in resource.attributes
            and not isinstance(value, FORMS[resource.attributes[name].form])
        ]


def read(
    body: bytes,
    resource: Resource,
    flag: Literal["C", "U"],
    switches: CommerceSwitches,
    *,
    record_id: str | None = None,
) -> Document:
    """`record_id` is the one in the URL of an update. Raises Unreadable."""
    data = _data(body)
    _must_be_of(data, resource)
    if record_id is not None and data.get("id") != record_id:
        detail = f"The URL does not support the key {data.get('id')}"
        raise Unreadable("KEY_NOT_INCLUDED_IN_URL", detail, pointer="/data/id")
    if "attributes" not in data and switches.attributes_are_required:
        raise Unreadable("PARAM_MISSING", "The required parameter, attributes, is missing.", pointer="/data")
    attributes = _object(data, "attributes")
    links = _object(data, "relationships")
    allowed = resource.writable(flag) | (resource.triggers if flag == "U" else set())
    for name in sorted(attributes.keys() - allowed):
        raise Unreadable("PARAM_NOT_ALLOWED", f"{name} is not allowed.", pointer=f"{ATTRIBUTE}{name}")
    linkable = resource.linkable(flag)
    if flag == "U" and not switches.to_many_update_allowed:
        linkable = {name for name in linkable if not resource.relationships[name].many}
    for name in sorted(links.keys() - linkable):
        raise Unreadable("PARAM_NOT_ALLOWED", f"{name} is not allowed.", pointer=f"{RELATIONSHIP}{name}")
    read = {name: _linkage(name, resource.relationships[name], links[name], switches) for name in links}
    return Document(attributes, read)


def read_attributes(body: bytes, resource: Resource, record_id: str, names: set[str]) -> dict[str, Any]:
    """An action's document, whose attributes are none of the resource's. Raises Unreadable."""
    data = _data(body)
    _must_be_of(data, resource)
    if data.get("id") != record_id:
        detail = f"The URL does not support the key {data.get('id')}"
        raise Unreadable("KEY_NOT_INCLUDED_IN_URL", detail, pointer="/data/id")
    attributes = _object(data, "attributes")
    for name in sorted(attributes.keys() - names):
        raise Unreadable("PARAM_NOT_ALLOWED", f"{name} is not allowed.", pointer=f"{ATTRIBUTE}{name}")
    return attributes


def _data(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        raise Unreadable("INVALID_DATA_FORMAT", "The document is not JSON.") from None
    data = document.get("data") if isinstance(document, dict) else None
    if data is None:
        raise Unreadable("PARAM_MISSING", "The required parameter, data, is missing.")
    if not isinstance(data, dict):
        raise Unreadable("INVALID_DATA_FORMAT", "data is not one resource object.", pointer="/data")
    return data


def _must_be_of(data: Mapping[str, Any], resource: Resource) -> None:
    if "type" not in data:
        raise Unreadable("PARAM_MISSING", "The required parameter, type, is missing.", pointer="/data")
    if data["type"] != resource.type:
        detail = f"{data['type']} is not a valid resource."
        raise Unreadable("INVALID_RESOURCE", detail, pointer="/data/type")


def _object(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, dict):
        raise Unreadable("INVALID_DATA_FORMAT", f"{name} is not an object.", pointer=f"/data/{name}")
    return value


def _linkage(
    name: str, relationship: Relationship, link: Any, switches: CommerceSwitches
) -> str | list[str] | None:
    if not isinstance(link, dict) or "data" not in link:
        raise Unreadable("INVALID_LINKS_OBJECT", "Invalid Links Object.", pointer=f"{RELATIONSHIP}{name}")
    data = link["data"]
    if not relationship.many:
        return None if data is None else _id(name, relationship, data)
    if isinstance(data, dict) and switches.to_many_may_be_an_object:
        data = [data]
    if not isinstance(data, list):
        raise Unreadable("INVALID_LINKS_OBJECT", "Invalid Links Object.", pointer=f"{RELATIONSHIP}{name}")
    return [_id(name, relationship, one) for one in data]


def _id(name: str, relationship: Relationship, data: Any) -> str:
    pointer = f"{RELATIONSHIP}{name}"
    if not isinstance(data, dict) or not isinstance(data.get("id"), str) or "type" not in data:
        raise Unreadable("INVALID_LINKS_OBJECT", "Invalid Links Object.", pointer=pointer)
    if data["type"] != relationship.type:
        detail = f"{data['type']} is not a valid type for this operation."
        raise Unreadable("TYPE_MISMATCH", detail, pointer=pointer)
    identity: str = data["id"]
    return identity
