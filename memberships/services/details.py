"""What is read about one person, or rarely changes, when somebody asks for it; kept five minutes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.cache import cache

from memberships.domain.views import View
from memberships.models import Connection

from .connections import provider_for

_KEPT_S = 300


def numbers(connection: Connection, user_id: str) -> list[tuple[str, str]]:
    """The phone numbers a person takes part in. Raises ProviderError."""
    return _kept(_numbers_key(connection, user_id), lambda: provider_for(connection).numbers(user_id))


def known_numbers(connection: Connection, user_id: str) -> list[tuple[str, str]] | None:
    found: list[tuple[str, str]] | None = cache.get(_numbers_key(connection, user_id))
    return found


def pins(connection: Connection, member_id: str) -> tuple[str, ...]:
    """The ids of a member's pinned views, in their order. Raises ProviderError."""
    key = _pins_key(connection, member_id)
    return _kept(key, lambda: provider_for(connection).pinned_views([member_id])[member_id])


def known_pins(connection: Connection, member_id: str) -> tuple[str, ...] | None:
    found: tuple[str, ...] | None = cache.get(_pins_key(connection, member_id))
    return found


def forget_pins(organization_id: int, member_id: str) -> None:
    """They are about to be changed."""
    cache.delete(f"pins:{organization_id}:{member_id}")


def views(connection: Connection) -> list[View]:
    """Every view this person sees, in the order of the sidebar. Raises ProviderError."""
    return _kept(f"views:{connection.pk}", lambda: provider_for(connection).views())


def role_choices(connection: Connection) -> list[tuple[str, str]]:
    """Ids and names of what fields of roles may hold. Raises ProviderError."""

    def read() -> list[tuple[str, str]]:
        found = provider_for(connection).role_choices()
        return [pair for pairs in found.values() for pair in pairs]

    return _kept(f"role-choices:{connection.organization_id}", read)


def profiles(connection: Connection) -> list[tuple[str, str]]:
    """Ids and names of the membership profiles. Raises ProviderError."""
    return _kept(f"profiles:{connection.organization_id}", lambda: provider_for(connection).profiles())


def _numbers_key(connection: Connection, user_id: str) -> str:
    return f"numbers:{connection.organization_id}:{user_id}"


def _pins_key(connection: Connection, member_id: str) -> str:
    return f"pins:{connection.organization_id}:{member_id}"


def _kept[T](key: str, read: Callable[[], T]) -> T:
    known: Any = cache.get(key)
    if known is None:
        known = read()
        cache.set(key, known, _KEPT_S)
    return known  # type: ignore[no-any-return]
