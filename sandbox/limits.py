"""How many calls Close allows in a window, and how it says so.

Source: https://developer.close.com/api/overview/rate-limits
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.switches import Switches

ORGANIZATION_FACTOR = 3


@dataclass(slots=True)
class Window:
    """Calls counted since `began`."""

    began: float
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a caller stands after one call. `kind` is whose limit it is: key or organization."""

    limit: int
    remaining: int
    reset_s: float
    window_s: float
    exceeded: bool
    kind: str

    def headers(self, switches: Switches) -> dict[str, str]:
        """Lower-case names, as sent; `retry-after` only once the limit is exceeded."""
        parts = (f"limit={self.limit}", f"remaining={self.remaining}", f"reset={round(self.reset_s, 2):g}")
        headers = {"ratelimit": f"{switches.ratelimit_separator} ".join(parts)}
        if switches.ratelimit_split_headers:
            headers["ratelimit-limit"] = str(self.limit)
            headers["ratelimit-remaining"] = str(self.remaining)
            headers["ratelimit-reset"] = str(math.ceil(self.reset_s))
        if self.exceeded:
            headers["retry-after"] = str(max(1, math.ceil(self.reset_s)))
        return headers

    def body(self, switches: Switches) -> dict[str, Any]:
        """Nothing to rely on, or the deprecated object."""
        if not switches.old_429_body:
            return {"error": "API call count exceeded for this period"}
        return {
            "error": {
                "message": "API call count exceeded for this period",
                "rate_limit": self.limit,
                "rate_window": self.window_s,
                "rate_reset": round(self.reset_s, 3),
                "rate_limit_type": self.kind,
            }
        }


@dataclass
class Limits:
    """Calls per window, counted per credential and per organization (three times as many).

    Reads and writes of each first path segment have windows of their own. `special` overrides
    one of them: `limits.special["write", "membership"] = 5`.
    """

    reads: int = 100
    writes: int = 40
    window_s: float = 1.0
    special: dict[tuple[str, str], int] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _windows: dict[tuple[str, ...], Window] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, key: str, organization_id: str, method: str, segment: str) -> Reading:
        """Count one call and say where the caller stands. Refused calls are not counted."""
        kind = "read" if method in {"GET", "HEAD"} else "write"
        limit = self.special.get((kind, segment), self.reads if kind == "read" else self.writes)
        with self._lock:
            own = self._window("key", key, kind, segment)
            shared = self._window("organization", organization_id, kind, segment)
            everyone = limit * ORGANIZATION_FACTOR
            exceeded = own.calls >= limit or shared.calls >= everyone
            if not exceeded:
                own.calls += 1
                shared.calls += 1
            tightest, whose = min((limit - own.calls, "key"), (everyone - shared.calls, "organization"))
            window = own if whose == "key" else shared
            return Reading(
                limit=limit if whose == "key" else everyone,
                remaining=max(0, tightest),
                reset_s=max(0.001, window.began + self.window_s - self.clock()),
                window_s=self.window_s,
                exceeded=exceeded,
                kind=whose,
            )

    def settings(self) -> dict[str, float]:
        return {"reads": self.reads, "writes": self.writes, "window_s": self.window_s}

    def set(self, numbers: Mapping[str, Any]) -> None:
        """Any of `settings`; the rest of `numbers` is not for here. Raises ValueError or TypeError."""
        reads, writes = int(numbers.get("reads", self.reads)), int(numbers.get("writes", self.writes))
        window_s = float(numbers.get("window_s", self.window_s))
        if not (window_s > 0 and reads >= 0 and writes >= 0):
            raise ValueError("a window is longer than nothing, and nothing is negative")
        self.reads, self.writes, self.window_s = reads, writes, window_s

    def reset(self) -> None:
        """Back to the defaults, with empty windows."""
        with self._lock:
            self.reads, self.writes, self.window_s = 100, 40, 1.0
            self.special.clear()
            self._windows.clear()

    def _window(self, *name: str) -> Window:
        now = self.clock()
        window = self._windows.get(name)
        if window is None or window.began + self.window_s <= now:
            window = self._windows[name] = Window(now)
        return window
