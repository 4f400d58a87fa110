"""Values as YAML that reads the same everywhere: whatever another reader could take for more than text is quoted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from memberships.domain.people import Value

# A letter first, and nothing that YAML or one of its readers gives a meaning to, within brackets neither.
_PLAIN = re.compile(r"[^\W\d_](?:[\w@./+()&'=%~-]|:(?=[\w/])| (?=[\w(&]))*")
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
# What may not stand in a file as it is, or can't be seen there.
_HIDDEN = re.compile("[\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]")


def scalar(value: str | bool | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def listed(values: Iterable[str]) -> str:
    return f"[{', '.join(map(scalar, values))}]"


def written(value: Value) -> str:
    return listed(value) if isinstance(value, tuple) else scalar(value)


def comment(text: str) -> str:
    """The same on one line, for people alone; empty for nothing."""
    seen = " ".join(_HIDDEN.sub(" ", re.sub(r"[\x00-\x1f]", " ", text)).split())
    return f"  # {seen}" if seen else ""
