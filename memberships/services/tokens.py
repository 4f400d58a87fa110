"""Personal tokens: made, shown once, taken for who they belong to, revoked."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from memberships.models import Connection, Scope, Token
from memberships.models.scope import within

from . import audit
from .configuration import is_served

_FORM = re.compile(r"roster_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
# So precisely is known when a token was last used: a busy one costs one UPDATE in that time, not one a call.
_USED = timedelta(minutes=10)


class NameTaken(Exception):
    """This person has a token of this name for this organization already, perhaps made a moment ago."""


class NotAccepted(Exception):
    """A sentence on why this is no token that opens anything."""


def make(connection: Connection, *, name: str, scope: Scope, days: int) -> tuple[Token, str]:
    """A new token for whoever uses this connection, and the text of it, which nobody can tell later.

    Raises NameTaken.
    """
    key, now = secrets.token_hex(6), timezone.now()
    text = f"roster_{key}_{secrets.token_urlsafe(32)}"
    try:
        with transaction.atomic():
            token = Token.objects.create(
                person=connection.actor,
                connection=connection,
                name=name,
                scope=scope,
                key=key,
                digest=_digest(text),
                made_at=now,
                expires_at=now + timedelta(days=days),
            )
            audit.record(connection.organization, [audit.token_made(connection, token)])
    except IntegrityError:
        raise NameTaken from None
    return token, text


def _digest(text: str) -> str:
    # A plain hash will do: there is nothing to guess in 32 random bytes.
    return hashlib.sha256(text.encode()).hexdigest()


def accept(text: str) -> Token:
    """The token that was presented, its connection ready to be used. Raises NotAccepted.

    Whether the person may still manage the organization is another question: `permission.access` answers it.
    """
    found = _FORM.fullmatch(text)
    related = ("connection__organization__parent", "connection__added_by", "person__organization")
    token = Token.objects.select_related(*related).filter(key=found[1]).first() if found else None
    if token is None or not hmac.compare_digest(token.digest, _digest(text)):
        raise NotAccepted("This is no token of this Roster.")
    if token.revoked_at:
        raise NotAccepted(f"This token was revoked on {token.revoked_at:%Y-%m-%d}.")
    if token.expired:
        raise NotAccepted(f"This token expired on {token.expires_at:%Y-%m-%d}. Make another one.")
    # Who signs in anew is told so at once; a token lives longer than a sign-in.
    if not is_served(token.person.organization.remote_id):
        raise NotAccepted("This Roster is for other organizations now.")
    connection = token.connection
    connection.person = token.person if token.person_id != token.connection_id else None
    connection.token = token
    _note_use(token)
    return token


def _note_use(token: Token) -> None:
    now = timezone.now()
    if token.used_at is None or now - token.used_at > _USED:
        Token.objects.filter(pk=token.pk).update(used_at=now)


def mine(connection: Connection) -> QuerySet[Token]:
    """The tokens of whoever uses this connection, for its organization, the newest first. Not those revoked."""
    found = Token.objects.filter(person=connection.actor, connection__organization=connection.organization)
    return (
        found.filter(revoked_at=None).select_related("connection__organization").order_by("-made_at", "-pk")
    )


def stopping(connection: Connection) -> QuerySet[Token]:
    """The tokens, of anybody, that no longer work once this connection is given back."""
    found = Token.objects.filter(Q(connection=connection) | Q(person=connection), revoked_at=None)
    found = found.filter(expires_at__gt=timezone.now()).select_related("person", "connection__organization")
    return found.order_by("name", "pk")


def revoke(token: Token, connection: Connection) -> None:
    """Nobody gets in with it from now on. `connection` is that of whoever revokes it."""
    with within(token.connection.organization), transaction.atomic():
        if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(token.connection.organization, [audit.token_revoked(connection, token)])
