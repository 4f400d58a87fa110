"""The rehearsal Commerce Layer as one function from request to response: how often, who asks, what for.

The API's routes are in routes.py, those of the token endpoint here.
Sources: https://docs.commercelayer.io/provisioning/getting-started (authorization, api-specification),
https://docs.commercelayer.io/core/handling-errors
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.commercelayer.caller import Caller
from sandbox.commercelayer.errors import (
    CommerceError,
    Denied,
    Invalid,
    Locked,
    NotFound,
    NotRehearsed,
    NotUnique,
    TooSoon,
    Unreadable,
)
from sandbox.commercelayer.limits import CommerceLimits, Reading
from sandbox.commercelayer.routes import API, Call
from sandbox.commercelayer.signing import jwks
from sandbox.commercelayer.switches import CommerceSwitches
from sandbox.commercelayer.tokens import TokenRefused
from sandbox.commercelayer.world import CommerceWorld
from sandbox.messages import FORM, JSON, JSON_API, Request, Response
from sandbox.routing import Route, matching

PREFIX = "/api"
STATUSES: dict[type[CommerceError], int] = {
    NotFound: 404,
    Denied: 401,
    Unreadable: 400,
    Invalid: 422,
    NotUnique: 409,
    Locked: 423,
    TooSoon: 429,
    NotRehearsed: 501,
}
# Grants that exist at the same address, for tokens of the Core API.
CORE_GRANTS = {
    "password",
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
}
TEXTS = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class CommerceLayer:
    """Answers requests from a world. Each call is one step under the world's lock."""

    def __init__(self, world: CommerceWorld, limits: CommerceLimits) -> None:
        self.world = world
        self.limits = limits

    def __call__(self, request: Request) -> Response:
        with self.world.lock:
            if request.path.startswith(f"{PREFIX}/"):
                return self._api(request)
            return self._auth(request)

    def _api(self, request: Request) -> Response:
        """Which call, then how often, then who asks: the limits are those of an address, not of a token."""
        path = request.path.removeprefix(PREFIX)
        known = matching(API, path)
        if not known:
            return error(404, "NOT_FOUND", "Not found", "There is nothing at this path.")
        found = next(((route, ids) for route, ids in known if route.method == request.method), None)
        if found is None:
            return error(405, "METHOD_NOT_ALLOWED", "Method not allowed", "Not with this method.")
        reading = self.limits.count(request.address, request.method, path.split("/")[1])
        if reading.exceeded:
            response = throttled(self.world.switches)
        else:
            response = self._answered(request, path, *found)
        response.headers |= reading.headers()
        return response

    def _answered(self, request: Request, path: str, route: Route, ids: dict[str, str]) -> Response:
        caller = self._caller(request)
        if isinstance(caller, Response):
            return caller
        if unfit := self._headers(request):
            return unfit
        base = f"http://{request.headers.get('host', '127.0.0.1')}{PREFIX}"
        try:
            return route.handler(Call(self.world, caller, base, path, request.query, request.body), **ids)
        except CommerceError as refused:
            return refusal(refused)

    def _caller(self, request: Request) -> Caller | Response:
        """Who asks, or why the token will not do."""
        token = self.world.tokens.find(request.bearer or "")
        if token is None:
            text = "The access token you provided is missing, invalid, expired or revoked."
            return error(401, self.world.switches.invalid_token_code, "Invalid token", text)
        caller = self.world.caller(token) if token.provisions else None
        return caller or refusal(Denied())

    def _headers(self, request: Request) -> Response | None:
        """Whether the request speaks JSON:API."""
        accepted = {
            part.partition(";")[0].strip() for part in request.headers.get("accept", "").lower().split(",")
        }
        fine = {JSON_API}
        if not self.world.switches.accept_must_be_named:
            fine |= {"", "*/*", "application/*"}
        if not accepted & fine:
            return error(406, "NOT_ACCEPTABLE", "Not acceptable", f"Accept has to name {JSON_API}.")
        if request.method in {"POST", "PATCH"} and request.body and request.content_type != JSON_API:
            text = f"Send {JSON_API}, not {request.content_type or 'nothing in particular'}."
            return error(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type", text)
        return None

    def _auth(self, request: Request) -> Response:
        handlers = {
            "/oauth/token": ("POST", self._token),
            "/oauth/revoke": ("POST", self._revoke),
            "/.well-known/jwks.json": ("GET", lambda request: Response.json(jwks())),
        }
        if request.path not in handlers:
            return error(404, "NOT_FOUND", "Not found", "There is nothing at this path.")
        method, handler = handlers[request.path]
        if request.method != method:
            return error(405, "METHOD_NOT_ALLOWED", "Method not allowed", "Not with this method.")
        try:
            return handler(request)
        except TokenRefused as refused:
            return self._refused(refused)

    def _token(self, request: Request) -> Response:
        reading = self.limits.count_token(request.address)
        if reading.exceeded:
            response = throttled(self.world.switches)
            response.headers |= reading.headers()
            return response
        values = _credentials(request)
        grant = values.get("grant_type")
        if grant in CORE_GRANTS:
            return refusal(NotRehearsed("The rehearsal Commerce Layer grants client credentials only."))
        if grant != "client_credentials":
            text = "The authorization grant type is not supported by the authorization server."
            raise TokenRefused("unsupported_grant_type" if grant else "invalid_request", text)
        application = self.world.tokens.authenticate(
            _text(values, "client_id"), _text(values, "client_secret")
        )
        tokens = self.world.tokens.issue(application)
        return Response.json(tokens, cache_control="no-store", pragma="no-cache")

    def _revoke(self, request: Request) -> Response:
        values = _credentials(request)
        application = self.world.tokens.authenticate(
            _text(values, "client_id"), _text(values, "client_secret")
        )
        self.world.tokens.revoke(application, _text(values, "token"))
        return Response.json({})

    def _refused(self, refused: TokenRefused) -> Response:
        problem = {
            "title": refused.title,
            "detail": refused.detail,
            "code": refused.code,
            "status": refused.status,
        }
        errors: Any = problem if self.world.switches.token_errors_are_an_object else [problem]
        return Response.json({"errors": errors}, refused.status)


def refusal(refused: CommerceError) -> Response:
    """A JSON:API error for each problem; `status` is text."""
    status = STATUSES[type(refused)]
    errors = []
    for problem in refused.problems:
        body: dict[str, Any] = {
            "title": problem.title,
            "detail": problem.detail,
            "code": problem.code,
            "status": str(status),
        }
        if problem.pointer:
            body["source"] = {"pointer": problem.pointer}
        if problem.meta:
            body["meta"] = dict(problem.meta)
        errors.append(body)
    return Response.json_api({"errors": errors}, status)


def error(status: int, code: str, title: str, detail: str) -> Response:
    body = {"title": title, "detail": detail, "code": code, "status": str(status)}
    return Response.json_api({"errors": [body]}, status)


def throttled(switches: CommerceSwitches | None = None) -> Response:
    """As recorded: plain JSON, `errors` one object, a number for a status."""
    body = {"title": "Too Many Requests", "code": "THROTTLED", "status": 429}
    as_object = switches is None or switches.throttled_errors_are_an_object
    return Response.json({"errors": body if as_object else [body]}, 429)


def failure(status: int) -> Response:
    """What a fault answers where nothing else is asked for."""
    if status == 429:
        response = throttled()
        response.headers = Reading(200, 60, 0, exceeded=True).headers()
        return response
    text = TEXTS.get(status, "Something went wrong.")
    return error(status, text.upper().replace(" ", "_").rstrip("."), text, text)


def _credentials(request: Request) -> dict[str, Any]:
    """From a form or from JSON under either name. Raises TokenRefused."""
    if request.content_type == FORM:
        return request.form
    try:
        values = json.loads(request.body) if request.content_type in {JSON, JSON_API} else None
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise TokenRefused("invalid_request", "The request is neither a form nor a JSON object.")
    return values


def _text(values: dict[str, Any], name: str) -> str:
    """Raises TokenRefused."""
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise TokenRefused("invalid_request", f"The required parameter, {name}, is missing.")
    return value
