"""What every page shows around its content."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from memberships.models import Connection
from memberships.services import connections, sessions
from memberships.views import access


def context(request: Any) -> dict[str, Any]:
    """For base.html: who is signed in, to what, what can be done there, and whether this is only a rehearsal."""
    if not hasattr(request, "session"):
        return rehearsal(None)
    current = access.current(request)
    return rehearsal(current) | {
        "signed_in": access.signed_in(request),
        "current": current,
        "capabilities": connections.capabilities(current.organization) if current else None,
        "access": getattr(request, "access", None),
        "ending": sessions.ending(current) if current else None,
    }


def rehearsal(current: Connection | None) -> dict[str, str]:
    """The practice server these people are from, where it is one, and what it plays."""
    provider, address = connections.server(current.organization if current else None)
    parts = urlsplit(address)
    practice = parts.netloc if parts.hostname in settings.LOOPBACK else ""
    return {"rehearsal": practice, "rehearsed": provider.label}
