"""Tables as spreadsheets keep them: CSV text out, safe to open, and back in from whatever program saved it."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .wishes import Fault

# A spreadsheet takes a cell that starts with one of these for a formula and may run it.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "'", "＝", "＋", "－", "＠")
# And one of these for a number or a date, and writes 7 for 007.
_NUMBER = re.compile(r"0[0-9]+|[0-9]{16,}|[0-9]+([.,/:-][0-9]+)+|[0-9]+([.,][0-9]+)?(%|[eE][+-]?[0-9]+)")
CLEAR = "(clear)"
"""What stands in a cell that is to have no value any more; an empty one changes nothing."""

MOST_BYTES = 5_000_000
MOST_ROWS = 20_000
MOST_COLUMNS = 100
LONGEST_CELL = 10_000
# As many as there are in the widest program, with anything in them or not.
_WIDEST_SHEET = 16_384

_SEPARATORS = (",", ";", "\t")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WORKBOOKS = {b"PK\x03\x04": "a workbook or an archive", b"\xd0\xcf\x11\xe0": "an Excel workbook"}
_ARCHIVES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")
_NEVER_CLOSED = (
    f"Has a quotation mark that is never closed, or far more than {LONGEST_CELL:,} characters in a cell: nothing after "
    "it was read."
)
# Bytes that are no letters of the encoding come out of decoding as these.
_NO_LETTERS = range(0xDC80, 0xDD00)


class Unreadable(ValueError):
    """A sentence on why a file can't be used at all, and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: the line it begins on, and its cells."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that was read: its headings, its rows, the rows that can't be used, and what else should be told."""

    headings: tuple[str, ...]
    lines: tuple[Line, ...]
    faults: tuple[Fault, ...]
    notices: tuple[str, ...]


def guarded(value: object) -> str:
    """A cell no spreadsheet runs or rewrites: an apostrophe goes before what looks like a formula or like a number that
    would be written otherwise, and before one that is there already."""
    text = "" if value is None else str(value)
    return f"'{text}" if _needs_guard(text) else text


def unguarded(cell: str) -> str:
    """The text a cell was written from: the apostrophe that `guarded` put there is gone, any other one is not."""
    return cell[1:] if cell.startswith("'") and _needs_guard(cell[1:]) else cell


def clears(cell: str) -> bool:
    """Does it say that there should be no value?"""
    return cell.strip().lower() == CLEAR


def _needs_guard(text: str) -> bool:
    return text.startswith(_FORMULA) or _NUMBER.fullmatch(text) is not None or clears(text)


def read(data: bytes, is_heading: Callable[[str], bool]) -> Sheet:
    """The rows of a CSV file. `is_heading` tells which words may head a column, and so how columns are separated.

    Raises Unreadable.
    """
    _check_kind(data)
    text, encoding, notices = _decoded(data)
    first, separator, text = _separated(text, is_heading)
    rows = _rows(text, separator, first)
    headings: tuple[str, ...] = ()
    lines: list[Line] = []
    faults: list[Fault] = []
    for row in rows:
        if isinstance(row, Fault):
            faults.append(row)
            continue
        _check_size(row)
        if not any(cell.strip() for cell in row.cells):
            continue
        if not headings:
            headings = _headings(row)
        elif problem := _problem(row, len(headings), encoding):
            faults.append(Fault(row.number, _named(row), problem))
        else:
            lines.append(Line(row.number, row.cells[: len(headings)]))
        if len(lines) + len(faults) > MOST_ROWS:
            raise Unreadable(f"The file has more than {MOST_ROWS:,} rows: split it into smaller ones.")
    if not headings:
        reason = f" Line {faults[0].line}: {faults[0].reason}" if faults else ""
        raise Unreadable(f"The file has no row of headings.{reason}" if faults else "The file is empty.")
    return Sheet(headings, tuple(lines), tuple(faults), notices)


def _check_kind(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise Unreadable(f"{too_large(len(data))} Split it.")
    for start, what in _WORKBOOKS.items():
        if data.startswith(start):
            raise Unreadable(f"This is {what}, not a CSV file. Save it as CSV in your spreadsheet first.")
    if data.startswith(_ARCHIVES):
        raise Unreadable("This is an archive, which is not unpacked here. Give the CSV file itself.")


def too_large(size: int) -> str:
    """Why a file of so many bytes is refused."""
    return f"The file has {size / 1_000_000:,.1f} MB; {MOST_BYTES // 1_000_000} MB is the most."


def _decoded(data: bytes) -> tuple[str, str, tuple[str, ...]]:
    """The text, how its encoding is called, and what to tell about that. Bytes that are no letters stay as marks."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            body = data.removeprefix(mark)
            if encoding == "utf-8":
                return _text(body.decode("utf-8", "surrogateescape")), "UTF-8", ()
            return _text(body.decode(encoding, "replace")), "UTF-16", ()
    nulls = data[:2000].count(0)
    if nulls > len(data[:2000]) // 4:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
        return _text(data.decode(encoding, "replace")), "UTF-16", ()
    text = data.decode("utf-8", "surrogateescape")
    strange = {ord(letter) for letter in set(text) if ord(letter) > 127}
    if not any(code in _NO_LETTERS for code in strange) or any(code not in _NO_LETTERS for code in strange):
        return _text(text), "UTF-8", ()
    # Only the old Mac ends its lines like this, and its letters have numbers of their own.
    old_mac = b"\r" in data and b"\n" not in data
    encoding, called = ("mac_roman", "Mac Roman") if old_mac else ("cp1252", "Windows-1252")
    notice = (
        f"The file isn't UTF-8 and was read as {called}. If letters with accents look wrong below, save it as "
        "“CSV UTF-8” and import it again."
    )
    return _text(data.decode(encoding, "surrogateescape")), called, (notice,)


def _text(text: str) -> str:
    if "\0" in text:
        raise Unreadable("This is not a text file. Save the table as CSV in your spreadsheet first.")
    return text.removeprefix("\ufeff")


def _separated(text: str, is_heading: Callable[[str], bool]) -> tuple[int, str, str]:
    """The number of the first line, the separator, and the text without a line that only names the separator."""
    start, line_end = text[:5].lower(), text[5:7]
    named = start[4:] if start[:4] == "sep=" and line_end[:1] in ("\r", "\n") else ""
    if named and named not in '"\r\n':
        return 2, named, text[5:].removeprefix(line_end if line_end == "\r\n" else line_end[:1])

    def score(separator: str) -> tuple[int, int]:
        first = next((row for row in _rows(text, separator, 1) if _is_filled(row)), None)
        cells = first.cells if isinstance(first, Line) else ()
        return sum(is_heading(unguarded(cell)) for cell in cells), len(cells)

    return 1, max(_SEPARATORS, key=score), text


def _is_filled(row: Line | Fault) -> bool:
    return isinstance(row, Fault) or any(cell.strip() for cell in row.cells)


def _rows(text: str, separator: str, first: int) -> Iterator[Line | Fault]:
    """Every row with the line it begins on; quotes that don't match are a fault of their row."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        number = first + reader.line_num
        try:
            yield Line(number, tuple(next(reader)))
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error) or "end of data" in str(error):
                yield Fault(number, "", _NEVER_CLOSED)
                return
            yield Fault(number, "", "The quotation marks in this row don't match.")


def _headings(row: Line) -> tuple[str, ...]:
    cells = list(row.cells)
    while cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > MOST_COLUMNS:
        raise Unreadable(f"The file has {len(cells):,} columns; {MOST_COLUMNS} is the most.")
    return tuple(_clean(unguarded(cell)) for cell in cells)


def _problem(row: Line, width: int, encoding: str) -> str:
    if any(ord(letter) in _NO_LETTERS for cell in row.cells if not cell.isascii() for letter in cell):
        return f"Has letters in another encoding than the rest of the file, which is {encoding}."
    if encoding == "UTF-16" and any("\ufffd" in cell for cell in row.cells):
        return "Has letters that are not UTF-16 like the rest of the file."
    # Spreadsheets write empty cells as far as anything was ever typed.
    cells = row.cells if any(row.cells[width:]) else row.cells[:width]
    if len(cells) != width:
        return f"Has {_cells(len(cells))}, but there are {width} headings."
    return ""


def _check_size(row: Line) -> None:
    """Raises Unreadable for what no spreadsheet writes."""
    if len(row.cells) > _WIDEST_SHEET:
        raise Unreadable(f"Line {row.number} has {len(row.cells):,} columns; {MOST_COLUMNS} is the most.")
    if (longest := max(map(len, row.cells), default=0)) > LONGEST_CELL:
        raise Unreadable(
            f"Line {row.number} has a cell of {longest:,} characters; {LONGEST_CELL:,} is the most."
        )


def _cells(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"


def _named(row: Line) -> str:
    """The first words of a row, for whoever looks for it."""
    words = next((cell.strip() for cell in row.cells if cell.strip()), "")
    clean = _clean(words[:60])
    return f"{clean}…" if len(words) > 60 else clean


def _clean(text: str) -> str:
    """Bytes that are no letters can't be shown either."""
    return "".join("�" if ord(letter) in _NO_LETTERS else letter for letter in text)
