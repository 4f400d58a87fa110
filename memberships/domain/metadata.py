"""What a provider lets people keep with a member: an object, of which texts by key are ours to change, and no more."""

import json
import unicodedata
from collections.abc import Mapping

from .people import METADATA, Member, Value, metadata_field, metadata_key

LONGEST_KEY = 100


def problem_with(key: str) -> str:
    """Why this can't be a key, in a sentence; empty when it can."""
    if not key:
        return "Give the key, such as team."
    if len(key) > LONGEST_KEY:
        return f"A key can be {LONGEST_KEY} characters at most; yours has {len(key)}."
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in key):
        return "A key is one line of text, without tabs and other control characters."
    return ""


def fields(held: object) -> dict[str, Value]:
    """An object as fields: each text by its key, and all the rest together as JSON; None when there is no rest."""
    texts = _texts(held)
    rest = {k: v for k, v in held.items() if k not in texts} if isinstance(held, Mapping) else held
    found: dict[str, Value] = {metadata_field(key): _storable(text) for key, text in texts.items()}
    return found | {METADATA: json_text(_all_storable(rest)) if rest else None}


def merged(held: object, wanted: Mapping[str, Value]) -> dict[str, object]:
    """The object with these texts set, or taken out where they are None; all else in it stays.

    Raises ValueError, with the key, where that would overwrite something that isn't text.
    """
    if held is not None and not isinstance(held, Mapping):
        raise ValueError(next(iter(wanted)))
    found = dict(held or {})
    if (rest := wanted.get(METADATA)) is not None:
        found = {**rest_of(rest), **found}
    for field, value in wanted.items():
        if not (key := metadata_key(field)):
            continue
        if key in found and not isinstance(found[key], str):
            raise ValueError(key)
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found


def rest_of(stored: Value) -> dict[str, object]:
    """What isn't text, by key, from what `fields` made of it; empty where it isn't even an object."""
    rest = json.loads(stored) if isinstance(stored, str) and stored else None
    return rest if isinstance(rest, dict) else {}


def is_locked(member: Member, field: str) -> bool:
    """Is there something of this key, or instead of all keys, that isn't text and so isn't ours to change?"""
    stored = member.value(METADATA)
    if not metadata_key(field) or not isinstance(stored, str):
        return False
    rest = json.loads(stored)
    return not isinstance(rest, dict) or metadata_key(field) in rest


def json_text(value: object) -> str:
    """The same text for the same value, whatever the order of its keys."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def one_break(text: str) -> str:
    """The same text whoever wrote its line breaks: browsers and spreadsheets each do it their own way."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _texts(held: object) -> dict[str, str]:
    if not isinstance(held, Mapping):
        return {}
    return {k: v for k, v in held.items() if isinstance(v, str) and not problem_with(str(k))}


def _all_storable(value: object) -> object:
    match value:
        case str():
            return _storable(value)
        case list():
            return [_all_storable(one) for one in value]
        case Mapping():
            return {_storable(str(key)): _all_storable(one) for key, one in value.items()}
    return value


def _storable(text: str) -> str:
    """PostgreSQL can't store that character, not even as JSON writes it."""
    return text.replace("\0", "")
