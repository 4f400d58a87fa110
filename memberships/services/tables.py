"""CSV files people open in a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from memberships.domain.history import Person
from memberships.domain.items import Kind
from memberships.domain.people import Value, metadata_key
from memberships.domain.sheets import guarded
from memberships.models import AuditEntry, MirroredMember, PlanRow
from memberships.providers import FieldKind

from .wording import Told, Words


class _Echo:
    def write(self, text: str) -> str:
        return text


def lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """CSV text a row at a time, so that a large table is never held whole. Begins with a mark Excel needs for UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff"
    for row in rows:
        yield writer.writerow([guarded(cell) for cell in row])


def download(name: str, rows: Iterable[Iterable[object]]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{timezone.now():%Y-%m-%d-%H%M}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def written(words: Words, field: str, value: Value) -> str:
    """A value as a cell that can be read back: no value is empty, a text is as it is."""
    if value is None:
        return ""
    if words.capabilities.field(field).kind is FieldKind.TEXT and isinstance(value, str):
        return value
    return words.value(field, value)


def members(rows: QuerySet[MirroredMember], words: Words) -> Iterator[list[object]]:
    fields = [field.name for field in words.capabilities.fields]
    if words.capabilities.metadata:
        fields += _keyed(rows.order_by().values_list("settings", flat=True))
    yield ["id", "name", "email", "status", *map(words.label, fields), "can manage"]
    for row in rows.iterator(chunk_size=1000):
        member = row.member()
        values = [written(words, field, member.value(field)) for field in fields]
        yield [row.remote_id, row.name, row.email, row.status, *values, "yes" if row.can_manage else "no"]


def _keyed(everyone: Iterable[Mapping[str, object]]) -> list[str]:
    """A column for each key anybody has."""
    return sorted({name for settings in everyone for name in settings if metadata_key(name)})


def as_of(people: Iterable[Person], words: Words, at: datetime) -> Iterator[list[object]]:
    people = list(people)
    fields = [field.name for field in words.capabilities.fields]
    if words.capabilities.metadata:
        fields += _keyed(person.settings for person in people)
    yield ["as of (UTC)", "id", "name", "email", "status", *map(words.label, fields)]
    for person in people:
        values = [written(words, field, person.value(field)) for field in fields]
        yield [f"{at:%Y-%m-%d %H:%M:%S}", person.id, person.name, person.email, person.status, *values]


def outcomes(rows: QuerySet[PlanRow], words: Words) -> Iterator[list[object]]:
    yield [
        "name",
        "email",
        "id",
        "what",
        "its id",
        "action",
        "field",
        "before",
        "after",
        "outcome",
        "error",
        "what to do",
        "settled (UTC)",
    ]
    for stored in rows.iterator(chunk_size=1000):
        row = stored.row()
        outcome = stored.outcome if stored.verdict == "will" else stored.verdict
        settled = stored.settled_at.strftime("%Y-%m-%d %H:%M:%S") if stored.settled_at else ""
        error = stored.error or (stored.reason if stored.verdict != "will" else "")
        for edit in [words.edit(edit) for edit in row.edits] or [Told("", "", "", "")]:
            yield [
                row.name,
                row.email,
                row.member_id,
                "" if row.kind is Kind.MEMBER else row.kind.value,
                row.item_id,
                row.action.value,
                edit.label,
                edit.before,
                edit.after,
                outcome,
                error,
                stored.advice,
                settled,
            ]


_AUDIT = (
    "number", "at", "event", "actor_name", "actor_id", "through", "member_name", "member_email", "member_id",
    "item_kind", "item_name", "item_id", "field", "before", "after", "before_text", "after_text", "outcome", "error",
    "reason", "channel", "since", "happened_at", "gained_power", "plan_id", "previous_hash", "hash",
)  # fmt: skip


def audit(
    everything: QuerySet[AuditEntry], wanted: QuerySet[AuditEntry], head: str
) -> Iterator[list[object]]:
    """The wanted entries in order, all that their hashes are made of, and the head of the chain as the last line.

    An entry the filter leaves out is named by its number and hash alone, so that the chain can still be checked.
    """
    yield list(_AUDIT)
    kept = set(wanted.values_list("pk", flat=True))
    for entry in everything.order_by("number").iterator(chunk_size=1000):
        if entry.pk in kept:
            yield [_cell(name, getattr(entry, name)) for name in _AUDIT]
        else:
            yield [entry.number, "", "left out", *[""] * (len(_AUDIT) - 4), entry.hash]
    yield ["head", head]


def _cell(name: str, value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return json.dumps(value) if name in ("before", "after") else value
