"""Review a plan, apply it, and read what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from memberships.domain.items import NAME, WORK, Kind
from memberships.domain.people import RESENT, ROLE, group_of
from memberships.domain.plan import Action, Verdict
from memberships.models import Cause, Job, Outcome, Plan, PlanRow
from memberships.providers.errors import ProviderError
from memberships.services import (
    audit,
    groups,
    jobs,
    leaving,
    plans,
    proposals,
    roster,
    selection,
    tables,
    wording,
)
from memberships.services.connections import capabilities
from memberships.services.sessions import signed_in_at
from memberships.services.storing import NothingLeft
from memberships.services.wording import Words

from . import consequences
from .access import ManagerRequest, manager_required

PAGE = 100
# A step with more rows than this is folded.
_MANY = 12
_OUTCOMES = {
    Outcome.REFUSED: "Refused",
    Outcome.UNKNOWN: "Unknown",
    Outcome.NOT_ATTEMPTED: "Not attempted",
    Outcome.DONE: "Done",
}
# What rows without an answer are called.
_OPEN_MEANWHILE = {"sent": "being read back", "unsent": "waiting"}
_OPEN_AT_THE_END = {"sent": "unknown", "unsent": "not attempted"}


@require_GET
@manager_required
def plan(request: ManagerRequest, plan_id: UUID) -> HttpResponse:
    """The review page."""
    return _review(request, _plan(request, plan_id))


@require_POST
@manager_required
def apply(request: ManagerRequest, plan_id: UUID) -> HttpResponse:
    """Start exactly this plan, once."""
    its_plan = _plan(request, plan_id)
    if not request.access.may_apply:
        return _review(request, its_plan, problem=f"{request.access.notice} Try again in a moment.")
    typed = request.POST.get("confirm", "")
    try:
        job = plans.apply(
            its_plan,
            request.connection,
            fingerprint=request.POST.get("fingerprint", ""),
            typed=typed,
            proof=_proof(request),
            channel=audit.CHANNEL_SCREEN,
        )
    except plans.WrongNumber as wrong:
        return _review(request, its_plan, problem=str(wrong), typed=typed, at_number=True)
    except plans.CannotApply as problem:
        return _review(request, its_plan, problem=str(problem))
    # What these ticks were for is under way; the next ones start from nobody.
    selection.clear(request.session_key, request.organization)
    return redirect("job", job.pk)


@require_GET
@manager_required
def job(request: ManagerRequest, job_id: UUID) -> HttpResponse:
    """The job while it runs and its receipt afterwards; asked for by htmx, only the part that moves."""
    its_job = _job(request, job_id)
    template = "memberships/job.html#progress" if request.htmx else "memberships/job.html"
    response = render(request, template, _receipt(request, its_job))
    if request.htmx and its_job.finished:
        # The buttons and the sentence outside the part that moves are different now.
        response["HX-Refresh"] = "true"
    return response


@require_GET
@manager_required
def result(request: ManagerRequest, job_id: UUID) -> StreamingHttpResponse:
    its_job = _job(request, job_id)
    words = _words(request, its_job.plan)
    return tables.download("receipt", tables.outcomes(its_job.plan.rows.order_by("position"), words))


@require_POST
@manager_required
def stop(request: ManagerRequest, job_id: UUID) -> HttpResponse:
    its_job = _job(request, job_id)
    if not jobs.stop(its_job):
        messages.warning(request, "This job has ended already; there was nothing to stop.")
    return redirect("job", its_job.pk)


@require_POST
@manager_required
def retry(request: ManagerRequest, job_id: UUID) -> HttpResponse:
    """A new plan of what is not done; with `only=stale`, of those somebody else changed."""
    its_job = _job(request, job_id)
    only_stale = request.POST.get("only") == "stale"
    return _successor(request, its_job, partial(proposals.again, its_job, only_stale=only_stale))


@require_POST
@manager_required
def undo(request: ManagerRequest, job_id: UUID) -> HttpResponse:
    """A new plan that takes back what this job did."""
    its_job = _job(request, job_id)
    return _successor(request, its_job, partial(proposals.undo, its_job))


def _successor(request: ManagerRequest, its_job: Job, propose: Callable[..., Plan]) -> HttpResponse:
    try:
        plan = propose(request.connection, reason=its_job.plan.reason, channel=audit.CHANNEL_SCREEN)
    except NothingLeft as nothing:
        messages.warning(request, str(nothing))
    except proposals.Unclaimed as unclaimed:
        messages.warning(request, str(unclaimed))
        return redirect("leave", unclaimed.member_id)
    except ProviderError as error:
        messages.error(request, f"{error} Nothing was sent; try again.")
    else:
        return redirect("plan", plan.pk)
    return redirect("job", its_job.pk)


def _proof(request: ManagerRequest) -> plans.SignedIn:
    return plans.SignedIn(signed_in_at(request.connection))


def _plan(request: ManagerRequest, plan_id: UUID) -> Plan:
    if found := plans.find(request.organization, plan_id):
        return found
    raise Http404


def _job(request: ManagerRequest, job_id: UUID) -> Job:
    if found := jobs.find(request.organization, job_id):
        return found
    raise Http404


def _words(request: ManagerRequest, its_plan: Plan) -> Words:
    return Words(
        capabilities(request.organization),
        roster.roles(request.organization),
        {**request.organization.names, **its_plan.names},
    )


def _review(
    request: ManagerRequest, its_plan: Plan, *, problem: str = "", typed: str = "", at_number: bool = False
) -> HttpResponse:
    words, counts = _words(request, its_plan), plans.counts(its_plan)
    its_job = Job.objects.filter(plan=its_plan).select_related("connection", "person", "token").first()
    number = plans.number(its_plan)
    invites = its_plan.kind == Plan.Kind.INVITE
    context = {
        "plan": its_plan,
        "job": its_job,
        "expired": plans.expired(its_plan) and not its_job,
        "goal": words.goal(its_plan.kind, its_plan.wanted, number, its_plan.title),
        "in_changes": counts[Verdict.WILL] != number,
        "invites": invites,
        "steps": _planned_steps(request, its_plan, words),
        "groups": {
            verdict.value: _group(request, verdict.value, plans.rows(its_plan, verdict), words)
            for verdict in Verdict
        },
        "already": counts[Verdict.ALREADY],
        "effects": consequences.effects(request.organization, its_plan, words),
        "to_move": consequences.to_move(request.organization, its_plan),
        "back": _back(its_plan),
        "imported": its_plan.channel == audit.CHANNEL_SCREEN,
        "notes": consequences.notes(request.organization, its_plan),
        "whom": _whom(its_plan),
        "button": _button(its_plan, number),
        "sign_in_again": plans.needs_sign_in(its_plan, _proof(request)),
        "reserved": plans.reserved(its_plan, request.connection),
        "takes_power": plans.takes_power_of(plans.rows(its_plan, Verdict.WILL), request.connection),
        "person": request.connection.actor,
        "problem": problem,
        "typed": typed,
        "at_number": at_number,
    }
    return render(request, "memberships/plan.html", context, status=422 if problem else 200)


def _receipt(request: ManagerRequest, its_job: Job) -> dict[str, Any]:
    words, progress = _words(request, its_job.plan), jobs.progress(its_job)
    will = plans.rows(its_job.plan, Verdict.WILL)
    number = plans.number(its_job.plan)
    leaves = its_job.plan.kind == Plan.Kind.LEAVE
    steps = _made_steps(request, its_job.plan, words) if its_job.finished else []
    outcomes = [
        {"title": title, "outcome": outcome.name.lower(), "past": outcome is Outcome.DONE}
        | _group(request, outcome.name.lower(), will.filter(outcome=outcome), words)
        for outcome, title in _OUTCOMES.items()
        if its_job.finished and not steps
    ]
    return {
        "job": its_job,
        "plan": its_job.plan,
        "progress": progress,
        "tenth": 10 * (10 * progress.settled // max(1, progress.total)),
        "groups": [group for group in outcomes if group["count"]],
        "steps": steps,
        "to_dos": leaving.to_dos(request.organization) if leaves and its_job.finished else [],
        "invites": its_job.plan.kind == Plan.Kind.INVITE,
        "goal": words.goal(its_job.plan.kind, its_job.plan.wanted, number, its_job.plan.title),
        "number": number,
        "done": plans.number_done(its_job.plan) if its_job.finished else 0,
        "in_changes": progress.total != number,
        "open": _OPEN_AT_THE_END if its_job.finished else _OPEN_MEANWHILE,
        "left_out": plans.counts(its_job.plan)[Verdict.BLOCKED],
        "took_power": plans.takes_power_of(will.filter(outcome=Outcome.DONE), request.connection),
        "left": progress.total - progress.done,
        "stale": _stale(its_job) if its_job.finished else 0,
        "whom": _whom(its_job.plan),
        "back": _back(its_job.plan, sent=True),
        "waits_s": jobs.waits_s(its_job),
        "stuck": jobs.is_stuck(its_job),
    }


def _stale(its_job: Job) -> int:
    """How many people somebody else has changed since the review, or how many things.

    Of work that somebody else has by now there is nothing to review again.
    """
    found = plans.rows(its_job.plan, Verdict.WILL).filter(cause=Cause.STALE).exclude(kind__in=WORK)
    return plans.people(found) if plans.only_members(its_job.plan) else found.count()


def _group(request: ManagerRequest, parameter: str, rows: QuerySet[PlanRow], words: Words) -> dict[str, Any]:
    """One page of some of a plan's rows. `parameter` names the page in the address."""
    page = Paginator(rows, PAGE).get_page(request.GET.get(parameter))
    addresses = _addresses(request, page.object_list, words)
    return {
        "parameter": parameter,
        "count": page.paginator.count,
        "page": page,
        "whom": "Member" if all(row.kind == Kind.MEMBER for row in page.object_list) else "What",
        "rows": [
            _shown(stored, words) | {"address": addresses.get(stored.pk)} for stored in page.object_list
        ],
        "earlier": {parameter: page.number - 1},
        "later": {parameter: page.number + 1},
    }


def _planned_steps(request: ManagerRequest, its_plan: Plan, words: Words) -> list[dict[str, Any]]:
    """What would change, by its stages; nothing for a plan that has only one."""
    steps = []
    for number, (title, rows) in enumerate(_stages(its_plan, words), 1):
        group = _group(request, f"step{number}", rows, words)
        unfolded = group["count"] <= _MANY or group["page"].number > 1
        steps.append(group | {"number": number, "title": title, "open": unfolded})
    return steps


def _made_steps(request: ManagerRequest, its_plan: Plan, words: Words) -> list[dict[str, Any]]:
    """What became of each stage."""
    steps = []
    for number, (title, rows) in enumerate(_stages(its_plan, words), 1):
        outcomes = []
        for outcome, heading in _OUTCOMES.items():
            name = outcome.name.lower()
            group = _group(request, f"step{number}-{name}", rows.filter(outcome=outcome), words)
            folded = group["count"] > _MANY and group["page"].number == 1
            outcomes.append(
                group | {"title": heading, "outcome": name, "past": outcome is Outcome.DONE, "folded": folded}
            )
        steps.append(
            {"number": number, "title": title, "groups": [group for group in outcomes if group["count"]]}
        )
    return steps


def _stages(its_plan: Plan, words: Words) -> list[tuple[str, QuerySet[PlanRow]]]:
    """The stages of what would change, each with a title; nothing when nobody waits for another."""
    if not plans.in_steps(its_plan):
        return []
    will = plans.rows(its_plan, Verdict.WILL)
    stages = list(will.order_by("stage").values_list("stage", flat=True).distinct())
    if len(stages) < 2:
        return []
    found = [will.filter(stage=stage) for stage in stages]
    return [(words.step([stored.row() for stored in rows]), rows) for rows in found]


def _shown(stored: PlanRow, words: Words) -> dict[str, Any]:
    row = stored.row()
    # What the deed says already is not told twice.
    said = {Action.INVITE: ROLE, Action.REACTIVATE: ROLE, Action.CREATE: NAME, Action.RESEND: RESENT}
    edits = [words.edit(edit) for edit in row.edits if edit.field != said.get(row.action)]
    return {
        "row": stored,
        "edits": edits,
        "deed": words.deed(row),
        "done": words.deed(row, past=True),
        "gone": "Removed" if words.capabilities.removes else "Inactive",
        "is_new": row.action is Action.CREATE,
        # What a file changes is said row by row; other plans say in their title of what the values are.
        "labelled": not plans.in_steps(stored.plan),
    }


def _addresses(request: ManagerRequest, rows: Iterable[PlanRow], words: Words) -> dict[int, str]:
    """The pages of the roles and groups that rows are about, as far as these are there, by row."""
    found = [row for row in rows if row.kind in (Kind.ROLE, Kind.GROUP)]
    there = {(Kind.ROLE, role_id) for role_id in words.roles}
    if any(row.kind == Kind.GROUP for row in found):
        there |= {(Kind.GROUP, group.remote_id) for group in groups.everything(request.organization)}
    return {
        row.pk: f"{reverse(f'{row.kind}s')}{quote(row.item_id, safe='')}/"
        for row in found
        if (Kind(row.kind), row.item_id) in there
    }


def _whom(its_plan: Plan) -> str:
    """The head of the column that says what rows are about."""
    return "Member" if plans.only_members(its_plan) else "What"


def _button(its_plan: Plan, number: int) -> str:
    if its_plan.kind == Plan.Kind.INVITE:
        return f"Send {wording.invitations(number)}"
    if its_plan.kind == Plan.Kind.RESEND:
        return f"Send {wording.invitations(number)} again"
    will = plans.rows(its_plan, Verdict.WILL)
    # What somebody hands over is theirs.
    if not will.exclude(kind__in=(Kind.MEMBER, *WORK)).exists():
        return f"Apply to {wording.members(plans.people(will))}"
    return "Apply" if number == 1 else f"Apply {wording.changes(number)}"


def _back(its_plan: Plan, *, sent: bool = False) -> tuple[str, str]:
    """Where to go on from a plan, or from its receipt: the name of that page, and its address."""
    if its_plan.kind == Plan.Kind.INVITE:
        return ("Members", reverse("members")) if sent else ("Invite", reverse("invite"))
    people = its_plan.rows.filter(kind=Kind.MEMBER).exclude(member_id="")
    if its_plan.kind == Plan.Kind.LEAVE and (leaver := people.first()):
        page = "member" if sent else "leave"
        return leaver.name if sent else f"Leaving: {leaver.name}", reverse(page, args=[leaver.member_id])
    if its_plan.kind == Plan.Kind.FILE and its_plan.channel == audit.CHANNEL_SCREEN and not sent:
        return "Import CSV", reverse("import-csv")
    if its_plan.kind == Plan.Kind.DRIFT:
        return "Drift", reverse("drift")
    first = its_plan.rows.order_by("position").first()
    if first and first.kind in (Kind.ROLE, Kind.GROUP):
        return f"{first.kind.capitalize()}s", reverse(f"{first.kind}s")
    # To each their own groups: those who left are taken out of all of them.
    if (
        its_plan.kind == Plan.Kind.CHANGE
        and not its_plan.wanted
        and first
        and any(map(group_of, first.row().wanted))
    ):
        return "Groups", reverse("groups")
    return "Members", reverse("members")
