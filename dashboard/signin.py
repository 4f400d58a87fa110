"""Sign in with Close: OAuth authorization code, one consent for one organization."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import DjangoOAuth2App, OAuth
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from memberships.domain.browsers import described
from memberships.models import Connection, scope
from memberships.providers import http
from memberships.providers.errors import ProviderError, Unavailable
from memberships.services import attached, connections, jobs, metrics, oauth, sessions, throttle
from memberships.services.connections import NotAllowed, SomebodyElse
from memberships.views.access import signed_in

from . import errors

_CALL_S = 15.0
# In the session: who has to come back from a consent page, and where they go on, by its state; so many at once.
_AGAIN = "again"
_AT_ONCE = 5


class _App(DjangoOAuth2App):
    client_cls = oauth.TokenSession


def _close() -> Any:
    registry = OAuth()
    registry.oauth2_client_cls = _App
    return registry.register(
        "close",
        client_id=settings.CLOSE_CLIENT_ID,
        client_secret=settings.CLOSE_CLIENT_SECRET,
        authorize_url=settings.CLOSE_APP_URL + oauth.AUTHORIZE_PATH,
        access_token_url=settings.CLOSE_API_URL + oauth.TOKEN_PATH,
        client_kwargs={"code_challenge_method": "S256"} if settings.CLOSE_PKCE else {},
    )


@require_GET
def login(request: Any) -> HttpResponse:
    already = signed_in(request)
    # Somebody was signed in here, and no longer is.
    ended = not already and "connection" in request.session
    return render(request, "login.html", {"already": already, "ended": ended})


def throttled(view: Callable[[Any], HttpResponse]) -> Callable[[Any], HttpResponse]:
    """Only so often a minute from one address; after that, a page that says when to come back."""

    @wraps(view)
    def counted(request: Any) -> HttpResponse:
        whose = throttle.network(request.META["REMOTE_ADDR"])
        wait_s = throttle.wait_s(view.__name__, whose, settings.SIGN_INS_PER_MINUTE)
        return errors.too_many(request, wait_s) if wait_s else view(request)

    return counted


@require_GET
@throttled
def start(request: Any) -> HttpResponse:
    """Off to Close's consent page. A link, not a form: form-action would block the way there.

    With `again`, the number of a connection of this session, it has to be the same person who comes back.
    """
    app, wanted = _close(), request.GET.get("next", "")
    address = _callback_address(request)
    away = app.create_authorization_url(address)
    app.save_authorize_data(request, redirect_uri=address, **away)
    if expected := _own(request, request.GET.get("again", "")):
        # By its state: other tabs may be on their way to sign in elsewhere.
        kept = list(request.session.get(_AGAIN, {}).items())[1 - _AT_ONCE :]
        request.session[_AGAIN] = dict([*kept, (away["state"], [expected.pk, wanted])])
    elif wanted:
        request.session["next"] = wanted  # checked when it is used
    return HttpResponseRedirect(away["url"])


@require_GET
@throttled
def callback(request: Any) -> HttpResponse:
    """Back from Close: exchange the code, check the person's permission, and begin a new session."""
    pk, back = request.session.get(_AGAIN, {}).get(request.GET.get("state"), ("", ""))
    expected = _own(request, str(pk))
    back = back if _is_ours(request, back) else ""
    try:
        with http.deadline(_CALL_S):
            token = _close().authorize_access_token(request)
    except OAuthError as error:
        metrics.sign_ins.labels("refused").inc()
        return errors.page(request, error, back)
    except (requests.RequestException, OSError, ValueError):
        metrics.sign_ins.labels("failed").inc()
        problem = Unavailable("Close's sign-in service did not give a usable answer.")
        return errors.page(request, problem, back)
    try:
        connection = connections.sign_in(token, expected)
    except SomebodyElse as somebody_else:
        return errors.page(request, somebody_else, back)
    # A new session id at every sign-in; what this browser was signed in to before comes along.
    sessions.renew(request.session)
    sessions.remember(request.session, connection, described(request.headers.get("User-Agent", "")))
    with scope.within(connection.organization):
        jobs.resume(connection)
    if expected:
        # What is looked at may be attached to what one signs in to: it stays.
        return redirect(back or "members")
    request.session["connection"] = connection.pk
    _install(request, connection)
    wanted = request.session.pop("next", "") or back
    return redirect(wanted if _is_ours(request, wanted) else "members")


def _own(request: Any, pk: str) -> Connection | None:
    """The sign-in of that number, if it is one of this session."""
    return next((c for c in signed_in(request) if c.person is None and str(c.pk) == pk), None)


def _is_ours(request: Any, address: str) -> bool:
    return url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )


def _install(request: Any, person: Connection) -> None:
    """What this installation has credentials for stands beside; the sign-in is good without it."""
    label = attached.capabilities().label
    try:
        found = attached.install(person)
    except (ProviderError, NotAllowed) as problem:
        messages.warning(
            request, f"{label} is not connected. {problem} You can connect it under Connections."
        )
    else:
        if found:
            text = f"{found.organization} at {label} is connected too: switch to it at the top of each page."
            messages.success(request, text)


@require_POST
def logout(request: Any) -> HttpResponse:
    if request.session.session_key:
        sessions.sign_out(request.session.session_key)
    request.session.flush()
    return redirect("login")


def _callback_address(request: Any) -> str:
    path = reverse("callback")
    return settings.PUBLIC_URL + path if settings.PUBLIC_URL else request.build_absolute_uri(path)
