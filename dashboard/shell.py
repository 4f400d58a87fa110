"""What every page shows around its content."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from memberships.views import access


def context(request: Any) -> dict[str, Any]:
    """For base.html: who is signed in, to what, and whether this is only a rehearsal."""
    if not hasattr(request, "session"):
        return {"rehearsal": rehearsal()}
    return {
        "signed_in": access.signed_in(request),
        "current": access.current(request),
        "access": getattr(request, "access", None),
        "rehearsal": rehearsal(),
    }


def rehearsal() -> str:
    """The practice server this dashboard is connected to, if Close is one."""
    host = urlsplit(settings.CLOSE_API_URL).hostname
    return urlsplit(settings.CLOSE_API_URL).netloc if host in settings.LOOPBACK else ""
