"""An API key somebody has in hand: used for as long as a command runs, and stored nowhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from memberships.models import Connection
from memberships.providers import registry
from memberships.providers.errors import Disconnected

LABEL = registry.capabilities(registry.SIGN_IN).label

_in_hand: ContextVar[Mapping[int, ApiKey]] = ContextVar("api keys in hand", default={})  # noqa: B039 - never changed


@dataclass(frozen=True, slots=True)
class ApiKey:
    """HTTP Basic with the key as the user's name and no password."""

    key: str = field(repr=False)

    def header(self) -> str:
        return f"Basic {base64.b64encode(f'{self.key}:'.encode()).decode()}"

    def renew(self, refused: str) -> str:
        raise Disconnected(f"{LABEL} does not accept this API key.")


@contextmanager
def in_hand(connection: Connection, key: ApiKey) -> Iterator[None]:
    """As long as the block runs, calls of this connection are made with the key."""
    token = _in_hand.set({**_in_hand.get(), connection.pk: key})
    try:
        yield
    finally:
        _in_hand.reset(token)


def of(connection: Connection) -> ApiKey | None:
    return _in_hand.get().get(connection.pk)


def acts(connection: Connection) -> bool:
    """Is it by a key that somebody acts with this connection?"""
    return of(connection) is not None or of(connection.actor) is not None
