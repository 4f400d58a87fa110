"""What every call passes: its method, its token, its limit, its types. An operation says what it takes by its types."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, get_type_hints

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.urls import reverse
from msgspec import Struct

from memberships.models import Connection, Organization, Scope, Token
from memberships.models.scope import within
from memberships.providers.errors import ProviderError
from memberships.services import connections, permission, throttle, tokens
from memberships.services.connections import NotAllowed
from memberships.services.permission import Access
from memberships.services.tokens import NotAccepted

from . import problems
from .problems import Failed
from .shapes import MOST_BYTES, Nothing

CALLS_A_MINUTE = 120


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is, for which organization; `site` is the address of this Roster."""

    token: Token
    connection: Connection
    organization: Organization
    access: Access
    site: str

    def page(self, name: str, *args: object) -> str:
        """The address of one of the pages people use."""
        return self.site + reverse(name, args=args)


@dataclass(frozen=True, slots=True)
class Operation:
    """One address with its one method. `leads_to` names the operation at which what was made can be read again."""

    run: Callable[..., Struct]
    method: str
    path: str
    scope: Scope
    status: int
    leads_to: str
    problems: tuple[int, ...]
    query: type[Struct]
    body: type[Struct] | None
    answer: type[Struct]

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def route(self) -> str:
        """The path as Django writes it."""
        return self.path.removeprefix("/").replace("{", "<uuid:").replace("}", ">")

    @property
    def ids(self) -> list[str]:
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def methods(self) -> tuple[str, ...]:
        return ("GET", "HEAD", "OPTIONS") if self.method == "GET" else (self.method, "OPTIONS")

    def view(self, request: HttpRequest, **ids: object) -> HttpResponse:
        try:
            return self._answer(request, **ids)
        except (Failed, NotAccepted, NotAllowed, ProviderError) as error:
            return problems.of(error).answer()

    def _answer(self, request: HttpRequest, **ids: object) -> HttpResponse:
        check_method(request, self.methods)
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": ", ".join(self.methods)})
        token = tokens.accept(_presented(request))
        _count(token)
        with within(token.connection.organization):
            return self._answer_to(token, request, **ids)

    def _answer_to(self, token: Token, request: HttpRequest, **ids: object) -> HttpResponse:
        caller = _caller(token, request)
        if not token.may(self.scope):
            raise _out_of_scope(self.scope)
        given = {"query": _query(request, self.query), "body": _body(request, self.body)}
        taken = inspect.signature(self.run).parameters
        content = self.run(caller, **ids, **{name: value for name, value in given.items() if name in taken})
        response = HttpResponse(
            msgspec.json.encode(content), status=self.status, content_type="application/json"
        )
        response["Cache-Control"] = "no-store"
        if self.leads_to:
            made: Any = content
            response["Location"] = reverse(f"api:{self.leads_to}", args=[made.id])
        return response


def operation(
    method: str,
    path: str,
    *,
    scope: Scope,
    status: int = 200,
    leads_to: str = "",
    problems: Iterable[int] = (),
) -> Callable[[Callable[..., Struct]], Operation]:
    """Make an operation of a function: what it takes as `query` and `body`, and what it answers, tell its types."""

    def made(run: Callable[..., Struct]) -> Operation:
        hints = get_type_hints(run)
        return Operation(
            run,
            method,
            path,
            scope,
            status,
            leads_to,
            tuple(problems),
            hints.get("query", Nothing),
            hints.get("body"),
            hints["return"],
        )

    return made


def check_method(request: HttpRequest, allowed: tuple[str, ...]) -> None:
    if request.method not in allowed:
        listed = ", ".join(allowed)
        raise Failed(405, "method", f"Here is {listed} and nothing else.", headers={"Allow": listed})


def _presented(request: HttpRequest) -> str:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise problems.no_token()
    return text.strip()


def _caller(token: Token, request: HttpRequest) -> Caller:
    """Whoever the token belongs to, if they may still manage the organization. Raises NotAllowed and ProviderError."""
    connection = token.connection
    access = permission.access(connection)
    if not access.allowed:
        missing = connections.capabilities(connection.organization).manage_permission
        raise NotAllowed(str(connection.organization), missing)
    site = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    return Caller(token, connection, connection.organization, access, site)


def _count(token: Token) -> None:
    """Refuse a token that calls more often than anybody has to."""
    if wait_s := throttle.wait_s("calls", f"token {token.pk}", CALLS_A_MINUTE):
        detail = f"This token has made {CALLS_A_MINUTE} calls within a minute, which is all it may."
        raise Failed(429, "too-many", detail, headers={"Retry-After": str(math.ceil(wait_s))})


def _out_of_scope(scope: Scope) -> Failed:
    challenge = f'Bearer realm="Roster", error="insufficient_scope", scope="{scope}"'
    detail = f"This takes a token that may {scope}; make one under Connections, Tokens."
    return Failed(403, "scope", detail, headers={"WWW-Authenticate": challenge})


def _query(request: HttpRequest, its_type: type[Struct]) -> Struct:
    given = {}
    for name, values in request.GET.lists():
        if len(values) > 1:
            raise Failed(400, "malformed", f"{name} is given more than once.")
        given[name] = values[0]
    try:
        return msgspec.convert(given, its_type, strict=False)
    except msgspec.ValidationError as error:
        raise Failed(400, "malformed", f"The query can't be used: {error}.") from None


def _body(request: HttpRequest, its_type: type[Struct] | None) -> Struct | None:
    if its_type is None:
        return None
    if request.content_type != "application/json":
        raise Failed(
            415,
            "media-type",
            "Send JSON, with the header “Content-Type: application/json”.",
            headers={"Accept-Post": "application/json"},
        )
    try:
        raw = request.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise Failed(413, "too-large", f"A body can have {MOST_BYTES:,} bytes at most.")
        if not raw:
            raise Failed(400, "malformed", "The body is empty, or came without its Content-Length.")
        return msgspec.json.decode(raw, type=its_type)
    except UnreadablePostError:
        raise Failed(400, "malformed", "The body came only in part.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what = "is nested too deeply" if isinstance(error, RecursionError) else f"can't be used: {error}"
        raise Failed(400, "malformed", f"The body {what}.") from None
