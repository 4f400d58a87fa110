"""The tokens' world: clients, codes, grants, tokens and API keys. Knows no HTTP and no organizations.

Sources: https://developer.close.com/api/overview/oauth-authentication, RFC 6749, RFC 7009, RFC 7636
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.records import BASE62
from sandbox.switches import Switches

CLIENT_ID = "oa2client_rehearsal"
CLIENT_SECRET = "rehearsal-secret"
SCOPE = "all.full_access offline_access"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class OAuthError(Exception):
    """An RFC 6749 error: `code` is the value of `error`."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        self.code, self.description, self.status = code, description, status
        super().__init__(f"{code}: {description}")


@dataclass(frozen=True, slots=True)
class Client:
    """A registered app. No redirect URLs: any loopback /login/callback/ will do."""

    id: str
    secret: str = field(repr=False)
    name: str
    redirect_uris: tuple[str, ...] = ()

    def allows(self, redirect_uri: str) -> bool:
        if self.redirect_uris:
            return redirect_uri in self.redirect_uris
        try:
            parts = urlsplit(redirect_uri)
        except ValueError:
            return False
        return (
            parts.scheme in {"http", "https"}
            and parts.hostname in LOOPBACK
            and parts.path == "/login/callback/"
            and not (parts.query or parts.fragment or parts.username)
        )


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a credential stands for. `key` tells credentials apart without showing them."""

    user_id: str
    organization_id: str
    key: str
    api_key_id: str | None = None


@dataclass(slots=True)
class Code:
    client_id: str
    user_id: str
    organization_id: str
    redirect_uri: str | None
    challenge: str | None
    expires_at: float


@dataclass(slots=True)
class Family:
    """One consent and every token that came of it."""

    client_id: str
    user_id: str
    organization_id: str
    access: dict[str, float] = field(default_factory=dict, repr=False)
    refresh: str = field(default="", repr=False)
    refresh_expires_at: float | None = None
    used: set[str] = field(default_factory=set, repr=False)


class Grants:
    """Everything that opens a door. The caller holds the world's lock."""

    def __init__(self, seed: int | str, switches: Switches, clock: Callable[[], float]) -> None:
        self._seed, self._switches, self._clock = seed, switches, clock
        self.clients = {CLIENT_ID: Client(CLIENT_ID, CLIENT_SECRET, "Roster")}
        self._codes: dict[str, Code] = {}
        self._families: list[Family] = []
        self._api_keys: dict[str, Holder] = {}

    def register(self, client_id: str, secret: str, name: str, redirect_uris: tuple[str, ...]) -> Client:
        """An app whose redirect URLs must match exactly."""
        client = Client(client_id, secret, name, redirect_uris)
        self.clients[client_id] = client
        return client

    def client(self, client_id: str, secret: str) -> Client:
        """Raises OAuthError (401 invalid_client)."""
        client = self.clients.get(client_id)
        if client is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise OAuthError("invalid_client", "Unknown client or wrong secret.", status=401)
        return client

    def issue_code(
        self,
        client_id: str,
        user_id: str,
        organization_id: str,
        *,
        redirect_uri: str | None = None,
        challenge: str | None = None,
    ) -> str:
        """What a consent is worth, once."""
        code = secrets.token_urlsafe(32)
        expires_at = self._clock() + self._switches.code_lifetime_s
        self._codes[code] = Code(client_id, user_id, organization_id, redirect_uri, challenge, expires_at)
        return code

    def exchange(
        self, client: Client, code: str, *, redirect_uri: str | None, verifier: str | None
    ) -> dict[str, Any]:
        """A code for tokens. Raises OAuthError (invalid_grant)."""
        found = self._codes.pop(code, None)
        if found is None or found.client_id != client.id or found.expires_at <= self._clock():
            raise OAuthError("invalid_grant", "The code is unknown, used or expired.")
        if redirect_uri is not None and redirect_uri != found.redirect_uri:
            raise OAuthError("invalid_grant", "The redirect_uri is not the one used before.")
        if (verifier is None) != (found.challenge is None):
            raise OAuthError("invalid_grant", "code_challenge and code_verifier belong together.")
        if verifier is not None and found.challenge != s256(verifier):
            raise OAuthError("invalid_grant", "The code_verifier does not fit.")
        return self.grant(found.user_id, found.organization_id, client_id=client.id)

    def grant(self, user_id: str, organization_id: str, *, client_id: str = CLIENT_ID) -> dict[str, Any]:
        """A fresh family; answers as the token endpoint does."""
        family = Family(client_id, user_id, organization_id)
        self._families.append(family)
        return self._issue(family)

    def refresh(self, client: Client, token: str) -> dict[str, Any]:
        """A refresh token for a new pair; the old one is over. Raises OAuthError (invalid_grant)."""
        for family in self._families:
            if family.client_id != client.id:
                continue
            if token in family.used and self._switches.reuse_revokes_the_family:
                self._families.remove(family)
                break
            expires_at = family.refresh_expires_at
            if token == family.refresh and (expires_at is None or expires_at > self._clock()):
                family.used.add(token)
                if self._switches.refresh_revokes_old_access:
                    family.access.clear()
                return self._issue(family)
        raise OAuthError("invalid_grant", "The refresh token is unknown, used, expired or revoked.")

    def revoke_token(self, client: Client, token: str) -> None:
        """A refresh token takes its family along; unknown and used ones are fine."""
        for family in list(self._families):
            if family.client_id == client.id:
                if token == family.refresh:
                    self._families.remove(family)
                family.access.pop(token, None)

    def revoke(self, user_id: str, organization_id: str | None = None) -> None:
        """Everything of one person: codes, tokens, keys; in one organization, or in all."""

        def theirs(grant: Code | Family | Holder) -> bool:
            return grant.user_id == user_id and organization_id in (None, grant.organization_id)

        self._families = [family for family in self._families if not theirs(family)]
        self._codes = {code: found for code, found in self._codes.items() if not theirs(found)}
        self._api_keys = {key: holder for key, holder in self._api_keys.items() if not theirs(holder)}

    def expire_access_tokens(self) -> None:
        """Refresh tokens stay good."""
        for family in self._families:
            family.access = dict.fromkeys(family.access, 0.0)

    def api_key(self, user_id: str, organization_id: str) -> str:
        """The same key for the same seed, so that a restart does not lock a script out."""
        choose = random.Random(f"{self._seed} {user_id} {organization_id}").choices
        public, secret = ("".join(choose(BASE62, k=22)) for _ in range(2))
        key = f"api_{public}.{secret}"
        self._api_keys[key] = Holder(user_id, organization_id, fingerprint(key), f"api_{public}")
        return key

    def holder_of_key(self, key: str) -> Holder | None:
        return self._api_keys.get(key)

    def holder_of_token(self, token: str) -> Holder | None:
        """Whose access token this is, while it lasts."""
        for family in self._families:
            if family.access.get(token, 0.0) > self._clock():
                return Holder(family.user_id, family.organization_id, fingerprint(token))
        return None

    def _issue(self, family: Family) -> dict[str, Any]:
        now, switches = self._clock(), self._switches
        access, family.refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        family.access = {token: end for token, end in family.access.items() if end > now}
        family.access[access] = now + switches.access_token_lifetime_s
        lifetime_s = switches.refresh_token_lifetime_s
        family.refresh_expires_at = None if lifetime_s is None else now + lifetime_s
        return {
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": int(switches.access_token_lifetime_s),
            "refresh_token": family.refresh,
            "scope": SCOPE,
            "organization_id": family.organization_id,
            "user_id": family.user_id,
        }


def fingerprint(secret: str) -> str:
    """Tells two secrets apart and gives neither away."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


def s256(verifier: str) -> str:
    """RFC 7636 4.2."""
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
