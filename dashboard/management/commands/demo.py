"""`manage.py demo`: everything on this machine, with made-up people. Nothing of it is real."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dashboard import processes
from sandbox.commercelayer.rehearsal import CLIENT_ID, CLIENT_SECRET
from sandbox.rehearsal import NORTHWIND
from sandbox.world import World

_START_S = 60


class Command(BaseCommand):
    help = "Try Roster: rehearsal servers with made-up people, the dashboard and a worker, until interrupted."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="where the dashboard listens")
        parser.add_argument("--sandbox-port", type=int, default=0, help="where the rehearsal Close listens")
        parser.add_argument(
            "--commercelayer-port", type=int, default=0, help="where the rehearsal Commerce Layer listens"
        )
        parser.add_argument("--people", type=int, default=240, help="how many people an organization has")
        parser.add_argument("--latency-ms", type=float, default=80, help="how slow the rehearsal servers are")

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        if not processes.is_free("127.0.0.1", port):
            raise CommandError(f"Port {port} is taken: choose another one with --port.")
        sandbox_port = options["sandbox_port"] or _free_port()
        layer_port = options["commercelayer_port"] or _free_port()
        close, layer = (f"http://127.0.0.1:{number}" for number in (sandbox_port, layer_port))
        # Each demo starts afresh: last time's tokens mean nothing to this time's rehearsal Close. A folder for each
        # port, because a demo on another one may be running.
        home = settings.VAR_DIR / "demo" / str(port)
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        own = ("CLOSE_", "COMMERCELAYER_", "AUDIT_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(own)} | {
            "DEBUG": "true",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "TOKEN_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "DATABASE_URL": f"sqlite:///{home / 'roster.sqlite3'}",
            "REDIS_URL": "",
            "QUEUE_FILE": str(home / "queue.sqlite3"),
            "CLOSE_APP_URL": close,
            "CLOSE_API_URL": close,
            "COMMERCELAYER_AUTH_URL": layer,
            "COMMERCELAYER_API_URL": layer,
            "COMMERCELAYER_CLIENT_ID": CLIENT_ID,
            "COMMERCELAYER_CLIENT_SECRET": CLIENT_SECRET,
            # The rehearsal has the same ids each time.
            "COMMERCELAYER_FOR_CLOSE_ORGANIZATION": World.rehearsal(people=options["people"]).organization_id(
                NORTHWIND
            ),
            "PUBLIC_URL": "",
        }
        if processes.start(["migrate", "--verbosity", "0"], environment).wait():
            raise CommandError("The database could not be prepared.")
        people, latency = str(options["people"]), str(options["latency_ms"])
        children = [
            processes.start(
                [
                    *("sandbox", "--port", str(sandbox_port), "--commercelayer-port", str(layer_port)),
                    *("--people", people, "--latency-ms", latency),
                ],
                environment,
            ),
            processes.start(["worker"], environment),
            processes.start(["serve", "--port", str(port)], environment),
        ]
        # However this ends, the children end with it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            address = f"http://127.0.0.1:{port}/"
            _wait_for(f"{close}/_rehearsal/")
            _wait_for(f"{address}login/")
            self.stdout.write(
                self.style.SUCCESS(f"\nRoster is ready: {address}\n")
                + f"Its rehearsal Close, where you can play the other admins and the outages: {close}/_rehearsal/\n"
                f"Its rehearsal Commerce Layer is attached at the first sign-in to {NORTHWIND}: {layer}\n"
                "Ctrl-C ends it.\n"
            )
            self.stdout.flush()
            while all(child.poll() is None for child in children):
                time.sleep(0.5)
            raise CommandError("One of the demo's processes ended; see above.")
        except KeyboardInterrupt:
            self.stdout.write("Ending.")
        finally:
            processes.stop(children)


def _free_port() -> int:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(address: str) -> None:
    give_up = time.monotonic() + _START_S
    while time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own loopback addresses
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise CommandError(f"{address} did not start.")
