"""What is asked for, as wishes: words become fields and values of this organization."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from msgspec import UNSET

from memberships.domain.people import PINS, ROLE, Member, Roster, Value, group_field
from memberships.domain.wishes import Fault, Wish, matched
from memberships.services.vocabulary import Misunderstood, Vocabulary

from .shapes import PersonWish


def understood(
    people: Sequence[PersonWish], vocabulary: Vocabulary, roster: Roster
) -> tuple[list[Wish], dict[int, Fault]]:
    """The wishes, and the faults by the number of their entry, counted from 1: each entry is one or the other."""
    said = [_whose(person) for person in people]
    found = matched(said, roster)
    about = {id(wish): member for wish, member in found.wishes}
    unknown = iter(found.faults)
    wishes, faults = [], {}
    for entry, (wish, person) in enumerate(zip(said, people, strict=True), 1):
        if id(wish) not in about:
            faults[entry] = next(unknown)
            continue
        try:
            wishes.append(replace(wish, fields=_fields(person, vocabulary, about[id(wish)])))
        except Misunderstood as problem:
            faults[entry] = wish.fault(str(problem))
    return wishes, faults


def _whose(person: PersonWish) -> Wish:
    status = None if person.status is UNSET else person.status
    return Wish(0, person.email.strip().lower(), person.id.strip(), status=status)


def _fields(person: PersonWish, vocabulary: Vocabulary, member: Member | None) -> dict[str, Value]:
    """Raises Misunderstood."""
    fields: dict[str, Value] = {}
    said = {} if person.role is UNSET else {ROLE: person.role}
    for word, value in [*said.items(), *person.fields.items()]:
        field = vocabulary.field(word)
        if field is None:
            raise Misunderstood(f"There is no field “{word}” that could be set.")
        if field in fields:
            raise Misunderstood(f"{vocabulary.capabilities.field(field).label} is given more than once.")
        fields[field] = vocabulary.value(field, value)
    if person.groups is not UNSET:
        fields |= _groups(person.groups, vocabulary, member)
    if person.pinned_views is not UNSET:
        if not vocabulary.capabilities.pinned_views:
            raise Misunderstood(f"{vocabulary.capabilities.label} has no pinned views.")
        fields[PINS] = tuple(dict.fromkeys(map(vocabulary.view_id, person.pinned_views)))
    return fields


def _groups(
    names: Sequence[str], vocabulary: Vocabulary, member: Member | None
) -> Iterator[tuple[str, bool]]:
    """Those they are to come into or to leave: each one that is named costs a call when it is planned."""
    if not vocabulary.capabilities.groups:
        raise Misunderstood(f"{vocabulary.capabilities.label} has no groups.")
    wanted = set(map(vocabulary.group_id, names))
    for pk in vocabulary.group_ids:
        inside = member is not None and member.value(group_field(pk)) is True
        if inside is not (pk in wanted):
            yield group_field(pk), pk in wanted
