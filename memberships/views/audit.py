"""Everything that happened, for reading and for keeping elsewhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from memberships.forms import AuditFilterForm
from memberships.models.audit import EVENTS
from memberships.services import audit, outside, tables

from .access import ManagerRequest, manager_required
from .paging import Pages

PAGE = 50


@require_GET
@manager_required
def log(request: ManagerRequest) -> HttpResponse:
    form, about = AuditFilterForm(request.GET, events=EVENTS), _about(request)
    entries = audit.search(request.organization, about=about, **form.search())
    page = Pages(entries, PAGE).get_page(request.GET.get("page"))
    kept = {n: value for n, value in request.GET.items() if (n in form.fields or n == "about") and value}
    context: dict[str, Any] = {
        "form": form,
        "page": page,
        "filter_address": urlencode(kept),
        "filtered": bool(kept),
        "about": about,
        "called": audit.latest_name(request.organization, about) if about else "",
        "events": EVENTS,
    }
    if request.GET.get("channel") == "outside":
        outside.seen(request.connection)
    return render(request, "memberships/audit.html", context)


@require_POST
@manager_required
def acknowledge(request: ManagerRequest) -> HttpResponse:
    """Somebody has seen who got power outside."""
    number = request.POST.get("number", "")
    if number.isascii() and number.isdigit() and len(number) < 19:
        outside.acknowledge(request.connection, int(number))
    return redirect("members")


@require_GET
@manager_required
def export(request: ManagerRequest) -> StreamingHttpResponse:
    form = AuditFilterForm(request.GET, events=EVENTS)
    everything = audit.search(request.organization)
    wanted = audit.search(request.organization, about=_about(request), **form.search())
    return tables.download(
        "audit-log", tables.audit(everything, wanted, str(audit.head(request.organization)))
    )


def _about(request: ManagerRequest) -> str:
    """The id the log is asked about. None has the character that PostgreSQL can't even be asked for."""
    return request.GET.get("about", "").replace("\0", "\ufffd")
