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
        if "\t" in line and len(with_at) == 1:
            # A pasted row of a spreadsheet: one cell is the address, the others belong to the same person. Between
            # commas nothing is taken for a name: what isn't an address there has to be said.
            entry = _entry(number, with_at[0])
            name = entry.name or " ".join(_unquoted(cell) for cell in cells if cell is not with_at[0])
            entries.append(Entry(number, entry.text, entry.email, name))
        else:
            entries += [_entry(number, cell) for cell in cells]
    return entries


def is_address(text: str) -> bool:
    """With a sign in it that can't be seen it would be somebody else's, though it reads the same."""
    return len(text) <= _LONGEST and text.isprintable() and _ADDRESS.fullmatch(text) is not None


def _cells(line: str) -> list[str]:
    cells: list[str] = []
    start = position = 0
    while position < len(line):
        match = _SEPARATORS.match(line, position)
        # An opening quote or bracket that is never closed is an ordinary character.
        position = match.end() if match else position + 1
        if match and not match[1]:
            cells.append(line[start : match.start()])
            start = position
        elif match and match[1].startswith("<") and "@" in match[1]:
            # "Ana <ana@example.com> Bo <bo@example.com>": the bracket ends an entry as well as a comma would.
            cells.append(line[start:position])
            start = position
    cells.append(line[start:])
    return [part for cell in cells for part in _spaced(cell.strip())]


def _spaced(cell: str) -> list[str]:
    """Addresses with nothing but spaces between them are as many cells; anything else is one."""
    words = cell.split()
    return words if len(words) > 1 and all("@" in word for word in words) else [cell] if cell else []


def _entry(line: int, cell: str) -> Entry:
    if bracketed := _BRACKETED.match(cell):
        name, candidate = _unquoted(bracketed["name"]), bracketed["email"].strip()
    else:
        words = cell.split()
        at = [word for word in words if "@" in word]
        candidate = at[0] if len(at) == 1 else cell
        name = " ".join(_unquoted(word) for word in words if word != candidate) if len(at) == 1 else ""
    # Mail programs copy signs along that can't be seen, such as which way to read.
    candidate = "".join(filter(str.isprintable, candidate)).removeprefix("mailto:").strip("'\".").lower()
    return Entry(line, cell, candidate if is_address(candidate) else "", name)


def _unquoted(text: str) -> str:
    return text.strip().strip("\"'").strip()
