"""Tokens for somebody's own client id and secret, which don't end as a consent does: they are asked for anew."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from memberships.models import Connection
from memberships.providers import registry
from memberships.providers.errors import Detached, ProviderError, RateLimited, Refused, seconds

from .configuration import setting
from .credentials import CALL_S, StoredCredentials, replaced
from .observing import token_call
from .windows import Windows

LABEL = registry.capabilities(registry.ATTACHED).label
RECONNECT = f"{LABEL} no longer accepts these credentials. Connect it again with a client id and secret."
# Whoever asks more often than this may be refused for a minute, and with them everybody behind the same address.
_MOST, _WINDOW_S = 30, 60.0
_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Granted:
    access_token: str
    expires_at: datetime

    def header(self) -> str:
        return f"Bearer {self.access_token}"

    def renew(self, refused: str) -> str:
        raise Detached(RECONNECT)


def ask(client_id: str, client_secret: str, *, deadline_s: float | None = None) -> Granted:
    """A token for these. Raises Refused with a sentence when they are wrong, RateLimited or Unavailable."""
    wait_s = Windows(registry.ATTACHED, [(_MOST, _WINDOW_S)]).take("token", _WAIT_S)
    if wait_s > _WAIT_S:
        raise RateLimited(f"{LABEL} allows no more sign-ins for {seconds(wait_s)}.", wait_s)
    time.sleep(wait_s)
    auth_url = setting(registry.ATTACHED, "AUTH_URL")
    with token_call(registry.ATTACHED) as status:
        try:
            token = registry.token(
                registry.ATTACHED, auth_url, client_id, client_secret, deadline_s=deadline_s or CALL_S
            )
        except Refused as refusal:
            status.append(refusal.status)
            raise
        except RateLimited:
            status.append(429)
            raise
        status.append(200)
    return Granted(token.access_token, timezone.now() + timedelta(seconds=token.expires_in_s))


class StoredSecret(StoredCredentials):
    """The client id and secret of an attached connection, and the token got for them last."""

    ended = Detached(RECONNECT)
    service = f"{LABEL}'s sign-in service"
    # A token that is still good is issued again with what is left of its life: asking earlier gains nothing.
    early = timedelta(seconds=5)

    def renew_now(self, connection: Connection, *, although_valid: bool) -> Connection:
        try:
            granted = ask(connection.client_id, connection.client_secret)
        except Refused:
            connection = replaced(connection, access_token="", client_secret="")
            if connection.usable:
                return connection
            raise Detached(RECONNECT) from None
        except ProviderError:
            if connection.access_token and connection.expires_at and connection.expires_at > timezone.now():
                return connection
            raise
        fields: dict[str, Any] = {"access_token": granted.access_token, "expires_at": granted.expires_at}
        return replaced(connection, **fields)
