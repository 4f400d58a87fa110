"""How many calls Commerce Layer allows from one IP address, and how it says so.

Sources: https://docs.commercelayer.io/provisioning/getting-started/api-specification,
https://docs.commercelayer.io/core/rate-limits
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sandbox.commercelayer.switches import CommerceSwitches

GENEROUS, GENEROUS_BURST = 1000, 250
MOST_TIMES_FASTER = 10


@dataclass(slots=True)
class Window:
    """When the calls of the last `window_s` seconds came; it slides and never starts over."""

    limit: int
    window_s: float
    came: deque[float] = field(default_factory=deque)

    def slide(self, now: float) -> None:
        while self.came and self.came[0] <= now - self.window_s:
            self.came.popleft()

    @property
    def full(self) -> bool:
        return len(self.came) >= self.limit

    @property
    def remaining(self) -> int:
        return max(0, self.limit - len(self.came))


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a caller stands after one call. The numbers are the average's: the burst is invisible."""

    limit: int
    interval_s: float
    remaining: int
    exceeded: bool

    def headers(self) -> dict[str, str]:
        """`retry-after` is of no use, as recorded."""
        headers = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-interval": f"{self.interval_s:g}",
            "x-ratelimit-remaining": "0" if self.exceeded else str(self.remaining),
        }
        if self.exceeded:
            headers["retry-after"] = "0"
        return headers


@dataclass
class CommerceLimits:
    """Sliding windows per IP address: an average over all endpoints, a burst per endpoint.

    An endpoint is the first path segment, and with it all of its records. `times_faster` makes
    every window that many times shorter, for benches: the same traffic in less time. Numbers
    may be changed at any time; they hold for the calls that have been counted already.
    """

    switches: CommerceSwitches
    reads: int = 200
    reads_burst: int = 50
    writes: int = 200
    writes_burst: int = 50
    tokens: int = 30
    average_s: float = 60.0
    burst_s: float = 10.0
    times_faster: float = 1.0
    clock: Callable[[], float] = time.monotonic
    _windows: dict[tuple[str, ...], Window] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, address: str, method: str, endpoint: str) -> Reading:
        """Count one call of the API and say where the caller stands."""
        reading = method in {"GET", "HEAD"}
        kind = "read" if reading else method if self.switches.methods_count_apart else "write"
        if not reading:
            limit, burst = self.writes, self.writes_burst
        elif self.switches.reads_are_generous:
            limit, burst = GENEROUS, GENEROUS_BURST
        else:
            limit, burst = self.reads, self.reads_burst
        with self._lock:
            average = self._window((address, kind), limit, self.average_s)
            return self._counted(average, self._window((address, kind, endpoint), burst, self.burst_s))

    def count_token(self, address: str) -> Reading:
        """The token endpoint has one window of its own."""
        with self._lock:
            return self._counted(self._window((address, "token"), self.tokens, self.average_s))

    def settings(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in _NUMBERS}

    def set(self, numbers: Mapping[str, Any]) -> None:
        """Any of `settings`; the rest of `numbers` is not for here. Raises ValueError or TypeError."""
        new = {name: type(getattr(self, name))(value) for name, value in numbers.items() if name in _NUMBERS}
        if not all(value >= 0 for value in new.values()):
            raise ValueError("nothing is negative")
        if not all(new.get(name, 1) > 0 for name in ("average_s", "burst_s")):
            raise ValueError("a window is longer than nothing")
        if not 1 <= new.get("times_faster", 1) <= MOST_TIMES_FASTER:
            raise ValueError(f"times_faster is 1 to {MOST_TIMES_FASTER}")
        for name, value in new.items():
            setattr(self, name, value)

    def reset(self) -> None:
        """Back to the defaults, with empty windows."""
        with self._lock:
            for one in fields(self):
                if one.name in _NUMBERS:
                    setattr(self, one.name, one.default)
            self._windows.clear()

    def _window(self, name: tuple[str, ...], limit: int, window_s: float) -> Window:
        window = self._windows.setdefault(name, Window(limit, window_s))
        window.limit, window.window_s = limit, window_s / self.times_faster
        window.slide(self.clock())
        return window

    def _counted(self, average: Window, *others: Window) -> Reading:
        windows = (average, *others)
        exceeded = any(window.full for window in windows)
        if not exceeded or self.switches.refused_calls_count:
            for window in windows:
                window.came.append(self.clock())
        return Reading(average.limit, average.window_s, average.remaining, exceeded)


_NUMBERS = (
    "reads",
    "reads_burst",
    "writes",
    "writes_burst",
    "tokens",
    "average_s",
    "burst_s",
    "times_faster",
)
