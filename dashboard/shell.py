"""What every page shows around its content."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from memberships.services import connections
from memberships.views import access


def context(request: Any) -> dict[str, Any]:
    """For base.html: who is signed in, to what, what can be done there, and whether this is only a rehearsal."""
    if not hasattr(request, "session"):
        return {"rehearsal": rehearsal()}
    current = access.current(request)
    return {
        "signed_in": access.signed_in(request),
        "current": current,
        "capabilities": connections.capabilities(current.organization) if current else None,
        "access": getattr(request, "access", None),
        "rehearsal": rehearsal(),
    }


def rehearsal() -> str:
    """The practice server this dashboard is connected to, if Close is one."""
    host = urlsplit(settings.CLOSE_API_URL).hostname
    return urlsplit(settings.CLOSE_API_URL).netloc if host in settings.LOOPBACK else ""
