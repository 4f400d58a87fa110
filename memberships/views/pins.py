"""Pinned views: shown on a person's page, put into another order, copied to many."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from memberships.domain.people import PINS
from memberships.domain.views import Sight
from memberships.forms.person import typed
from memberships.forms.pins import CopyPinsForm, PinsForm
from memberships.models import MirroredMember
from memberships.providers.errors import ProviderError
from memberships.services import details, groups, people, proposals, roster, selection
from memberships.services.connections import capabilities
from memberships.services.current import Gone
from memberships.services.pins import Pin, Views
from memberships.services.storing import NothingLeft

from .access import ManagerRequest, manager_required
from .review import NOBODY, sent, status_of, to_review, with_roles

MOST_COPIES = 200
_COPYING = (
    "Everyone selected gets the same views in the same order; what they have pinned now is replaced.",
    f"At most {MOST_COPIES} people at a time.",
)


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@manager_required
def pins(request: ManagerRequest, member_id: str) -> HttpResponse:
    """One person's pinned views: a part of their page when htmx asks, else a page on which they are changed."""
    row, posted = _member(request, member_id), sent(request)
    part = "" if not request.htmx else "#shown" if posted is None else "#editor"
    template, context = f"memberships/pins.html{part}", _whose(request, row)
    try:
        views, pinned = Views(request.connection), details.pins(request.connection, member_id)
    except ProviderError as error:
        # A draft that was sent is still in the browser: this must not take its place.
        status = 200 if posted is None else 503
        return render(request, template, context | {"problem": str(error)}, status=status)
    form = PinsForm(posted, pinned=pinned, views=views.by_id)
    pressed = request.POST.get("do", "")
    if posted is not None and pressed != "review":
        context["announced"] = form.step(pressed)
    elif posted is not None and form.is_ready():
        wanted = {PINS: form.draft}
        if review := to_review(form, partial(proposals.change, request.connection, [member_id], wanted)):
            return review
    found = views.pins(row.member(), form.draft)
    _read_groups_behind(request, found)
    context |= {"form": form, "pins": found}
    return render(request, template, context, status=200 if request.htmx else status_of(form))


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def copy(request: ManagerRequest) -> HttpResponse:
    """The views one person has pinned, for everyone selected."""
    if not capabilities(request.organization).pinned_views:
        raise Http404
    chosen = selection.members(request.session_key, request.organization)
    if not chosen or len(chosen) > MOST_COPIES:
        messages.warning(request, _too_many(len(chosen)) if chosen else NOBODY)
        return redirect("members")
    source = roster.member(request.organization, request.GET.get("from", "").replace("\0", ""))
    form = CopyPinsForm(
        sent(request),
        find=partial(people.find, request.organization),
        initial=typed(source) if source else "",
    )
    if request.method == "POST" and form.is_valid():
        source = form.cleaned_data["person"]
        if review := _copied(request, form, source, chosen):
            return review
    context = {
        "form": form,
        "title": "Copy pinned views",
        "notes": _COPYING,
        "chosen": with_roles(request, chosen),
    }
    return render(request, "memberships/choose_value.html", context, status=status_of(form))


def _copied(
    request: ManagerRequest, form: CopyPinsForm, source: MirroredMember, chosen: Sequence[MirroredMember]
) -> HttpResponse | None:
    ids = [row.remote_id for row in chosen if row.remote_id != source.remote_id]
    if not ids:
        form.add_error("person", "Nobody else is selected: these views are theirs already.")
        return None
    try:
        return to_review(form, partial(proposals.copied_pins, request.connection, source.remote_id, ids))
    except NothingLeft as nothing:
        form.add_error("person", str(nothing))
    except Gone:
        form.add_error("person", "Is no longer in the organization.")
    return None


def _member(request: ManagerRequest, member_id: str) -> MirroredMember:
    row = roster.member(request.organization, member_id)
    if row is None or not capabilities(request.organization).pinned_views:
        raise Http404
    return row


def _whose(request: ManagerRequest, row: MirroredMember) -> dict[str, Any]:
    chosen = selection.selected(request.session_key, request.organization).ids
    return {
        "member": row,
        "called": row.first_name or row.name or row.email or "They",
        "others_selected": len(chosen - {row.pk}),
    }


def _read_groups_behind(request: ManagerRequest, found: Sequence[Pin]) -> None:
    """Who is in the groups a view is shared with may not be known yet: then it is read, for the next look."""
    fresh = groups.freshness(request.organization)
    unclear = any(pin.sight is Sight.UNCLEAR for pin in found)
    if (
        unclear
        and not (fresh.refreshing or fresh.failed_lately)
        and groups.claim_refresh(request.organization)
    ):
        groups.refresh_groups.enqueue(request.connection.pk)


def _too_many(number: int) -> str:
    return (
        f"{number:,} people are selected, and pinned views are copied to {MOST_COPIES} at a time. "
        "Untick some of them first."
    )
