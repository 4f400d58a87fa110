"""`manage.py worker`: applies plans, and finds the jobs that were left lying."""

from __future__ import annotations

import logging
import signal
import threading
import time
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, close_old_connections
from huey.contrib.djhuey import HUEY

from dashboard import processes
from memberships.services import connections, drift, jobs, selection, throttle

log = logging.getLogger(__name__)

_THREADS = 4
_SWEEP_S = 2.0
_TIDY_S = 3600.0


class Command(BaseCommand):
    help = "Run jobs until interrupted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("-n", type=int, default=1, dest="number", help="how many worker processes")

    def handle(self, *args: Any, **options: Any) -> None:
        with processes.beside([["worker"]] * (options["number"] - 1)):
            _work()


def _work() -> None:
    stopped = threading.Event()
    sweeper = threading.Thread(target=_sweep, args=(stopped,), name="sweeper", daemon=True)
    sweeper.start()
    consumer = HUEY.create_consumer(
        workers=_THREADS,
        worker_type="thread",
        initial_delay=0.05,
        max_delay=0.2,
        backoff=1.2,
        check_worker_health=True,
    )
    # A supervisor says TERM and means: finish the call you are in. Huey does that on INT.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        consumer.run()
    finally:
        stopped.set()
        sweeper.join(timeout=5)


def _sweep(stopped: threading.Event) -> None:
    tidied = 0.0
    while not stopped.wait(_SWEEP_S):
        close_old_connections()
        try:
            jobs.sweep()
            drift.sweep()
            if time.monotonic() - tidied > _TIDY_S:
                _tidy()
                tidied = time.monotonic()
        except Error:
            # The database is away for a while: the next round finds the same rows.
            log.exception("sweeping failed")


def _tidy() -> None:
    """Drop what nobody will ask for again."""
    selection.forget_old()
    connections.forget_old()
    throttle.forget_old()
    clear_expired_sessions = import_module(settings.SESSION_ENGINE).SessionStore.clear_expired
    clear_expired_sessions()
    # The queue keeps a record of every task for ever; ours are in the job's own rows.
    HUEY.storage.flush_results()
