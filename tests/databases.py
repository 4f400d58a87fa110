"""Databases for processes of their own: a file each, or on the server the tests use where that is PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from psycopg import sql


@contextmanager
def migrated(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of an installation whose database is empty and its own; gone after the block."""
    own = ("CLOSE_", "COMMERCELAYER_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)} | {
        "DEBUG": "true",
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "PUBLIC_URL": "",
    }
    with _address(folder) as address:
        environment |= {"DATABASE_URL": address, "QUEUE_FILE": str(folder / "queue.sqlite3")}
        migrate = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(migrate, env=environment, check=True)
        yield environment


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    if not settings.POSTGRESQL:
        yield f"sqlite:///{folder / 'roster.sqlite3'}"
        return
    server, name = urlsplit(os.environ["DATABASE_URL"]), f"roster_{uuid.uuid4().hex}"
    with psycopg.connect(server.geturl(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield server._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
