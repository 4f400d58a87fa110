"""Everything that happened, for reading and for keeping elsewhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from memberships.forms import AuditFilterForm
from memberships.models.audit import EVENTS
from memberships.services import audit, outside, tables

from .access import ManagerRequest, manager_required

PAGE = 50


@require_GET
@manager_required
def log(request: ManagerRequest) -> HttpResponse:
    form = AuditFilterForm(request.GET, events=EVENTS)
    entries = audit.search(request.organization, **form.search())
    page = Paginator(entries, PAGE).get_page(request.GET.get("page"))
    kept = {name: value for name, value in request.GET.items() if name in form.fields and value}
    context: dict[str, Any] = {
        "form": form,
        "page": page,
        "pages": list(page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)),
        "filter_address": urlencode(kept),
        "filtered": bool(kept),
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
    wanted = audit.search(request.organization, **form.search())
    return tables.download(
        "audit-log", tables.audit(everything, wanted, str(audit.head(request.organization)))
    )
