"""Tokens for somebody's own client id and secret.

Source: https://docs.commercelayer.io/provisioning/getting-started/authorization
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import requests
from django.conf import settings
from django.utils import timezone

from memberships.models import Connection
from memberships.providers import http
from memberships.providers.errors import Detached, ProviderError, RateLimited, Refused, Unavailable

from .credentials import CALL_S, StoredCredentials, replaced

TOKEN_PATH = "/oauth/token"
SCOPE = "provisioning-api"
RECONNECT = (
    "Commerce Layer no longer accepts these credentials. Connect it again with a client id and secret."
)
WRONG = (
    "Commerce Layer doesn't know this client id and secret. Copy both again from its “Provisioning API” page."
)
NO_SCOPE = (
    "These credentials are for another API. Use those of the “Provisioning API” page in the user menu of Commerce "
    "Layer."
)
# The endpoint allows 30 calls a minute.
_AFTER_429_S = 60.0


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 0
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    access_token: str
    expires_at: datetime

    def header(self) -> str:
        return f"Bearer {self.access_token}"

    def renew(self, refused: str) -> str:
        raise Detached(RECONNECT)


def ask(client_id: str, client_secret: str) -> Granted:
    """A token for these. Raises Refused with a sentence when they are wrong, RateLimited or Unavailable."""
    body = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    with http.obey_deadlines(requests.Session()) as session:
        status, _, content = http.exchange(
            session,
            "Commerce Layer",
            CALL_S,
            "POST",
            settings.COMMERCELAYER_AUTH_URL + TOKEN_PATH,
            json=body,
            headers={"Accept": "application/json"},
        )
    if status == 429:
        raise RateLimited("Commerce Layer asks to wait a minute before the next sign-in.", _AFTER_429_S)
    if status in (400, 401, 403):
        raise Refused(WRONG, status)
    try:
        token = msgspec.json.decode(content, type=_Token)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unavailable(
            f"Commerce Layer's sign-in service gave no usable answer (status {status})."
        ) from None
    if SCOPE not in token.scope.split():
        raise Refused(NO_SCOPE, 403)
    return Granted(token.access_token, timezone.now() + timedelta(seconds=max(token.expires_in, 1)))


class StoredSecret(StoredCredentials):
    """The client id and secret of an attached connection, and the token got for them last."""

    ended = Detached(RECONNECT)
    service = "Commerce Layer's sign-in service"

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
