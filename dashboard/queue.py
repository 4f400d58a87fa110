"""The queue in the dashboard's own PostgreSQL."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connections
from huey.api import Huey
from huey.storage import PostgresStorage


class DatabaseStorage(PostgresStorage):
    """Huey's tables. `migrate` makes them: processes that start together would trip over each other at it."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, connection=_connect, create_tables=False, table_prefix="queue", **options)

    @property
    def conn(self) -> psycopg.Connection[Any]:
        """A connection that works: nobody's Apply should fail because the server was restarted since the last one."""
        conn: psycopg.Connection[Any] = super().conn
        try:
            conn.execute("SELECT 1")
        except psycopg.OperationalError:
            self._close_quiet(conn)
            conn = super().conn
        return conn


class DatabaseHuey(Huey):
    storage_class = DatabaseStorage


def _connect() -> psycopg.Connection[Any]:
    """One of the queue's own: what it does must not wait for, or be undone with, a transaction of a page or a job."""
    parameters = connections["default"].get_connection_params()
    for djangos in ("cursor_factory", "context"):
        parameters.pop(djangos)
    return psycopg.connect(**parameters)
