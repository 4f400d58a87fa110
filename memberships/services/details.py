"""What is read about one person when somebody asks for it, and kept five minutes."""

from __future__ import annotations

from django.core.cache import cache

from memberships.models import Connection

from .connections import provider_for

_KEPT_S = 300


def numbers(connection: Connection, user_id: str) -> list[tuple[str, str]]:
    """The phone numbers a person takes part in. Raises ProviderError."""
    known = known_numbers(connection, user_id)
    if known is None:
        known = provider_for(connection).numbers(user_id)
        cache.set(_key(connection, user_id), known, _KEPT_S)
    return known


def known_numbers(connection: Connection, user_id: str) -> list[tuple[str, str]] | None:
    found: list[tuple[str, str]] | None = cache.get(_key(connection, user_id))
    return found


def _key(connection: Connection, user_id: str) -> str:
    return f"numbers:{connection.organization_id}:{user_id}"
