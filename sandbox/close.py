"""The rehearsal Close as one function from request to response: who asks, how often, what for.

The routes are in routes.py and consent.py. Source: https://developer.close.com/api/overview
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from sandbox.consent import OAUTH
from sandbox.errors import (
    BadRequest,
    Forbidden,
    Invalid,
    NotFound,
    NotInPlan,
    NotPermitted,
    WorldError,
    WrongContentType,
)
from sandbox.limits import Limits
from sandbox.messages import JSON, Request, Response
from sandbox.oauth import Holder
from sandbox.records import Caller
from sandbox.routes import API, Call
from sandbox.routing import Route, matching
from sandbox.switches import Switches
from sandbox.world import World

PREFIX = "/api/v1"

UNKNOWN_PATH = (
    "The requested URL was not found on the server. "
    "If you entered the URL manually please check your spelling and try again."
)
WRONG_METHOD = "The method is not allowed for the requested URL."
# Two spaces, as recorded.
WHO_ARE_YOU = (
    "The server could not verify that you are authorized to access the URL requested.  You either "
    "supplied the wrong credentials (e.g. a bad password), or your browser doesn't understand how "
    "to supply the credentials required."
)


class Close:
    """Answers requests from a world. Each call is one step under the world's lock."""

    def __init__(self, world: World, limits: Limits) -> None:
        self.world = world
        self.limits = limits

    def __call__(self, request: Request) -> Response:
        with self.world.lock:
            if request.path.startswith(f"{PREFIX}/"):
                return self._api(request)
            return self._oauth(request)

    def _oauth(self, request: Request) -> Response:
        handlers = OAUTH.get(request.path)
        if handlers is None:
            if f"{request.path}/" in OAUTH:
                return _redirect(request)
            return Response.json({"error": UNKNOWN_PATH}, 404)
        handler = handlers.get(request.method)
        return handler(self.world, request) if handler else Response.json({"error": WRONG_METHOD}, 405)

    def _api(self, request: Request) -> Response:
        """Which call, then who asks, then how often: an unknown path is 404 for strangers too."""
        switches = self.world.switches
        path, method = request.path.removeprefix(PREFIX), _method(request)
        if not path.endswith("/"):
            path += "/"
            if matching(API, path) and switches.missing_slash_redirects:
                return _redirect(request)
        known = matching(API, path)
        if not known:
            return Response.json({"error": UNKNOWN_PATH}, 404)
        found = next(((route, ids) for route, ids in known if route.method == method), None)
        if found is None:
            return Response.json({"error": WRONG_METHOD}, 405)
        holder = _holder(self.world, request)
        caller = self._caller(request, holder) if holder else None
        if holder is None or caller is None:
            return _unauthorized(request, switches)
        segment = path.split("/")[1]
        reading = self.limits.count(holder.key, holder.organization_id, request.method, segment)
        if reading.exceeded:
            response = Response.json(reading.body(switches), 429)
        else:
            response = self._handled(*found, caller, request)
        response.headers |= reading.headers(switches)
        return response

    def _caller(self, request: Request, holder: Holder) -> Caller | None:
        # Not from the seed: the ids of new people must not depend on how many calls were made before.
        request_id = f"req_{secrets.token_hex(11)}"
        meta = {"request_method": request.method, "request_path": request.path}
        return self.world.caller(holder, request_id=request_id, meta=meta)

    def _handled(self, route: Route, ids: dict[str, str], caller: Caller, request: Request) -> Response:
        try:
            params, body = _read(request)
            return route.handler(Call(self.world, caller, params, body), **ids)
        except WorldError as error:
            return refusal(error, self.world.switches)


def refusal(error: WorldError, switches: Switches) -> Response:
    """The three documented body shapes."""
    match error:
        case NotFound():
            return Response.json({"error": error.text}, 404)
        case WrongContentType():
            return Response.json({"error": str(error)}, switches.wrong_content_type_status)
        case NotPermitted():
            return Response.json({"error": "Unauthorized"}, switches.permission_refusal_status)
        case Forbidden():
            return Response.json({"error": str(error)}, 403)
        case NotInPlan():
            return Response.json({"error": str(error)}, 402)
        case Invalid():
            body: dict[str, Any] = {"errors": list(error.errors)}
            if error.fields or not error.errors:
                body["field-errors"] = error.fields
            if error.count is not None:
                body["count"] = error.count
            return Response.json(body, 400)
        case _:
            return Response.json({"error": str(error)}, 400)


def _holder(world: World, request: Request) -> Holder | None:
    """A bearer token, or an API key as the Basic user name with an empty password."""
    if request.bearer is not None:
        return world.grants.holder_of_token(request.bearer)
    name, password = request.basic or ("", "")
    return None if password else world.grants.holder_of_key(name)


def _unauthorized(request: Request, switches: Switches) -> Response:
    if request.bearer is not None and switches.bad_bearer_says_invalid_token:
        challenge = 'Bearer error="invalid_token"'
        return Response.json({"error": "invalid_token"}, 401, www_authenticate=challenge)
    return Response.json({"error": WHO_ARE_YOU}, 401)


def _redirect(request: Request) -> Response:
    """308, which keeps method and body."""
    query = f"?{request.query_string}" if request.query_string else ""
    return Response.empty(308, location=f"{request.path}/{query}")


def _method(request: Request) -> str:
    """A POST may be a GET whose filters were too long for a URL."""
    overridden = request.headers.get("x-http-method-override", "").upper() == "GET"
    return "GET" if request.method == "POST" and overridden else request.method


def _read(request: Request) -> tuple[dict[str, str], dict[str, Any]]:
    """Filters and JSON body. `_params` in the body replace the query altogether, as in Close's framework.

    Raises BadRequest or WrongContentType.
    """
    if "transfer-encoding" in request.headers:
        raise BadRequest("Chunked Transfer-Encoding is not supported.")
    if request.method not in {"POST", "PUT"}:
        return request.query, {}
    if request.content_type != JSON:
        raise WrongContentType("Please send valid JSON with a 'Content-Type: application/json' header.")
    try:
        body = json.loads(request.body)
    except ValueError:
        raise BadRequest("The request contains invalid JSON.") from None
    if not isinstance(body, dict):
        raise BadRequest("JSON data must be a dict.")
    params = body.pop("_params", None)
    if params is None:
        return request.query, body
    if not isinstance(params, dict) or not all(isinstance(value, str | int) for value in params.values()):
        raise BadRequest("_params must be a dict of strings; lists are comma-joined.")
    return {name: str(value) for name, value in params.items()}, body
