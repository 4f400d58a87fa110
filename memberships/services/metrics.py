"""What is counted. Each process counts for itself in a file of its own; whoever is asked adds up all of the machine's.

Labels are few and known beforehand: never an id, a name or an address.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_GATE = "gate"
_PAST = "past"


class _Process:
    """This process's name for its files. A lock on a file of that name is held as long as it lives."""

    def __init__(self) -> None:
        self.pid, self.name = 0, ""
        self._alive: IO[str] | None = None

    def __call__(self) -> str:
        if self.pid != os.getpid():  # also after a fork
            self.pid, self.name = os.getpid(), uuid.uuid4().hex
            folder = Path(os.environ[_FOLDER])
            folder.mkdir(parents=True, exist_ok=True)
            self._alive = (folder / f"{self.name}.alive").open("w")
            fcntl.flock(self._alive, fcntl.LOCK_EX)
        return self.name


if _FOLDER in os.environ:
    # Not by process ids, which containers that share a folder have in common.
    values.ValueClass = values.MultiProcessValue(_Process())

_registry = CollectorRegistry()
_REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_CALL_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 15, 30, 60)

requests = Counter(
    "roster_requests", "Requests answered", ["view", "method", "status"], registry=_registry
)  # fmt: skip
request_s = Histogram(
    "roster_request_seconds", "Until the answer began", ["view"], buckets=_REQUEST_S, registry=_registry
)
remote_calls = Counter(
    "roster_remote_calls", "Calls of a provider", ["provider", "kind", "status"], registry=_registry
)
remote_call_s = Histogram(
    "roster_remote_call_seconds",
    "Until the answer was complete",
    ["provider", "kind"],
    buckets=_CALL_S,
    registry=_registry,
)
waits_s = Counter(
    "roster_wait_seconds",
    "Waited for a rate limit, within a call or by a job that was put off",
    ["provider", "where"],
    registry=_registry,
)
rows = Counter(
    "roster_rows", "Rows of plans by what became of them", ["provider", "outcome"], registry=_registry
)
sign_ins = Counter("roster_sign_ins", "Ends of the way through the sign-in", ["result"], registry=_registry)


@contextmanager
def everything() -> Iterator[CollectorRegistry]:
    """What all processes of this machine have counted, to be read within the block."""
    if _FOLDER not in os.environ:
        yield _registry
        return
    folder = Path(os.environ[_FOLDER])
    with (folder / _GATE).open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        _fold(folder)
        added_up = CollectorRegistry()
        MultiProcessCollector(added_up, str(folder))
        yield added_up


def _fold(folder: Path) -> None:
    """Add the counts of processes that have ended to one file, so that files don't pile up."""
    for alive in folder.glob("*.alive"):
        with alive.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            for kind in ("counter", "histogram"):
                left = folder / f"{kind}_{alive.stem}.db"
                if left.exists():
                    past = MmapedDict(str(folder / f"{kind}_{_PAST}.db"))
                    for key, value, *_ in MmapedDict.read_all_values_from_file(str(left)):
                        past.write_value(key, past.read_value(key)[0] + value, 0.0)
                    past.close()
                    left.unlink()
            alive.unlink()
