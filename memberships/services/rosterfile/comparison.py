"""A roster file set against what is true now: what it wishes for, what can't be used of it, and who isn't in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from memberships.domain import metadata
from memberships.domain.people import (
    METADATA,
    PINS,
    Member,
    Roster,
    Status,
    Value,
    group_field,
    metadata_field,
)
from memberships.domain.wishes import Fault, Wish, matched
from memberships.models import Connection, Organization
from memberships.providers import Field
from memberships.services import current
from memberships.services.connections import capabilities
from memberships.services.current import Live
from memberships.services.vocabulary import Misunderstood, Vocabulary

from . import contents, words
from .contents import GROUPS, Entry, RosterFile
from .document import Map, Node, Text, Unreadable
from .dump import Writer


@dataclass(frozen=True, slots=True)
class Comparison:
    """`wishes` are of those who aren't as the file says, in its order, each with the membership id of whom it is about,
    where they are here; `unchanged` is how many are as it says.

    `absent` are the people who are here and not in the file; `entries` tells by membership id, or by the address of
    somebody new, where they stand in it.
    """

    file: RosterFile
    live: Live
    wishes: tuple[Wish, ...]
    unchanged: int
    faults: tuple[Fault, ...]
    absent: tuple[Member, ...]
    entries: Mapping[str, Entry]
    writer: Writer


def read(organization: Organization, text: str) -> RosterFile:
    """Raises Unreadable, also for another organization's file."""
    file = contents.read(text, organization.provider, capabilities(organization))
    if file.organization_id and file.organization_id != organization.remote_id:
        raise Unreadable(
            f"This file is for the organization {file.organization_id}, not for {organization} "
            f"({organization.remote_id})."
        )
    return file


def compare(
    connection: Connection, file: RosterFile, *, closely: Sequence[Entry] | None = None
) -> Comparison:
    """Read what the file is about, and set it against that. Raises ProviderError and NotAllowed.

    What costs a call a person is read of everybody, or of those whose entries have to be looked at `closely`.
    """
    pinners = [entry for entry in (file.people if closely is None else closely) if PINS in entry.values]
    pins_of = _about(pinners) if file.manages(PINS) else None
    live, writer = known(connection, with_groups=file.manages(GROUPS), pins_of=pins_of)
    return against(live, writer, file)


def against(live: Live, writer: Writer, file: RosterFile) -> Comparison:
    """The file set against what was read."""
    said = [Wish(e.line, e.email, e.member_id, status=e.status) for e in file.people]
    by_wish = {id(wish): entry for wish, entry in zip(said, file.people, strict=True)}
    found = matched(said, live.roster)
    reader = _Reader(writer)
    wishes, entries, unchanged = [], {}, 0
    for wish, member in found.wishes:
        entry = by_wish[id(wish)]
        entries[member.id if member else wish.email] = entry
        if entry.broken:
            continue
        before = len(reader.faults)
        wish = reader.wish(wish, entry, member)
        if len(reader.faults) > before:
            # Half of an entry is nobody's wish.
            continue
        if member is not None and _is_so(wish, member):
            unchanged += 1
        else:
            wishes.append(wish)
    here = [
        m for m in live.roster.members.values() if m.status is not Status.INACTIVE and m.id not in entries
    ]
    faults = sorted((*file.faults, *found.faults, *reader.faults), key=lambda fault: fault.line)
    absent = sorted(here, key=lambda m: (m.email, m.id))
    return Comparison(file, live, tuple(wishes), unchanged, tuple(faults), tuple(absent), entries, writer)


def known(
    connection: Connection,
    *,
    with_groups: bool = False,
    pins_of: Callable[[Roster], Iterable[str]] | None = None,
) -> tuple[Live, Writer]:
    """Everyone as of now, and how they are written. Groups cost a call each, pinned views one for each person."""
    live = current.closely(connection, with_groups=with_groups, pins_of=pins_of)
    vocabulary = Vocabulary.of(connection, live, with_groups=with_groups, with_views=pins_of is not None)
    addresses = Counter(member.email for member in live.roster.members.values())
    group_ids = tuple(vocabulary.group_ids) if with_groups else None
    return live, Writer(vocabulary.capabilities, vocabulary, addresses, group_ids, pins=pins_of is not None)


def everybody(roster: Roster) -> Iterator[str]:
    """Whoever is here, by membership id."""
    return (pk for pk, member in roster.members.items() if member.status is not Status.INACTIVE)


def is_here(status: Status | None, member: Member) -> bool:
    """Is somebody here, or not, as it is said? Invited people are here."""
    return status is None or (member.status is Status.INACTIVE) is (status is Status.INACTIVE)


def otherwise(writer: Writer, entry: Entry, member: Member) -> set[str]:
    """The keys of an entry under which stands something else than somebody has."""
    reader, found = _Reader(writer), set()
    for key, node in entry.values.items():
        try:
            so = _holds(member, reader.read(key, node, member))
        except Misunderstood:
            so = False
        if not so:
            found.add(key)
    return found


def _is_so(wish: Wish, member: Member) -> bool:
    return is_here(wish.status, member) and _holds(member, wish.fields)


def _holds(member: Member, fields: Mapping[str, Value]) -> bool:
    return all(member.value(name) == value for name, value in fields.items())


def _about(entries: Sequence[Entry]) -> Callable[[Roster], Iterable[str]]:
    """Whom these entries are about, by membership id."""
    wishes = [Wish(e.line, e.email, e.member_id) for e in entries]
    return lambda roster: [member.id for _, member in matched(wishes, roster).wishes if member]


class _Reader:
    """Makes wishes of entries. What stands there as it would be written is what somebody has, whatever that is."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.vocabulary = writer.vocabulary
        self.fields = {field.name: field for field in writer.capabilities.fields}
        self.faults: list[Fault] = []

    def wish(self, wish: Wish, entry: Entry, member: Member | None) -> Wish:
        fields: dict[str, Value] = {}
        for key, node in entry.values.items():
            try:
                fields |= self.read(key, node, member)
            except Misunderstood as problem:
                self.faults.append(Fault(node.line, entry.who, str(problem)))
        name = member.name if member else ""
        return replace(wish, member_id=member.id if member else "", name=name, fields=fields)

    def read(self, key: str, node: Node, member: Member | None) -> Mapping[str, Value]:
        """The fields that an entry's key is about. Raises Misunderstood.

        Of what costs calls of its own, only what differs: that is read once more when it is planned.
        """
        if isinstance(node, Text) and key in self.fields:
            return {key: self.value(self.fields[key], node.text, member)}
        said = [text.text or "" for text in contents.texts(node)]
        if key == GROUPS:
            wanted = {self.vocabulary.group_id(name) for name in said}
            held = {group_field(pk): pk in wanted for pk in self.writer.group_ids or ()}
            return {name: v for name, v in held.items() if v != (member.value(name) if member else False)}
        if key == PINS:
            pinned = member.value(PINS) if member else None
            if isinstance(pinned, tuple) and said == [self.vocabulary.view_name(pk) for pk in pinned]:
                return {}
            wanted_pins = tuple(dict.fromkeys(self.vocabulary.view_id(name) for name in said))
            return {PINS: wanted_pins} if wanted_pins != pinned else {}
        return dict(self.metadata(node)) if isinstance(node, Map) and key == METADATA else {}

    def value(self, field: Field, text: str | None, member: Member | None) -> Value:
        if member is not None:
            held = member.value(field.name)
            if text == _text(words.written(self.vocabulary, field, held)):
                return held
        return words.meant(self.vocabulary, field, text)

    def metadata(self, node: Map) -> Iterator[tuple[str, Value]]:
        for key, value in node.entries.items():
            if problem := metadata.problem_with(key):
                raise Misunderstood(problem)
            if isinstance(value, Text):
                name = metadata_field(key)
                yield name, None if value.text is None else self.vocabulary.value(name, value.text)


def _text(written: str | bool | None) -> str | None:
    return str(written).lower() if isinstance(written, bool) else written
