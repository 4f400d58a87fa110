"""What follows from a job: a plan that takes it back, and one that tries the rest again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from msgspec import UNSET, UnsetType

from memberships.models import Job, Plan, Scope
from memberships.services import audit, proposals
from memberships.services.storing import NothingLeft

from . import jobs, plans, shapes
from .operations import Caller, operation
from .problems import Failed
from .shapes import Retry, RowsQuery, Undo


@operation(
    "POST",
    "/jobs/{job_id}/undo",
    scope=Scope.PROPOSE,
    status=201,
    leads_to="show_plan",
    problems=(404, 409),
)
def undo_job(caller: Caller, job_id: UUID, body: Undo) -> shapes.Plan:
    """Make a plan that takes a job back

    What was changed since is told and left alone.
    """
    job = jobs.found(caller, job_id)
    return _planned(caller, job, partial(proposals.undo, job, caller.connection), body.reason)


@operation(
    "POST",
    "/jobs/{job_id}/retry",
    scope=Scope.PROPOSE,
    status=201,
    leads_to="show_plan",
    problems=(404, 409),
)
def retry_job(caller: Caller, job_id: UUID, body: Retry) -> shapes.Plan:
    """Make a plan of what a job left undone

    From what is true now.
    """
    job = jobs.found(caller, job_id)
    again = partial(proposals.again, job, caller.connection, only_stale=body.only_stale)
    return _planned(caller, job, again, body.reason)


def _planned(caller: Caller, job: Job, propose: Callable[..., Plan], reason: str | UnsetType) -> shapes.Plan:
    try:
        plan = propose(reason=job.plan.reason if reason is UNSET else reason, channel=audit.CHANNEL_API)
    except (NothingLeft, proposals.Unclaimed) as nothing:
        raise Failed(409, "nothing-to-do", str(nothing), review=caller.page("job", job.pk)) from None
    return plans.shown(caller, plan, RowsQuery())
