"""What is noted of every request: a line in the log, a count, and an id that ties the two to what it caused."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from memberships.services import context, metrics

from .middleware import Handler

log = logging.getLogger("roster.access")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,80}")
# What a route is about, for every line of the log.
_IDS = ("plan_id", "job_id")


class Observed:
    """Stands behind TrustedProxies, which lets an X-Request-ID through from a trusted proxy only."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        began = time.perf_counter()
        with context.about(request_id=request_id):
            response = self.get_response(request)
            seconds = time.perf_counter() - began
            view, method = _view(request), request.method if request.method in _METHODS else "other"
            metrics.requests.labels(view, method, response.status_code).inc()
            metrics.request_s.labels(view).observe(seconds)
            fields = {
                "method": method,
                "view": view,
                "status": response.status_code,
                "ms": round(seconds * 1000, 1),
            }
            log.info("request", extra={"fields": fields})
        response.headers["X-Request-ID"] = request_id
        return response

    def process_view(self, request: Any, view: object, args: object, kwargs: dict[str, object]) -> None:
        context.add(**{name: kwargs[name] for name in _IDS if name in kwargs})


def _view(request: HttpRequest) -> str:
    """The route's name: paths hold ids, and addresses codes."""
    if request.resolver_match:
        return request.resolver_match.view_name or "unnamed"
    return "static" if request.path.startswith(settings.STATIC_URL) else "none"
