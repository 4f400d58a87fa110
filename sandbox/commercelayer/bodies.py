"""Writing what a client gets: JSON:API resource objects, with what they include and where the pages are.

A relationship has links always, `data` only when it is included.
Sources: https://docs.commercelayer.io/core/including-associations, https://jsonapi.org/format/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from sandbox.commercelayer.caller import Caller
from sandbox.commercelayer.query import Query, Tree
from sandbox.commercelayer.records import TYPES, ApiCredential, Record
from sandbox.commercelayer.schema import SCHEMA

type Body = dict[str, Any]
type Key = tuple[str, str]

MASK = "********"


@dataclass(slots=True)
class Shown:
    """One answer in the making. `base` is the address of the API."""

    base: str
    query: Query
    caller: Caller
    # Which relationships of which record show their `data`; and the records that come along.
    _linked: dict[Key, set[str]] = field(default_factory=dict)
    _along: dict[Key, Record] = field(default_factory=dict)

    def one(self, record: Record | None) -> Body:
        if record is None:
            return {"data": None}
        return self._document([record], single=True)

    def many(self, found: Sequence[Record], path: str, params: Mapping[str, str]) -> Body:
        """A page of a list, with the links to the others."""
        size, number = self.query.size, self.query.number
        pages = -(-len(found) // size) or self.caller.switches.pages_of_nothing
        last = max(1, pages)
        numbers = {"first": 1, "last": last}
        if number > 1:
            numbers["prev"] = min(number - 1, last)
        if number < last:
            numbers["next"] = number + 1
        links = {
            name: f"{self.base}{path}?{urlencode({**params, 'page[number]': page, 'page[size]': size})}"
            for name, page in numbers.items()
        }
        body = self._document(list(self.query.page(found)), single=False)
        return {**body, "meta": {"record_count": len(found), "page_count": pages}, "links": links}

    def _document(self, records: list[Record], *, single: bool) -> Body:
        for record in records:
            self._walk(record, self.query.include)
        shown = [self._resource(record) for record in records]
        body: Body = {"data": shown[0] if single else shown}
        if self.query.include:
            primary, left_out = (
                {_key(record) for record in records},
                self.caller.switches.left_out_of_included,
            )
            body["included"] = [
                self._resource(record)
                for key, record in self._along.items()
                if key not in primary and key[0] not in left_out
            ]
        return body

    def _walk(self, record: Record, tree: Tree) -> None:
        self._linked.setdefault(_key(record), set()).update(tree)
        for name, below in tree.items():
            for related in self._related(record, name):
                self._along[_key(related)] = related
                self._walk(related, below)

    def _related(self, record: Record, name: str) -> list[Record]:
        """What the caller may see at the other end."""
        if name in self.caller.switches.null_linkage:
            return []
        value = getattr(record, name)
        several = value if isinstance(value, list) else [] if value is None else [value]
        return [one for one in several if self.caller.sees(one)]

    def _resource(self, record: Record) -> Body:
        type_, identity = key = _key(record)
        resource, wanted = SCHEMA[type_], self.query.fields.get(type_)
        address = f"{self.base}/user" if type_ == "users" else f"{self.base}/{type_}/{identity}"
        body: Body = {
            "id": identity,
            "type": type_,
            "links": {"self": address},
            "attributes": {
                name: self._value(record, name)
                for name in resource.attributes
                if wanted is None or name in wanted
            },
        }
        relationships = {
            name: self._relationship(record, address, name, many=relationship.many, linked=self._linked[key])
            for name, relationship in resource.relationships.items()
            if wanted is None or name in wanted
        }
        if relationships:
            body["relationships"] = relationships
        return body

    def _relationship(self, record: Record, address: str, name: str, *, many: bool, linked: set[str]) -> Body:
        body: Body = {
            "links": {"self": f"{address}/relationships/{name}", "related": f"{address}/{name}"},
        }
        if name in linked:
            data = [{"type": _key(one)[0], "id": one.id} for one in self._related(record, name)]
            body["data"] = (
                data if many and name not in self.caller.switches.null_linkage else next(iter(data), None)
            )
        return body

    def _value(self, record: Record, name: str) -> Any:
        switches = self.caller.switches
        if isinstance(record, ApiCredential) and name == "client_secret":
            return record.secret if switches.client_secrets_are_shown else MASK
        value = getattr(record, name)
        if isinstance(value, datetime):
            return moment(value)
        if (
            value is None
            and name in {"user_first_name", "user_last_name"}
            and switches.pending_names_are_empty
        ):
            return ""
        return value


def moment(at: datetime) -> str:
    """UTC with milliseconds and a Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key(record: Record) -> Key:
    return TYPES[type(record)], record.id
