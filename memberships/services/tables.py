"""CSV files people open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from memberships.models import AuditEntry, MirroredMember, PlanRow

from .wording import Words

# A spreadsheet takes a cell that starts with one of these for a formula and may run it.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "'", "＝", "＋", "－", "＠")


def guarded(value: object) -> str:
    """A cell no spreadsheet runs: an apostrophe goes before anything that looks like a formula, or has one already."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


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


def members(rows: QuerySet[MirroredMember], words: Words) -> Iterator[list[object]]:
    fields = words.capabilities.fields
    yield ["id", "name", "email", "status", *(field.label for field in fields), "can manage"]
    for row in rows.iterator(chunk_size=1000):
        member = row.member()
        values = [words.value(field.name, member.value(field.name)) for field in fields]
        yield [row.remote_id, row.name, row.email, row.status, *values, "yes" if row.can_manage else "no"]


def outcomes(rows: QuerySet[PlanRow], words: Words) -> Iterator[list[object]]:
    yield ["name", "email", "id", "action", "field", "before", "after", "outcome", "error", "what to do", "settled (UTC)"]
    for stored in rows.iterator(chunk_size=1000):
        row = stored.row()
        outcome = stored.outcome if stored.verdict == "will" else stored.verdict
        settled = stored.settled_at.strftime("%Y-%m-%d %H:%M:%S") if stored.settled_at else ""
        error = stored.error or (stored.reason if stored.verdict != "will" else "")
        for edit in [words.edit(edit) for edit in row.edits] or [("", "", "")]:
            yield [row.name, row.email, row.member_id, row.action.value, *edit, outcome, error, stored.advice, settled]


def audit(entries: QuerySet[AuditEntry]) -> Iterator[list[object]]:
    yield [
        "number", "when (UTC)", "event", "who", "who id", "whom", "whom email", "whom id", "field", "before", "after",
        "outcome", "error", "reason", "channel", "plan", "hash",
    ]  # fmt: skip
    for e in entries.iterator(chunk_size=1000):
        yield [
            e.number, e.at.strftime("%Y-%m-%d %H:%M:%S"), e.event, e.actor_name, e.actor_id, e.member_name,
            e.member_email, e.member_id, e.field, e.before_text, e.after_text, e.outcome, e.error, e.reason, e.channel,
            e.plan_id or "", e.hash,
        ]  # fmt: skip
