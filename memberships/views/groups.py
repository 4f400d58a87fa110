"""The groups: who is in which, made, renamed and deleted. What is shown comes from the mirror."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from memberships.domain.items import Kind
from memberships.domain.listing import Query
from memberships.domain.people import Status, full_name, group_field
from memberships.forms import ReasonForm
from memberships.forms.groups import ChooseGroupForm, GroupFilterForm, GroupNameForm, NewGroupForm
from memberships.models import MirroredGroup, MirroredMember
from memberships.providers.errors import ProviderError
from memberships.services import audit, proposals, roster, selection
from memberships.services import groups as its_groups
from memberships.services.connections import capabilities
from memberships.services.wording import people

from . import mirror
from .access import ManagerRequest, manager_required
from .paging import Pages
from .review import NOBODY, sent, status_of, to_review, to_review_of, with_roles

PAGE = 50
# Of one group more people are shown at once, because ticks count on this page alone.
MEMBERS_PAGE = 200
_SHOWN = ("remote_id", "user_id", "first_name", "last_name", "email", "status")
_STATE = ("q", "status", "people")


@require_GET
@vary_on_headers("HX-Request")
@manager_required
def groups(request: ManagerRequest) -> HttpResponse:
    """Every group with its people in numbers, and who is in which."""
    _must_exist(request)
    mirror.refresh_if_stale(request, mirror.GROUPS)
    overview = its_groups.overview(request.organization)
    kept = _kept(request.GET)
    context = {
        "overview": overview,
        "inactive": people(overview.inactive),
        **_matrix(request, [count.group for count in overview.groups]),
        "address": urlencode(kept),
        "fresh": mirror.freshness(request, mirror.GROUPS),
    }
    template = "memberships/groups.html#content" if request.htmx else "memberships/groups.html"
    return render(request, template, context)


@require_GET
@manager_required
def freshness(request: ManagerRequest) -> HttpResponse:
    _must_exist(request)
    return mirror.line(
        request, poll="groups-freshness", refresh="refresh-groups", parts=mirror.GROUPS, what="Groups"
    )


@require_POST
@manager_required
def refresh(request: ManagerRequest) -> HttpResponse:
    _must_exist(request)
    mirror.refresh(request, mirror.GROUPS)
    kept = urlencode(_kept(request.GET))
    return redirect(reverse("groups") + (f"?{kept}" if kept else ""))


def _kept(params: QueryDict) -> dict[str, str]:
    return {name: str(params[name]) for name in _STATE if params.get(name)}


def _matrix(request: ManagerRequest, columns: list[MirroredGroup]) -> dict[str, Any]:
    """A page of people, and for each whether they are in each of the groups."""
    form = GroupFilterForm(request.GET or {"status": "active"})
    q, status = form.asked()
    found = roster.members(request.organization, Query(q=q, status=status), {})
    page = Paginator(found.values(*_SHOWN), PAGE).get_page(request.GET.get("people"))
    inside = [frozenset(group.user_ids) for group in columns]
    return {
        "form": form,
        "asked": bool(q) or status != Status.ACTIVE,
        "columns": columns,
        "rows": [(_person(row), [row["user_id"] in users for users in inside]) for row in page.object_list],
        # For the links between its pages.
        "matrix": {
            "page": page,
            "count": page.paginator.count,
            "parameter": "people",
            "earlier": {"people": page.number - 1},
            "later": {"people": page.number + 1},
        },
    }


def _person(row: dict[str, Any]) -> dict[str, Any]:
    name = full_name(row["first_name"], row["last_name"])
    whole = f"{name}, {row['email']}" if name else row["email"]
    return row | {"name": name, "whole": whole, "off": row["status"] == Status.INACTIVE}


@require_POST
@manager_required
def clean_up(request: ManagerRequest) -> HttpResponse:
    """Plan to take everybody who left out of all groups."""
    _must_exist(request)
    found = its_groups.inactive_inside(request.organization)
    if not found:
        messages.success(request, "Nobody inactive is in a group any more.")
        return redirect("groups")
    wanted = {pk: {group_field(group_id): False for group_id in ids} for pk, ids in found.items()}
    which = "1 inactive person" if len(found) == 1 else f"{len(found):,} inactive people"
    title = f"Take {which} out of their groups."
    try:
        plan = proposals.change_each(
            request.connection, wanted, title=title, reason="", channel=audit.CHANNEL_SCREEN
        )
    except ProviderError as error:
        messages.error(request, f"{error} Nothing was sent; try again.")
        return redirect("groups")
    return redirect("plan", plan.pk)


# One group


@manager_required
def group(request: ManagerRequest, group_id: str) -> HttpResponse:
    """Who is in it; those ticked can be taken out."""
    its_group = _find(request, group_id)
    status = request.GET.get("status", "")
    status = status if status in (Status.ACTIVE, Status.INACTIVE) else ""
    everybody = MirroredMember.objects.filter(
        organization=request.organization, user_id__in=its_group.user_ids
    ).order_by("sort_name", "id")
    shown = everybody.filter(status=status) if status else everybody
    form = ReasonForm(sent(request))
    ticked = set(request.POST.getlist("member"))
    if request.method == "POST" and form.is_valid():
        ids = list(everybody.filter(remote_id__in=ticked).values_list("remote_id", flat=True))
        wanted = {group_field(group_id): False}
        if not ids:
            form.add_error(None, "Tick the people you want to take out of the group first.")
        elif review := to_review(form, partial(proposals.change, request.connection, ids, wanted)):
            return review
    page = Pages(shown.values(*_SHOWN), MEMBERS_PAGE).get_page(request.GET.get("page"))
    rows = [_person(row) | {"ticked": row["remote_id"] in ticked} for row in page.object_list]
    counts = dict.fromkeys(Status, 0)
    for found in everybody.values_list("status", flat=True):
        counts[Status(found)] += 1
    context = {
        "group": its_group,
        "form": form,
        "rows": rows,
        "page": page,
        "status": status,
        "address": urlencode({"status": status}) if status else "",
        "active": counts[Status.ACTIVE],
        "inactive": counts[Status.INACTIVE],
        "unlisted": len(its_group.user_ids) - everybody.values("user_id").distinct().count(),
    }
    return render(request, "memberships/group.html", context, status=status_of(form))


@manager_required
def new(request: ManagerRequest) -> HttpResponse:
    """A group, with the people selected now in it if that is wanted."""
    _must_exist(request)
    chosen = selection.members(request.session_key, request.organization)
    form = NewGroupForm(sent(request), selected=len(chosen))
    if request.method == "POST" and form.is_valid():
        ids = [row.remote_id for row in chosen] if form.takes_everyone() else []
        name = form.cleaned_data["name"]
        if review := to_review(form, partial(proposals.new_group, request.connection, name, ids)):
            return review
    notes = ("Groups are for filters and reports; they grant no permissions.",)
    context: dict[str, Any] = {"title": "New group", "form": form, "notes": notes, "back": reverse("groups")}
    if not chosen:
        context["hint"] = "To put people into it at once, tick them on the members page first."
    context["chosen"] = with_roles(request, chosen)
    return render(request, "memberships/group_form.html", context, status=status_of(form))


@manager_required
def rename(request: ManagerRequest, group_id: str) -> HttpResponse:
    its_group = _find(request, group_id)
    form = GroupNameForm(sent(request), initial={"name": its_group.name})
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["name"]
        if review := to_review_of(
            request, Kind.GROUP, form, partial(proposals.renamed_group, request.connection, group_id, name)
        ):
            return review
    context = {
        "title": f"Rename {its_group.name}",
        "group": its_group,
        "form": form,
        "back": reverse("group", args=[group_id]),
    }
    return render(request, "memberships/group_form.html", context, status=status_of(form))


@manager_required
def delete(request: ManagerRequest, group_id: str) -> HttpResponse:
    its_group = _find(request, group_id)
    form = ReasonForm(sent(request))
    if request.method == "POST" and form.is_valid():
        if review := to_review_of(
            request, Kind.GROUP, form, partial(proposals.deleted_group, request.connection, group_id)
        ):
            return review
    number = len(its_group.user_ids)
    inside = f"{people(number)} {'is' if number == 1 else 'are'} in it." if number else "Nobody is in it."
    context = {
        "title": f"Delete {its_group.name}",
        "group": its_group,
        "form": form,
        "notes": (inside, *capabilities(request.organization).group_deletion_notes),
        "back": reverse("group", args=[group_id]),
    }
    return render(request, "memberships/group_form.html", context, status=status_of(form))


# The selected people


@manager_required
def choose(request: ManagerRequest, inside: bool) -> HttpResponse:
    """Put everyone selected into a group, or take them out of one."""
    _must_exist(request)
    chosen = selection.members(request.session_key, request.organization)
    if not chosen:
        messages.warning(request, NOBODY)
        return redirect("members")
    known = its_groups.everything(request.organization)
    if not known:
        messages.warning(request, "No groups are known here yet: make one, or wait until they are read.")
        return redirect("groups")
    form = ChooseGroupForm(sent(request), groups=known)
    if request.method == "POST" and form.is_valid():
        wanted = {group_field(form.cleaned_data["value"]): inside}
        ids = [row.remote_id for row in chosen]
        if review := to_review(form, partial(proposals.change, request.connection, ids, wanted)):
            return review
    left = sum(row.status == Status.INACTIVE for row in chosen)
    notes = ["Each person is a call of their own, so many people take a while."] if len(chosen) > 50 else []
    if inside and left:
        are = "1 of them is" if left == 1 else f"{left:,} of them are"
        notes.append(f"{are} inactive: only active people can be put into a group.")
    context = {
        "title": "Put into a group" if inside else "Take out of a group",
        "form": form,
        "notes": notes,
        "chosen": with_roles(request, chosen),
    }
    return render(request, "memberships/choose_value.html", context, status=status_of(form))


def _find(request: ManagerRequest, group_id: str) -> MirroredGroup:
    _must_exist(request)
    if found := its_groups.find(request.organization, group_id):
        return found
    raise Http404


def _must_exist(request: ManagerRequest) -> None:
    if not capabilities(request.organization).groups:
        raise Http404
