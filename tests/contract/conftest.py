"""A provider in an admin's name, against the rehearsal of its API over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from memberships.providers.close import CloseProvider
from memberships.providers.commercelayer import CommerceLayerProvider
from memberships.providers.errors import Disconnected
from sandbox.commercelayer.rehearsal import OWNER
from sandbox.commercelayer.server import running
from sandbox.commercelayer.world import CommerceWorld
from sandbox.rehearsal import ADMIN, NORTHWIND
from sandbox.server import Server
from sandbox.world import World


class Token:
    """Credentials of one access token, with another one to try when the first is refused."""

    def __init__(self, token: str, spare: str = "") -> None:
        self.token = token
        self.spare = spare
        self.renewals = 0

    def header(self) -> str:
        return f"Bearer {self.token}"

    def renew(self, refused: str) -> str:
        self.renewals += 1
        if not self.spare:
            raise Disconnected("No other token.")
        self.token, self.spare = self.spare, ""
        return self.header()


@pytest.fixture
def token(world: World) -> Callable[..., str]:
    def token(email: str = ADMIN, organization: str = NORTHWIND) -> str:
        granted: str = world.grant(world.user_id(email), world.organization_id(organization))["access_token"]
        return granted

    return token


@pytest.fixture
def make(world: World, close: Server, token: Callable[..., str]) -> Callable[..., CloseProvider]:
    def make(
        credentials: Token | None = None, *, deadline_s: float = 2.0, patient: bool = True
    ) -> CloseProvider:
        return CloseProvider(
            close.url,
            credentials or Token(token(), spare=token()),
            world.organization_id(NORTHWIND),
            deadline_s=deadline_s,
            patient=patient,
        )

    return make


@pytest.fixture
def provider(make: Callable[..., CloseProvider]) -> CloseProvider:
    return make()


@pytest.fixture
def commerce_server(commerce: CommerceWorld) -> Iterator[Server]:
    with running(commerce) as server:
        yield server


@pytest.fixture
def make_commerce(
    commerce: CommerceWorld, commerce_server: Server, bluefin: str
) -> Callable[..., CommerceLayerProvider]:
    def make(
        email: str = OWNER, organization_id: str = bluefin, *, patient: bool = True
    ) -> CommerceLayerProvider:
        token, spare = (commerce.grant(email)["access_token"] for _ in range(2))
        return CommerceLayerProvider(
            commerce_server.url, Token(token, spare), organization_id, deadline_s=2.0, patient=patient
        )

    return make
