"""A roster file with what is true now put in its place. Comments, order and all else stay as they were written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from memberships.domain.people import METADATA, PINS, Member, metadata_field

from . import comparison, contents, document
from .comparison import Comparison
from .contents import GROUPS, Entry
from .document import Map, Node, Text
from .dump import Writer
from .writing import scalar

_NAMED = 5
_BREAK = re.compile("\r\n?|[\n\x85\u2028\u2029]")


class CannotAdopt(Exception):
    """A sentence on what has to be changed in the file by hand."""


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def adopted(text: str, provider: str, found: Comparison, chosen: Collection[str]) -> str:
    """The file as it has to be for these people to be as it says; they are known by membership id, or by address.

    Raises CannotAdopt.
    """
    current, now = text, found
    # Carefully at first; whoever can't be edited in place is written anew.
    for way in (_in_place, _anew):
        differing = _differing(now)
        if left := [key for key in chosen if key in differing]:
            changed = _edited(current, way(current, now, left))
            with suppress(document.Unreadable):
                current, now = changed, _against(changed, provider, found)
    wrong = sorted(_differing(now).intersection(chosen))
    if wrong or len(now.faults) > len(found.faults):
        who = ", ".join(wrong[:_NAMED]) or "them"
        raise CannotAdopt(
            f"The file is written in a way that can't be edited here: change it by hand for {who}."
        )
    return current


def _against(text: str, provider: str, found: Comparison) -> Comparison:
    return comparison.against(
        found.live, found.writer, contents.read(text, provider, found.writer.capabilities)
    )


def _differing(now: Comparison) -> set[str]:
    return {w.member_id or w.email for w in now.wishes} | {m.id for m in now.absent}


def _edited(text: str, edits: Iterable[_Edit]) -> str:
    pieces, done = [], 0
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        pieces += [text[done : edit.start], edit.text]
        done = edit.end
    return "".join([*pieces, text[done:]])


# In place


def _in_place(text: str, now: Comparison, keys: Sequence[str]) -> Iterator[_Edit]:
    missing = []
    for key in keys:
        entry, member = now.entries.get(key), now.live.roster.members.get(key)
        if entry is None and member is not None:
            missing.append(member)
        elif entry is not None and member is None:
            yield _dropped(text, entry)
        elif entry is not None and member is not None and entry.node is not None:
            yield from _rewritten(text, now.writer, entry, entry.node, member)
    if missing:
        yield _appended(text, now, missing)


def _rewritten(text: str, writer: Writer, entry: Entry, node: Map, member: Member) -> Iterator[_Edit]:
    wanted = {}
    if member.active:
        otherwise = comparison.otherwise(writer, entry, member)
        wanted = {key: value for key, value in _written(writer, member, entry.values) if key in otherwise}
    if not comparison.is_here(entry.status, member):
        wanted["status"] = scalar(member.status.value)
    for name, value in wanted.items():
        if name in node.entries:
            yield _replaced(text, node.keys[name], node.entries[name], value)
        else:
            yield _inserted(text, node, name, value)


def _written(writer: Writer, member: Member, said: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """What somebody has, for those keys that their entry says something about."""
    values = dict(writer.values(member))
    for key, node in said.items():
        if key == METADATA and isinstance(node, Map):
            held = [(name, member.value(metadata_field(name))) for name in node.entries]
            yield key, "{" + ", ".join(f"{scalar(n)}: {scalar(_plain(v))}" for n, v in held) + "}"
        else:
            yield key, values.get(key, "[]" if key in (GROUPS, PINS) else "null")


def _plain(value: object) -> str | None:
    return None if value is None else str(value)


def _replaced(text: str, key: Text, node: Node, value: str) -> _Edit:
    between, end = text[key.end : node.start], max(node.start, _end(text, node))
    if not _BREAK.search(between):
        before = "" if between.endswith(" ") else " "
        return _Edit(node.start, end, before + value)
    if between.strip() == ":":
        return _Edit(key.end, end, f": {value}")
    # A comment is between them. A list may begin where its key does, but not in brackets.
    return _Edit(node.start, end, f"  {value}")


def _inserted(text: str, its_map: Map, name: str, value: str) -> _Edit:
    """A key more, right after the first."""
    first = next(iter(its_map.entries.values()))
    if its_map.flow:
        return _Edit(first.end, first.end, f", {name}: {value}")
    end, _ = _end_of_line(text, _end(text, first))
    return _Edit(end, end, f"{_line_break(text)}{' ' * its_map.column}{name}: {value}")


def _dropped(text: str, entry: Entry) -> _Edit:
    """The entry's own lines, with the comments on them; those on lines of their own before and after stay."""
    node = entry.node
    if node is None or _before(text, node).strip() != "-":
        raise CannotAdopt(f"Take {entry.who} out of the file by hand.")
    _, end = _end_of_line(text, _end(text, node))
    return _Edit(node.start - node.column, end, "")


def _appended(text: str, now: Comparison, missing: Sequence[Member]) -> _Edit:
    """Entries more, right after the last line of the last: comments below are about what follows."""
    last = max((e.node for e in now.file.people if e.node), key=lambda node: node.start, default=None)
    if last is None or _before(text, last).strip() != "-":
        who = ", ".join(member.email or member.id for member in missing[:_NAMED])
        raise CannotAdopt(f"Add {who} to the file by hand.")
    indent, _, _ = _before(text, last).partition("-")
    keys = {key for entry in now.file.people for key in entry.values} | {"email", "id"}
    if any(entry.status for entry in now.file.people):
        keys.add("status")
    lines = "".join(
        now.writer.lines(member, indent, keys if member.active else keys | {"status"}) for member in missing
    )
    line_break = _line_break(text)
    lines = lines.replace("\n", line_break)
    end, following = _end_of_line(text, _end(text, last))
    if end == following:
        lines = line_break + lines.removesuffix(line_break)
    return _Edit(following, following, lines)


# Anew


def _anew(text: str, now: Comparison, keys: Sequence[str]) -> Iterator[_Edit]:
    line_break = _line_break(text)
    for key in keys:
        entry, member = now.entries.get(key), now.live.roster.members.get(key)
        node = entry.node if entry else None
        if entry is None or node is None or member is None:
            raise CannotAdopt(f"The file can't be edited here for {key}: change it by hand.")
        pairs = [(name, v) for name, v in now.writer.entry(member) if name in ("email", "id", "status")]
        if member.active:
            pairs += _written(now.writer, member, entry.values)
        if node.flow:
            yield _Edit(node.start, node.end, "{" + ", ".join(f"{n}: {v}" for n, v in pairs) + "}")
        else:
            lines = f"{line_break}{' ' * node.column}".join(f"{n}: {v}" for n, v in pairs)
            yield _Edit(node.start, _end(text, node), lines)


# Places


def _before(text: str, node: Map) -> str:
    """What stands before it on its line."""
    return text[node.start - node.column : node.start]


def _end(text: str, node: Node) -> int:
    """Where a node really ends: a text over several lines takes the empty ones that follow with it."""
    return node.start + len(text[node.start : node.end].rstrip())


def _end_of_line(text: str, position: int) -> tuple[int, int]:
    """Where this line ends, and where the next one begins: the same at the end of a file without a line break."""
    found = _BREAK.search(text, position)
    return found.span() if found else (len(text), len(text))


def _line_break(text: str) -> str:
    """As the file has it."""
    found = _BREAK.search(text)
    return found[0] if found else "\n"
