"""What calls and answers look like, for the description. Being of the types, they can't be wrong about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from memberships.domain.items import Kind
from memberships.domain.people import Status
from memberships.domain.plan import Action, Verdict

from . import shapes
from .problems import Code, Problem

_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_SITE = "https://people.example.com"
_PLAN = UUID("0b7e5c1a-6f0d-4f2e-9a51-2c7d7e1d9b10")
_JOB = UUID("5a3c9d52-8b1f-4c35-8a0e-f1f6f3a1c822")
_FINGERPRINT = "3f1c" * 16
_KIM, _SAM = shapes.Who("Kim Ito", "kim@example.com"), "memb_2VZ0a1"
_ROLES = shapes.Change("role", "Role", "user", "restricteduser", "User", "Restricted User")
_ROW: dict[str, Any] = {
    "position": 0,
    "verdict": Verdict.WILL,
    "action": Action.CHANGE,
    "kind": Kind.MEMBER,
    "item_id": "",
    "member_id": _SAM,
    "email": "sam@example.com",
    "name": "Sam Reyes",
    "changes": [_ROLES],
    "reason": "",
}
_ONE: dict[str, int] = {"page": 1, "pages": 1, "total": 1}

_plan = shapes.Plan(
    id=_PLAN,
    kind="file",
    state="open",
    goal="Change 1 person.",
    reason="Moved to support",
    channel="api",
    by=_KIM,
    token="Nightly sync",  # noqa: S106 its name
    made_at=_AT,
    expires_at=_AT + timedelta(hours=1),
    fingerprint=_FINGERPRINT,
    counts=shapes.Counts(1, 0, 0),
    brake=None,
    gives_power=False,
    needs_review=False,
    job_id=None,
    review=f"{_SITE}/plans/{_PLAN}/",
    rows=shapes.PlanRows(**_ONE, items=[shapes.PlanRow(**_ROW)]),
)
_job = shapes.Job(
    id=_JOB,
    plan_id=_PLAN,
    state="finished",
    note="",
    waits_s=0,
    progress=shapes.Progress(1, 0, 0, 0),
    by=_KIM,
    token="Nightly sync",  # noqa: S106 its name
    created_at=_AT,
    finished_at=_AT + timedelta(seconds=2),
    receipt=f"{_SITE}/jobs/{_JOB}/",
    rows=shapes.JobRows(
        **_ONE,
        items=[
            shapes.JobRow(
                **_ROW,
                outcome="done",
                cause="",
                error="",
                advice="",
                settled_at=_AT + timedelta(seconds=1),
            )
        ],
    ),
)
_member = shapes.Member(
    id=_SAM,
    email="sam@example.com",
    name="Sam Reyes",
    first_name="Sam",
    last_name="Reyes",
    role=shapes.Named("user", "User"),
    status=Status.ACTIVE,
    can_manage=False,
    owner=False,
    fields={"auto_record_calls": "enabled", "track_email_opens": True},
    url=f"{_SITE}/members/{_SAM}/",
)
_entry = shapes.AuditEntry(
    number=1204,
    at=_AT,
    since=None,
    happened_at=None,
    event="member.role.set",
    label="Role",
    channel="api",
    actor_id="user_9fK2",
    actor_name="Kim Ito",
    through="token Nightly sync",
    member_id=_SAM,
    member_name="Sam Reyes",
    member_email="sam@example.com",
    item_kind="",
    item_id="",
    item_name="",
    field="role",
    before_text="User",
    after_text="Restricted User",
    outcome="done",
    error="",
    reason="Moved to support",
    gained_power=False,
    plan_id=_PLAN,
    hash="9f86" * 16,
)

BODIES: dict[str, Struct] = {
    "create_plan": shapes.NewPlan(
        [
            shapes.PersonWish(email="sam@example.com", role="Restricted User"),
            shapes.PersonWish(email="ana@example.com", role="User", groups=["Sales", "Sales EMEA"]),
            shapes.PersonWish(id="memb_7Qw3x9", status=Status.INACTIVE),
        ],
        "Moved to support",
    ),
    "apply_plan": shapes.Approval(_FINGERPRINT),
    "undo_job": shapes.Undo(),
    "retry_job": shapes.Retry(),
}
"""By the name of the operation."""

ANSWERS: dict[str, Struct] = {
    "list_members": shapes.Members(**_ONE, as_of=_AT, stale=False, items=[_member]),
    "create_plan": _plan,
    "show_plan": _plan,
    "apply_plan": _job,
    "show_job": _job,
    "undo_job": msgspec.structs.replace(_plan, kind="undo", goal="Undo of “Change 1 person”."),
    "retry_job": _plan,
    "list_audit": shapes.AuditEntries(**_ONE, items=[_entry]),
}
"""By the name of the operation."""

_PROBLEMS: dict[int, tuple[Code, str]] = {
    400: ("malformed", "The query can't be used: Expected `int` >= 1 - at `$.page`."),
    401: ("token", "This token expired on 2026-03-01. Make another one."),
    403: ("scope", "This takes a token that may apply; make one under Connections, Tokens."),
    404: ("not-found", "Nothing is here."),
    405: ("method", "Here is GET, HEAD, OPTIONS and nothing else."),
    409: ("needs-review", "This plan has to be applied on its review page, by a person."),
    413: ("too-large", "A body can have 5,000,000 bytes at most."),
    415: ("media-type", "Send JSON, with the header “Content-Type: application/json”."),
    422: ("faults", "1 entry can't be used, so nothing was planned."),
    429: ("too-many", "This token has made 120 calls within a minute, which is all it may."),
    500: ("error", "Something went wrong on our side. It has been noted."),
    502: ("provider-refused", "You don't have permission to do that. Nothing was changed."),
    503: ("unavailable", "The provider can't be reached. Nothing was changed."),
}


def problem(status: int) -> Problem:
    code, detail = _PROBLEMS[status]
    return Problem(HTTPStatus(status).phrase, status, detail, code)
