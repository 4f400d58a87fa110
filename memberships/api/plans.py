"""Plans: made of wishes, read, applied."""

from __future__ import annotations

from functools import partial
from typing import Literal
from uuid import UUID

from msgspec import UNSET

from memberships.domain.plan import Verdict
from memberships.domain.wishes import Fault
from memberships.models import Job, Plan, Scope
from memberships.services import audit, current, plans, proposals
from memberships.services.connections import capabilities
from memberships.services.vocabulary import Vocabulary

from . import problems, shapes
from .jobs import shown as shown_job
from .operations import Caller, operation
from .paging import paged
from .problems import Failed
from .rows import plan_row, who, words_of
from .shapes import (
    Approval,
    Brake,
    Counts,
    NewPlan,
    OutcomesQuery,
    PlanRows,
    RowsQuery,
)
from .wishes import understood

MOST_PINNERS = 200


@operation("POST", "/plans", scope=Scope.PROPOSE, status=201, leads_to="show_plan", problems=(422,))
def create_plan(caller: Caller, body: NewPlan) -> shapes.Plan:
    """Make a plan

    Everyone is read from the provider and set against what is wanted of them. Nothing is sent. The plan waits on its
    review page until somebody applies it, or until it expires.
    """
    can = capabilities(caller.organization)
    pinners = sum(person.pinned_views is not UNSET for person in body.people) if can.pinned_views else 0
    if pinners > MOST_PINNERS:
        raise _too_many(pinners)
    grouped = can.groups and any(person.groups is not UNSET for person in body.people)
    live = current.closely(caller.connection, with_groups=grouped)
    vocabulary = Vocabulary.of(caller.connection, live, with_groups=grouped, with_views=pinners > 0)
    wishes, faults = understood(body.people, vocabulary, live.roster)
    if faults and not body.skip_bad:
        raise _unusable(faults)
    plan = proposals.wishes(
        caller.connection,
        wishes,
        faults=list(faults.values()),
        live=live,
        reason=body.reason,
        channel=audit.CHANNEL_API,
    )
    return shown(caller, plan, RowsQuery())


def _too_many(pinners: int) -> Failed:
    detail = (
        f"Pinned views are read person by person, of {MOST_PINNERS} people at most in one plan; "
        f"here they are given of {pinners:,}."
    )
    return Failed(422, "faults", detail, faults=[])


def _unusable(faults: dict[int, Fault]) -> Failed:
    told = [problems.Fault(entry, faults[entry].who, faults[entry].reason) for entry in sorted(faults)]
    number = "1 entry" if len(told) == 1 else f"{len(told):,} entries"
    detail = (
        f"{number} can't be used, so nothing was planned. Correct that, or set skip_bad to plan the rest."
    )
    return Failed(422, "faults", detail, faults=told)


@operation("GET", "/plans/{plan_id}", scope=Scope.READ, problems=(404,))
def show_plan(caller: Caller, plan_id: UUID, query: RowsQuery) -> shapes.Plan:
    """Read a plan

    Row by row what would change, what is already so, and what can't be done and why.
    """
    return shown(caller, _plan(caller, plan_id), query)


@operation(
    "POST",
    "/plans/{plan_id}/apply",
    scope=Scope.APPLY,
    status=202,
    leads_to="show_job",
    problems=(404, 409),
)
def apply_plan(caller: Caller, plan_id: UUID, body: Approval) -> shapes.Job:
    """Apply a plan

    Starts exactly the plan whose fingerprint is given; asked twice, it is one job. Whoever changed since the plan was
    made is left alone and reported. A plan with `needs_review` is refused: a person applies it on its review page.
    """
    plan = _plan(caller, plan_id)
    if not caller.access.may_apply:
        raise problems.unavailable(f"{caller.access.notice} Try again in a moment.")
    review = caller.page("plan", plan.pk)
    try:
        job = plans.apply(
            plan, caller.connection, fingerprint=body.fingerprint, typed="", channel=audit.CHANNEL_API
        )
    except plans.NeedsReview as needed:
        raise Failed(409, "needs-review", str(needed), review=review) from None
    except plans.CannotApply as problem:
        raise Failed(409, "cannot-apply", str(problem), review=review) from None
    return shown_job(caller, job, OutcomesQuery())


def _plan(caller: Caller, plan_id: UUID) -> Plan:
    if plan := plans.find(caller.organization, plan_id):
        return plan
    raise problems.not_found()


def shown(caller: Caller, plan: Plan, query: RowsQuery) -> shapes.Plan:
    counts, words = plans.counts(plan), words_of(caller, plan)
    job = Job.objects.filter(plan=plan).first()
    state: Literal["open", "applied", "expired"] = (
        "applied" if job else "expired" if plans.expired(plan) else "open"
    )
    rows = plan.rows.order_by("position")
    if query.verdict is not UNSET:
        rows = rows.filter(verdict=query.verdict)
    return shapes.Plan(
        id=plan.pk,
        kind=plan.kind,
        state=state,
        goal=words.goal(plan.kind, plan.wanted, plans.number(plan), plan.title),
        reason=plan.reason,
        channel=plan.channel,
        by=who(plan.by),
        token=plan.token.name if plan.token else None,
        made_at=plan.created_at,
        expires_at=plan.expires_at,
        fingerprint=plan.fingerprint,
        counts=Counts(counts[Verdict.WILL], counts[Verdict.ALREADY], counts[Verdict.BLOCKED]),
        brake=Brake(plan.brake_number, plan.brake_reasons) if plan.brake_number else None,
        gives_power=plan.gives_power,
        needs_review=plans.needs_review(plan),
        job_id=job.pk if job else None,
        review=caller.page("plan", plan.pk),
        rows=paged(PlanRows, rows, query, partial(plan_row, words)),
    )
