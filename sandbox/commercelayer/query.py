"""The query of a call: page, sort, filter, include, sparse fields.

Sources: https://docs.commercelayer.io/core (pagination, sorting-results, filtering-data,
including-associations, sparse-fieldsets), https://jsonapi.org/format/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.commercelayer import filters
from sandbox.commercelayer.errors import Unreadable
from sandbox.commercelayer.records import Record
from sandbox.commercelayer.schema import SCHEMA, Resource
from sandbox.commercelayer.switches import CommerceSwitches

USUAL_SIZE, LARGEST_SIZE = 10, 25
NAMED = re.compile(r"(fields|page|filter)\[(\w+)\](?:\[(\w+)\])?")

# Paths to include, as a tree: {"application_memberships": {"role": {}}}
type Tree = dict[str, Tree]


@dataclass(slots=True)
class Query:
    """What one call asks to be shown. Pages and tests are for lists."""

    include: Tree = field(default_factory=dict)
    fields: dict[str, set[str]] = field(default_factory=dict)
    number: int = 1
    size: int = USUAL_SIZE
    sort: list[tuple[str, bool]] = field(default_factory=list)
    tests: list[filters.Test] = field(default_factory=list)

    def found[Its: Record](self, records: Sequence[Its]) -> list[Its]:
        """What fits, in the order asked for; without one, as they were made."""
        found = [record for record in records if all(test(record) for test in self.tests)]
        for name, descending in reversed(self.sort):
            # Nulls come last, and first the other way round, as in PostgreSQL.
            found.sort(
                key=lambda record: ((value := getattr(record, name)) is None, value or ""),
                reverse=descending,
            )
        return found

    def page[Its](self, found: Sequence[Its]) -> Sequence[Its]:
        return found[(self.number - 1) * self.size : self.number * self.size]


def read(params: Mapping[str, str], resource: Resource, switches: CommerceSwitches, *, many: bool) -> Query:
    """Raises Unreadable for whatever is not known, NotRehearsed for what nobody knows the meaning of."""
    query = Query()
    for name, value in params.items():
        found = NAMED.fullmatch(name)
        match found.groups() if found else (name, None, None):
            case ("include", None, None):
                query.include = _tree(value, resource, switches)
            case ("fields", str(type_), None):
                query.fields[type_] = _fields(type_, value)
            case ("sort", None, None) if many:
                query.sort = [_sort(part, resource) for part in value.split(",")]
            case ("page", "number", None) if many:
                query.number = _number("number", value)
            case ("page", "size", None) if many:
                query.size = _number("size", value)
            case ("filter", "q", str(predicate)) if many:
                query.tests.append(filters.predicate(resource, predicate, value))
            case ("filter", str(key), None) if many and key != "q":
                query.tests.append(filters.plain(resource, key, value))
            case _:
                raise Unreadable("PARAM_NOT_ALLOWED", f"{name} is not allowed.")
    return query


def _number(name: str, value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise Unreadable("INVALID_PAGE_VALUE", f"{value} is not a valid value for {name} page parameter.")
    if name == "size" and int(value) > LARGEST_SIZE:
        raise Unreadable("INVALID_PAGE_VALUE", f"size exceeds maximum page size of {LARGEST_SIZE}.")
    return int(value)


def _sort(part: str, resource: Resource) -> tuple[str, bool]:
    name = part.removeprefix("-")
    if not resource.sorted_by(name):
        raise Unreadable("INVALID_SORT_CRITERIA", f"{name} is not a valid sort criteria for {resource.type}")
    return name, part.startswith("-")


def _fields(type_: str, value: str) -> set[str]:
    resource = SCHEMA.get(type_)
    if resource is None:
        raise Unreadable("INVALID_RESOURCE", f"{type_} is not a valid resource.")
    names = set(value.split(",")) - {"", "id", "type"}
    for name in sorted(names - set(resource.attributes) - set(resource.relationships)):
        raise Unreadable("INVALID_FIELD", f"{name} is not a valid field for {type_}.")
    return names


def _tree(value: str, resource: Resource, switches: CommerceSwitches) -> Tree:
    tree: Tree = {}
    for path in filter(None, value.split(",")):
        steps, at, where = path.split("."), tree, resource
        if switches.include_depth is not None and len(steps) - 1 > switches.include_depth:
            raise Unreadable("INVALID_INCLUDE", f"{path} goes deeper than is allowed.")
        for step in steps:
            relationship = where.relationships.get(step)
            if relationship is None:
                detail = f"{step} is not a valid includable relationship of {where.type}"
                raise Unreadable("INVALID_INCLUDE", detail)
            at, where = at.setdefault(step, {}), SCHEMA[relationship.type]
    return tree
