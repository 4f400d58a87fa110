"""The roles page: who may do what. Everything on it comes from the mirror."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from memberships.domain import permissions
from memberships.domain.people import full_name
from memberships.forms import CompareForm, WhoCanForm
from memberships.services import roles as its_roles
from memberships.services import roster
from memberships.services.connections import capabilities
from memberships.services.roles import Roles

from . import mirror
from .access import ManagerRequest, manager_required

PAGE = 50
# What the address carries: two roles to compare, a permission to look for, the page of those who have it.
_STATE = ("role", "with", "can", "people")
_SHOWN = ("remote_id", "first_name", "last_name", "email", "role_id")


@require_GET
@vary_on_headers("HX-Request")
@manager_required
def roles(request: ManagerRequest) -> HttpResponse:
    """How many people have which role, what each role may do, how two differ, and who has a permission."""
    mirror.refresh_if_stale(request)
    overview = its_roles.overview(request.organization)
    kept = _kept(request.GET)
    known = permissions.listed(permissions.granted(overview.roles))
    compare = CompareForm(request.GET, roles=overview.roles)
    who_can = WhoCanForm(request.GET, permissions=known)
    context = {
        "overview": overview,
        "compare": compare,
        "comparison": _comparison(compare, overview),
        "who_can": who_can,
        "answer": _answer(request, who_can.asked(), overview),
        "matrix": permissions.matrix(overview.roles),
        "kept": kept,
        "address": urlencode(kept),
        "can_edit": capabilities(request.organization).edits_roles,
        "roles_address": reverse("roles"),
        "fresh": roster.freshness(request.organization),
    }
    template = "memberships/roles.html#content" if request.htmx else "memberships/roles.html"
    return render(request, template, context)


@require_GET
@manager_required
def freshness(request: ManagerRequest) -> HttpResponse:
    return mirror.line(request, poll="roles-freshness", refresh="refresh-roles")


@require_POST
@manager_required
def refresh(request: ManagerRequest) -> HttpResponse:
    mirror.refresh(request)
    kept = urlencode(_kept(request.GET))
    return redirect(reverse("roles") + (f"?{kept}" if kept else ""))


def _kept(params: QueryDict) -> dict[str, str]:
    return {name: str(params[name]) for name in _STATE if params.get(name)}


def _comparison(form: CompareForm, overview: Roles) -> dict[str, Any] | None:
    pair = form.pair(overview.roles)
    if pair is None:
        return None
    first, second = pair
    found = permissions.compare(first, second)
    return {
        "both": [overview.of(first), overview.of(second)],
        "parts": [
            (f"Only {first.name}", found.only_first),
            (f"Only {second.name}", found.only_second),
            ("In both", found.both),
        ],
    }


def _answer(request: ManagerRequest, name: str, overview: Roles) -> dict[str, Any] | None:
    """Which roles grant a permission, and a page of the active people who have it."""
    if not name:
        return None
    granting = overview.granting(name)
    having = its_roles.active_with(request.organization, granting)
    pages = Paginator(having.values(*_SHOWN), PAGE)
    pages.count = sum(held.people.active for held in granting)
    page = pages.get_page(request.GET.get("people"))
    names = {held.role.id: held.role.name for held in granting}
    return {
        "permission": permissions.named(name),
        "granting": granting,
        "people": [
            row | {"name": full_name(row["first_name"], row["last_name"]), "role": names[row["role_id"]]}
            for row in page.object_list
        ],
        # For the links between its pages.
        "page": page,
        "count": pages.count,
        "parameter": "people",
        "earlier": {"people": page.number - 1},
        "later": {"people": page.number + 1},
        "unclear": sum(lost.people.active for lost in overview.lost),
    }
