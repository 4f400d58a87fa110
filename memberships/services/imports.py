"""A CSV file as a plan: whose row it is, what it says of them, and what of it can't be used. Nothing of it is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Unpack

from memberships.domain.metadata import one_break
from memberships.domain.people import Member, Status, Value, searchable
from memberships.domain.sheets import Line, Sheet, Unreadable, clears, guarded, unguarded
from memberships.domain.sheets import read as read_sheet
from memberships.domain.wishes import Fault, Wish, matched
from memberships.models import Connection, Organization, Plan
from memberships.providers import FieldKind

from . import current, details, proposals
from .connections import capabilities
from .current import Live
from .storing import Note
from .tables import written
from .vocabulary import Misunderstood, Vocabulary
from .wording import Words, listed

_ID, _EMAIL, _NAME, _STATUS, _MANAGES = "id", "email", "name", "status", "can manage"
_KNOWN_BY = {
    _ID: ("id", "member id", "membership id", "member_id", "membership_id"),
    _EMAIL: ("email", "e-mail", "email address", "e-mail address"),
    _NAME: ("name", "full name"),
    _STATUS: ("status",),
    _MANAGES: ("can manage", "can_manage"),
}
_COLUMNS = {searchable(word): column for column, words in _KNOWN_BY.items() for word in words}
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Imported:
    """The plan of a file, and what else its reader should know."""

    plan: Plan
    notices: tuple[str, ...]


def read(organization: Organization, data: bytes) -> Sheet:
    """The rows of a file, and which of them can't be read. Raises Unreadable, with a sentence."""
    columns = _Columns(Vocabulary(capabilities(organization), {}))
    sheet = read_sheet(data, columns.is_known)
    columns.placed(sheet.headings)
    return sheet


def propose(connection: Connection, sheet: Sheet, name: str, **note: Unpack[Note]) -> Imported:
    """Plan what a file that was read wishes for, from what is true now. Raises ProviderError and NotAllowed."""
    live = current.read(connection)
    reader = _Reader(connection, live, sheet)
    wishes, faults = reader.wishes()
    plan = proposals.wishes(
        connection, wishes, faults=[*sheet.faults, *faults], source=_short(name), live=live, **note
    )
    return Imported(plan, (*sheet.notices, *reader.notices()))


class _Columns:
    """Which column holds what."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def is_known(self, heading: str) -> bool:
        return bool(self._column(heading))

    def placed(self, headings: Sequence[str]) -> dict[str, int]:
        """By what stands in it, the number of each column that means something. Raises Unreadable."""
        found: dict[str, int] = {}
        for number, heading in enumerate(headings):
            column = self._column(heading)
            if column in found:
                raise Unreadable(
                    f"Two columns say the same: “{headings[found[column]].strip()}” and “{heading.strip()}”. Keep one."
                )
            if column:
                found[column] = number
        if not {_ID, _EMAIL} & found.keys():
            raise Unreadable(
                "The file needs a column “id” or “email” that says whom a row is about, and headings in its first row. "
                "“Export CSV” makes one to start from."
            )
        return found

    def unknown(self, headings: Iterable[str]) -> list[str]:
        return [heading.strip() for heading in headings if heading.strip() and not self._column(heading)]

    def _column(self, heading: str) -> str:
        return _COLUMNS.get(searchable(" ".join(heading.split()))) or self.vocabulary.field(heading) or ""


class _Reader:
    """One file against the people it was planned for."""

    def __init__(self, connection: Connection, live: Live, sheet: Sheet) -> None:
        self.sheet = sheet
        self.live = live
        self.capabilities = capabilities(connection.organization)
        profiled = any(field.kind is FieldKind.PROFILE for field in self.capabilities.fields)
        names = {**live.roster.names, **(dict(details.profiles(connection)) if profiled else {})}
        self.words = Words(self.capabilities, live.roles, names)
        self.vocabulary = Vocabulary.of(connection, live)
        self.columns = _Columns(self.vocabulary)
        self.placed = self.columns.placed(sheet.headings)
        self.settable = [
            (column, number)
            for column, number in self.placed.items()
            if column not in (_ID, _EMAIL, _NAME, _MANAGES)
        ]
        self.exported = cache(lambda field, value: guarded(written(self.words, field, value)))
        self.status = cache(self.vocabulary.status)
        self.differing: Counter[str] = Counter()

    def wishes(self) -> tuple[list[Wish], list[Fault]]:
        lines = {line.number: line for line in self.sheet.lines}
        found = matched(map(self._whose, self.sheet.lines), self.live.roster)
        wishes: list[Wish] = []
        faults = list(found.faults)
        for wish, member in found.wishes:
            try:
                wishes.append(self._read(wish, member, lines[wish.line]))
            except Misunderstood as problem:
                faults.append(wish.fault(str(problem)))
        return wishes, faults

    def notices(self) -> list[str]:
        found = []
        if unknown := self.columns.unknown(self.sheet.headings):
            named = listed([f"“{_short(heading)}”" for heading in unknown])
            what = f"column {named} is" if len(unknown) == 1 else f"columns {named} are"
            found.append(f"The {what} nothing that can be set here, and not used.")
        there = f"can only be changed in {self.capabilities.label}"
        only_read = {
            _NAME: ("The name", there),
            _EMAIL: ("The e-mail address", there),
            _MANAGES: ("“Can manage”", "follows from the role"),
        }
        for column, (what, why) in only_read.items():
            if number := self.differing[column]:
                rows = "1 row" if number == 1 else f"{number:,} rows"
                found.append(f"{what} in {rows} is not what it is now. It {why}, so it is left as it is.")
        return found

    def _whose(self, line: Line) -> Wish:
        email = self._cell(line, _EMAIL).strip().removeprefix("mailto:").lower()
        name = " ".join(self._cell(line, _NAME).split())
        return Wish(line.number, email, self._cell(line, _ID).strip(), name)

    def _read(self, wish: Wish, member: Member | None, line: Line) -> Wish:
        """What a row says besides whose it is. Raises Misunderstood with all that is wrong."""
        fields: dict[str, Value] = {}
        status: Status | None = None
        problems: list[str] = []
        for column, number in self.settable:
            cell = line.cells[number]
            # What an export wrote is nobody's wish, also where it couldn't be written today.
            exported = self.exported(column, member.value(column)) if member is not None else ""
            if cell == exported or not cell.strip():
                continue
            try:
                if column == _STATUS:
                    status = self.status(unguarded(cell))
                elif clears(cell):
                    fields[column] = self.vocabulary.cleared(column)
                elif not exported or one_break(unguarded(cell)) != one_break(unguarded(exported)):
                    fields[column] = self.vocabulary.value(column, unguarded(cell))
            except Misunderstood as problem:
                problems.append(str(problem))
        if problems:
            raise Misunderstood(" ".join(problems))
        if member is not None:
            self._compare(line, member)
        return Wish(wish.line, wish.email, wish.member_id, wish.name, fields, status)

    def _compare(self, line: Line, member: Member) -> None:
        """Count what was changed that can't be changed here."""
        held = {_NAME: member.name, _EMAIL: member.email, _MANAGES: "yes" if member.can_manage else "no"}
        for column, text in held.items():
            said = self._cell(line, column)
            if said not in ("", text) and " ".join(said.split()).lower() not in (
                "",
                " ".join(text.split()).lower(),
            ):
                self.differing[column] += 1

    def _cell(self, line: Line, column: str) -> str:
        return unguarded(line.cells[self.placed[column]]) if column in self.placed else ""


def _short(text: str) -> str:
    """A name from the file as a sentence can have it, without what would turn its letters around."""
    text = " ".join("".join(letter for letter in text if letter.isprintable() or letter.isspace()).split())
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
