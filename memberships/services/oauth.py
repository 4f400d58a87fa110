"""Close's token endpoint, and exactly one process at a time renewing a connection's tokens."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from memberships.models import Connection
from memberships.providers import http
from memberships.providers.errors import Disconnected, Unavailable

AUTHORIZE_PATH = "/oauth2/authorize/"
TOKEN_PATH = "/oauth2/token/"
REVOKE_PATH = "/oauth2/revoke/"

_EARLY = timedelta(seconds=60)
_CALL_S = 15.0
# Outlives the call, so that nobody else starts while an answer may still come.
_LEASE = timedelta(seconds=_CALL_S + 10)
_POLL_S = 0.05
RECONNECT = "Close no longer accepts this sign-in. Sign in with Close again to reconnect."


class TokenSession(OAuth2Session):
    """Authlib's session for the token endpoint, with our deadline."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("token_endpoint_auth_method", "client_secret_post")
        super().__init__(default_timeout=_CALL_S, **kwargs)
        http.obey_deadlines(self)

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        """Never led elsewhere: a redirect would take the client secret along."""
        answer: requests.Response = super().request(method, url, **(kwargs | {"allow_redirects": False}))
        return answer

    def parse_response_token(self, resp: requests.Response) -> Any:
        """Raises OAuthError or ValueError. Authlib trips over JSON of another shape than it expects."""
        try:
            return super().parse_response_token(resp)
        except (TypeError, AttributeError):
            raise ValueError("not a token") from None


def client() -> TokenSession:
    return TokenSession(
        client_id=settings.CLOSE_CLIENT_ID,
        client_secret=settings.CLOSE_CLIENT_SECRET,
        revocation_endpoint_auth_method="client_secret_post",
    )


def is_token(token: object) -> bool:
    """Does a token endpoint's answer hold all we need?"""
    if not isinstance(token, Mapping):
        return False
    return all(isinstance(token.get(name), str) and token[name] for name in ("access_token", "refresh_token"))


def expiry(token: Mapping[str, Any]) -> datetime:
    """`expires_at` (unix seconds, from authlib) or `expires_in`; an hour when neither makes sense."""
    for name, start in (("expires_at", 0.0), ("expires_in", time.time())):
        value = token.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 10**10:
            return datetime.fromtimestamp(start + value, UTC)
    return timezone.now() + timedelta(hours=1)


def revoke(refresh_token: str) -> bool:
    """Ask Close to forget a consent. False when it could not be told."""
    try:
        with http.deadline(_CALL_S):
            answer = client().revoke_token(settings.CLOSE_API_URL + REVOKE_PATH, token=refresh_token)
    except (requests.RequestException, OAuthError, OSError):
        return False
    return bool(answer.status_code == 200)


class StoredToken:
    """The credentials of one connection, shared by every process through its row."""

    def __init__(self, connection_pk: int) -> None:
        self.connection_pk = connection_pk

    def header(self) -> str:
        connection = self._read()
        if connection.expires_at and connection.expires_at - timezone.now() < _EARLY:
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
            raise Disconnected(RECONNECT)
        return connection

    def _renewed(self, stale: Connection, *, although_valid: bool = False) -> Connection:
        """The row with a newer access token than `stale` has: renewed here, or by whoever is at it already."""
        give_up = time.monotonic() + _LEASE.total_seconds() + 1
        while time.monotonic() < give_up:
            now = timezone.now()
            mine = Connection.objects.filter(
                pk=self.connection_pk, renewing_until=None
            ) | Connection.objects.filter(pk=self.connection_pk, renewing_until__lt=now)
            until = now + _LEASE
            if mine.update(renewing_until=until):
                try:
                    connection = self._read()
                    if connection.access_token != stale.access_token:
                        return connection
                    return self._renew_now(connection, although_valid=although_valid)
                finally:
                    mine = Connection.objects.filter(pk=self.connection_pk, renewing_until=until)
                    mine.update(renewing_until=None)
            time.sleep(_POLL_S)
            connection = self._read()
            if connection.access_token != stale.access_token:
                return connection
        raise Unavailable("Close's sign-in service did not answer in time.")

    def _renew_now(self, connection: Connection, *, although_valid: bool) -> Connection:
        # A renewal whose answer was lost may have revoked the refresh token. While the access token still works
        # nothing is risked; once it doesn't, there is nothing left to lose and one more try may save the connection.
        still_works = not although_valid and connection.expires_at and connection.expires_at > timezone.now()
        if connection.renewal_lost and still_works:
            return connection
        try:
            with http.deadline(_CALL_S):
                token = client().refresh_token(
                    settings.CLOSE_API_URL + TOKEN_PATH, refresh_token=connection.refresh_token
                )
        except OAuthError as error:
            if error.error in ("invalid_grant", "invalid_client", "unauthorized_client"):
                connection = _replaced(connection, access_token="", refresh_token="")
                if connection.usable:
                    return connection
                raise Disconnected(RECONNECT) from None
            problem = "refused for now"
        except (requests.RequestException, OSError, ValueError):
            connection = _replaced(connection, renewal_lost=True)
            problem = "did not answer"
        else:
            if is_token(token):
                return _replaced(
                    connection,
                    access_token=token["access_token"],
                    refresh_token=token["refresh_token"],
                    expires_at=expiry(token),
                    renewal_lost=False,
                )
            connection = _replaced(connection, renewal_lost=True)
            problem = "gave an answer that can't be understood"
        if still_works:
            return connection
        raise Unavailable(f"Close's sign-in service {problem}.")


def _replaced(used: Connection, **fields: Any) -> Connection:
    """Write what became of a renewal, unless the person has signed in anew meanwhile; the row as it is then."""
    with transaction.atomic():
        connection = Connection.objects.select_for_update().get(pk=used.pk)
        if connection.refresh_token == used.refresh_token:
            for name, value in fields.items():
                setattr(connection, name, value)
            connection.save(update_fields=fields)
    return connection
