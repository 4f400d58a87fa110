"""`manage.py worker`: applies plans, and finds the jobs that were left lying."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, close_old_connections, connections
from huey.contrib.djhuey import HUEY

from dashboard import processes
from memberships.services import audit_stream, drift, jobs, selection, sessions, throttle, workers

log = logging.getLogger(__name__)

_THREADS = 4
_BEHIND_PAGES = 10
_SWEEP_S = 2.0
_PASS_ON_S = 1.0
_TIDY_S = 3600.0


class Command(BaseCommand):
    help = "Run jobs until interrupted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("-n", type=int, default=1, dest="number", help="how many worker processes")

    def handle(self, *args: Any, **options: Any) -> None:
        with processes.beside([["worker"]] * (options["number"] - 1)):
            _work()


def _work() -> None:
    # By itself a thread prints how it broke off, past the log and all that is taken out there.
    threading.excepthook = _broke_off
    # Where both share a processor, somebody waits for a page and nobody for the next row.
    os.nice(_BEHIND_PAGES)
    stopped = threading.Event()
    sweeper = threading.Thread(target=_sweep, args=(stopped,), name="sweeper", daemon=True)
    sweeper.start()
    courier = threading.Thread(target=_pass_on, args=(stopped,), name="courier", daemon=True)
    courier.start()
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
        courier.join(timeout=5)


def _broke_off(how: threading.ExceptHookArgs) -> None:
    log.critical("%s ended", how.thread.name if how.thread else "a thread", exc_info=how.exc_value)


def _sweep(stopped: threading.Event) -> None:
    tidied, beaten = -_TIDY_S, 0.0
    heartbeat = workers.Heartbeat()
    while not stopped.is_set():
        close_old_connections()
        try:
            if time.monotonic() - beaten > workers.BEAT_S - _SWEEP_S:
                heartbeat.beat()
                beaten = time.monotonic()
            jobs.sweep()
            drift.sweep()
            if time.monotonic() - tidied > _TIDY_S:
                tidied = time.monotonic()
                # Of all workers one does it.
                if cache.add("worker.tidied", True, _TIDY_S - _SWEEP_S):
                    _tidy()
        except Exception:
            # The database or the queue is away for a while, which each says in its own way: the next round finds the
            # same rows.
            log.exception("sweeping failed")
        stopped.wait(_SWEEP_S)
    try:
        heartbeat.end()
    except Error:
        log.warning("the heartbeat stays until somebody tidies: the database is away")
    connections.close_all()


def _pass_on(stopped: threading.Event) -> None:
    """The audit log, in a thread of its own: whoever receives it may take its time."""
    while not stopped.wait(_PASS_ON_S):
        close_old_connections()
        try:
            audit_stream.pass_on()
        except Exception:
            # Whatever it was: nobody else goes on with it, and the entries are still there for the next round.
            log.exception("passing the audit log on failed")
    connections.close_all()


def _tidy() -> None:
    """Drop what nobody will ask for again."""
    selection.forget_old()
    sessions.forget_old()
    throttle.forget_old()
    workers.forget_old()
    clear_expired_sessions = import_module(settings.SESSION_ENGINE).SessionStore.clear_expired
    clear_expired_sessions()
    # The queue keeps a record of every task for ever; ours are in the job's own rows.
    HUEY.storage.flush_results()
