"""What can go wrong, as problem+json (RFC 9457). No address under /api/ ever answers with a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from django.http import HttpResponse
from msgspec import UNSET, Meta, Struct, UnsetType

from memberships.providers.errors import Disconnected, ProviderError, RateLimited, Refused
from memberships.services.connections import NotAllowed
from memberships.services.tokens import NotAccepted

MEDIA_TYPE = "application/problem+json"

type Code = Literal[
    "bad-request",
    "cannot-apply",
    "disconnected",
    "error",
    "faults",
    "forbidden",
    "malformed",
    "media-type",
    "method",
    "needs-review",
    "not-found",
    "nothing-to-do",
    "permission",
    "provider-refused",
    "scope",
    "token",
    "too-large",
    "too-many",
    "unavailable",
]


class Fault(Struct):
    """An entry that can't be used, and why. `entry` counts from 1."""

    entry: int
    who: str
    reason: str


class Problem(Struct):
    """`title` says what the status means, `detail` what is wrong here, in a sentence; `code` is for programs."""

    title: str
    status: int
    detail: str
    code: Code
    type: str = "about:blank"
    review: Annotated[str | UnsetType, Meta(description="The page on which a person can go on.")] = UNSET
    faults: list[Fault] | UnsetType = UNSET


class Failed(Exception):
    """Ends a call with a problem."""

    def __init__(
        self,
        status: int,
        code: Code,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        review: str = "",
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(HTTPStatus(status).phrase, status, detail, code)
        self.headers = dict(headers or {})
        if review:
            self.problem.review = review
        if faults:
            self.problem.faults = list(faults)

    def answer(self) -> HttpResponse:
        content = msgspec.json.encode(self.problem)
        headers = {"Cache-Control": "no-store", **self.headers}
        return HttpResponse(content, status=self.problem.status, content_type=MEDIA_TYPE, headers=headers)


NOT_FOUND = (
    "Nothing is here: the address is wrong, or what was here belongs to another organization or is gone."
)


def not_found() -> Failed:
    return Failed(404, "not-found", NOT_FOUND)


def not_https() -> Failed:
    detail = "Ask over https. A token that was sent with this may have been read on its way: revoke it."
    return Failed(403, "forbidden", detail)


def no_token() -> Failed:
    detail = (
        "Send a personal token of this Roster as “Authorization: Bearer …”. Cookies count for nothing here."
    )
    return Failed(401, "token", detail, headers={"WWW-Authenticate": 'Bearer realm="Roster"'})


def of(error: Exception) -> Failed:
    """What services raise, as a problem."""
    match error:
        case Failed():
            return error
        case NotAccepted():
            return _refused_token("token", str(error))
        case Disconnected():
            return _refused_token("disconnected", f"{error} The token rests until then.")
        case NotAllowed(organization=organization, permission=permission):
            detail = f"Whose token this is no longer has the {permission} permission in {organization}."
            return Failed(403, "permission", detail)
        case RateLimited(retry_after_s=wait_s):
            return unavailable(str(error), wait_s)
        case Refused():
            return Failed(502, "provider-refused", f"{error} Nothing was changed.")
        case ProviderError():
            return unavailable(f"{error} Nothing was changed.")
    raise error


def unavailable(detail: str, wait_s: float = 30) -> Failed:
    seconds = str(max(1, math.ceil(wait_s)))
    return Failed(503, "unavailable", detail, headers={"Retry-After": seconds})


def _refused_token(code: Code, detail: str) -> Failed:
    challenge = 'Bearer realm="Roster", error="invalid_token"'
    return Failed(401, code, detail, headers={"WWW-Authenticate": challenge})


AROUND: Mapping[int, tuple[Code, str]] = {
    400: ("bad-request", "Something in this request is malformed. Nothing was changed."),
    403: ("forbidden", "That is not allowed. Nothing was changed."),
    404: ("not-found", NOT_FOUND),
    500: ("error", "Something went wrong on our side. It has been noted."),
}
"""What ends a request before or after the API itself, by status."""


def are_ours(path: str) -> bool:
    """Is this an address at which nothing but JSON may be answered?"""
    return path == "/api" or path.startswith("/api/")


def around(status: int) -> HttpResponse:
    code, detail = AROUND[status]
    return Failed(status, code, detail).answer()
