"""YAML as plain text in maps and lists, each with its place. Nothing in it is ever run, shared or guessed at.

Every scalar stays the text it is: what `on`, `no`, `1.10` and `2026-01-02` mean is for the field they stand for to say.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from memberships.domain.wishes import Fault

MOST_BYTES = 5_000_000
MOST_PEOPLE = 20_000
MOST_KEYS = 100
MOST_CHARACTERS = 10_000
_MOST_DEEP = 6
_EMPTY = ("", "~", "null", "Null", "NULL")


class Unreadable(Exception):
    """The file can't be read at all: a sentence, and the line where there is one."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"Line {line:,}: {reason}" if line else reason)
        self.fault = Fault(line, "", reason)


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar. `text` is None where nothing is written, or null; `start` and `end` are its place in the file."""

    line: int
    start: int
    end: int
    text: str | None


@dataclass(slots=True)
class List:
    """Without brackets it ends with what stands last in it: the reader's own mark is at whatever follows."""

    line: int
    start: int
    end: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Map:
    """`keys` are the keys as they stand in the file; `column` is where the first of them begins. `flow`: in braces.

    Without braces it ends as a list does.
    """

    line: int
    start: int
    end: int
    column: int
    flow: bool
    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Text] = field(default_factory=dict)


type Node = Text | List | Map


def decoded(data: bytes) -> str:
    """The text of a file. Raises Unreadable."""
    if len(data) > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable("The file is in UTF-16: save it as UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable("This is not UTF-8 text: save the file as UTF-8.", line) from None
    return text


def parsed(text: str) -> Map:
    """The one document in `text`, which is a map. Raises Unreadable."""
    events = _checked(text)
    try:
        root = _node(next(events), events, 1)
        if (another := next(events, None)) is not None:
            raise Unreadable("A second document begins here: a roster file is one.", _line(another))
    except StopIteration:
        raise Unreadable("The file is empty.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it ends too early"
        raise Unreadable(f"This is not YAML: {problem}.", mark.line + 1 if mark else 0) from None
    except yaml.YAMLError:
        raise Unreadable("The file has characters that no YAML may have: it may not be text.") from None
    if not isinstance(root, Map):
        raise Unreadable("A roster file begins with keys such as “roster: 1” and “people:”.", root.line)
    return root


def _checked(text: str) -> Iterator[Any]:
    """The events that make up the document. What would be more than text in maps and lists ends the reading."""
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        match event:
            case yaml.AliasEvent():
                raise Unreadable(
                    f"“*{event.anchor}” repeats something from elsewhere: write it out.", _line(event)
                )
            case yaml.NodeEvent() if event.anchor:
                raise Unreadable(
                    f"“&{event.anchor}” is not allowed: use a kit for what several share.", _line(event)
                )
            case yaml.ScalarEvent() | yaml.CollectionStartEvent() if event.tag:
                raise Unreadable("Tags that begin with “!” are not allowed: write plain text.", _line(event))
            case yaml.ScalarEvent() | yaml.CollectionStartEvent() | yaml.CollectionEndEvent():
                yield event


def _node(event: Any, events: Iterator[Any], depth: int) -> Node:
    if isinstance(event, yaml.ScalarEvent):
        return _text(event)
    if depth > _MOST_DEEP:
        raise Unreadable(f"This is nested deeper than {_MOST_DEEP} levels.", _line(event))
    start: Any = event.start_mark
    flow = bool(event.flow_style)
    if isinstance(event, yaml.SequenceStartEvent):
        found = List(start.line + 1, start.index, start.index)
        while not isinstance(event := next(events), yaml.CollectionEndEvent):
            if len(found.items) == MOST_PEOPLE:
                raise Unreadable(f"There are more than {MOST_PEOPLE:,} entries.", _line(event))
            found.items.append(_node(event, events, depth + 1))
        found.end = _end(event) if flow else found.items[-1].end
        return found
    its_map = Map(start.line + 1, start.index, start.index, start.column, flow)
    while not isinstance(event := next(events), yaml.CollectionEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise Unreadable("A key must be plain text.", _line(event))
        key = _text(event)
        name = key.text or ""
        if name in its_map.entries:
            raise Unreadable(
                f"“{name}” stands here twice: first in line {its_map.keys[name].line:,}.", key.line
            )
        if len(its_map.entries) == MOST_KEYS:
            raise Unreadable(f"There are more than {MOST_KEYS} keys.", key.line)
        its_map.keys[name] = key
        its_map.entries[name] = value = _node(next(events), events, depth + 1)
        # Nothing after “? key” is where the next thing begins.
        its_map.end = value.end if value.end > value.start or value.line == key.line else key.end
    if flow:
        its_map.end = _end(event)
    return its_map


def _text(event: Any) -> Text:
    value: str = event.value
    if len(value) > MOST_CHARACTERS:
        raise Unreadable(f"This is longer than {MOST_CHARACTERS:,} characters.", _line(event))
    if "\0" in value:
        raise Unreadable("This has the character 0 in it, which is no text: take it out.", _line(event))
    # event.implicit[0]: written without quotes.
    nothing = event.implicit[0] and value in _EMPTY
    start, end = event.start_mark, event.end_mark
    return Text(start.line + 1, start.index, end.index, None if nothing else value)


def _end(event: Any) -> int:
    index: int = event.end_mark.index
    return index


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1
