"""What a bench stands on: a rehearsal Close and a worker in processes of their own, a project in a temporary folder."""

from __future__ import annotations

import base64
import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import requests
from django.core.management import call_command

from sandbox.rehearsal import ADMIN, NORTHWIND
from sandbox.server import running
from sandbox.world import World

if TYPE_CHECKING:
    from django.test import Client

    from memberships.models import Connection, Job, Plan

_PATIENCE_S = 120
# What the person who runs the bench has set for their own dashboard is not measured.
_OURS = ("CLOSE_", "COMMERCELAYER_", "DATABASE_", "QUEUE_", "REDIS_", "PUBLIC_", "AUDIT_", "METRICS_")


@dataclass(frozen=True, slots=True)
class Close:
    """A rehearsal Close in another process. `session` calls it with an API key, past all of our own code."""

    url: str
    organization_id: str
    token: dict[str, Any]
    session: requests.Session

    def api(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> bytes:
        """One bare call; the answer is read and not looked at."""
        answer = self.session.request(method, f"{self.url}/api/v1/{path}", params=query, json=body)
        if answer.status_code == 429:
            time.sleep(float(answer.headers["retry-after"]))
            return self.api(method, path, query, body)
        answer.raise_for_status()
        return answer.content

    def calls(self) -> list[dict[str, Any]]:
        """What the API was asked so far; the token endpoint is no part of it."""
        calls = requests.get(f"{self.url}/_rehearsal/calls", timeout=30).json()
        return [call for call in calls if call["path"].startswith("/api/")]

    def control(self, name: str, **body: Any) -> None:
        requests.post(f"{self.url}/_rehearsal/{name}", json=body, timeout=30).raise_for_status()


@dataclass(frozen=True, slots=True)
class Rig:
    """A dashboard an admin of the rehearsal company is signed in to."""

    close: Close
    connection: Connection
    browser: Client


@contextmanager
def rig(
    people: int,
    *,
    settings: str = "bench.settings",
    worker: bool = False,
    workers: int = 1,
    **environment: str,
) -> Iterator[Rig]:
    """Everything for one bench, and nothing of it left afterwards. Once in a process: Django is set up here."""
    with ExitStack() as stack:
        close = stack.enter_context(_close(people))
        stack.enter_context(_project(close, settings, environment))
        its_rig = _signed_in(close)
        if worker:
            stack.enter_context(_workers(workers))
        yield its_rig


@contextmanager
def _close(people: int) -> Iterator[Close]:
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    child = processes.Process(target=_rehearse, args=(theirs, people), daemon=True)
    child.start()
    theirs.close()
    try:
        url, organization_id, token, key = ours.recv()
        with requests.Session() as session:
            session.headers["authorization"] = f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"
            yield Close(url, organization_id, token, session)
    finally:
        ours.close()
        child.join()


def _rehearse(pipe: Pipe, people: int) -> None:
    """Answer until the other end of the pipe is closed, as it also is when that process is killed."""
    world = World.rehearsal(people=people)
    admin, northwind = world.user_id(ADMIN), world.organization_id(NORTHWIND)
    with running(world) as server, suppress(EOFError, KeyboardInterrupt):
        pipe.send((server.url, northwind, world.grant(admin, northwind), world.api_key(admin, northwind)))
        pipe.recv()


@contextmanager
def _project(close: Close, settings: str, environment: dict[str, str]) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="roster-bench-") as folder:
        home = Path(folder)
        for name in [name for name in os.environ if name.startswith(_OURS)]:
            del os.environ[name]
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": settings,
            "DEBUG": "true",
            "DATABASE_URL": f"sqlite:///{home / 'roster.sqlite3'}",
            "QUEUE_FILE": str(home / "queue.sqlite3"),
            "CLOSE_APP_URL": close.url,
            "CLOSE_API_URL": close.url,
            # A bench takes longer than a minute: asking Close again must not fall into one of its rounds.
            "PERMISSION_FRESH_S": "3600",
            "MIRROR_FRESH_S": "3600",
            **environment,
        }
        # Nothing is collected for a bench, and nothing static asked for.
        warnings.filterwarnings("ignore", "No directory at", UserWarning)
        django.setup()
        from django.db import connections

        call_command("migrate", verbosity=0)
        try:
            yield
        finally:
            connections.close_all()


def _signed_in(close: Close) -> Rig:
    from django.test import Client

    from memberships.services import connections, sessions

    connection = connections.sign_in(close.token)
    browser = Client(SERVER_NAME="localhost")
    session = browser.session
    session["connection"] = connection.pk
    sessions.remember(session, connection)
    session.save()
    return Rig(close, connection, browser)


@contextmanager
def _workers(number: int) -> Iterator[None]:
    from dashboard import processes

    with processes.beside([["worker"]] * number):
        yield


def read_all(connection: Connection) -> None:
    """People, roles and groups, as after the first page of somebody who has signed in."""
    from memberships.services import connections, groups, roster

    roster.read(connection, patient=True)
    groups.read(connections.provider_for(connection, patient=True), connection.organization)


def look_at(its_rig: Rig, connection: Connection) -> None:
    """Switch to another organization."""
    its_rig.browser.post("/connections/switch/", {"organization": connection.pk})


def press_apply(its_rig: Rig, plan: Plan) -> Job:
    """What the button on the review page does."""
    from memberships.models import Job

    form = {"fingerprint": plan.fingerprint, "confirm": str(plan.brake_number or "")}
    answer = its_rig.browser.post(f"/plans/{plan.pk}/apply/", form)
    if answer.status_code != 302:
        raise RuntimeError(f"the plan was not applied: {answer.content.decode()}")
    return Job.objects.get(plan=plan)


def finished(job: Job) -> Job:
    """The job once its worker is through with it."""
    from memberships.services import jobs

    wait_until(lambda: type(job).objects.filter(pk=job.pk, state=job.State.FINISHED).exists())
    job.refresh_from_db()
    progress = jobs.progress(job)
    if progress.done != progress.total:
        raise RuntimeError(f"not everything was done: {progress}, {job.note}")
    return job


def between_s(start: datetime | None, end: datetime | None) -> float:
    if start is None or end is None:
        raise RuntimeError("the job did not say when")
    return (end - start).total_seconds()


def wait_until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > give_up:
            raise TimeoutError("waited too long")
        time.sleep(0.02)
