"""A plan as text: for a terminal, for a comment on a pull request, and for other programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memberships.domain.people import ROLE, Member
from memberships.domain.plan import Action, Row, Verdict
from memberships.domain.wishes import Fault

from .wording import Words, people

LEGEND = "+ invite or reactivate   ~ change   - {leave}   ! blocked   = unchanged"
_SYMBOLS = {
    Action.INVITE: "+",
    Action.REACTIVATE: "+",
    Action.CREATE: "+",
    Action.CHANGE: "~",
    Action.RESEND: "~",
    Action.DEACTIVATE: "-",
    Action.DELETE: "-",
}
_COLOURS = {"+": "32", "~": "33", "-": "31", "!": "35", "=": "2"}
_ORDER = ("invite", "reactivate", "create", "change", "resend", "deactivate", "remove", "delete")
# Whatever moves a cursor, colours, or writes from right to left.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+.!|~-])")
_MENTION = re.compile(r"(?<!\w)@(?=\w)")


@dataclass(slots=True)
class Line:
    """One person: what would happen to them, or why nothing does."""

    symbol: str
    word: str
    name: str
    email: str
    details: list[str] = field(default_factory=list)

    @property
    def who(self) -> str:
        named = self.name and self.email and self.name != self.email
        return f"{self.name} <{self.email}>" if named else self.name or self.email


@dataclass(frozen=True, slots=True)
class Report:
    """All there is to print of rows. `absent` are people the file doesn't name; with `prune` they are in the rows."""

    where: str
    rows: Sequence[Row]
    words: Words
    absent: Sequence[Member] = ()
    prune: bool = False
    plan_id: str = ""
    confirm: int = 0
    confirm_reasons: Sequence[str] = ()
    chosen: str = ""
    """The options that say which organization it is and in whose name, as they were typed."""
    rest: int = 0
    """How many more people are as they should be, of whom there are no rows."""

    @property
    def lines(self) -> list[Line]:
        """By person; those who would change first, then the blocked, then the rest."""
        found: dict[tuple[str, Verdict], Line] = {}
        for row in self.rows:
            key = (row.member_id or row.email or row.name, row.verdict)
            if key not in found:
                found[key] = Line(*self._symbol(row), seen(row.name), seen(row.email))
            found[key].details += self._details(row)
        blocked = {who for who, verdict in found if verdict is not Verdict.ALREADY}
        kept = [
            line
            for (who, verdict), line in found.items()
            if verdict is not Verdict.ALREADY or who not in blocked
        ]
        return sorted(kept, key=lambda line: "+~-!=".index(line.symbol))

    @property
    def totals(self) -> dict[str, int]:
        """How many people by word: what would happen in its order, then blocked and unchanged."""
        number: dict[str, int] = {}
        for line in self.lines:
            number[line.word] = number.get(line.word, 0) + 1
        number["unchanged"] = number.get("unchanged", 0) + self.rest
        return {word: number[word] for word in (*_ORDER, "blocked", "unchanged") if number.get(word)}

    @property
    def changes(self) -> int:
        """How many people would change, or can't although the file wants it."""
        return sum(number for word, number in self.totals.items() if word != "unchanged")

    @property
    def total(self) -> str:
        said = [
            f"{number:,} {word}" if word in ("blocked", "unchanged") else f"{number:,} to {word}"
            for word, number in self.totals.items()
        ]
        if not any(" to " in one for one in said):
            said.insert(0, "nothing to do")
        return f"Plan: {', '.join(said)}."

    @property
    def legend(self) -> str:
        return LEGEND.format(leave=self.words.leave.lower())

    def _symbol(self, row: Row) -> tuple[str, str]:
        if row.verdict is Verdict.BLOCKED:
            return "!", "blocked"
        if row.verdict is Verdict.ALREADY:
            return "=", "unchanged"
        leaves = row.action is Action.DEACTIVATE
        return _SYMBOLS[row.action], self.words.leave.lower() if leaves else row.action.value

    def _details(self, row: Row) -> Iterator[str]:
        if row.verdict is Verdict.ALREADY:
            return
        for edit in row.edits:
            told = self.words.edit(edit)
            comes = row.action in (Action.INVITE, Action.REACTIVATE)
            if comes and edit.field == ROLE:
                yield f"as {seen(told.after)}"
            elif comes or row.stage:
                yield f"{seen(told.label)}: {seen(told.after)}"
            else:
                yield f"{seen(told.label)}: {seen(told.before)} → {seen(told.after)}"
        # That somebody invited is new goes without saying.
        if row.reason and (row.via or row.verdict is Verdict.BLOCKED or row.action is not Action.INVITE):
            yield seen(row.reason)


def text(report: Report, *, everybody: bool = False, colour: bool = False) -> str:
    """For a terminal. People who are as they should be are a number, unless `everybody` is wanted."""
    lines = [line for line in report.lines if everybody or line.symbol != "="]
    width = max((len(line.word) for line in lines), default=0)
    wide = min(48, max((len(line.who) for line in lines), default=0))
    out = [f"{seen(report.where)}", ""]
    for line in lines:
        told = f"  {line.symbol} {line.word:{width}}  {line.who:{wide}}  {'; '.join(line.details)}".rstrip()
        out.append(f"\x1b[{_COLOURS[line.symbol]}m{told}\x1b[0m" if colour else told)
    hidden = report.totals.get("unchanged", 0) if not everybody else report.rest
    if hidden:
        # One line, so that what changes isn't lost among what doesn't.
        out.append(f"  = {people(hidden)} unchanged")
    out += ["", f"  {report.legend}", ""]
    out += [line for line in _absent(report) if line]
    return "\n".join([*out, report.total, *_confirm(report), *_plan(report), ""])


def markdown(report: Report, *, everybody: bool = False) -> str:
    """For a comment on a pull request: nothing of what people are called is taken for markup, or for a mention."""
    lines = [line for line in report.lines if everybody or line.symbol != "="]
    out = [f"### {_marked(report.where)}", ""]
    if lines:
        out += ["| | | who | what |", "|---|---|---|---|"]
        out += [
            f"| `{line.symbol}` | {line.word} | {_marked(line.who)} | {_marked('; '.join(line.details))} |"
            for line in lines
        ]
        out.append("")
    if absent := _absent(report):
        first, *rest = absent
        out += ["<details>", f"<summary>{_marked(first)}</summary>", ""]
        out += [f"- {_marked(line.strip())}" for line in rest]
        out += ["", "</details>", ""]
    out += [f"**{_marked(report.total)}**", ""]
    out += [_marked(line) for line in _confirm(report)]
    out += [f"<sub>{_marked(report.legend)}</sub>", ""]
    out += [_marked(line) for line in _plan(report)]
    return "\n".join(out) + "\n"


def json(report: Report) -> dict[str, Any]:
    """For other programs: the provider's own values."""
    return {
        "plan": report.plan_id or None,
        "totals": report.totals,
        "confirm": report.confirm or None,
        "rows": [
            {
                "verdict": row.verdict.value,
                "action": row.action.value,
                "id": row.member_id or None,
                "email": row.email or None,
                "name": row.name or None,
                "edits": [
                    {"field": edit.field, "before": edit.before, "after": edit.after} for edit in row.edits
                ],
                "reason": row.reason or None,
            }
            for row in report.rows
        ],
        "absent": [{"id": m.id, "email": m.email or None, "name": m.name or None} for m in report.absent],
    }


def faults_json(found: Iterable[Fault]) -> dict[str, Any]:
    """The same of a file that can't be used."""
    return {"faults": [{"line": f.line or None, "who": f.who or None, "reason": f.reason} for f in found]}


def faults(found: Iterable[Fault]) -> str:
    """What can't be used of a file, one line each."""
    return "\n".join(seen(f"  {fault}" + (f" ({fault.who})" if fault.who else "")) for fault in found)


def outcomes(numbers: Mapping[str, int]) -> str:
    """The receipt's one line."""
    return (
        ", ".join(f"{number:,} {word}" for word, number in numbers.items() if number or word == "done") + "."
    )


def _absent(report: Report) -> list[str]:
    if not report.absent:
        return []
    leave = report.words.leave.lower()
    becomes = (
        f"“prune: true” wants them {leave}d"
        if report.prune
        else f"left alone; “prune: true” would {leave} them"
    )
    first = f"Not in the file: {people(len(report.absent))} ({becomes})."
    return [first, *(f"  {seen(m.name)} {seen(m.email or m.id)}".rstrip() for m in report.absent), ""]


def _confirm(report: Report) -> list[str]:
    if not report.confirm:
        return []
    return [f"It needs “--confirm {report.confirm}”: {seen(' '.join(report.confirm_reasons))}"]


def _plan(report: Report) -> list[str]:
    if not report.plan_id:
        return []
    return [
        "Nothing has been sent.",
        f"Apply it with: manage.py roster apply {report.plan_id}{report.chosen}",
    ]


def seen(text: str) -> str:
    """On one line, without anything a terminal would obey."""
    return _CONTROL.sub(" ", text)


def _marked(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION.sub("@\u200b", _MARKDOWN.sub(r"\\\1", text))
