"""Who is asking, for which organization, and may they?"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django_htmx.http import HttpResponseClientRedirect

from memberships.models import Connection, Organization
from memberships.services import connections, context
from memberships.services.connections import Access, NotAllowed


class ManagerRequest(HttpRequest):
    """A request that passed `manager_required`."""

    session_key: str
    connection: Connection
    organization: Organization
    access: Access
    htmx: Any


def manager_required(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let only people in who may manage the current organization, as the provider says."""

    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        connection = current(request)
        if connection is None:
            return to_sign_in(request)
        access = connections.access(connection)
        if not access.allowed:
            permission = connections.capabilities(connection.organization).manage_permission
            managers = connections.managers(connection.organization)
            raise NotAllowed(str(connection.organization), permission, managers)
        request.session_key = request.session.session_key
        request.connection, request.organization, request.access = connection, connection.organization, access
        context.add(organization_id=connection.organization.remote_id)
        return view(request, *args, **kwargs)

    return guarded


class OwnRequest(HttpRequest):
    """A request that passed `own_manager_required`. `person` is the sign-in of whoever asks."""

    person: Connection


def own_manager_required(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let people in who may manage the organization they signed in to, whatever is attached to it."""

    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        connection = current(request)
        if connection is None:
            return to_sign_in(request)
        request.person = connection.actor
        if not connections.access(request.person).allowed:
            permission = connections.capabilities(request.person.organization).manage_permission
            raise NotAllowed(str(request.person.organization), permission)
        return view(request, *args, **kwargs)

    return guarded


def signed_in(request: Any) -> list[Connection]:
    """The connections of this browser session; read once a request."""
    if not hasattr(request, "_signed_in"):
        request._signed_in = connections.of_session(request.session.session_key)
    found: list[Connection] = request._signed_in
    return found


def current(request: Any) -> Connection | None:
    """The connection whose organization this session looks at."""
    mine = signed_in(request)
    chosen = request.session.get("connection")
    return next((c for c in mine if c.pk == chosen), mine[0] if mine else None)


def to_sign_in(request: Any) -> HttpResponse:
    """Send someone to the sign-in page, and remember where they wanted to go."""
    if request.method == "GET" and not request.htmx:
        request.session["next"] = request.get_full_path()
    if request.htmx:
        return HttpResponseClientRedirect("/login/")
    return redirect("login")
