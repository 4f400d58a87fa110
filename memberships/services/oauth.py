"""The token endpoint of whom people sign in with."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.utils import timezone

from memberships.models import Connection
from memberships.providers import http, registry
from memberships.providers.errors import Disconnected, Unavailable

from .credentials import CALL_S, StoredCredentials, replaced
from .observing import token_call

AUTHORIZE_PATH = "/oauth2/authorize/"
TOKEN_PATH = "/oauth2/token/"
REVOKE_PATH = "/oauth2/revoke/"

RECONNECT = "Close no longer accepts this sign-in. Sign in with Close again to reconnect."


class TokenSession(OAuth2Session):
    """Authlib's session for the token endpoint, with our deadline."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("token_endpoint_auth_method", "client_secret_post")
        super().__init__(default_timeout=CALL_S, **kwargs)
        http.obey_deadlines(self)

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        """Never led elsewhere: a redirect would take the client secret along."""
        with token_call(registry.SIGN_IN) as status:
            answer: requests.Response = super().request(method, url, **(kwargs | {"allow_redirects": False}))
            status.append(answer.status_code)
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
        with http.deadline(CALL_S):
            answer = client().revoke_token(settings.CLOSE_API_URL + REVOKE_PATH, token=refresh_token)
    except (requests.RequestException, OAuthError, OSError):
        return False
    return bool(answer.status_code == 200)


class StoredToken(StoredCredentials):
    """The tokens of somebody who signed in."""

    ended = Disconnected(RECONNECT)
    service = "Close's sign-in service"

    def renew_now(self, connection: Connection, *, although_valid: bool) -> Connection:
        # A renewal whose answer was lost may have revoked the refresh token. While the access token still works
        # nothing is risked; once it doesn't, there is nothing left to lose and one more try may save the connection.
        still_works = not although_valid and connection.expires_at and connection.expires_at > timezone.now()
        if connection.renewal_lost and still_works:
            return connection
        try:
            with http.deadline(CALL_S):
                token = client().refresh_token(
                    settings.CLOSE_API_URL + TOKEN_PATH, refresh_token=connection.refresh_token
                )
        except OAuthError as error:
            if error.error in ("invalid_grant", "invalid_client", "unauthorized_client"):
                connection = replaced(connection, access_token="", refresh_token="")
                if connection.usable:
                    return connection
                raise Disconnected(RECONNECT) from None
            problem = "refused for now"
        except (requests.RequestException, OSError, ValueError):
            connection = replaced(connection, renewal_lost=True)
            problem = "did not answer"
        else:
            if is_token(token):
                return replaced(
                    connection,
                    access_token=token["access_token"],
                    refresh_token=token["refresh_token"],
                    expires_at=expiry(token),
                    renewal_lost=False,
                )
            connection = replaced(connection, renewal_lost=True)
            problem = "gave an answer that can't be understood"
        if still_works:
            return connection
        raise Unavailable(f"Close's sign-in service {problem}.")
