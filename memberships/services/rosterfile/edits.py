"""A roster file with what is true now put in its place. Comments, order and all else stay as they were written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
        if left := [key for key in chosen if key in _differing(now)]:
            changed = _edited(current, [edit for key in left for edit in way(current, now, key)])
            with suppress(document.Unreadable):
                current, now = changed, _against(changed, provider, found)
    wrong = sorted(key for key in chosen if key in _differing(now))
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


def _edited(text: str, edits: Sequence[_Edit]) -> str:
    for edit in sorted(edits, key=lambda one: (one.start, one.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


# In place


def _in_place(text: str, now: Comparison, key: str) -> Iterator[_Edit]:
    entry, member = now.entries.get(key), now.live.roster.members.get(key)
    if entry is None and member is not None:
        yield _appended(text, now, member)
    elif entry is not None and member is None:
        yield _dropped(text, now, entry)
    elif entry is not None and member is not None and entry.node is not None:
        wanted = {}
        if member.active:
            otherwise = comparison.otherwise(now.writer, entry, member)
            written = _written(now.writer, member, entry.values)
            wanted = {key: value for key, value in written if key in otherwise}
        if not comparison.is_here(entry.status, member):
            wanted["status"] = scalar(member.status.value)
        for name, value in wanted.items():
            if name in entry.node.entries:
                yield _replaced(text, entry.node.keys[name], entry.node.entries[name], value)
            else:
                yield _inserted(text, entry.node, name, value)


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
    if "\n" not in between:
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
    end = _end_of_line(text, _end(text, first))
    return _Edit(end, end, f"\n{' ' * its_map.column}{name}: {value}")


def _dropped(text: str, now: Comparison, entry: Entry) -> _Edit:
    """The entry's own lines, with the comments on them; those on lines of their own before and after stay."""
    node = entry.node
    if node is None:
        raise CannotAdopt(f"Take {entry.who} out of the file by hand.")
    start = text.rfind("\n", 0, node.start) + 1
    if text[start : node.start].strip() != "-":
        raise CannotAdopt(f"Take {entry.who} out of the file by hand.")
    end = _end_of_line(text, _end(text, node))
    return _Edit(start, min(len(text), end + 1), "")


def _appended(text: str, now: Comparison, member: Member) -> _Edit:
    """An entry more, right after the last line of the last: comments below are about what follows."""
    last = max((e.node for e in now.file.people if e.node), key=lambda node: node.start, default=None)
    start = text.rfind("\n", 0, last.start) + 1 if last else 0
    if last is None or text[start : last.start].strip() != "-":
        raise CannotAdopt(f"Add {member.email or member.id} to the file by hand.")
    indent = text[start : text.index("-", start)]
    managed = {key for entry in now.file.people for key in entry.values}
    with_status = any(entry.status for entry in now.file.people)
    keys = managed | {"email", "id"} | ({"status"} if with_status or not member.active else set())
    lines = now.writer.lines(member, indent, keys)
    end = _end_of_line(text, _end(text, last))
    return _Edit(end, end, "\n" + lines.removesuffix("\n"))


# Anew


def _anew(text: str, now: Comparison, key: str) -> Iterator[_Edit]:
    entry, member = now.entries.get(key), now.live.roster.members.get(key)
    node = entry.node if entry else None
    if entry is None or node is None or member is None:
        raise CannotAdopt(f"The file can't be edited here for {key}: change it by hand.")
    about = [(name, value) for name, value in now.writer.entry(member) if name in ("email", "id", "status")]
    pairs = about + (list(_written(now.writer, member, entry.values)) if member.active else [])
    if node.flow:
        yield _Edit(node.start, node.end, "{" + ", ".join(f"{n}: {v}" for n, v in pairs) + "}")
    else:
        lines = f"\n{' ' * node.column}".join(f"{n}: {v}" for n, v in pairs)
        yield _Edit(node.start, _end(text, node), lines)


def _end(text: str, node: Node) -> int:
    """Where a node really ends: a text over several lines takes the empty ones that follow with it."""
    return node.start + len(text[node.start : node.end].rstrip())


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
