"""The members page: everyone, filtered, sorted, ticked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from memberships.domain.listing import SORTS, Query
from memberships.domain.people import ROLE, Role, full_name
from memberships.forms import FilterForm
from memberships.services import outside, roster, selection, tables
from memberships.services.connections import capabilities
from memberships.services.wording import Words

from .access import ManagerRequest, manager_required

PAGE = 50
# Plain rows: fifty models take longer to read, and longer to render.
_SHOWN = (
    "pk",
    "remote_id",
    "first_name",
    "last_name",
    "email",
    "role_id",
    "status",
    "can_manage",
    "settings",
)


@require_GET
@vary_on_headers("HX-Request")
@manager_required
def members(request: ManagerRequest) -> HttpResponse:
    _refresh_if_stale(request)
    context = _list(request, request.GET)
    return render(
        request, "memberships/members.html#list" if request.htmx else "memberships/members.html", context
    )


@require_GET
@manager_required
def freshness(request: ManagerRequest) -> HttpResponse:
    """The freshness line while a refresh runs; tells the list to reload once it is over."""
    fresh = roster.freshness(request.organization)
    response = render(
        request, "memberships/members.html#fresh", {"fresh": fresh, "organization": request.organization}
    )
    if not fresh.refreshing:
        response["HX-Trigger"] = "roster-refreshed"
        if request.GET.get("first"):
            response["HX-Refresh"] = "true"
    return response


@require_POST
@manager_required
def refresh(request: ManagerRequest) -> HttpResponse:
    if roster.claim_refresh(request.organization):
        roster.refresh_roster.enqueue(request.connection.pk)
    return redirect(_list_url(request.GET))


@require_POST
@manager_required
def select(request: ManagerRequest) -> HttpResponse:
    """Take over the page's ticks, then do what the pressed button says. The address carries the filter."""
    everything = "everything" in request.POST
    shown = request.POST.getlist("shown")
    ticked = shown if everything else request.POST.getlist("member")
    selection.tick(request.session_key, request.organization, shown, ticked)
    if request.htmx:
        return render(request, "memberships/members.html#ticked", _list(request, request.GET))
    action = request.POST.get("action", "")
    if action in ("deactivate", "reactivate"):
        return redirect(action)
    if action in [field.name for field in capabilities(request.organization).fields]:
        return redirect("choose-value", action)
    if action == "clear":
        selection.clear(request.session_key, request.organization)
    elif shown_count := _number(request.POST.get("all", "")):
        query = _query(request, request.GET)
        try:
            selection.add_matching(request.session_key, request.organization, query, shown_count)
        except selection.Moved as moved:
            messages.warning(request, str(moved))
    url = _list_url(request.GET, page=request.POST.get("page"))
    return redirect(url)


@require_GET
@manager_required
def export(request: ManagerRequest) -> StreamingHttpResponse:
    """The filtered list as CSV, in the order shown."""
    roles = roster.roles(request.organization)
    rows = roster.members(request.organization, FilterForm(request.GET, roles=roles).query(), roles)
    words = Words(capabilities(request.organization), roles)
    return tables.download("members", tables.members(rows, words))


# What the page shows


def _list(request: ManagerRequest, params: QueryDict) -> dict[str, Any]:
    roles = roster.roles(request.organization)
    form = FilterForm(params, roles=roles)
    query = form.query()
    glance = roster.glance(request.organization)
    matching = roster.members(request.organization, query, roles)
    pages = Paginator(matching.values(*_SHOWN), PAGE)
    if not (query.q or query.role or query.managers):
        pages.count = glance.by_status[query.status] if query.status else glance.people
    page = pages.get_page(params.get("page"))
    chosen = selection.selected(request.session_key, request.organization)
    words = Words(capabilities(request.organization), roles)
    rows = [_row(row, row["pk"] in chosen.ids, words) for row in page.object_list]
    total = page.paginator.count
    away = chosen.outside(set(matching.order_by().values_list("pk", flat=True))) if chosen else 0
    kept = {name: value for name, value in _kept(params).items() if name != "page"}
    return {
        "form": form,
        "query": query,
        "chips": _chips(form, query, kept, roles),
        "page": page,
        "pages": list(page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)),
        "rows": rows,
        "total": total,
        "glance": glance,
        # A role nobody knows can't be asked for: its people are counted, but there is no list to lead to.
        "by_role": [
            (roles[pk].name, pk, n) if pk in roles else (pk or "No role", "", n)
            for pk, n in glance.by_role.items()
        ],
        "outside": outside.unseen(request.connection),
        "grants": list(outside.grants(request.organization)),
        "more_fields": [f for f in capabilities(request.organization).fields if f.bulk][2:],
        "selected": len(chosen),
        "away": away,
        "all_selected": total > 0 and len(chosen) - away == total,
        "page_selected": bool(rows) and all(row["ticked"] for row in rows),
        "address": urlencode(kept | ({"page": page.number} if page.number > 1 else {})),
        "filter_address": urlencode(kept),
        "sort_columns": _sort_columns(query, kept),
        "fresh": roster.freshness(request.organization),
        "organization": request.organization,
    }


def _row(row: dict[str, Any], ticked: bool, words: Words) -> dict[str, Any]:
    recording = row["settings"].get("auto_record_calls")
    return {
        "member": row | {"name": full_name(row["first_name"], row["last_name"])},
        "ticked": ticked,
        "role": words.value(ROLE, row["role_id"]),
        "recording": words.value("auto_record_calls", recording),
        "recording_set": recording in ("enabled", "disabled"),
    }


def _chips(
    form: FilterForm, query: Query, kept: dict[str, str], roles: Mapping[str, Role]
) -> list[dict[str, str]]:
    """The applied filters, each with the address of the list without it."""
    shown = {
        "q": query.q,
        "role": roles[query.role].name if query.role in roles else "",
        "status": query.status.title(),
        "power": "yes" if query.managers else "",
    }
    return [
        {
            "text": f"{form.fields[name].label or 'Can manage'}: {text}",
            "address": urlencode({k: v for k, v in kept.items() if k != name}),
        }
        for name, text in shown.items()
        if text
    ]


def _sort_columns(query: Query, kept: dict[str, str]) -> dict[str, dict[str, str]]:
    columns = {}
    for name in SORTS:
        current = query.sort.removeprefix("-") == name
        descending = current and query.sort.startswith("-")
        turned = f"-{name}" if current and not descending else name
        columns[name] = {
            "address": urlencode(kept | {"sort": turned}),
            "aria": ("descending" if descending else "ascending") if current else "",
        }
    return columns


def _query(request: ManagerRequest, params: QueryDict) -> Query:
    return FilterForm(params, roles=roster.roles(request.organization)).query()


def _kept(params: QueryDict) -> dict[str, str]:
    return {
        name: str(params[name])
        for name in ("q", "role", "status", "power", "sort", "page")
        if params.get(name)
    }


def _list_url(params: QueryDict, page: str | None = None) -> str:
    kept = _kept(params) | ({"page": page} if page and _number(page) else {})
    return reverse("members") + (f"?{urlencode(kept)}" if kept else "")


def _number(text: str) -> int:
    digits = text.replace(",", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def _refresh_if_stale(request: ManagerRequest) -> None:
    """A stale mirror is refreshed behind the page, but not again right after that failed."""
    fresh = roster.freshness(request.organization)
    if (
        fresh.stale
        and not (fresh.refreshing or fresh.failed_lately)
        and not request.htmx
        and roster.claim_refresh(request.organization)
    ):
        roster.refresh_roster.enqueue(request.connection.pk)
        request.organization.refresh_from_db(fields=["refresh_until"])
