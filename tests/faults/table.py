"""What was tried and how much of it held, as the tables of docs/reliability.md."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN = "<!-- From here to the end mark: written by `make faults ARGS=--write-table`. -->"
END = "<!-- End of what is written by the run. -->"
PLACES = 3


class Table:
    """Collects what tests tell by `record_property`, and whether they passed."""

    def __init__(self) -> None:
        self.told: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
        self.held: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)

    def add(self, name: str, value: str, passed: bool) -> None:
        """`value` is a case; words after a last "=" are how many it stands for."""
        case, _, number = value.partition("=")
        key = tuple(case.split("|"))
        self.told[name][key] += int(number or 1)
        self.held[name][key] += int(number or 1) if passed else 0

    def __bool__(self) -> bool:
        return bool(self.told)

    def text(self) -> str:
        """Markdown."""
        parts: list[str] = []
        for name, intro in (
            (
                "in process",
                "In one process, at most three people a call, each mishap in the first, a middle and the last call:",
            ),
            (
                "worker",
                "The same against a real `manage.py worker` process, each mishap in one of the three calls in turn:",
            ),
            (
                "Commerce Layer",
                "At Commerce Layer, in one process, a request for each person and several under way at a time:",
            ),
        ):
            if cases := self.told[name]:
                columns = list(dict.fromkeys(step for step, *_ in cases))
                mishaps = list(dict.fromkeys(mishap for _, mishap, *_ in cases))
                rows = [
                    [mishap, *(self._sum(name, (step, mishap)) for step in columns)] for mishap in mishaps
                ]
                parts += [intro, _markdown(["what happens", *columns], rows), self._total(name)]
        if cases := self.told["killed"]:
            columns = list(dict.fromkeys(moment for moment, *_ in cases))
            calls = list(dict.fromkeys(call for _, call in cases))
            rows = [[call, *(self._sum("killed", (moment, call)) for moment in columns)] for call in calls]
            parts += [
                "A worker process killed with SIGKILL, then another one:",
                _markdown(["at", *columns], rows),
                self._total("killed"),
            ]
        if self.told["died"] or self.told["robbed"]:
            names = list(dict.fromkeys(case for name in ("died", "robbed") for case in self.told[name]))
            rows = [[case[0], self._sum("died", case), self._sum("robbed", case)] for case in names]
            parts += [
                "A worker that dies, or loses its lease, at every single statement and at both ends of every call:",
                _markdown(["job", "deaths", "lost leases"], rows),
            ]
        if self.told["sequences"]:
            rows = [[case[0], self._sum("sequences", case)] for case in self.told["sequences"]]
            parts += [
                "Sequences of plans, mishaps and edits made by Hypothesis, none of which left too few managers:",
                _markdown(["people who must stay able to manage", "sequences"], rows),
            ]
        return "\n\n".join(parts)

    def _sum(self, name: str, start: tuple[str, ...]) -> str:
        told, held = (
            sum(number for case, number in counted.items() if case[: len(start)] == start)
            for counted in (self.told[name], self.held[name])
        )
        return f"{held} of {told}" if told else ""

    def _total(self, name: str) -> str:
        return f"{self.held[name].total():,} of {self.told[name].total():,} held."

    def write(self) -> None:
        """Put the tables into the page, between its two marks."""
        page = PAGE.read_text()
        before, after = page.index(BEGIN) + len(BEGIN), page.index(END)
        PAGE.write_text(f"{page[:before]}\n\n{self.text()}\n\n{page[after:]}")


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
