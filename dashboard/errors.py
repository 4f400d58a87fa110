"""A clear page for everything that can go wrong, each with a way on."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field, replace
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.base_client.errors import MismatchingStateError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from memberships.api import problems
from memberships.providers.errors import Detached, Disconnected, RateLimited, Refused, Unavailable
from memberships.services.connections import NotAllowed, NotServed, SomebodyElse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What a person reads: a heading, what it means, and the way on."""

    status: int
    heading: str
    text: str
    link: str = "Try again"
    address: str = ""
    names: tuple[str, ...] = field(default=())


_SIGN_IN = "/login/start/"


def _describe(error: Exception) -> Problem:
    match error:
        case NotAllowed(organization=organization, permission=permission, managers=managers):
            return Problem(
                403,
                f"You need the {permission} permission",
                f"Roster changes other people's memberships, so only people who have the {permission} permission in "
                f"{organization} can use it. Someone who has it can give it to you, there or here.",
                "Sign in as someone else, or to another organization",
                "/login/",
                managers,
            )
        case NotServed():
            return Problem(
                403,
                "This Roster is for other organizations",
                "The organization you chose is not one of those this installation was set up for. Choose another one "
                "when Close asks, or ask whoever runs this Roster to add it.",
                "Sign in to another organization",
                "/login/",
            )
        case SomebodyElse(expected=expected):
            return Problem(
                403,
                "That was somebody else",
                f"To go on, {expected.name or expected.email} has to sign in again, to {expected.organization}. "
                "Another person or another organization came back from Close. You are signed in as before, and nothing "
                "was changed.",
            )
        case Detached():
            return Problem(
                401,
                "Connect it again",
                f"{error} Jobs that were running are paused, and go on then.",
                "Connect",
                reverse("attach"),
            )
        case Disconnected():
            return Problem(
                401,
                "Sign in again",
                "Close no longer accepts your sign-in: it was revoked, or has ended. Jobs of yours that were running "
                "are paused, and go on after you sign in.",
                "Sign in with Close",
                _SIGN_IN,
            )
        case MismatchingStateError():
            return Problem(
                400,
                "That sign-in can't be used",
                "It was started in another browser or window, is too old, or was used before. Nothing was signed in.",
                "Start again",
                _SIGN_IN,
            )
        case OAuthError(error="access_denied"):
            return Problem(
                403,
                "You chose not to sign in",
                "Close was not connected, and nothing was read or changed. You can sign in whenever you like.",
                "Sign in with Close",
                _SIGN_IN,
            )
        case OAuthError(error="invalid_grant"):
            return Problem(
                400,
                "That sign-in took too long",
                "Close's confirmation has expired or was used before. Start again; it only takes a moment.",
                "Start again",
                _SIGN_IN,
            )
        case OAuthError(error="invalid_client" | "unauthorized_client"):
            return Problem(
                502,
                "Close doesn't know this Roster",
                "Close refuses the client id or secret this installation uses. Whoever runs it has to correct "
                "CLOSE_CLIENT_ID and CLOSE_CLIENT_SECRET.",
                "Try again",
                _SIGN_IN,
            )
        case RateLimited(retry_after_s=wait_s):
            return Problem(
                503,
                "We are asked to slow down",
                f"{error} Try again in {max(1, round(wait_s))} s. Nothing was changed.",
            )
        case Refused() | Unavailable():
            return Problem(502, "There was no answer just now", f"{error} Nothing was changed.")
        case _:
            return Problem(
                502,
                "Close's answer to the sign-in can't be used",
                "Nothing was signed in.",
                "Start again",
                _SIGN_IN,
            )


def page(request: Any, error: Exception, back: str = "") -> HttpResponse:
    """`back` is where somebody came from who was to sign in again for that."""
    problem = _describe(error)
    if problem.status < 500:
        # With the address escaped: what it holds must not look like lines of the log.
        log.warning("refused: %s %r, %s", request.method, request.path, _kind(error))
    if back:
        problem = replace(problem, link="Back to where you were", address=back)
    if getattr(request, "htmx", False):
        # A fragment's place is no place for this: the whole page shows it.
        return HttpResponseClientRedirect(request.htmx.current_url or "/")
    if isinstance(error, Disconnected) and request.method == "GET":
        request.session["next"] = request.get_full_path()
    return render(
        request,
        "problem.html",
        {"problem": problem, "address": problem.address or _again(request)},
        status=problem.status,
    )


def _kind(error: Exception) -> str:
    name = type(error).__name__
    known = isinstance(error, OAuthError) and str(error.error).isidentifier()
    return f"{name} ({error.error})" if known else name  # type: ignore[attr-defined]


def _again(request: Any) -> str:
    """Where the same can be tried again with a link: a form has to be opened first."""
    if request.path == reverse("callback"):
        return _SIGN_IN  # the code in this address was good once, and must not stand in a page
    path: str = request.get_full_path() if request.method == "GET" else reverse("home")
    return path


def too_many(request: HttpRequest, wait_s: float) -> HttpResponse:
    """Sign-ins from this address come too fast."""
    log.warning("refused: %s %r, too many from %r", request.method, request.path, request.META["REMOTE_ADDR"])
    seconds = max(1, math.ceil(wait_s))
    problem = Problem(
        429,
        "Too many sign-ins from your network",
        f"Try again in {seconds} second{'' if seconds == 1 else 's'}. Whoever is signed in already stays signed in.",
        "Back to the sign-in",
    )
    answer = render(request, "problem.html", {"problem": problem, "address": reverse("login")}, status=429)
    answer["Retry-After"] = str(seconds)
    return answer


def _plain(status: int, heading: str, text: str, link: str = "Go to the members") -> Any:
    problem = Problem(status, heading, text, link)

    def view(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if problems.are_ours(request.path):
            return problems.around(status)
        return render(request, "problem.html", {"problem": problem, "address": "/members/"}, status=status)

    return view


bad_request = _plain(400, "That request makes no sense", "Something in it is malformed. Nothing was changed.")
denied = _plain(403, "That is not allowed", "Nothing was changed.")
no_page = _plain(
    405,
    "This address is no page",
    "It is what a button sends its form to. Nothing was changed by looking at it.",
)
not_found = _plain(
    404,
    "Nothing is here",
    "The address is wrong, or what was here belongs to another organization or is gone.",
)
server_error = _plain(
    500, "Something went wrong on our side", "It has been noted. What a job already did is on its receipt."
)
csrf_failed = _plain(
    403,
    "That form has expired",
    "It was opened before you last signed in, or cookies are blocked. Nothing was sent. Go back, reload the page and "
    "send it again.",
)
