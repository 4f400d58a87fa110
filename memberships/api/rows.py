"""Rows of plans and receipts as they are answered."""

from __future__ import annotations

from typing import Any

from memberships.domain.people import Value
from memberships.domain.plan import Edit
from memberships.models import Connection, Plan, PlanRow
from memberships.services import roster
from memberships.services.connections import capabilities
from memberships.services.wording import Words

from . import shapes
from .operations import Caller
from .shapes import Change, JobRow, Who


def words_of(caller: Caller, plan: Plan) -> Words:
    """How the fields and values of a plan read."""
    names = {**caller.organization.names, **plan.names}
    return Words(capabilities(caller.organization), roster.roles(caller.organization), names)


def plan_row(words: Words, stored: PlanRow) -> shapes.PlanRow:
    return shapes.PlanRow(**_row(words, stored))


def job_row(words: Words, stored: PlanRow) -> JobRow:
    return JobRow(
        **_row(words, stored),
        outcome=stored.outcome,
        cause=stored.cause,
        error=stored.error,
        advice=stored.advice,
        settled_at=stored.settled_at,
    )


def _row(words: Words, stored: PlanRow) -> dict[str, Any]:
    row = stored.row()
    return {
        "position": stored.position,
        "verdict": row.verdict,
        "action": row.action,
        "kind": row.kind,
        "item_id": row.item_id,
        "member_id": row.member_id,
        "email": row.email,
        "name": row.name,
        "changes": [_change(words, edit) for edit in row.edits],
        "reason": row.reason,
    }


def _change(words: Words, edit: Edit) -> Change:
    told = words.edit(edit)
    return Change(edit.field, told.label, as_json(edit.before), as_json(edit.after), told.before, told.after)


def as_json(value: Value) -> shapes.Value:
    return list(value) if isinstance(value, tuple) else value


def who(connection: Connection) -> Who:
    return Who(connection.name or connection.email, connection.email)
