"""The tokens' world: applications and the access tokens they get. Knows no HTTP.

Sources: https://docs.commercelayer.io/provisioning/getting-started/authorization,
https://github.com/commercelayer/commercelayer-js-auth
"""

from __future__ import annotations

import hmac
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.commercelayer.signing import jwt
from sandbox.commercelayer.switches import CommerceSwitches
from sandbox.records import BASE62

ISSUER = "https://auth.commercelayer.io"
PROVISIONING = "provisioning-api"

Kind = Literal["user", "integration", "sales_channel", "webapp"]
# Tokens of these kinds are good for the Core API only.
CORE_SCOPE = "market:all"


class TokenRefused(Exception):
    """`status` goes with `title`: invalid_client 401, unauthorized_client 403, anything else 400."""

    def __init__(self, title: str, detail: str) -> None:
        self.title, self.detail = title, detail
        self.status = {"invalid_client": 401, "unauthorized_client": 403}.get(title, 400)
        self.code = {401: "UNAUTHORIZED", 403: "FORBIDDEN"}.get(self.status, "BAD_REQUEST")
        super().__init__(f"{title}: {detail}")


@dataclass(frozen=True, slots=True)
class Application:
    """Credentials of one user (kind user), or of an organization's Core API application."""

    id: str
    client_id: str
    secret: str = field(repr=False)
    kind: Kind = "user"
    user_id: str | None = None
    organization: dict[str, Any] | None = None
    scope: str = PROVISIONING


@dataclass(slots=True)
class Token:
    value: str = field(repr=False)
    application: Application
    issued_at: float
    expires_at: float

    @property
    def provisions(self) -> bool:
        return PROVISIONING in self.application.scope.split() and self.application.user_id is not None


class Tokens:
    """Everything that opens a door. The caller holds the world's lock."""

    def __init__(self, seed: int | str, switches: CommerceSwitches, clock: Callable[[], float]) -> None:
        self._seed, self._switches, self._clock = seed, switches, clock
        self.applications: dict[str, Application] = {}
        self._tokens: dict[str, Token] = {}

    def application(
        self,
        *,
        kind: Kind = "user",
        user_id: str | None = None,
        organization: dict[str, Any] | None = None,
        scope: str | None = None,
        client_id: str | None = None,
        secret: str | None = None,
    ) -> Application:
        """A new one; its credentials are the same for the same seed unless they are given."""
        choose = random.Random(f"{self._seed} {kind} {user_id} {len(self.applications)}").choices
        made = Application(
            id="".join(choose(BASE62, k=10)),
            client_id=client_id or "".join(choose(BASE62, k=43)),
            secret=secret or "".join(choose(BASE62, k=43)),
            kind=kind,
            user_id=user_id,
            organization=organization,
            scope=scope if scope is not None else PROVISIONING if kind == "user" else CORE_SCOPE,
        )
        self.applications[made.client_id] = made
        return made

    def authenticate(self, client_id: str, secret: str) -> Application:
        """Raises TokenRefused (invalid_client)."""
        found = self.applications.get(client_id)
        if found is None or not hmac.compare_digest(found.secret.encode(), secret.encode()):
            text = "Client authentication failed due to unknown client or wrong credentials."
            raise TokenRefused("invalid_client", text)
        return found

    def issue(self, application: Application) -> dict[str, Any]:
        """What the token endpoint answers; a token that is still good may come again."""
        now = self._clock()
        token = self._live(application) if self._switches.live_token_is_issued_again else None
        if token is None:
            # Whole seconds, as the claims have them: the client and this server agree when it is over.
            began = int(now)
            lifetime_s = int(self._switches.token_lifetime_s)
            token = Token(
                jwt(_claims(application, began, began + lifetime_s)),
                application,
                began,
                began + lifetime_s,
            )
            self._tokens[token.value] = token
        return {
            "access_token": token.value,
            "token_type": "Bearer",
            "expires_in": int(token.expires_at - now),
            "scope": application.scope,
            "created_at": int(token.issued_at),
        }

    def find(self, value: str) -> Token | None:
        """While it lasts."""
        token = self._tokens.get(value)
        return token if token and token.expires_at > self._clock() else None

    def revoke(self, application: Application, value: str) -> None:
        """Raises TokenRefused (unauthorized_client) for a token of somebody else; unknown ones are fine."""
        token = self._tokens.get(value)
        if token is None:
            return
        if token.application is not application:
            raise TokenRefused("unauthorized_client", "You are not authorized to revoke this token.")
        del self._tokens[value]

    def revoke_all(self, user_id: str | None = None) -> None:
        """Every token, or one person's; the claims still say they are good."""
        self._tokens = {
            value: token
            for value, token in self._tokens.items()
            if user_id is not None and token.application.user_id != user_id
        }

    def _live(self, application: Application) -> Token | None:
        now = self._clock()
        return next(
            (
                token
                for token in self._tokens.values()
                if token.application is application and token.expires_at - now >= 1
            ),
            None,
        )


def _claims(application: Application, issued_at: int, expires_at: int) -> dict[str, Any]:
    about = {
        "id": application.id,
        "client_id": application.client_id,
        "kind": application.kind,
        "public": False,
        "confidential": True,
    }
    whose: dict[str, Any] = {"user": {"id": application.user_id}} if application.user_id else {}
    if application.organization:
        whose["organization"] = application.organization
    return {
        **whose,
        "application": about,
        "scope": application.scope,
        "exp": expires_at,
        "test": False,
        "rand": secrets.randbelow(10**9) / 10**9,
        "iat": issued_at,
        "iss": ISSUER,
    }
