"""The same on PostgreSQL: 20 admins open a page every 2 s while jobs of 5,000 rows run back to back, 200 ms away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bench import open_loop
from bench.table import Line
from scripts import postgres


def measure() -> list[Line]:
    with database() as url:
        return open_loop.measured(DATABASE_URL=url)


@contextmanager
def database() -> Iterator[str]:
    """An empty PostgreSQL: the one in BENCH_POSTGRES_URL, or one of its own."""
    if url := os.environ.get("BENCH_POSTGRES_URL"):
        yield url
        return
    with postgres.running() as url:
        yield url
