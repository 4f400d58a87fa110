"""The credentials of a connection, shared by every process through its row: exactly one renews them at a time."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from memberships.models import Connection
from memberships.providers.errors import Disconnected, Unavailable

CALL_S = 15.0
"""How long a token endpoint may take."""

# Outlives the call, so that nobody else starts while an answer may still come.
_LEASE = timedelta(seconds=CALL_S + 10)
_POLL_S = 0.05


class StoredCredentials(ABC):
    """An access token that is renewed in time, by whoever needs it first."""

    ended: Disconnected
    """For somebody whose credentials are no longer accepted."""
    service: str
    """Who renews them, as the subject of a sentence."""
    early = timedelta(seconds=60)
    """How long before its end a token is renewed."""

    def __init__(self, connection_pk: int) -> None:
        self.connection_pk = connection_pk

    @abstractmethod
    def renew_now(self, connection: Connection, *, although_valid: bool) -> Connection:
        """The row with a token that works. Raises Disconnected or Unavailable."""

    def header(self) -> str:
        connection = self._read()
        if not connection.access_token or (
            connection.expires_at and connection.expires_at - timezone.now() < self.early
        ):
            connection = self._renewed(connection)
        return f"Bearer {connection.access_token}"

    def renew(self, refused: str) -> str:
        connection = self._read()
        if f"Bearer {connection.access_token}" == refused:
            connection = self._renewed(connection, although_valid=True)
        return f"Bearer {connection.access_token}"

    def _read(self) -> Connection:
        connection = Connection.objects.get(pk=self.connection_pk)
        if not connection.usable:
            raise type(self.ended)(str(self.ended))
        return connection

    def _renewed(self, stale: Connection, *, although_valid: bool = False) -> Connection:
        """The row with a newer access token than `stale` has: renewed here, or by whoever is at it already."""
        give_up = time.monotonic() + _LEASE.total_seconds() + 1
        while time.monotonic() < give_up:
            now = timezone.now()
            free = Q(renewing_until=None) | Q(renewing_until__lt=now)
            until = now + _LEASE
            if Connection.objects.filter(free, pk=self.connection_pk).update(renewing_until=until):
                try:
                    connection = self._read()
                    if connection.access_token != stale.access_token:
                        return connection
                    return self.renew_now(connection, although_valid=although_valid)
                finally:
                    mine = Connection.objects.filter(pk=self.connection_pk, renewing_until=until)
                    mine.update(renewing_until=None)
            time.sleep(_POLL_S)
            connection = self._read()
            if connection.access_token != stale.access_token:
                return connection
        raise Unavailable(f"{self.service} did not answer in time.")


def replaced(used: Connection, **fields: Any) -> Connection:
    """Write what became of a renewal, unless the person has connected anew meanwhile; the row as it is then."""
    with transaction.atomic():
        connection = Connection.objects.select_for_update(no_key=True).get(pk=used.pk)
        same = (connection.refresh_token, connection.client_secret) == (
            used.refresh_token,
            used.client_secret,
        )
        if same:
            for name, value in fields.items():
                setattr(connection, name, value)
            connection.save(update_fields=fields)
    return connection
