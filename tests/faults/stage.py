"""A stage for real workers: a database file, a rehearsal Close in this process, `manage.py worker` beside it.

Several stages are played at once, each in a thread of its own with a database connection of its own.
Only what needs the project's settings, which are one for all, takes turns (`Stage.here`).
"""

from __future__ import annotations

import copy
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections as databases

from memberships.models import Connection, Job
from memberships.services import connections, jobs, roster
from sandbox.messages import Request, Response
from sandbox.rehearsal import ADMIN, NORTHWIND
from sandbox.server import running
from sandbox.world import World
from tests.faults import truth
from tests.faults.rig import Rig

CALL_DEADLINE_S = 1.0
HANG_S = 1.4
ENDED = ("finished", "paused")
_START_S = 60

_settings_are_mine = threading.RLock()


class Stage:
    """`rig` is Northwind as in the other tests, on the database file at `path`."""

    def __init__(self, folder: Path, template: Path, people: int = 40) -> None:
        folder.mkdir(parents=True)
        self.path = folder / "roster.sqlite3"
        shutil.copy(template, self.path)
        self.log = folder / "worker.log"
        self.world = World.rehearsal(people=people)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.query = truth.file(self.path)

    @contextmanager
    def set(self) -> Iterator[Stage]:
        """The admin is signed in and everyone was read; at the end no process and no server is left."""
        with running(self.world) as self.close:
            try:
                with self.here():
                    self.rig = Rig(self.world, self.close, self.sign_in())
                self.truth = truth.Truth(self.rig.witness, self.query)
                yield self
            finally:
                for worker in self.workers:
                    worker.kill()
                    worker.wait()

    @contextmanager
    def here(self) -> Iterator[None]:
        """The project in this process, on this stage's database and its Close."""
        with _settings_are_mine:
            before = databases["default"], settings.CLOSE_API_URL
            mine = copy.deepcopy(before[0].settings_dict) | {"NAME": str(self.path)}
            databases["default"] = before[0].__class__(mine, "default")
            settings.CLOSE_API_URL = self.close.url
            try:
                yield
            finally:
                databases["default"].close()
                databases["default"], settings.CLOSE_API_URL = before

    def sign_in(self, email: str = ADMIN, organization: str = NORTHWIND) -> Connection:
        with self.here():
            token = self.world.grant(self.world.user_id(email), self.world.organization_id(organization))
            connection = connections.sign_in(token)
            roster.read(connection)
            jobs.resume(connection)
            Job.objects.update(offered_at=None)
            connection.refresh_from_db()
            return connection

    def job(self, make: Callable[[Rig], Job]) -> Job:
        """A job that waits for a worker. What `make` runs before, runs in this process."""
        with self.here():
            job = make(self.rig)
            Job.objects.update(offered_at=None)  # no message was sent: the workers' sweep finds it
            self.rig.witness.begin()
            self.close.calls.clear()
            return job

    # Workers

    def start(self) -> subprocess.Popen[bytes]:
        """`manage.py worker`, with short waits."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("CLOSE_", "DJANGO_"))
        } | {
            "DEBUG": "true",
            "DATABASE_URL": f"sqlite:///{self.path}",
            "QUEUE_FILE": str(self.path.with_name("queue.sqlite3")),
            "CLOSE_APP_URL": self.close.url,
            "CLOSE_API_URL": self.close.url,
            "CALL_DEADLINE_S": str(CALL_DEADLINE_S),
            "LEASE_MARGIN_S": "1",
            "PUBLIC_URL": "",
        }
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.workers.append(worker)
        return worker

    def kill(self) -> None:
        """SIGKILL for every worker of this stage."""
        for worker in self.workers:
            worker.send_signal(signal.SIGKILL)

    def state(self, job: Job) -> dict[str, Any]:
        return self.query(f"SELECT * FROM memberships_job WHERE id = '{job.pk.hex}'")[0]

    def until(self, what: Callable[[], bool], why: str) -> None:
        """Wait for something; the worker's log explains why it did not come."""
        give_up = time.monotonic() + _START_S
        while not what():
            if time.monotonic() > give_up:
                raise AssertionError(f"{why} did not happen:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.03)

    def wait_for(self, job: Job, *states: str) -> str:
        """Until the job is in one of the states; which one."""
        self.until(lambda: self.state(job)["state"] in states, f"{states} of {self.state(job)['state']!r}")
        state: str = self.state(job)["state"]
        return state

    def outcomes(self, job: Job) -> list[str]:
        rows = self.query(
            f"SELECT outcome FROM memberships_planrow WHERE plan_id = '{job.plan_id.hex}' AND verdict = 'will' "
            "ORDER BY position"
        )
        return [row["outcome"] for row in rows]

    # Cuts

    def at_call(
        self, number: int, call: Callable[[Request], bool], act: Callable[[], object], *, moment: str
    ) -> None:
        """Do something at the n-th such call, from 1: "before" the app sees it, "after" it changed things, or once it
        is "answered" and its outcome can't be written yet."""
        app, seen = self.close.app, iter(range(1, 10_000))

        def cutting(request: Request) -> Response:
            if not call(request) or next(seen) != number:
                return app(request)
            if moment == "before":
                act()
                return Response.json({"error": "Too late."}, 503)
            response = app(request)
            if moment == "after":
                act()
            else:
                self._hold_writes(0.4, act)
            return response

        self.close.app = cutting

    def _hold_writes(self, seconds: float, then: Callable[[], object]) -> None:
        """Nobody can write to the database for so long; then something happens, and everybody can again."""
        lock = sqlite3.connect(self.path, timeout=20, isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN IMMEDIATE")

        def release() -> None:
            then()
            lock.rollback()
            lock.close()

        threading.Timer(seconds, release).start()

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, timeout=20, isolation_level=None)) as database:
            for statement in statements:
                database.execute(statement)

    def kill_inside(self, event: str) -> None:
        """SIGKILL in the middle of the transaction in which `event`, as in CREATE TRIGGER, happens first."""
        self.execute(
            "CREATE VIEW forever AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e12) "
            "SELECT count(*) AS long FROM n",
            f"CREATE TRIGGER trap AFTER {event} BEGIN SELECT long FROM forever; END",
        )
        self.start()
        self.until(self._is_locked, f"a transaction with {event}")
        self.kill()
        for worker in self.workers:
            worker.wait()
        self.execute("DROP TRIGGER trap", "DROP VIEW forever")

    def _is_locked(self) -> bool:
        """Is there a transaction that doesn't end?"""
        with closing(sqlite3.connect(self.path, timeout=0.7, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            database.execute("ROLLBACK")
            return False
