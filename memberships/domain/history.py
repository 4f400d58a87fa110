"""Who was there at a moment, told from who is there now by taking back what happened since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .people import ROLE, Value, metadata_key

STATUS = "status"


@dataclass(frozen=True, slots=True)
class Person:
    """One membership at a moment, by our field names. `name` and `email` are the latest known, not those of then."""

    id: str
    name: str
    email: str
    role_id: str
    status: str
    settings: Mapping[str, Value] = field(default_factory=dict)

    def value(self, field: str) -> Value:
        return self.role_id if field == ROLE else self.settings.get(field)


@dataclass(frozen=True, slots=True)
class Event:
    """One change that took place. `member_id` is empty for an invitation, which knows the address only.

    `before` is one value; of somebody who is gone it is all there was: role, status and settings by name.
    """

    event: str
    member_id: str
    name: str
    email: str
    field: str
    before: object


def as_of(people: Iterable[Person], later: Iterable[Event]) -> dict[str, Person]:
    """Everyone by membership id as they were before the `later` events, which come newest first."""
    then = {person.id: person for person in people}
    for event in later:
        match event.event:
            case "member.joined":
                then.pop(event.member_id, None)
            case "member.invited":
                came = {pk for pk, p in then.items() if pk == event.member_id or p.email == event.email}
                for pk in came:
                    del then[pk]
            case "member.gone" | "member.removed":
                then[event.member_id] = _returned(event)
            case _ if person := then.get(event.member_id):
                then[person.id] = _before(person, event)
    return then


def _before(person: Person, event: Event) -> Person:
    match event.event, event.field:
        case "member.deactivated", field:
            # Deactivated here: the plan says no more than that.
            return replace(person, status=str(event.before) if field == STATUS else "active")
        case "member.reactivated", field:
            role_id = str(event.before) if field == ROLE and event.before else person.role_id
            return replace(person, status="inactive", role_id=role_id)
        case _, "status":
            return replace(person, status=str(event.before))
        case _, "role":
            return replace(person, role_id=str(event.before or ""))
        case _, name if metadata_key(name) and event.before is None:
            kept = {other: value for other, value in person.settings.items() if other != name}
            return replace(person, settings=kept)
        case _, name if name in person.settings or metadata_key(name):
            return replace(person, settings={**person.settings, name: _value(event.before)})
        case _:
            return person


def _returned(event: Event) -> Person:
    """Somebody who is gone. Entries that hold the role alone say nothing else of them."""
    held = event.before if isinstance(event.before, Mapping) else {ROLE: event.before}
    settings = {name: _value(value) for name, value in held.items() if name not in (ROLE, STATUS)}
    status = str(held.get(STATUS) or "active")
    return Person(event.member_id, event.name, event.email, str(held.get(ROLE) or ""), status, settings)


def _value(raw: object) -> Value:
    return raw if isinstance(raw, str | bool) else None
