"""Where one is signed in: every browser, each to be signed out from here."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from memberships.services import connections, wording
from memberships.services import sessions as service

from . import access


@require_GET
def sessions(request: Any) -> HttpResponse:
    """Everyone signed in sees this page, whatever they may do."""
    mine = access.signed_in(request)
    if not mine:
        return access.to_sign_in(request)
    context = {
        "sessions": service.sessions(mine, request.session.session_key),
        "label": connections.server(None)[0].label,
        "idle": wording.duration(settings.SESSION_IDLE_S),
        "absolute": wording.duration(settings.SESSION_ABSOLUTE_S),
    }
    return render(request, "memberships/sessions.html", context)


@require_POST
def end(request: Any, pk: int) -> HttpResponse:
    """Sign another browser out."""
    mine = access.signed_in(request)
    if not mine:
        return access.to_sign_in(request)
    its_session = next((s for s in service.sessions(mine, request.session.session_key) if s.pk == pk), None)
    if its_session is None or its_session.is_this:
        raise Http404
    service.sign_out_elsewhere(mine, pk)
    messages.success(request, f"Signed out there: {its_session.browser or 'unknown browser'}.")
    return redirect("sessions")


@require_POST
def end_all(request: Any) -> HttpResponse:
    """Sign every browser out, this one too."""
    mine = access.signed_in(request)
    if not mine:
        return access.to_sign_in(request)
    service.sign_out_everywhere(mine)
    request.session.flush()
    messages.success(request, "You are signed out everywhere.")
    return redirect("login")
