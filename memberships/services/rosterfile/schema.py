"""The JSON schema of roster files, for editors: made from what a provider can do, so that it can't tell anything else.

Draft 7, because that is what YAML editors know best.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from memberships.providers import Capabilities, Field, FieldKind, registry

from . import words

_TEXT = {"type": "string"}
_NAME_OR_ID = "By name, or by id where several have the same name."


def schema(provider: str) -> dict[str, Any]:
    """Raises KeyError for a provider there isn't."""
    can = registry.capabilities(provider)
    values = _values(can)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Roster file for {can.label}",
        "type": "object",
        "required": ["roster", "people"],
        "additionalProperties": False,
        "properties": {
            "roster": {"const": 1, "description": "The version of this format."},
            "provider": {"const": provider},
            "organization": _TEXT | {"description": f"The organization's id at {can.label}."},
            "prune": {
                "enum": list(words.SWITCHES),
                "description": "Whether people who aren't in this file are taken out of the organization.",
            },
            "rails": _RAILS,
            "kits": {
                "type": "object",
                "description": "Bundles of values that people refer to by “kit”.",
                "additionalProperties": _object(values),
            },
            "people": {"type": "array", "items": _person(can, values)},
        },
    }


def address(provider: str) -> str:
    """Where editors find it; empty where this installation has no address of its own."""
    return settings.PUBLIC_URL + reverse("roster-schema", args=[provider]) if settings.PUBLIC_URL else ""


def _person(can: Capabilities, values: dict[str, Any]) -> dict[str, Any]:
    own = {
        "email": _TEXT | {"description": "Whom this entry is about. Somebody new is invited."},
        "id": _TEXT | {"description": "The membership's id, for people without an address of their own."},
        "kit": _TEXT | {"description": "A bundle under “kits”; what stands here goes before it."},
        "status": {"enum": list(can.statuses)},
    }
    return _object(own | values) | {"anyOf": [{"required": ["email"]}, {"required": ["id"]}]}


def _values(can: Capabilities) -> dict[str, Any]:
    found = {field.name: _field(field) for field in can.fields}
    if can.metadata:
        found["metadata"] = {
            "type": "object",
            "description": "Texts by key. Keys that aren't here are left alone; null removes one.",
            "additionalProperties": {"type": ["string", "null"]},
        }
    if can.groups:
        found["groups"] = _list(f"All groups they are in. {_NAME_OR_ID}")
    if can.pinned_views:
        found["pinned_views"] = _list(f"The views they have pinned, in their order. {_NAME_OR_ID}")
    return found


def _field(field: Field) -> dict[str, Any]:
    described = {"description": " ".join(filter(None, (f"{field.label}.", field.hint)))}
    match field.kind:
        case FieldKind.ROLE:
            return _TEXT | {"description": f"{field.label}. {_NAME_OR_ID}"}
        case FieldKind.FLAG:
            return {"enum": list(words.SWITCHES)} | described
        case FieldKind.CHOICE:
            return {"enum": words.choices(field)} | described
    return {"type": ["string", "null"] if field.clears else "string"} | described


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _list(description: str) -> dict[str, Any]:
    return {"type": "array", "items": _TEXT, "uniqueItems": True, "description": description}


_RAILS = _object(
    {
        "minimum_managers": {
            "type": "integer",
            "minimum": 1,
            "description": "How many people must stay able to manage the organization.",
        },
        "required_managers": {
            "type": "array",
            "items": _TEXT,
            "description": "Addresses of people who must stay able to manage it.",
        },
        "largest_share": {
            "type": ["string", "number"],
            "description": "How much of the active people one plan may change at most, such as 25%.",
        },
    }
)
