"""What was measured, against which limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Line:
    """One number. Without a limit it is there to compare with, and always holds."""

    what: str
    measured: float
    unit: str = ""
    limit: float | None = None

    @property
    def holds(self) -> bool:
        return self.limit is None or self.measured <= self.limit


def show(title: str, lines: Sequence[Line]) -> None:
    width = max(len(line.what) for line in lines)
    print(f"\n{title.strip().splitlines()[0]}\n")
    print(f"{'what':{width}}  {'measured':>11}  {'limit':>11}  holds")
    for line in lines:
        limit = _text(line.limit, line.unit) if line.limit is not None else ""
        holds = ("yes" if line.holds else "NO") if line.limit is not None else ""
        print(f"{line.what:{width}}  {_text(line.measured, line.unit):>11}  {limit:>11}  {holds}".rstrip())
    print(flush=True)


def _text(number: float, unit: str) -> str:
    digits = f"{number:,}" if isinstance(number, int) else f"{number:,.2f}"
    return f"{digits} {unit}".rstrip()


def took_s(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def medians(rounds: int, *sides: Callable[[], float]) -> list[float]:
    """The median of what each side says it took, the sides taking turns: a machine's bad moment hits all of them."""
    taken: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for times, side in zip(taken, sides, strict=True):
            times.append(side())
    return [median(times) for times in taken]
