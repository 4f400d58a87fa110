"""Sign in with Close: OAuth authorization code, one consent for one organization."""

from __future__ import annotations

from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import DjangoOAuth2App, OAuth
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from memberships.models import Connection
from memberships.providers import http
from memberships.providers.errors import ProviderError, Unavailable
from memberships.services import attached, connections, jobs, metrics, oauth
from memberships.services.connections import NotAllowed
from memberships.views.access import signed_in

from . import errors

_CALL_S = 15.0


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
    return render(request, "login.html", {"already": signed_in(request)})


@require_GET
def start(request: Any) -> HttpResponse:
    """Off to Close's consent page. A link, not a form: form-action would block the way there."""
    if "next" in request.GET:
        request.session["next"] = request.GET["next"]  # checked when it is used
    answer: HttpResponse = _close().authorize_redirect(request, _callback_address(request))
    return answer


@require_GET
def callback(request: Any) -> HttpResponse:
    """Back from Close: exchange the code, check the person's permission, and begin a new session."""
    try:
        with http.deadline(_CALL_S):
            token = _close().authorize_access_token(request)
    except OAuthError as error:
        metrics.sign_ins.labels("refused").inc()
        return errors.page(request, error)
    except (requests.RequestException, OSError, ValueError):
        metrics.sign_ins.labels("failed").inc()
        return errors.page(request, Unavailable("Close's sign-in service did not give a usable answer."))
    connection = connections.sign_in(token)
    _begin(request, connection.pk)
    connections.remember(request.session.session_key, connection)
    jobs.resume(connection)
    _install(request, connection)
    wanted = request.session.pop("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(wanted if safe else "members")


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
        connections.sign_out(request.session.session_key)
    request.session.flush()
    return redirect("login")


def _begin(request: Any, connection_pk: int) -> None:
    """A new session id at every sign-in; what this browser was signed in to before comes along."""
    before = request.session.session_key
    request.session.cycle_key()
    request.session["connection"] = connection_pk
    request.session.save()
    if before:
        connections.move(before, request.session.session_key)


def _callback_address(request: Any) -> str:
    path = reverse("callback")
    return settings.PUBLIC_URL + path if settings.PUBLIC_URL else request.build_absolute_uri(path)
