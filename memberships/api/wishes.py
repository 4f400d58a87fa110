"""What is asked for, as wishes: words become fields and values of this organization."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from memberships.domain.people import ROLE
from memberships.domain.wishes import Fault, Wish
from memberships.services.vocabulary import Misunderstood, Vocabulary

from .shapes import PersonWish


def understood(
    people: Sequence[PersonWish], vocabulary: Vocabulary
) -> tuple[dict[int, Wish], dict[int, Fault]]:
    """Wishes and faults by the number of their entry, counted from 1: each entry is one or the other."""
    wishes, faults = {}, {}
    for entry, person in enumerate(people, 1):
        try:
            wishes[entry] = _wish(person, vocabulary)
        except Misunderstood as problem:
            faults[entry] = Fault(0, person.email or person.id, str(problem))
    return wishes, faults


def _wish(person: PersonWish, vocabulary: Vocabulary) -> Wish:
    """Raises Misunderstood."""
    fields = {}
    said = {} if person.role is UNSET else {ROLE: person.role}
    for word, value in [*said.items(), *person.fields.items()]:
        field = vocabulary.field(word)
        if field is None:
            raise Misunderstood(f"There is no field “{word}” that could be set.")
        if field in fields:
            raise Misunderstood(f"{vocabulary.capabilities.field(field).label} is given more than once.")
        fields[field] = vocabulary.value(field, value)
    status = None if person.status is UNSET else person.status
    return Wish(0, person.email.strip().lower(), person.id.strip(), "", fields, status)
