"""The dashboard as it is served, and visitors who ask it over real HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client

# As many as a web process has threads.
AT_ONCE = 4
_START_S = 30


@dataclass(frozen=True, slots=True)
class Site:
    """One web process. `pid` is the process that answers, not the one that looks after it."""

    port: int
    pid: int

    def visitor(self, browser: Client) -> Visitor:
        """Somebody who is signed in as this test client is."""
        return Visitor(self.port, "; ".join(f"{name}={m.value}" for name, m in browser.cookies.items()))

    def resident_mb(self) -> float:
        return self._status_mb("VmRSS")

    def peak_mb(self) -> float:
        """The most there was since `forget_peak`, or ever."""
        return self._status_mb("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status_mb(self, name: str) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith(f"{name}:"))
        return int(line.split()[1]) / 1024


class Visitor:
    """A browser's part that matters here: one connection that is kept, and a session."""

    def __init__(self, port: int, cookies: str) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"Cookie": cookies, "Host": f"localhost:{port}"}

    def get(self, path: str) -> bytes:
        self.connection.request("GET", path, headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered with {answer.status}: {body[:300]!r}")
        return body

    def swallow(self, path: str) -> int:
        """As `get`, but keeps nothing: how many bytes there were."""
        self.connection.request("GET", path, headers=self.headers)
        answer = self.connection.getresponse()
        number = 0
        while piece := answer.read(65_536):
            number += len(piece)
        return number


@contextmanager
def served() -> Iterator[Site]:
    """The rig's project, by one web process."""
    from dashboard import processes

    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = processes.start(["serve", "--port", str(port)])
    try:
        give_up = time.monotonic() + _START_S
        while True:
            try:
                Visitor(port, "").get("/healthz")
                break
            except OSError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.05)
        # Its first child that is more than a helper of multiprocessing's.
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        yield Site(port, max(map(int, children), key=lambda pid: Site(port, pid).resident_mb()))
    finally:
        processes.stop([server])


def per_second(visitors: Sequence[Visitor], path: str, for_s: float) -> float:
    """Answers a second while each visitor asks again as soon as it is answered."""
    ends = time.perf_counter() + for_s
    answered = [0] * len(visitors)

    def ask(number: int) -> None:
        while time.perf_counter() < ends:
            visitors[number].get(path)
            answered[number] += 1

    started = time.perf_counter()
    all_at_once([partial(ask, number) for number in range(len(visitors))])
    return sum(answered) / (time.perf_counter() - started)


def open_loop(visitors: Sequence[Visitor], paths: Sequence[str], every_s: float, for_s: float) -> list[float]:
    """How long each page took, in seconds, from the moment it was meant to be asked for.

    The moments are fixed beforehand: who is kept waiting asks for the next page late, and that counts as waiting, too.
    """
    began = time.perf_counter() + 0.1
    taken: list[list[float]] = [[] for _ in visitors]

    def look(number: int) -> None:
        due = began + every_s * number / len(visitors)
        turn = number
        while due < began + for_s:
            time.sleep(max(0.0, due - time.perf_counter()))
            visitors[number].get(paths[turn % len(paths)])
            taken[number].append(time.perf_counter() - due)
            due, turn = due + every_s, turn + 1

    all_at_once([partial(look, number) for number in range(len(visitors))])
    return [took for each in taken for took in each]


def all_at_once(acts: Sequence[Callable[[], None]]) -> None:
    """In a thread each; the first that failed fails all."""
    failed: list[Exception] = []

    def run(act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as problem:
            failed.append(problem)

    threads = [threading.Thread(target=run, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
