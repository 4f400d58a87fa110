"""The life of a job: offered to the queue, run, put off, paused, swept up after a crash, stopped."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.tasks import task
from django.utils import timezone

from memberships.domain.items import Kind
from memberships.domain.plan import Action, Verdict
from memberships.models import Connection, Job, Organization, Outcome, Plan, scope
from memberships.providers.errors import Disconnected, RateLimited, Refused, Unavailable

from . import context, drift, metrics, neighbours, roster
from .connections import open_jobs
from .lease import Lease, LeaseLost
from .run import STOPPED, Later, Run

log = logging.getLogger(__name__)

OPEN = (Job.State.QUEUED, Job.State.RUNNING, Job.State.WAITING)
# While the provider can't be read at all: how long to wait each time. The last one repeats until Stop is pressed.
_UNREADABLE_S = (2, 5, 15, 30, 60, 120, 300, 600)
# Somebody waits for the end: only a look at what was sent is missing.
_STOPPING_S = 5
_OFFER_AGAIN = timedelta(seconds=5)


def offer(job: Job, run_after: datetime | None = None) -> None:
    """Tell the queue that there is something to do; the rows hold what."""
    if job.by_key:
        return
    Job.objects.filter(pk=job.pk).update(offered_at=timezone.now())
    run_job.using(run_after=run_after).enqueue(str(job.pk))


def sweep() -> None:
    """Offer every open job that nobody works on: after a crash, a lost message, or a wait that is over."""
    now = timezone.now()
    for job in Job.objects.filter(state__in=OPEN, by_key=False).select_related("organization"):
        held = job.organization.writer_until is not None and job.organization.writer_until > now
        waits = job.not_before is not None and job.not_before > now
        offered = job.offered_at is not None and now - job.offered_at < _OFFER_AGAIN
        # Of several workers that sweep at the same time one offers it.
        if not (held or waits or offered) and _claim(job):
            offer(job)


def _claim(job: Job) -> bool:
    same = Job.objects.filter(pk=job.pk, offered_at=job.offered_at)
    return same.update(offered_at=timezone.now()) > 0


def run(job_id: str | UUID, watch: Callable[[], object] = lambda: None) -> None:
    """Do what is left of one job; safe to run again, by anyone, at any time. `watch` is called before each step.

    Returns early when someone else writes to the organization, or when it has to wait.
    """
    job = _load(job_id)
    organization_id = job.organization.remote_id
    with context.about(job_id=job.pk, plan_id=job.plan_id, organization_id=organization_id):
        try:
            _run(job, watch)
        except Exception:
            # The queue notes it too, but no longer knows which job it was.
            log.exception("this turn broke off")
            raise


def _run(job: Job, watch: Callable[[], object]) -> None:
    lease = Lease.take(job.organization) if _is_due(job) else None
    if lease is None:
        return
    try:
        # Whoever had the lease until just now may have ended or put off this very job.
        if _is_due(job := _load(job.pk)):
            if first := neighbours.looks_first(job):
                lease.release()
                if _is_due(first):
                    offer(first)
                return
            _turn(job, lease, watch)
    except LeaseLost:
        log.warning("another worker took over")
        return
    lease.release()
    _refresh_after(job)
    _compare_after(job)
    _offer_next(job.organization)


@task
def run_job(job_id: str) -> None:
    """`run`, for the queue."""
    run(job_id)


def _load(job_id: str | UUID) -> Job:
    related = (
        "organization",
        "connection__organization",
        "connection__added_by",
        "person__organization",
        "plan__token__person",
        "token__person",
    )
    job = Job.objects.select_related(*related).get(pk=job_id)
    job.connection.person = job.person
    return job


def _is_due(job: Job) -> bool:
    soon = timezone.now() + timedelta(seconds=0.5)
    return job.state in OPEN and (job.not_before is None or job.not_before <= soon)


def _turn(job: Job, lease: Lease, watch: Callable[[], object]) -> None:
    """Go on until the end, or until the job has to wait. Raises LeaseLost."""
    Job.objects.filter(pk=job.pk, claimed_at=None).update(claimed_at=timezone.now())
    _park(job, lease, Job.State.RUNNING, "")
    try:
        Run(job, lease, watch).go()
    except Disconnected as error:
        _park(job, lease, Job.State.PAUSED, str(error))
    except Later as error:
        _put_off(job, lease, error.wait_s, str(error))
    except RateLimited as error:
        metrics.waits_s.labels(job.organization.provider, "job").inc(error.retry_after_s)
        _put_off(job, lease, error.retry_after_s, str(error))
    except (Refused, Unavailable) as error:  # refused to let us read: no less temporary than no answer
        tries = min(job.unreadable_tries, len(_UNREADABLE_S) - 1)
        Job.objects.filter(pk=job.pk).update(unreadable_tries=job.unreadable_tries + 1)
        _put_off(job, lease, _UNREADABLE_S[tries], str(error))


def _refresh_after(job: Job) -> None:
    """People who came or went, and what a role grants now, show in the lists only after a read of everyone."""
    moved = job.plan.rows.filter(outcome=Outcome.DONE, kind__in=(Kind.MEMBER, Kind.ROLE)).exclude(
        kind=Kind.MEMBER, action=Action.CHANGE
    )
    if moved.exists() and roster.claim_refresh(job.organization):
        if job.by_key:
            roster.refresh(job.connection)
        else:
            roster.refresh_roster.enqueue(job.connection_id)


def _compare_after(job: Job) -> None:
    """Whoever was made as the roster file says is no difference any more."""
    if (
        job.plan.kind == Plan.Kind.DRIFT
        and not job.by_key
        and Job.objects.filter(pk=job.pk, state=Job.State.FINISHED).exists()
    ):
        drift.start(job.connection)


def _park(job: Job, lease: Lease, state: Job.State, note: str, not_before: datetime | None = None) -> None:
    with transaction.atomic():
        lease.renew()
        Job.objects.filter(pk=job.pk).update(state=state, note=note[:300], not_before=not_before)


def _put_off(job: Job, lease: Lease, wait_s: float, note: str) -> None:
    """Give the worker back, so that one organization's wait never holds up another's job."""
    if Job.objects.filter(pk=job.pk, stop_requested=True).exists():
        wait_s = min(wait_s, _STOPPING_S)
    until = timezone.now() + timedelta(seconds=wait_s)
    _park(job, lease, Job.State.WAITING, note, until)
    offer(job, run_after=until)


def _offer_next(organization: Organization) -> None:
    waiting = (
        Job.objects.filter(organization=organization, state=Job.State.QUEUED, by_key=False)
        .order_by("created_at")
        .first()
    )
    if waiting:
        offer(waiting)


def resume(connection: Connection) -> None:
    """Go on with what was paused for want of this person's sign-in."""
    for job in open_jobs(connection).filter(state=Job.State.PAUSED).select_related("organization"):
        with scope.within(job.organization):
            paused = Job.objects.filter(pk=job.pk, state=Job.State.PAUSED)
            if paused.update(state=Job.State.QUEUED, note="", unreadable_tries=0):
                offer(job)


def stop(job: Job) -> bool:
    """Ask a job to end after the call under way. False when it has ended already.

    One that waits for a sign-in, or for a command whose key it needs, ends at once: what has no answer then stays
    unknown, for nobody can look.
    """
    now = timezone.now()
    unheld = Q(organization__writer_until=None) | Q(organization__writer_until__lt=now)
    nobodys = Q(state=Job.State.PAUSED) | (Q(by_key=True, state__in=OPEN) & unheld)
    abandoned = Job.objects.filter(nobodys, pk=job.pk).values("pk")
    ended = Job.objects.filter(pk__in=abandoned).update(
        state=Job.State.FINISHED, stop_requested=True, note=STOPPED, finished_at=timezone.now()
    )
    if ended:
        return True
    asked = Job.objects.filter(pk=job.pk).exclude(state=Job.State.FINISHED).update(stop_requested=True)
    # Whatever it waits for, stopping needs no more than a look at what was sent.
    Job.objects.filter(pk=job.pk, state=Job.State.WAITING).update(not_before=None)
    if asked:
        offer(job)
    return asked > 0


# Looking at jobs


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows have which outcome, counted from the rows: a killed worker can't leave a wrong total."""

    done: int
    refused: int
    unknown: int
    not_attempted: int

    @property
    def total(self) -> int:
        return self.done + self.refused + self.unknown + self.not_attempted

    @property
    def settled(self) -> int:
        return self.done + self.refused


def progress(job: Job) -> Progress:
    found = job.plan.rows.filter(verdict=Verdict.WILL).values_list("outcome").annotate(Count("pk"))
    number = Counter(dict(found))
    return Progress(
        number[Outcome.DONE], number[Outcome.REFUSED], number[Outcome.UNKNOWN], number[Outcome.NOT_ATTEMPTED]
    )


def find(organization: Organization, job_id: str | UUID) -> Job | None:
    jobs = Job.objects.filter(organization=organization).select_related(
        "plan__token", "connection", "person", "organization", "token"
    )
    return jobs.filter(pk=job_id).first()


def is_stuck(job: Job) -> bool:
    """Claimed, but whoever claimed it is gone: the next worker takes it up."""
    until = job.organization.writer_until
    return job.state == Job.State.RUNNING and (until is None or until < timezone.now())


def waits_s(job: Job) -> int:
    """For how many more seconds the job is put off, rounded up."""
    if job.state != Job.State.WAITING or job.not_before is None:
        return 0
    return max(0, math.ceil((job.not_before - timezone.now()).total_seconds()))
