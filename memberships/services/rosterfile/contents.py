"""What a roster file says, as far as that can be told without looking at the people: its entries, kits and rails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from memberships.domain.people import METADATA, PINS, Status
from memberships.domain.rails import Rails
from memberships.domain.wishes import Fault
from memberships.providers import Capabilities
from memberships.services.vocabulary import Misunderstood

from . import document, words
from .document import List, Map, Node, Text

VERSION = "1"
GROUPS = "groups"
_TOP = ("roster", "provider", "organization", "prune", "rails", "kits", "people")
_ABOUT = ("email", "id", "kit", "status")
_RAILS = ("minimum_managers", "required_managers", "largest_share")


@dataclass(frozen=True, slots=True)
class Entry:
    """One person. `values` are what stands in the file or in their kit, by key; what isn't there is left alone."""

    line: int
    email: str = ""
    member_id: str = ""
    status: Status | None = None
    values: Mapping[str, Node] = field(default_factory=dict)
    node: Map | None = None
    broken: bool = False
    """There is something wrong with it: it says who is meant, and no more than that counts."""

    @property
    def who(self) -> str:
        return self.email or self.member_id


@dataclass(frozen=True, slots=True)
class RosterFile:
    """`faults` are what can't be used of it, in the order of their lines."""

    organization_id: str
    prune: bool
    rails: Rails
    people: tuple[Entry, ...]
    faults: tuple[Fault, ...]

    def manages(self, key: str) -> bool:
        """Does any entry say something about this?"""
        return any(key in entry.values for entry in self.people)


def read(text: str, provider: str, can: Capabilities) -> RosterFile:
    """Raises Unreadable when it isn't a roster file at all, or one for another provider."""
    root = document.parsed(text)
    version = root.entries.get("roster")
    if not isinstance(version, Text) or version.text != VERSION:
        raise document.Unreadable(f"A roster file begins with “roster: {VERSION}”.", root.line)
    reader = _Reader(can)
    reader.unknown(root, _TOP, "file")
    its_provider = reader.text(root, "provider")
    if its_provider and its_provider != provider:
        raise document.Unreadable(
            f"This file is for {its_provider}, not for {provider}.", root.keys["provider"].line
        )
    rails = reader.rails(root.entries.get("rails"))
    kits = reader.kits(root.entries.get("kits"))
    people = reader.people(root.entries.get("people"), kits, root)
    prune = reader.switch(root, "prune")
    faults = tuple(sorted(reader.faults, key=lambda fault: fault.line))
    return RosterFile(reader.text(root, "organization"), prune, rails, people, faults)


class _Reader:
    def __init__(self, can: Capabilities) -> None:
        self.faults: list[Fault] = []
        self.statuses = can.statuses
        self.fields = {f.name for f in can.fields}
        self.lists = {name for name, there in ((GROUPS, can.groups), (PINS, can.pinned_views)) if there}
        self.values = self.fields | self.lists | ({METADATA} if can.metadata else set())
        self.known = self.values.union(_ABOUT)

    def fault(self, line: int, reason: str, who: str = "") -> None:
        self.faults.append(Fault(line, who, reason))

    def unknown(self, its_map: Map, known: object, where: str, who: str = "") -> None:
        for name, key in its_map.keys.items():
            if name not in known:  # type: ignore[operator]
                self.fault(key.line, f"There is no key “{name}” in {_article(where)} {where}.", who)

    def text(self, its_map: Map, name: str, who: str = "") -> str:
        """The text under a key, empty where there is none."""
        node = its_map.entries.get(name)
        if node is None or isinstance(node, Text):
            return (node.text or "").strip() if node else ""
        self.fault(node.line, f"“{name}” must be a text.", who)
        return ""

    def switch(self, its_map: Map, name: str) -> bool:
        text = self.text(its_map, name)
        try:
            return bool(text) and words.switch(text)
        except Misunderstood as wrong:
            self.fault(its_map.keys[name].line, f"“{name}”: {wrong}")
            return False

    def texts(self, node: Node, what: str, who: str = "") -> tuple[str, ...]:
        if isinstance(node, Text) and node.text is None:
            return ()
        if isinstance(node, List) and all(isinstance(item, Text) and item.text for item in node.items):
            return tuple(item.text.strip() for item in node.items if isinstance(item, Text) and item.text)
        self.fault(node.line, f"“{what}” must be a list of texts.", who)
        return ()

    def rails(self, node: Node | None) -> Rails:
        if not isinstance(node, Map):
            if node is not None and not _is_empty(node):
                self.fault(node.line, "“rails” must be keys with values.")
            return Rails()
        self.unknown(node, _RAILS, "rails")
        minimum, share = self.text(node, "minimum_managers"), self.text(node, "largest_share")
        if minimum and not (minimum.isascii() and minimum.isdigit() and 0 < int(minimum) < 10**6):
            self.fault(node.keys["minimum_managers"].line, "“minimum_managers” must be a number from 1 on.")
            minimum = ""
        required: tuple[str, ...] = ()
        if "required_managers" in node.entries:
            required = self.texts(node.entries["required_managers"], "required_managers")
        part = _share(share)
        if share and part is None:
            self.fault(
                node.keys["largest_share"].line, "“largest_share” must be a part of all, such as 25% or 0.25."
            )
        return Rails(int(minimum or 0), tuple(email.lower() for email in required), part)

    def kits(self, node: Node | None) -> dict[str, Map]:
        if not isinstance(node, Map):
            if node is not None and not _is_empty(node):
                self.fault(node.line, "“kits” must be names with values.")
            return {}
        found = {}
        for name, kit in node.entries.items():
            if not isinstance(kit, Map):
                self.fault(kit.line, f"The kit “{name}” must be keys with values.")
                continue
            self.unknown(kit, self.values, f"kit such as “{name}”")
            found[name] = kit
        return found

    def people(self, node: Node | None, kits: Mapping[str, Map], root: Map) -> tuple[Entry, ...]:
        if node is None or _is_empty(node) or (isinstance(node, List) and not node.items):
            self.fault(
                node.line if node else root.line, "There are no people in it: “people” is missing or empty."
            )
            return ()
        if not isinstance(node, List):
            self.fault(node.line, "“people” must be a list of entries that begin with “-”.")
            return ()
        found = [self.person(item, kits) for item in node.items]
        return tuple(entry for entry in found if entry)

    def person(self, node: Node, kits: Mapping[str, Map]) -> Entry | None:
        if not isinstance(node, Map):
            self.fault(node.line, "An entry must be keys with values, such as “email: ana@example.com”.")
            return None
        before = len(self.faults)
        member_id = self.text(node, "id")
        email = self.text(node, "email", member_id).lower()
        who = email or member_id
        if not who:
            self.fault(node.line, "This entry has neither an e-mail address nor an id.")
        if not node.keys.keys() <= self.known:
            self.unknown(node, self.known, "entry", who)
        name, kit = self.text(node, "kit", who), None
        if name and (kit := kits.get(name)) is None:
            self.fault(node.keys["kit"].line, f"There is no kit “{name}”.", who)
        status = self.text(node, "status", who).casefold()
        if status and status not in self.statuses:
            self.fault(
                node.keys["status"].line, f"The status must be one of {', '.join(self.statuses)}.", who
            )
        values = {**(kit.entries if kit else {}), **node.entries}
        values = {key: value for key, value in values.items() if key in self.values}
        for key, value in values.items():
            self.shape(key, value, who)
        if len(self.faults) > before:
            return Entry(node.line, email, member_id, node=node, broken=True) if who else None
        return Entry(node.line, email, member_id, Status(status) if status else None, values, node)

    def shape(self, key: str, node: Node, who: str) -> None:
        if key in self.fields and not isinstance(node, Text):
            self.fault(node.line, f"“{key}” must be one value.", who)
        elif key in self.lists:
            self.texts(node, key, who)
        elif key == METADATA and not (
            isinstance(node, Map) and all(isinstance(value, Text) for value in node.entries.values())
        ):
            self.fault(node.line, "“metadata” must be keys with texts.", who)


def texts(node: Node) -> list[Text]:
    """The entries of a list whose shape was looked at."""
    return [item for item in node.items if isinstance(item, Text)] if isinstance(node, List) else []


def _share(text: str) -> float | None:
    """25%, 25 % and 0.25 are the same part; None for what is none."""
    number, percent = text.removesuffix("%").strip(), text.endswith("%")
    try:
        found = float(number) / (100 if percent else 1)
    except ValueError:
        return None
    return found if 0 < found <= 1 else None


def _is_empty(node: Node) -> bool:
    return isinstance(node, Text) and node.text is None


def _article(where: str) -> str:
    return {"file": "a roster", "rails": "the", "entry": "an"}.get(where.split(maxsplit=1)[0], "a")
