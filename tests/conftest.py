"""A rehearsal Close over real HTTP, people signed in to it, and a worker on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.tasks import default_task_backend
from django.test import Client
from django.utils import timezone

from memberships.models import Connection, Job, Organization
from memberships.providers import http
from memberships.services import attached as attached_service
from memberships.services import connections, jobs, roster, sessions
from memberships.services.attached import Secret
from sandbox.commercelayer.rehearsal import BLUEFIN, CLIENT_ID, CLIENT_SECRET
from sandbox.commercelayer.server import running as commerce_running
from sandbox.commercelayer.world import CommerceWorld
from sandbox.rehearsal import ADMIN, HARBOR, NORTHWIND, ORDINARY, SECOND_ADMIN
from sandbox.server import Server, running
from sandbox.world import World
from tests.consent import HERE, Close


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """What was counted for one test is not known to the next, whose people may have the same ids.

    What is kept in the database goes with the test.
    """
    caches["local"].clear()


@pytest.fixture
def world() -> World:
    """Northwind with 60 people, Harbor Lights, Quiet Valley."""
    return World.rehearsal(people=60)


@pytest.fixture
def close(world: World, settings) -> Iterator[Server]:
    """The rehearsal Close of `world`, with the dashboard pointed at it."""
    with running(world) as server:
        settings.CLOSE_APP_URL = settings.CLOSE_API_URL = server.url
        yield server


@pytest.fixture
def northwind(world: World) -> str:
    return world.organization_id(NORTHWIND)


@pytest.fixture
def connect(world: World, close: Server, db) -> Callable[..., Connection]:
    """Somebody's connection to an organization, as after a sign-in, with everyone read once."""

    def connect(email: str = ADMIN, organization: str = NORTHWIND) -> Connection:
        token = world.grant(world.user_id(email), world.organization_id(organization))
        connection = connections.sign_in(token)
        roster.read(connection)
        connection.refresh_from_db()
        close.calls.clear()
        return connection

    return connect


@pytest.fixture
def connection(connect: Callable[..., Connection]) -> Connection:
    """The admin's connection to Northwind."""
    return connect()


def signed_in(*its_connections: Connection) -> Client:
    """A browser that is signed in with these connections and looks at the first."""
    client = Client()
    session = client.session
    session["connection"] = its_connections[0].pk
    for connection in its_connections:
        sessions.remember(session, connection)
    session.save()
    return client


@pytest.fixture
def commerce() -> CommerceWorld:
    """Bluefin with 60 people, Tern & Sons."""
    return CommerceWorld.rehearsal(people=60)


@pytest.fixture
def commercelayer(commerce: CommerceWorld, settings) -> Iterator[Server]:
    """The rehearsal Commerce Layer of `commerce`, with the dashboard pointed at it, without its rate limit."""
    with commerce_running(commerce) as server:
        settings.COMMERCELAYER_AUTH_URL = settings.COMMERCELAYER_API_URL = server.url
        settings.COMMERCELAYER_WINDOWS = []
        server.limits.set({"reads": 10_000, "reads_burst": 10_000, "writes": 10_000, "writes_burst": 10_000})
        yield server


@pytest.fixture
def bluefin(commerce: CommerceWorld) -> str:
    return commerce.organization_id(BLUEFIN)


@pytest.fixture
def attached(connection: Connection, commercelayer: Server, bluefin: str) -> Connection:
    """Bluefin, attached to Northwind by its admin, with everyone read once."""
    attached = attached_service.attach(connection, Secret(CLIENT_ID, CLIENT_SECRET), bluefin)
    roster.read(attached)
    attached.refresh_from_db()
    attached.person = connection
    commercelayer.calls.clear()
    return attached


@pytest.fixture
def commerce_admin(attached: Connection) -> Client:
    """The admin's browser, looking at Bluefin."""
    client = signed_in(attached.actor)
    session = client.session
    session["connection"] = attached.pk
    session.save()
    return client


@pytest.fixture
def admin(connection: Connection) -> Client:
    return signed_in(connection)


@pytest.fixture
def second_admin(connect: Callable[..., Connection]) -> Client:
    return signed_in(connect(SECOND_ADMIN))


@pytest.fixture
def member(connection: Connection, world: World, northwind: str) -> Client:
    """Someone whose permission was taken after they had signed in."""
    mine = Connection.objects.create(
        organization=connection.organization, user_id=world.user_id(ORDINARY), name="Sam", can_manage=True
    )
    token = world.grant(world.user_id(ORDINARY), northwind)
    mine.access_token, mine.refresh_token = token["access_token"], token["refresh_token"]
    mine.save()
    return signed_in(mine)


@pytest.fixture
def outsider(connect: Callable[..., Connection]) -> Client:
    """An admin of another organization, who is nobody in Northwind."""
    return signed_in(connect(f"robin.castellano@{ADMIN.split('@')[1]}", HARBOR))


@pytest.fixture
def nobody(db) -> Client:
    return Client()


@pytest.fixture
def visitor(db) -> Client:
    """Somebody's browser, at an address Close sends people back to."""
    return Client(headers={"host": HERE})


@pytest.fixture
def consent(world: World, close: Server) -> Any:
    return Close(world, close).consent


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question without an answer is asked again at once, for tests in which Close is down."""
    monkeypatch.setattr(http, "_GET_RETRIES_S", (0.0, 0.0))


@pytest.fixture
def work() -> Callable[[], None]:
    """Be the worker: run what is queued until nothing more can be done right now."""

    def work() -> None:
        for _ in range(20):
            waiting = Job.objects.filter(state__in=jobs.OPEN, not_before=None).order_by("created_at")
            if not waiting:
                return
            jobs.run(waiting[0].pk)
        raise AssertionError("a job does not come to an end")

    return work


@pytest.fixture
def queue() -> list:
    """The tasks that wait for a worker."""
    backend: Any = default_task_backend
    backend.clear()
    waiting: list = backend.results
    return waiting


@pytest.fixture
def stale(connection: Connection) -> Organization:
    """The admin's organization, with a mirror that is too old."""
    organization = connection.organization
    organization.roster_read_at = timezone.now() - timedelta(minutes=6)
    organization.save(update_fields=["roster_read_at"])
    return organization
