"""The sentences about plans and what became of them: the same on the review page, the receipt and in the audit log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from memberships.domain import permissions
from memberships.domain.apps import restored
from memberships.domain.items import MEMBERS, OPEN, OWNER, WORK, Kind, to_be_made
from memberships.domain.metadata import is_locked
from memberships.domain.people import APPS, PINS, ROLE, Member, Role, Value, group_of, metadata_key
from memberships.domain.plan import Action, Edit, Row, Verdict
from memberships.domain.reading import Subject, leaves_groups
from memberships.domain.views import difference
from memberships.providers import Capabilities, FieldKind


def people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"


def members(number: int) -> str:
    return "1 member" if number == 1 else f"{number:,} members"


def changes(number: int) -> str:
    return "1 change" if number == 1 else f"{number:,} changes"


_COUNTED = {
    Kind.TASK: ("task", "tasks", "open"),
    Kind.OPPORTUNITY: ("opportunity", "opportunities", "active"),
    Kind.ROLE: ("role", "roles", ""),
    Kind.GROUP: ("group", "groups", ""),
    Kind.MEMBER: ("member", "members", ""),
}


def counted(number: int, kind: Kind) -> str:
    one, many, _ = _COUNTED[kind]
    return f"1 {one}" if number == 1 else f"{number:,} {many}"


def still_open(number: int, kind: Kind) -> str:
    """So many that still have to be worked on."""
    one, many, state = _COUNTED[kind]
    return f"1 {state} {one}" if number == 1 else f"{number:,} {state} {many}"


def duration(seconds: int) -> str:
    """The largest unit that says it without a remainder."""
    sizes = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    size, unit = next((size, unit) for size, unit in sizes if seconds % size == 0)
    number = seconds // size
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def listed(parts: Sequence[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def invitations(number: int) -> str:
    return "1 invitation" if number == 1 else f"{number:,} invitations"


def deeds(rows: Iterable[Row], its_capabilities: Capabilities, source: str = "") -> str:
    """What mixed rows about people do, as one sentence. `source` is where they come from."""
    who: defaultdict[str, set[str]] = defaultdict(set)
    leave = "remove" if its_capabilities.removes else "deactivate"
    verbs = {Action.INVITE: "invite", Action.REACTIVATE: "reactivate", Action.DEACTIVATE: leave}
    for row in rows:
        # What is set for people once they are here belongs to their coming.
        if row.verdict is Verdict.WILL and not row.stage:
            who[verbs.get(row.action, "change")].add(row.member_id or row.email)
    said = [
        f"{verb} {people(len(who[verb])) if not number else f'{len(who[verb]):,}'}"
        for number, verb in enumerate(verb for verb in ("change", "invite", "reactivate", leave) if who[verb])
    ]
    sentence = listed(said) if said else "nothing would change"
    return sentence[0].upper() + sentence[1:] + (f", as in {source}." if source else ".")


@dataclass(frozen=True, slots=True)
class Told:
    """An edit as people read it. Of a list also what comes, what goes, and whether the order is more than that."""

    field: str
    label: str
    before: str
    after: str
    added: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    reordered: bool = False
    is_list: bool = False

    @property
    def named(self) -> bool:
        """Does the value alone not say what changes?"""
        return bool(group_of(self.field) or metadata_key(self.field)) or self.is_list


class Words:
    """How one organization's fields and values read. `names` are of groups, views and people, by id."""

    def __init__(
        self, capabilities: Capabilities, roles: Mapping[str, Role], names: Mapping[str, str] | None = None
    ) -> None:
        self.capabilities = capabilities
        self.roles = roles
        self.names = names or {}

    @property
    def leave(self) -> str:
        """What deactivating is called where it deletes."""
        return "Remove" if self.capabilities.removes else "Deactivate"

    def deed(self, row: Row, *, past: bool = False) -> str:
        """What happens to the subject of a row that is more than a change."""
        d = "d" if past else ""
        match row.action:
            case Action.INVITE:
                return f"Invite{d} as {self.value(ROLE, row.wanted.get(ROLE))}"
            case Action.REACTIVATE:
                return f"Reactivate{d} as {self.value(ROLE, row.wanted.get(ROLE))}"
            case Action.DEACTIVATE:
                return f"{self.leave}{d}"
            case Action.CREATE:
                return f"Create{d}"
            case Action.DELETE:
                return f"Delete{d}"
            case Action.RESEND:
                return "Sent again" if past else "Send the invitation again"
            case Action.CHANGE:
                return f"Change{d}"

    def label(self, field: str) -> str:
        if group_id := group_of(field):
            return f"Group {self.name(group_id)}"
        return self.capabilities.field(field).label

    def inside(self, field: str) -> str:
        """The label as it stands inside a sentence. A key is written as it is."""
        label = self.label(field)
        return f"metadata {metadata_key(field)}" if metadata_key(field) else label.lower()

    def name(self, item_id: str) -> str:
        return self.names.get(item_id, item_id.removeprefix(to_be_made("")))

    def value(self, field: str, value: Value) -> str:
        if field == ROLE:
            role = self.roles.get(str(value))
            return role.name if role else str(value or "–")
        if isinstance(value, tuple | list):
            apart = "; " if field == APPS else ", "
            return apart.join(self.each(field, value)) or "None"
        if value == "" and metadata_key(field):
            return "empty"
        its_field = self.capabilities.field(field)
        if its_field.kind in (FieldKind.PERSON, FieldKind.PROFILE) and value:
            return self.name(str(value))
        return its_field.text(value)

    def each(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        """How each entry of a list reads."""
        if self.capabilities.field(field).kind is FieldKind.PERMISSIONS:
            return tuple(permissions.label(value) for value in values)
        if self.capabilities.field(field).kind is FieldKind.APPS:
            return tuple(str(restored(value)) for value in values)
        return tuple(self.name(value) for value in values)

    def edit(self, edit: Edit) -> Told:
        field = edit.field
        told = Told(field, self.label(field), self.value(field, edit.before), self.value(field, edit.after))
        if not isinstance(edit.after, tuple):
            return told
        changed = difference(edit.before if isinstance(edit.before, tuple) else (), edit.after)
        ordered = self.capabilities.field(field).kind is FieldKind.VIEWS
        return replace(
            told,
            added=self.each(field, changed.added),
            lost=self.each(field, changed.lost),
            reordered=ordered and changed.reordered,
            is_list=True,
        )

    def stale(self, row: Row, member: Subject | None) -> str:
        """What moved since the review: both values, so that nobody has to look them up."""
        if row.kind is not Kind.MEMBER:
            return self._stale_item(row, member)
        if row.action is Action.INVITE:
            return "Has come into the organization since the review."
        if member is None:
            return "Is no longer in the organization."
        if row.action is Action.REACTIVATE:
            return "Has become active since the review."
        if isinstance(member, Member) and not member.active and not leaves_groups(row):
            return "Has become inactive since the review."
        return self._moved(row, member)

    def _stale_item(self, row: Row, item: Subject | None) -> str:
        if row.action is Action.CREATE:
            return f"A {row.kind} of this name has been made since the review."
        if item is None or item.value(OPEN) is False:
            return f"This {row.kind} is no longer {'open' if row.kind in WORK else 'there'}."
        return self._moved(row, item)

    def _moved(self, row: Row, subject: Subject) -> str:
        expected = {e.field: e.before for e in row.edits} or row.kept
        groups = [e.field for e in row.edits if group_of(e.field)]
        if gone := [group_of(field) for field in groups if subject.value(field) is None]:
            return f"The group {self.name(gone[0])} is no longer there."
        moved = [
            self._was_and_is(field, before, subject.value(field))
            for field, before in expected.items()
            if field != MEMBERS and subject.value(field) != before
        ]
        if isinstance(subject, Member):
            locked = [field for field in expected if is_locked(subject, field)]
            moved += [f"{self.label(field)} is more than text now." for field in locked]
        if MEMBERS in expected and subject.value(MEMBERS) != expected[MEMBERS]:
            moved.append("Other people are in it now than at the review.")
        return " ".join(["Changed by someone else since the review:", *moved])

    def still_missing(self, row: Row, member: Member) -> str:
        """Of the apps somebody was to be given: those that a read doesn't show."""
        wanted, held = (v if isinstance(v, tuple) else () for v in (row.wanted[APPS], member.value(APPS)))
        left = [one for one in wanted if one not in held]
        return f" Read again several times: not there are {self.value(APPS, tuple(left))}."

    def otherwise(self, row: Row, subject: Subject | None) -> str:
        """What came or was made otherwise than asked."""
        if subject is None or row.action not in (Action.INVITE, Action.CREATE):
            return ""
        found = [
            f"{self.label(e.field)} is {self.value(e.field, subject.value(e.field))}, not "
            f"{self.value(e.field, e.after)}."
            for e in row.edits
            if subject.value(e.field) != e.after
        ]
        return " ".join(["Otherwise than asked:", *found]) if found else ""

    def welcome(self, row: Row, subject: Subject | None) -> str:
        """How far somebody invited is in."""
        if not isinstance(subject, Member) or row.action is not Action.INVITE:
            return ""
        return self.capabilities.invited_notes.get(subject.status.value, "")

    def _was_and_is(self, field: str, before: Value, now: Value) -> str:
        if self.capabilities.field(field).kind is FieldKind.PERMISSIONS:
            told = self.edit(Edit(field, before, now))
            gained = f"gained {', '.join(told.added)}" if told.added else ""
            lost = f"lost {', '.join(told.lost)}" if told.lost else ""
            return f"{told.label} {' and '.join(filter(None, (gained, lost)))}."
        was, is_now = ("were", "are now") if isinstance(now, tuple) else ("was", "is now")
        then, since = self.value(field, before), self.value(field, now)
        return f"{self.label(field)} {was} {then} at the review and {is_now} {since}."

    def differences(self, row: Row, member: Subject | None) -> str:
        """What somebody who is back had otherwise before they left."""
        if not isinstance(member, Member) or row.action is not Action.REACTIVATE:
            return ""
        changed = [
            f"{self.label(name)} was {self.value(name, before)}, is {self.value(name, member.settings[name])}."
            for name, before in row.kept.items()
            if name in member.settings and member.settings[name] != before
        ]
        return " ".join(["Came back differently:", *changed]) if changed else ""

    def step(self, rows: Iterable[Row]) -> str:
        """What rows of one stage do together, as one sentence without its stop."""
        alike: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            alike[self._deed(row)].append(row)
        said = [self._told(how, what, its_rows) for (how, what), its_rows in alike.items()]
        verbs = {how for how, _ in alike}
        if verbs == {"move"}:
            said = ["move " + listed([one.removeprefix("move ") for one in said])]
        sentence = listed(said)
        return sentence[0].upper() + sentence[1:]

    def _deed(self, row: Row) -> tuple[str, str]:
        """What a row does, and the part of it that has to be the same to be told in one breath."""
        if row.kind in WORK:
            return "move", str(row.wanted[OWNER])
        field = next(iter(row.wanted), "")
        if row.action is not Action.CHANGE or row.kind is not Kind.MEMBER:
            return row.action.value, row.kind.value
        if group_of(field):
            return ("put" if row.wanted[field] else "take"), ""
        return "set", f"{field}:{row.wanted[field]}" if field == ROLE else field

    def _told(self, how: str, what: str, rows: Sequence[Row]) -> str:
        first, people = rows[0], dict.fromkeys(row.member_id or row.email for row in rows)
        who = (first.name or first.email) if len(people) == 1 else members(len(people))
        match how:
            case "move":
                number = Counter(row.kind for row in rows)
                works = listed([counted(number[kind], kind) for kind in WORK if number[kind]])
                return f"move {works} to {self.name(what)}"
            case "put" | "take":
                fields = dict.fromkeys(field for row in rows for field in row.wanted)
                way = "put {} into {}" if how == "put" else "take {} out of {}"
                where = f"the group {self.name(group_of(next(iter(fields))))}"
                return way.format(who, where if len(fields) == 1 else counted(len(fields), Kind.GROUP))
            case "set" if ROLE in first.wanted:
                return f"change the role of {who} to {self.value(ROLE, first.wanted[ROLE])}"
            case "set":
                return f"change {listed([self.inside(field) for field in first.wanted])} of {who}"
            case _ if first.kind is Kind.MEMBER:
                return f"{how} {who}"
            case _:
                return f"{how} {f'the {first.kind} {first.name}' if len(rows) == 1 else counted(len(rows), first.kind)}"

    def goal(self, kind: str, wanted: Mapping[str, Value], number: int, title: str = "") -> str:
        """What a plan does, as one sentence with its count."""
        if title and PINS in wanted:
            return f"{title.removesuffix('.')} to {members(number)}."
        if title:
            return f"{title.removesuffix('.')}."
        if kind == "invite":
            return f"Invite {people(number)} with the role {self.value(ROLE, wanted.get(ROLE))}."
        if groups := [(group_of(field), value) for field, value in wanted.items() if group_of(field)]:
            ((group_id, inside),) = groups
            way = "Put {} into" if inside else "Take {} out of"
            return f"{way.format(members(number))} the group {self.name(group_id)}."
        if PINS in wanted:
            return f"Change the pinned views of {members(number)}."
        if kind == "deactivate":
            return f"{self.leave} {members(number)}."
        if kind == "resend":
            return f"Send {invitations(number)} again."
        if kind == "reactivate":
            return f"Reactivate {members(number)}, each with the role they had."
        if kind == "undo":
            return f"Undo: put {members(number)} back as they were."
        if len(wanted) == 1 and (key := metadata_key(next(iter(wanted)))):
            (value,) = wanted.values()
            who = members(number)
            return (
                f"Remove metadata {key} from {who}."
                if value is None
                else f"Set metadata {key} to {value} for {who}."
            )
        changes = [f"{self.inside(field)} to {self.value(field, value)}" for field, value in wanted.items()]
        return f"Change {' and '.join(changes)} for {members(number)}."
