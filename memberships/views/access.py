"""Who is asking, for which organization, and may they?"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django_htmx.http import HttpResponseClientRedirect

from memberships.models import Connection, Organization, scope
from memberships.services import connections, context, permission, sessions
from memberships.services.connections import NotAllowed
from memberships.services.permission import Access


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
        context.add(organization_id=connection.organization.remote_id)
        with scope.within(connection.organization):
            access = permission.access(connection)
            if not access.allowed:
                missing = connections.capabilities(connection.organization).manage_permission
                managers = connections.managers(connection.organization)
                raise NotAllowed(str(connection.organization), missing, managers)
            request.session_key = request.session.session_key
            request.connection, request.access = connection, access
            request.organization = connection.organization
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
        with scope.within(request.person.organization):
            if not permission.access(request.person).allowed:
                missing = connections.capabilities(request.person.organization).manage_permission
                raise NotAllowed(str(request.person.organization), missing)
            return view(request, *args, **kwargs)

    return guarded


def signed_in(request: Any) -> list[Connection]:
    """The connections of this browser session; read once a request."""
    if not hasattr(request, "_signed_in"):
        request._signed_in = sessions.of_session(request.session)
        if not _asks_by_itself(request):
            sessions.use(request._signed_in)
    found: list[Connection] = request._signed_in
    return found


POLLED = frozenset({"drift", "freshness", "roles-freshness", "groups-freshness", "job"})
"""Fragments that a page asks for every few moments, whether or not anybody sits in front of it."""


def _asks_by_itself(request: Any) -> bool:
    match = request.resolver_match
    return bool(getattr(request, "htmx", False)) and match is not None and match.url_name in POLLED


def current(request: Any) -> Connection | None:
    """The connection whose organization this session looks at."""
    mine = signed_in(request)
    chosen = request.session.get("connection")
    return next((c for c in mine if c.pk == chosen), mine[0] if mine else None)


def to_sign_in(request: Any) -> HttpResponse:
    """Send someone to the sign-in page, and remember where they wanted to go."""
    if request.method == "GET" and not request.htmx:
        request.session["next"] = request.get_full_path()
    elif page := _page_of(request):
        request.session["next"] = page
    if request.htmx:
        return HttpResponseClientRedirect("/login/")
    return redirect("login")


def _page_of(request: Any) -> str:
    """The page of ours that a form or a fragment was asked from; empty when the browser doesn't say."""
    shown = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    if shown.netloc != request.get_host():
        return ""
    return f"{shown.path}?{shown.query}" if shown.query else shown.path
