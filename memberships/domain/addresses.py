"""Read e-mail addresses out of whatever people paste: lines, commas, `Name <mail>`, spreadsheet columns."""

import re
from dataclasses import dataclass

_SEPARATORS = re.compile(r"""("[^"]*"|<[^<>]*>|[^,;\t"<]+)|[,;\t]""")
_BRACKETED = re.compile(r"^(?P<name>.*?)<(?P<email>[^<>]*)>\s*$", re.DOTALL)
# Deliberately loose in the local part: the provider has the last word, we only catch what can't be an address.
_ADDRESS = re.compile(
    r"""[^\s@<>,;:"()\[\]\\.]+(?:\.[^\s@<>,;:"()\[\]\\.]+)*@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,63}"""
)
_LONGEST = 254  # RFC 5321, 4.5.3.1.3, less the brackets


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was pasted: `email` in lower case, or empty when `text` holds no address."""

    line: int
    text: str
    email: str = ""
    name: str = ""


def parse(text: str) -> list[Entry]:
    """Everything in `text` in order, repeated addresses included; blank lines left out. Line numbers start at 1."""
    entries: list[Entry] = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = _cells(line)
        with_at = [cell for cell in cells if "@" in cell]
        if len(with_at) == 1 and len(cells) > 1:
            # A pasted row of a spreadsheet: one cell is the address, the others belong to the same person.
            entry = _entry(number, with_at[0])
            name = entry.name or " ".join(_unquoted(cell) for cell in cells if cell is not with_at[0])
            entries.append(Entry(number, entry.text, entry.email, name))
        else:
            entries += [_entry(number, cell) for cell in cells]
    return entries


def is_address(text: str) -> bool:
    return len(text) <= _LONGEST and _ADDRESS.fullmatch(text) is not None


def _cells(line: str) -> list[str]:
    cells, current = [], ""
    position = 0
    while position < len(line):
        match = _SEPARATORS.match(line, position)
        if match is None:  # an opening quote or bracket that is never closed is an ordinary character
            current, position = current + line[position], position + 1
        elif match[1]:
            current, position = current + match[1], match.end()
        else:
            cells.append(current)
            current, position = "", match.end()
    cells.append(current)
    return [cell.strip() for cell in cells if cell.strip()]


def _entry(line: int, cell: str) -> Entry:
    if bracketed := _BRACKETED.match(cell):
        name, candidate = _unquoted(bracketed["name"]), bracketed["email"].strip()
    else:
        words = cell.split()
        at = [word for word in words if "@" in word]
        candidate = at[0] if len(at) == 1 else cell
        name = " ".join(_unquoted(word) for word in words if word != candidate) if len(at) == 1 else ""
    candidate = candidate.removeprefix("mailto:").strip("'\".").lower()
    return Entry(line, cell, candidate if is_address(candidate) else "", name)


def _unquoted(text: str) -> str:
    return text.strip().strip("\"'").strip()
