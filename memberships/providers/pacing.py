"""Rate limits as the provider announces them, so that a job slows down before it is refused."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

_PAIR = re.compile(r"(limit|remaining|reset)\s*=\s*([0-9]+(?:\.[0-9]+)?)", re.IGNORECASE)
_LONGEST_WAIT_S = 3600.0
# Announced seconds are rounded, and clocks differ: a window is taken to open a little later than it says.
_MARGIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Allowance:
    """`remaining` calls until the window starts again in `reset_s` seconds."""

    remaining: float
    reset_s: float


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """Read `ratelimit: limit=100, remaining=50, reset=5`, the same with semicolons, or the three split headers.

    Source: https://developer.close.com/api/overview/rate-limits (documented with commas, seen with semicolons).
    """
    found = {name.lower(): float(number) for name, number in _PAIR.findall(headers.get("ratelimit", ""))}
    for name in ("remaining", "reset"):
        if name not in found and (number := _number(headers.get(f"ratelimit-{name}", ""))) is not None:
            found[name] = number
    if "remaining" in found and "reset" in found:
        return Allowance(found["remaining"], min(found["reset"], _LONGEST_WAIT_S))
    return None


def retry_after_s(headers: Mapping[str, str], default: float = 1.0) -> float:
    """How long a 429 asks to wait: the window's reset, else Retry-After in seconds, else `default`."""
    found = {name.lower(): float(number) for name, number in _PAIR.findall(headers.get("ratelimit", ""))}
    candidates = [
        found.get("reset"),
        _number(headers.get("ratelimit-reset", "")),
        _number(headers.get("retry-after", "")),
    ]
    wait = next((c for c in candidates if c), default)
    return min(wait, _LONGEST_WAIT_S)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


class Pacing(Protocol):
    """When the next call of a group may be made."""

    def take(self, group: str, longest_s: float | None) -> float:
        """Seconds to wait before the next call. Waits of more than `longest_s` are told, but nothing is reserved.

        None is for somebody who rather tries than waits, where only the provider's word counts.
        """
        ...

    def learn(self, group: str, headers: Mapping[str, str]) -> None:
        """What an answer says about the limit."""
        ...


class Pace:
    """Remembers per group of calls until when the window is used up. One per connection and process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open_again: dict[str, float] = {}

    def take(self, group: str, longest_s: float | None) -> float:
        return 0.0 if longest_s is None else self.wait_s(group)

    def wait_s(self, group: str) -> float:
        return max(0.0, self._open_again.get(group, 0.0) - self._clock())

    def learn(self, group: str, headers: Mapping[str, str]) -> None:
        now = allowance(headers)
        if now and now.remaining < 1:
            self._open_again[group] = self._clock() + now.reset_s + _MARGIN_S
