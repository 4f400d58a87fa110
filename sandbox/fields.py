"""Checks every write body goes through, in the words of Close's validation."""

from collections.abc import Mapping
from typing import Any

from sandbox.errors import Invalid
from sandbox.switches import Switches

REQUIRED = "This field is required."
UNKNOWN = "Object does not exist."
NOT_TEXT = "Value must be of str type."
NOT_A_FLAG = "Value must be of bool type."
NOT_A_LIST = "Value must be of list type."


def only(body: Mapping[str, Any], known: set[str], switches: Switches) -> None:
    """Raises Invalid for keys nobody knows, unless they are ignored."""
    unknown = set(body) - known
    if unknown and switches.unknown_keys_refused:
        raise Invalid(fields=dict.fromkeys(sorted(unknown), "Unknown field."))


def is_texts(value: Any) -> bool:
    """A list of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
