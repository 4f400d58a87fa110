"""The worker's sweep goes on whatever goes wrong, and what is done once an hour is done by one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest
from django.db import OperationalError
from django.db import connections as databases

from dashboard.management.commands import worker
from memberships.services import jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def tidied(monkeypatch) -> list[str]:
    """A word for each time a worker tidied up."""
    times: list[str] = []
    monkeypatch.setattr(worker, "_tidy", lambda: times.append("tidied"))
    return times


@pytest.fixture
def sweep(monkeypatch, tidied) -> Callable[..., None]:
    """A worker's sweeper for some rounds, in each of which this goes wrong, or nothing."""
    monkeypatch.setattr(worker, "_SWEEP_S", 0.01)
    # This thread's connection is the test's.
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    monkeypatch.setattr(databases, "close_all", lambda: None)

    def sweep(*problems: Exception | None) -> None:
        left, stopped = list(problems), threading.Event()

        def one_round() -> None:
            problem = left.pop(0)
            if not left:
                stopped.set()
            if problem:
                raise problem

        monkeypatch.setattr(jobs, "sweep", one_round)
        worker._sweep(stopped)
        assert left == []

    return sweep


def test_a_database_or_a_queue_that_is_away_ends_no_sweeper(sweep, caplog):
    sweep(OperationalError("gone"), psycopg.OperationalError("gone"), ConnectionError("gone"), None)
    assert caplog.text.count("sweeping failed") == 3


def test_of_several_workers_one_tidies_up(sweep, tidied):
    for _ in range(3):
        sweep(None, None)
    assert tidied == ["tidied"]
