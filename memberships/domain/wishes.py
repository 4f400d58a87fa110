"""What a file, or whoever asks from outside the screens, wants of people: one wish for each of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .addresses import is_address
from .people import Member, Roster, Status, Value

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of one person, who is known by membership id or else by e-mail address.

    `fields` by our names: what isn't in it stays as it is, None clears. A role is its id, a group True or False, pinned
    views a tuple of ids. Without a `status` nobody comes or goes who is here already. `line` is where it stands in what
    was sent, 0 where there are no lines. `name` is for reading.
    """

    line: int
    email: str = ""
    member_id: str = ""
    name: str = ""
    fields: Mapping[str, Value] = field(default_factory=dict)
    status: Status | None = None

    @property
    def who(self) -> str:
        return _short(self.name or self.email or self.member_id)

    def fault(self, reason: str) -> "Fault":
        return Fault(self.line, self.who, reason)


@dataclass(frozen=True, slots=True)
class Fault:
    """What can't be used of what was sent, and why, in a sentence."""

    line: int
    who: str
    reason: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.reason}" if self.line else self.reason


@dataclass(frozen=True, slots=True)
class Matched:
    """Wishes with whom they are about; None for somebody who isn't here."""

    wishes: tuple[tuple[Wish, Member | None], ...]
    faults: tuple[Fault, ...]


def matched(wishes: Iterable[Wish], roster: Roster) -> Matched:
    """Find whom each wish is about: nobody is guessed, and nobody is meant twice."""
    by_email: defaultdict[str, list[Member]] = defaultdict(list)
    for one in roster.members.values():
        by_email[one.email].append(one)
    first_line: dict[str, int] = {}
    found: list[tuple[Wish, Member | None]] = []
    faults: list[Fault] = []
    for wish in wishes:
        member, problem = _meant(wish, roster, by_email)
        key = member.id if member else wish.email
        if not problem and key in first_line:
            where = f"on line {first_line[key]}" if wish.line else "in an earlier entry"
            problem = f"The same person as {where}: one row for each person."
        if problem:
            faults.append(wish.fault(problem))
        else:
            first_line[key] = wish.line
            found.append((wish, member))
    return Matched(tuple(found), tuple(faults))


def _meant(wish: Wish, roster: Roster, by_email: Mapping[str, list[Member]]) -> tuple[Member | None, str]:
    """Who is meant, or why that can't be said."""
    alike = by_email.get(wish.email, []) if wish.email else []
    if wish.member_id:
        member = roster.members.get(wish.member_id)
        if member is None:
            return (
                None,
                f"Nobody in {roster.organization_name or 'this organization'} has the id {_short(wish.member_id)}.",
            )
        if alike and all(other.user_id != member.user_id for other in alike):
            return None, f"The id is {member.name or member.email}'s, but {wish.email} is somebody else's."
        return member, ""
    if len(alike) > 1 and len({member.user_id for member in alike}) > 1:
        return None, f"{len(alike)} people have the address {wish.email}: give the id."
    if alike:
        return next((member for member in alike if member.active), alike[0]), ""
    if not wish.email:
        return None, "Has neither an id nor an e-mail address."
    if not is_address(wish.email):
        return None, f"“{_short(wish.email)}” is not an e-mail address."
    return None, ""


def _short(text: str) -> str:
    """Enough of a cell to find it by."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
