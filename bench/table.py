"""What was measured, against which limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Line:
    """One number. Without a limit, or a least, it is there to compare with, and always holds."""

    what: str
    measured: float
    unit: str = ""
    limit: float | None = None
    least: float | None = None

    @property
    def bound(self) -> str:
        if self.limit is not None:
            return _text(self.limit, self.unit)
        return f"at least {_text(self.least, self.unit)}" if self.least is not None else ""

    @property
    def holds(self) -> bool:
        if self.least is not None:
            return self.measured >= self.least
        return self.limit is None or self.measured <= self.limit


def show(title: str, lines: Sequence[Line]) -> None:
    width = max(len(line.what) for line in lines)
    print(f"\n{title.strip().splitlines()[0]}\n")
    print(f"{'what':{width}}  {'measured':>11}  {'limit':>13}  holds")
    for line in lines:
        holds = ("yes" if line.holds else "NO") if line.bound else ""
        print(
            f"{line.what:{width}}  {_text(line.measured, line.unit):>11}  {line.bound:>13}  {holds}".rstrip()
        )
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
