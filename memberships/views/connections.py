"""The organizations this session is signed in to: switch between them, give one back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from memberships.models import Connection, scope
from memberships.services import attached, drift, sessions, tokens
from memberships.services import connections as service

from . import access


@require_GET
def connections(request: Any) -> HttpResponse:
    """Everyone signed in sees this page, also when their permission in one organization is gone."""
    mine = access.signed_in(request)
    if not mine:
        return access.to_sign_in(request)
    current = access.current(request)
    rows = [(c, service.capabilities(c.organization), c == current) for c in mine]
    context = {"rows": rows, "attached": attached.capabilities()}
    return render(request, "memberships/connections.html", context)


@require_POST
def switch(request: Any) -> HttpResponse:
    chosen = _mine(request, request.POST.get("organization", ""))
    request.session["connection"] = chosen.pk
    return redirect("members")


@require_POST
def keep(request: Any, pk: int) -> HttpResponse:
    """Whether the consent outlives this person's last sign-out."""
    chosen = _mine(request, str(pk))
    if chosen.added_by_id:
        raise Http404
    service.keep(chosen, "kept" in request.POST)
    where = chosen.organization
    if chosen.kept:
        messages.success(request, f"Roster stays connected to {where} when you sign out.")
    else:
        messages.success(
            request, f"Signing out ends the connection to {where}; tokens and schedules then rest."
        )
    return redirect("connections")


def disconnect(request: Any, pk: int) -> HttpResponse:
    """First says which jobs, schedules and tokens stop; then gives the consent back."""
    chosen = _mine(request, str(pk))
    with scope.within(chosen.organization):
        return _disconnect(request, chosen)


def _disconnect(request: Any, chosen: Connection) -> HttpResponse:
    if request.method != "POST":
        provider = service.capabilities(chosen.organization)
        looked_at = access.current(request)
        context = {
            "connection": chosen,
            "here": looked_at and looked_at.organization,
            "provider": provider,
            "jobs": list(service.open_jobs(chosen).select_related("plan", "organization")),
            "schedules": list(drift.schedules(chosen)),
            "tokens": tokens.stopping(chosen),
        }
        return render(request, "memberships/disconnect.html", context)
    told = service.disconnect(chosen)
    provider = service.capabilities(chosen.organization)
    if chosen.added_by_id:
        messages.success(
            request, f"Disconnected from {chosen.organization}. Its credentials are forgotten here."
        )
    elif told:
        messages.success(
            request,
            f"Disconnected from {chosen.organization}. {provider.label} was told to forget the consent.",
        )
    else:
        messages.warning(
            request,
            f"Disconnected from {chosen.organization} here, but {provider.label} could not be told. "
            f"{provider.consent_note}",
        )
    if sessions.of_session(request.session):
        return redirect("connections")
    # Nobody was signed out by the clock.
    request.session.pop("connection", None)
    return redirect("login")


def _mine(request: Any, pk: str) -> Connection:
    found = next((c for c in access.signed_in(request) if str(c.pk) == pk), None)
    if found is None:
        raise Http404
    return found
