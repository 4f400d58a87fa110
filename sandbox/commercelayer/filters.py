"""Filters of lists: predicates such as `user_email_cont`, and plain keys such as `status`.

Names and meanings are those of Ransack; `cont`, `start`, `end` and `matches` don't mind the case, and
what is null fits no predicate but those that say so.
Source: https://docs.commercelayer.io/core/filtering-data
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sandbox.commercelayer.errors import NotRehearsed, Unreadable
from sandbox.commercelayer.records import Record
from sandbox.commercelayer.schema import SCHEMA, Attribute, Form, Resource

Test = Callable[[Record], bool]
Values = Callable[[Record], Iterable[Any]]

# (value of the record, wanted) of one kind each
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "lt": lambda value, wanted: value < wanted,
    "lteq": lambda value, wanted: value <= wanted,
    "gt": lambda value, wanted: value > wanted,
    "gteq": lambda value, wanted: value >= wanted,
}
TEXTUAL: dict[str, Callable[[str, str], bool]] = {
    "matches": lambda value, wanted: bool(_like(wanted).fullmatch(value)),
    "start": lambda value, wanted: value.startswith(wanted),
    "end": lambda value, wanted: value.endswith(wanted),
    "cont": lambda value, wanted: wanted in value,
}
OPPOSITES = {
    "not_eq": "eq",
    "does_not_match": "matches",
    "not_start": "start",
    "not_end": "end",
    "not_cont": "cont",
}
PLAIN = {"true", "false", "null", "not_null", "present", "blank"}
LISTS = {"in", "not_in", "not_in_or_null"}
# `_any` and `_all` of these take a list.
COMPOUND = {"lt", "lteq", "gt", "gteq", *TEXTUAL, "does_not_match", "not_start", "not_end", "not_cont"}
PREDICATES = sorted(
    {*COMPARE, *TEXTUAL, *OPPOSITES, *PLAIN, *LISTS, "eq_or_null", "not_eq_or_null", "jcont"}
    | {f"{name}_{ending}" for name in COMPOUND for ending in ("any", "all")},
    key=len,
    reverse=True,
)
YES, NO = {"true", "t", "1"}, {"false", "f", "0"}


def predicate(resource: Resource, name: str, wanted: str) -> Test:
    """`filter[q][name]=wanted`. Raises Unreadable."""
    ending = next((ending for ending in PREDICATES if name.endswith(f"_{ending}")), None)
    if ending is None:
        raise Unreadable("INVALID_FILTERS_SYNTAX", f"{name} has no predicate that is known.")
    sources = [_source(resource, part, name) for part in name.removesuffix(f"_{ending}").split("_or_")]
    checks = [(_check(ending, form, wanted, name), values) for form, values in sources]
    return lambda record: any(any(check(value) for value in values(record)) for check, values in checks)


def plain(resource: Resource, name: str, wanted: str) -> Test:
    """`filter[name]=wanted`: one of a list, or from and to a moment. Raises Unreadable or NotRehearsed.

    Their meaning is not documented; this is what the framework does with them.
    """
    if name == "ids":
        return predicate(resource, "id_in", wanted)
    for ending, meaning in (("_from", "gteq"), ("_to", "lteq")):
        if name in {f"created_at{ending}", f"updated_at{ending}"}:
            return predicate(resource, f"{name.removesuffix(ending)}_{meaning}", wanted)
    attribute = resource.filtered_by(name)
    if attribute and attribute.form == "object":
        raise NotRehearsed(f"What filter[{name}] means is not documented.")
    related = resource.relationships.get(name.removesuffix("_id"))
    if attribute or (name.endswith("_id") and related and "Q" in related.flags):
        return predicate(resource, f"{name}_in", wanted)
    raise Unreadable("FILTER_NOT_ALLOWED", f"{name} is not allowed.")


def _source(resource: Resource, path: str, name: str) -> tuple[Form, Values]:
    """An attribute, or one behind a relationship: role_kind, organization_id."""
    if attribute := resource.filtered_by(path):
        return attribute.form, lambda record: (getattr(record, path),)
    for own, relationship in resource.relationships.items():
        rest = path.removeprefix(f"{own}_")
        if rest == path or "Q" not in relationship.flags:
            continue
        behind: Attribute | None = SCHEMA[relationship.type].filtered_by(rest)
        if behind is not None:
            return behind.form, _behind(own, rest, many=relationship.many)
    raise Unreadable("FILTER_NOT_ALLOWED", f"{name} is not allowed.")


def _behind(relationship: str, attribute: str, *, many: bool) -> Values:
    def values(record: Record) -> list[Any]:
        related = getattr(record, relationship)
        if many:
            return [getattr(one, attribute) for one in related]
        return [getattr(related, attribute) if related else None]

    return values


def _check(name: str, form: Form, wanted: str, asked: str) -> Callable[[Any], bool]:
    """One value against what is wanted."""
    if name in PLAIN:
        return _plainly(name, on=_flag(wanted, asked))
    if name == "jcont":
        return _contains(wanted, asked)
    if form == "object":
        raise Unreadable("FILTER_NOT_ALLOWED", f"{asked} is not allowed.")
    if name in LISTS:
        among = [_read(form, one, asked) for one in wanted.split(",")]
        if name == "in":
            return lambda value: value in among
        return lambda value: name.endswith("_or_null") if value is None else value not in among
    for ending, together in (("_any", any), ("_all", all)):
        if name.endswith(ending) and name.removesuffix(ending) in COMPOUND:
            tests = [_check(name.removesuffix(ending), form, one, asked) for one in wanted.split(",")]
            return lambda value: together(test(value) for test in tests)
    base = name.removesuffix("_or_null")
    test = _single(OPPOSITES.get(base, base), form, wanted, asked)
    opposite, or_null = base in OPPOSITES, name.endswith("_or_null")
    return lambda value: or_null if value is None else test(value) is not opposite


def _single(name: str, form: Form, wanted: str, asked: str) -> Callable[[Any], bool]:
    if name in TEXTUAL:
        textual, lowered = TEXTUAL[name], wanted.lower()
        return lambda value: textual(str(value).lower(), lowered)
    compare, read = COMPARE[name], _read(form, wanted, asked)
    return lambda value: compare(value, read)


def _plainly(name: str, *, on: bool) -> Callable[[Any], bool]:
    tests: dict[str, Callable[[Any], bool]] = {
        "true": lambda value: value is True,
        "false": lambda value: value is False,
        "null": lambda value: value is None,
        "not_null": lambda value: value is not None,
        "present": lambda value: value not in (None, "", False, {}, []),
        "blank": lambda value: value in (None, "", False, {}, []),
    }
    return lambda value: tests[name](value) is on


def _contains(wanted: str, asked: str) -> Callable[[Any], bool]:
    try:
        part = json.loads(wanted)
    except ValueError:
        part = None
    if not isinstance(part, dict):
        raise Unreadable("INVALID_FILTER_VALUE", f"{wanted} is not a valid value for {asked}.")
    return lambda value: isinstance(value, dict) and part.items() <= value.items()


def _read(form: Form, wanted: str, asked: str) -> Any:
    match form:
        case "flag":
            return _flag(wanted, asked)
        case "moment":
            return _moment(wanted, asked)
        case "number":
            if re.fullmatch(r"-?\d+", wanted):
                return int(wanted)
            raise Unreadable("INVALID_FILTER_VALUE", f"{wanted} is not a valid value for {asked}.")
        case _:
            return wanted


def _flag(wanted: str, asked: str) -> bool:
    if wanted.lower() in YES | NO:
        return wanted.lower() in YES
    raise Unreadable("INVALID_FILTER_VALUE", f"{wanted} is not a valid value for {asked}.")


def _moment(wanted: str, asked: str) -> datetime:
    try:
        moment = datetime.fromisoformat(wanted)
    except ValueError:
        raise Unreadable("INVALID_FILTER_VALUE", f"{wanted} is not a valid value for {asked}.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _like(pattern: str) -> re.Pattern[str]:
    """SQL's LIKE: % is anything, _ is one character."""
    return re.compile(
        "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern), re.DOTALL
    )
