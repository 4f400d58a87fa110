"""The members page: everyone, filtered, sorted, ticked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import messages
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from memberships.domain.listing import SORTS, Query
from memberships.domain.people import ROLE, Role, Status, full_name, searchable
from memberships.forms import LONGEST_PASTE, FilterForm
from memberships.services import outside, roster, selection, tables
from memberships.services.connections import capabilities
from memberships.services.roles import lost_ids
from memberships.services.roster import Glance
from memberships.services.wording import Words

from . import mirror
from .access import ManagerRequest, manager_required
from .paging import Pages

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
    "owner",
    "settings",
)
_OFF, _CHECKED, _NOTHING = SafeString("off"), SafeString("checked"), SafeString("")


@require_GET
@vary_on_headers("HX-Request")
@manager_required
def members(request: ManagerRequest) -> HttpResponse:
    mirror.refresh_if_stale(request)
    context = _list(request, request.GET)
    return render(
        request, "memberships/members.html#list" if request.htmx else "memberships/members.html", context
    )


@require_GET
@manager_required
def freshness(request: ManagerRequest) -> HttpResponse:
    return mirror.line(request, poll="freshness", refresh="refresh")


@require_POST
@manager_required
def refresh(request: ManagerRequest) -> HttpResponse:
    mirror.refresh(request)
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
    if action in ("deactivate", "reactivate", "resend", "copy-pins", "join-group", "leave-group", "metadata"):
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


@manager_required
def paste(request: ManagerRequest) -> HttpResponse:
    """Select whoever is named in a pasted list. What is not found stays in the box, to be corrected."""
    if request.method != "POST":
        return redirect(_list_url(request.GET))
    text = request.POST.get("people", "")
    problem = _problem_with(text)
    found = None if problem else selection.add_pasted(request.session_key, request.organization, text)
    left = "\n".join((*found.missing, *found.ambiguous)) if found else text
    context = _list(request, request.GET) | {
        "pasted": found,
        "paste_problem": problem,
        "paste_left": left,
    }
    return render(request, "memberships/members.html", context, status=422 if problem else 200)


def _problem_with(text: str) -> str:
    if not text.strip():
        return "Paste at least one name or e-mail address."
    if len(text) > LONGEST_PASTE:
        return f"{LONGEST_PASTE:,} characters is the most at once; yours has {len(text):,}."
    return ""


@require_GET
@manager_required
def export(request: ManagerRequest) -> StreamingHttpResponse:
    """The filtered list as CSV, in the order shown."""
    roles = roster.roles(request.organization)
    query = _filter(request.GET, roles, roster.glance(request.organization)).query()
    rows = roster.members(request.organization, query, roles)
    words = Words(capabilities(request.organization), roles, request.organization.names)
    return tables.download("members", tables.members(rows, words))


# What the page shows


def _list(request: ManagerRequest, params: QueryDict) -> dict[str, Any]:
    roles = roster.roles(request.organization)
    glance = roster.glance(request.organization)
    form = _filter(params, roles, glance)
    query = form.query()
    matching = roster.members(request.organization, query, roles)
    pages = Pages(matching.values(*_SHOWN), PAGE)
    if not (query.q or query.role or query.managers):
        pages.count = glance.by_status.get(query.status, 0) if query.status else glance.people
    page = pages.get_page(params.get("page"))
    chosen = selection.selected(request.session_key, request.organization)
    its_capabilities = capabilities(request.organization)
    words = Words(its_capabilities, roles, request.organization.names)
    members_address = reverse("members")
    rows = [_row(row, row["pk"] in chosen.ids, words, members_address) for row in page.object_list]
    total = page.paginator.count
    away = chosen.outside(set(matching.order_by().values_list("pk", flat=True))) if chosen else 0
    kept = {name: value for name, value in _kept(params).items() if name != "page"}
    return {
        # The filter's widgets are in the template: rendering them as a form costs a tenth of the page.
        "role_choices": list(form.fields["role"].choices),  # type: ignore[attr-defined]
        "statuses": its_capabilities.statuses,
        "column": its_capabilities.fields[1],
        "leave": words.leave,
        "query": query,
        "chips": _chips(form, query, kept, roles),
        "page": page,
        "rows": rows,
        "total": total,
        "glance": glance,
        "by_role": _by_role(glance, words),
        "outside": outside.unseen(request.connection),
        "grants": list(outside.grants(request.organization)),
        "more_fields": [f for f in its_capabilities.fields if f.bulk][2:],
        "pinned_views": capabilities(request.organization).pinned_views,
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


def _by_role(glance: Glance, words: Words) -> list[tuple[str, str, int]]:
    """How many active people have each role, by its name."""
    held = [
        (words.value(ROLE, pk) if pk else "No role", pk, holders.active)
        for pk, holders in glance.by_role.items()
        if holders.active
    ]
    return sorted(held, key=lambda one: searchable(one[0]))


def _row(row: dict[str, Any], ticked: bool, words: Words, members_address: str) -> dict[str, Any]:
    """One person as the table shows them. All is ready to print: fifty times a lookup, an if or a {% url %} is felt.

    So is escaping: what can hold no markup says so.
    """
    name, email = full_name(row["first_name"], row["last_name"]), row["email"]
    column = words.capabilities.fields[1]
    value = row["settings"].get(column.name)
    return {
        "pk": SafeString(row["pk"]),
        "remote_id": escape(row["remote_id"]),
        "address": SafeString(f"{members_address}{quote(row['remote_id'], safe='')}/"),
        "checked": _CHECKED if ticked else _NOTHING,
        "title": name or email,
        "under": email if name else _NOTHING,
        "whole": f"{name}, {email}" if name else email,
        "off": _OFF if row["status"] == Status.INACTIVE else _NOTHING,
        "ticked": ticked,
        "standing": _standing(
            words.value(ROLE, row["role_id"]),
            "owner" if row["owner"] else "can manage" if row["can_manage"] else "",
            row["status"],
            column.label,
            words.value(column.name, value),
            value in (None, "unset"),
        ),
    }


@lru_cache(maxsize=2000)
def _standing(role: str, power: str, status: str, label: str, value: str, unset: bool) -> SafeString:
    """The cells that many people have alike; whoever they are, the same words give the same cells."""
    told = {"role": role, "power": power, "status": status, "label": label, "value": value, "unset": unset}
    return render_to_string("components/member_rows.html#standing", told)


def _chips(
    form: FilterForm, query: Query, kept: dict[str, str], roles: Mapping[str, Role]
) -> list[dict[str, str]]:
    """The applied filters, each with the address of the list without it."""
    shown = {
        "q": query.q,
        "role": roles[query.role].name if query.role in roles else query.role,
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
    glance = roster.glance(request.organization)
    return _filter(params, roster.roles(request.organization), glance).query()


def _filter(params: QueryDict, roles: Mapping[str, Role], glance: Glance) -> FilterForm:
    return FilterForm(params, roles=roles, lost_roles=lost_ids(roles, filter(None, glance.by_role)))


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
