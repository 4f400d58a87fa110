"""Jobs: how far they are, their receipts, and the plans that follow from them."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from msgspec import UNSET

from memberships.domain.plan import Verdict
from memberships.models import Job, Scope
from memberships.services import jobs
from memberships.services import plans as plan_service

from . import problems, shapes
from .operations import Caller, operation
from .paging import paged
from .rows import job_row, who, words_of
from .shapes import JobRows, OutcomesQuery, Progress


@operation("GET", "/jobs/{job_id}", scope=Scope.READ, problems=(404,))
def show_job(caller: Caller, job_id: UUID, query: OutcomesQuery) -> shapes.Job:
    """Read a job

    How far it is; once it is `finished`, its receipt: what a re-read of the provider shows, never what was hoped.
    """
    return shown(caller, found(caller, job_id), query)


def found(caller: Caller, job_id: UUID) -> Job:
    if job := jobs.find(caller.organization, job_id):
        return job
    raise problems.not_found()


def shown(caller: Caller, job: Job, query: OutcomesQuery) -> shapes.Job:
    progress = jobs.progress(job)
    rows = plan_service.rows(job.plan, Verdict.WILL)
    if query.outcome is not UNSET:
        rows = rows.filter(outcome=query.outcome)
    return shapes.Job(
        id=job.pk,
        plan_id=job.plan_id,
        state=job.state,
        note=job.note,
        waits_s=jobs.waits_s(job),
        progress=Progress(progress.done, progress.refused, progress.unknown, progress.not_attempted),
        by=who(job.by),
        token=job.token.name if job.token else None,
        created_at=job.created_at,
        finished_at=job.finished_at,
        receipt=caller.page("job", job.pk),
        rows=paged(JobRows, rows, query, partial(job_row, words_of(caller, job.plan))),
    )
