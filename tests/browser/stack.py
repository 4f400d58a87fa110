"""The whole of Roster as its users have it: web server and worker as processes, the rehearsal servers beside them."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from dashboard import processes
from sandbox.commercelayer.server import running as commerce_running
from sandbox.commercelayer.world import CommerceWorld
from sandbox.server import Server, running
from sandbox.world import World

_START_S = 30


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the dashboard is, and the other sides of the story. `commerce` is Commerce Layer's, one for all tests."""

    url: str
    close: Server
    world: World
    commerce: CommerceWorld
    database: Path

    def expire(self, plan_id: str) -> None:
        """An hour goes by for one plan."""
        with closing(sqlite3.connect(self.database, timeout=10)) as database, database:
            moved = database.execute(
                "UPDATE memberships_plan SET expires_at = created_at WHERE id = ?", [plan_id.replace("-", "")]
            )
            assert moved.rowcount == 1


@contextmanager
def started(home: Path) -> Iterator[Stack]:
    """Start everything, in a folder of its own; end it with the block."""
    world, commerce = World.empty(seed=11), CommerceWorld.rehearsal(people=30)
    with running(world) as close, commerce_running(commerce) as layer:
        layer.limits.set(dict.fromkeys(("reads", "reads_burst", "writes", "writes_burst"), 100_000))
        port = _free_port()
        database = home / "roster.sqlite3"
        own = ("CLOSE_", "COMMERCELAYER_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(own)} | {
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "DEBUG": "true",
            "TOKEN_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "DATABASE_URL": f"sqlite:///{database}",
            "QUEUE_FILE": str(home / "queue.sqlite3"),
            "CLOSE_APP_URL": close.url,
            "CLOSE_API_URL": close.url,
            "COMMERCELAYER_AUTH_URL": layer.url,
            "COMMERCELAYER_API_URL": layer.url,
            # Journeys follow one another faster than anybody works: nothing here is about these limits.
            "COMMERCELAYER_WINDOWS": "100000/1",
            "SIGN_INS_PER_MINUTE": "10000",
            "PUBLIC_URL": "",
        }
        assert processes.start(["migrate", "--verbosity", "0"], environment).wait() == 0
        children = [
            processes.start([*command], environment)
            for command in (["worker"], ["serve", "--port", str(port)])
        ]
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/login/")
            yield Stack(url, close, world, commerce, database)
            assert all(child.poll() is None for child in children), "a process of Roster ended by itself"
        finally:
            processes.stop(children)


def _free_port() -> int:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(address: str) -> None:
    give_up = time.monotonic() + _START_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)
