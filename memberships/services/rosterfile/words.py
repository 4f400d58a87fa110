"""The words for on and off, and for choices, in a roster file."""

from __future__ import annotations

from collections.abc import Mapping

from memberships.domain.people import Value
from memberships.providers import Field, FieldKind
from memberships.services.vocabulary import Misunderstood, Vocabulary

_SWITCHES: Mapping[str, bool] = {
    "true": True,
    "false": False,
    "on": True,
    "off": False,
    "yes": True,
    "no": False,
}
SWITCHES = (True, False, "on", "off", "yes", "no")
"""Whatever an editor's version of YAML takes these for, here they are two things."""


def switch(text: str) -> bool:
    """Raises Misunderstood."""
    found = _SWITCHES.get(text.casefold())
    if found is None:
        raise Misunderstood(f"“{text}” is neither true nor false.")
    return found


def choices(field: Field) -> list[str]:
    """All that may be written for a field with fixed choices."""
    found = [word for stored, label in field.choices for word in (stored, label)]
    return list(dict.fromkeys([*found, *(word.lower() for word in found if word in ("On", "Off"))]))


def written(vocabulary: Vocabulary, field: Field, value: Value) -> str | bool | None:
    """A value as it stands in a file: of what has a name of its own, that name."""
    match field.kind:
        case FieldKind.ROLE:
            return vocabulary.role_name(str(value or ""))
        case FieldKind.PROFILE if value:
            return vocabulary.profile_name(str(value))
        case FieldKind.FLAG if isinstance(value, bool):
            return value
    return None if value in (None, "") else str(value)


def meant(vocabulary: Vocabulary, field: Field, text: str | None) -> Value:
    """The value that stands in a file as `text`. Raises Misunderstood."""
    on_or_off = _SWITCHES.get((text or "").casefold())
    said = on_or_off if field.kind is FieldKind.CHOICE and on_or_off is not None else text
    return vocabulary.value(field.name, said)
