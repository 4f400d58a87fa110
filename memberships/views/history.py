"""The roster as it was at a moment."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from memberships.domain.people import ROLE
from memberships.forms import AsOfForm
from memberships.services import history, roster, tables
from memberships.services.connections import capabilities
from memberships.services.wording import Words

from .access import ManagerRequest, manager_required
from .paging import Pages

PAGE = 50


@require_GET
@manager_required
def as_of(request: ManagerRequest) -> HttpResponse:
    since = request.organization.first_read_at
    context: dict[str, Any] = {"since": since}
    if since is None:
        return render(request, "memberships/as_of.html", context)
    form = AsOfForm(request.GET if "at" in request.GET else None, since=since)
    context |= {"form": form, "fresh": roster.freshness(request.organization)}
    if form.is_valid():
        at = form.cleaned_data["at"]
        people = history.people(request.organization, at)
        page = Pages(people, PAGE).get_page(request.GET.get("page"))
        words = _words(request)
        uncertain = history.uncertain(request.organization, at)
        context |= {
            "at": at,
            "address": urlencode({"at": request.GET["at"]}),
            "page": page,
            "rows": [
                {
                    "person": person,
                    "role": words.value(ROLE, person.role_id),
                    "recording": words.value("auto_record_calls", person.value("auto_record_calls")),
                }
                for person in page
            ],
            "active": sum(person.status == "active" for person in people),
            "uncertain": uncertain[:PAGE],
            "uncertain_count": uncertain.count(),
        }
    status = 422 if form.errors else 200
    return render(request, "memberships/as_of.html", context, status=status)


@require_GET
@manager_required
def export(request: ManagerRequest) -> HttpResponseBase:
    """Everyone at a moment as CSV; to the page that says what is wrong when there is no such moment."""
    since = request.organization.first_read_at
    form = AsOfForm(request.GET, since=since) if since else None
    if form is None or not form.is_valid():
        asked = urlencode({"at": request.GET["at"]}) if "at" in request.GET else ""
        return redirect(f"{reverse('as-of')}?{asked}" if asked else reverse("as-of"))
    at = form.cleaned_data["at"]
    people = history.people(request.organization, at)
    return tables.download(f"members-as-of-{at:%Y-%m-%d-%H%M}", tables.as_of(people, _words(request), at))


def _words(request: ManagerRequest) -> Words:
    return Words(
        capabilities(request.organization), roster.roles(request.organization), request.organization.names
    )
