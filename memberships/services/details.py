"""What is read about one person, or rarely changes, when somebody asks for it; kept five minutes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from memberships.domain.views import View
from memberships.models import Connection, PlanRow
from memberships.providers.errors import ProviderError

from .connections import provider_for

_KEPT_S = 300
# Rows are looked for by when they were sent, which may be long before they are settled.
_LONGEST_JOB = timedelta(days=1)

log = logging.getLogger(__name__)


def numbers(connection: Connection, user_id: str) -> list[tuple[str, str]]:
    """The phone numbers a person takes part in. Raises ProviderError."""
    return _kept(_numbers_key(connection, user_id), lambda: provider_for(connection).numbers(user_id))


def known_numbers(connection: Connection, user_id: str) -> list[tuple[str, str]] | None:
    found: list[tuple[str, str]] | None = cache.get(_numbers_key(connection, user_id))
    return found


def pins(connection: Connection, member_id: str) -> tuple[str, ...]:
    """The ids of a member's pinned views, in their order. Raises ProviderError.

    What was kept counts until something is sent about the member, as our rows tell.
    """
    key = f"pins:{connection.organization_id}:{member_id}"
    known: tuple[datetime, tuple[str, ...]] | None = cache.get(key)
    if known and not sent_since(connection, member_id, known[0]):
        return known[1]
    began = timezone.now()
    found = provider_for(connection).pinned_views([member_id])[member_id]
    cache.set(key, (began, found), _KEPT_S)
    return found


def sent_since(connection: Connection, member_id: str, since: datetime) -> bool:
    """Was anything sent about this member, or their work, that may have been made after this moment?"""
    unsettled = Q(settled_at=None) | Q(settled_at__gt=since)
    rows = PlanRow.objects.filter(unsettled, member_id=member_id, sent_at__gt=since - _LONGEST_JOB)
    return rows.filter(plan__organization=connection.organization_id).exists()


def views(connection: Connection) -> list[View]:
    """Every view this person sees, in the order of the sidebar. Raises ProviderError."""
    return _kept(f"views:{connection.pk}", lambda: provider_for(connection).views())


def role_choices(connection: Connection) -> list[tuple[str, str]]:
    """Ids and names of what fields of roles may hold. Raises ProviderError."""

    def read() -> list[tuple[str, str]]:
        found = provider_for(connection).role_choices()
        return [pair for pairs in found.values() for pair in pairs]

    return _kept(_role_choices_key(connection), read)


def role_choices_if_told(connection: Connection) -> list[tuple[str, str]] | None:
    """The same where only names hang on it: None when they can't be read."""
    try:
        return role_choices(connection)
    except ProviderError as error:
        log.info("organization %s: choices of roles could not be read: %s", connection.organization_id, error)
        return None


def known_role_choices(connection: Connection) -> list[tuple[str, str]] | None:
    found: list[tuple[str, str]] | None = cache.get(_role_choices_key(connection))
    return found


def _role_choices_key(connection: Connection) -> str:
    return f"role-choices:{connection.organization_id}"


def profiles(connection: Connection) -> list[tuple[str, str]]:
    """Ids and names of the membership profiles. Raises ProviderError."""
    return _kept(f"profiles:{connection.organization_id}", lambda: provider_for(connection).profiles())


def _numbers_key(connection: Connection, user_id: str) -> str:
    return f"numbers:{connection.organization_id}:{user_id}"


def _kept[T](key: str, read: Callable[[], T]) -> T:
    known: Any = cache.get(key)
    if known is None:
        known = read()
        cache.set(key, known, _KEPT_S)
    return known  # type: ignore[no-any-return]
