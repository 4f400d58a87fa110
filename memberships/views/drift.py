"""How far people are from the roster file: what differs, and from there into the file or back to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from memberships.domain.people import ROLE
from memberships.domain.plan import Action, Row, Verdict
from memberships.forms.drift import RosterFileForm, ScheduleForm
from memberships.providers.errors import ProviderError
from memberships.services import audit, drift, roster
from memberships.services.connections import capabilities
from memberships.services.drift import Difference, Found
from memberships.services.rosterfile import dump
from memberships.services.rosterfile.document import MOST_BYTES, Unreadable
from memberships.services.rosterfile.edits import CannotAdopt
from memberships.services.storing import NothingLeft
from memberships.services.wording import Words

from .access import ManagerRequest, manager_required
from .paging import Pages

PAGE = 100


@require_GET
@manager_required
def page(request: ManagerRequest) -> HttpResponse:
    return _page(request)


@require_POST
@manager_required
def upload(request: ManagerRequest) -> HttpResponse:
    """Keep a file as the newest version, and have it compared."""
    form = RosterFileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            version = drift.upload(request.connection, form.cleaned_data["file"].read(MOST_BYTES + 1))
        except Unreadable as problem:
            form.add_error("file", str(problem))
        else:
            drift.start(request.connection)
            messages.success(request, f"This is {version} now. Nothing has been changed.")
            return redirect("drift")
    return _page(request, form=form)


@require_POST
@manager_required
def check(request: ManagerRequest) -> HttpResponse:
    if drift.file_of(request.organization) is not None:
        drift.start(request.connection)
    return redirect("drift")


@require_POST
@manager_required
def schedule(request: ManagerRequest) -> HttpResponse:
    form = ScheduleForm(request.POST, hours=drift.HOURS)
    if not form.is_valid():
        return _page(request, schedule_form=form)
    drift.schedule(request.connection, form.cleaned_data["hours"])
    messages.success(request, f"Compared {form.chosen().lower()} from now on.")
    return redirect("drift")


@require_POST
@manager_required
def choose(request: ManagerRequest) -> HttpResponse:
    """Go on with whoever is ticked: into the file, or back to it by a plan."""
    found = drift.found(drift.watch_of(request.organization))
    ticked = set(request.POST.getlist("key"))
    everybody = "everybody" in request.POST
    keys = [one.key for one in found.differences if everybody or one.key in ticked]
    if not keys:
        gone = "They no longer differ: somebody has gone on with them meanwhile."
        nobody = "Nobody is ticked: tick whom it is about first."
        return _page(request, problem=gone if ticked or everybody else nobody)
    try:
        if request.POST.get("action") == "adopt":
            version = drift.adopt(request.connection, keys)
            messages.success(
                request, f"{str(version).capitalize()} of the file says what is true of these people now."
            )
            return redirect("drift")
        plan = drift.revert(
            request.connection,
            keys,
            reason=request.POST.get("reason", "")[:200],
            channel=audit.CHANNEL_SCREEN,
        )
    except drift.NoFile:
        return redirect("drift")
    except (CannotAdopt, Unreadable, NothingLeft) as problem:
        return _page(request, problem=str(problem))
    except ProviderError as error:
        return _page(request, problem=f"{error} Nothing was sent; try again.")
    return redirect("plan", plan.pk)


@require_GET
@manager_required
def file(request: ManagerRequest, number: int) -> HttpResponse:
    """One version of the file, as it was kept."""
    version = drift.version(request.organization, number)
    if version is None:
        raise Http404
    return _attached(HttpResponse(version.text.encode()), f"roster-{number}.yaml")


@require_GET
@manager_required
def first(request: ManagerRequest) -> HttpResponseBase:
    """Everybody as a roster file, to begin with."""
    return _attached(StreamingHttpResponse(dump.of_mirror(request.organization)), "roster.yaml")


def _attached[R: HttpResponseBase](response: R, name: str) -> R:
    response["Content-Type"] = "application/yaml; charset=utf-8"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _page(
    request: ManagerRequest,
    *,
    form: RosterFileForm | None = None,
    schedule_form: ScheduleForm | None = None,
    problem: str = "",
) -> HttpResponse:
    organization = request.organization
    watch, versions = drift.watch_of(organization), drift.versions(organization)
    found = drift.found(watch)
    shown = Pages(found.differences, PAGE).get_page(request.GET.get("page"))
    wrong = problem or (form and form.errors) or (schedule_form and schedule_form.errors)
    context = {
        "watch": watch,
        "versions": versions,
        "file": versions[0] if versions else None,
        "checking": drift.checking(watch),
        "orphaned": drift.is_orphaned(watch),
        "found": found,
        "total": len(found.differences),
        "differences": _shown(request, list(shown.object_list), found),
        "page": shown,
        "form": form or RosterFileForm(),
        "schedule_form": schedule_form
        or ScheduleForm(initial={"hours": watch.every_hours}, hours=drift.HOURS),
        "by": (watch.person or watch.connection) if watch.every_hours else None,
        "problem": problem,
        "can": capabilities(organization),
    }
    template = "memberships/drift.html#content" if request.htmx else "memberships/drift.html"
    return render(request, template, context, status=422 if wrong else 200)


def _shown(request: ManagerRequest, differences: Sequence[Difference], found: Found) -> list[dict[str, Any]]:
    names = {**request.organization.names, **(found.names or {})}
    words = Words(capabilities(request.organization), roster.roles(request.organization), names)
    return [{"one": one, "told": [_told(row, words) for row in one.rows]} for one in differences]


def _told(row: Row, words: Words) -> dict[str, Any]:
    """What the file wants otherwise, in words."""
    comes = row.action in (Action.INVITE, Action.REACTIVATE)
    deed = words.deed(row) if row.action is not Action.CHANGE else ""
    return {
        "deed": deed,
        "edits": [words.edit(edit) for edit in row.edits if not (comes and edit.field == ROLE)],
        "reason": row.reason if row.verdict is Verdict.BLOCKED else "",
        "comes": comes or bool(row.stage),
    }
