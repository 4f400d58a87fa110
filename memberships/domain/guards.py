"""What no plan may do, whoever asks: rules on who can still manage the organization afterwards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .items import PERMISSIONS, Item, Items, Kind
from .people import ROLE, Member, Role, Roster, Status
from .plan import Action, Row, Verdict

BRAKE_SHARE = 0.25
"""A plan that touches more of the active people than this needs its number typed."""


OWNS = "Owns the organization: nobody else changes or removes them."


@dataclass(frozen=True, slots=True)
class Situation:
    """What the guards judge by: the people as last read, the roles, who acts, and how few managers are too few.

    `items` is what else was read for a plan; `manage_permission` is the provider's name for the power to manage. The
    actor is known by the id of whose connection it is, and by the address of who uses it.
    """

    roster: Roster
    roles: Mapping[str, Role]
    actor_user_id: str
    minimum_managers: int = 1
    items: Items = field(default_factory=dict)
    manage_permission: str = ""
    actor_email: str = ""

    def item(self, row: Row) -> Item | None:
        """What a row is about that isn't a person; what it wants to make is known by its name."""
        if row.action is Action.CREATE:
            alike = (item for (kind, _), item in self.items.items() if kind is row.kind)
            return next((item for item in alike if item.name == row.name), None)
        return self.items.get((row.kind, row.item_id))

    def gainers(self, row: Row) -> set[str]:
        """Who can manage the organization by this row: membership ids, or the address of someone invited."""
        role = self.roles.get(str(row.wanted.get(ROLE)))
        if row.kind is Kind.MEMBER:
            return {row.member_id or row.email} if role is not None and role.can_manage else set()
        if self._turns(row) is True:
            return {m.id for m in self.holders(row) if not m.can_manage}
        return set()

    def takers(self, row: Row) -> set[str]:
        """Who can manage the organization now and no more after this row. An unknown role counts as powerless."""
        if row.kind is Kind.ROLE and (self._turns(row) is False or row.action is Action.DELETE):
            return {m.id for m in self.holders(row) if m.can_manage}
        member = self.roster.members.get(row.member_id) if row.kind is Kind.MEMBER else None
        if member is None or not (member.active and member.can_manage):
            return set()
        loses = row.action is Action.DEACTIVATE or (ROLE in row.wanted and not self.gainers(row))
        return {member.id} if loses else set()

    def holders(self, row: Row) -> list[Member]:
        """The active people whose role a row is about."""
        everyone = self.roster.members.values()
        return [m for m in everyone if row.kind is Kind.ROLE and m.active and m.role_id == row.item_id]

    def _turns(self, row: Row) -> bool | None:
        """Does editing this role give the power to manage, take it, or neither?"""
        role, granted = self.roles.get(row.item_id), row.wanted.get(PERMISSIONS)
        if row.kind is not Kind.ROLE or role is None or not isinstance(granted, tuple):
            return None
        after = self.manage_permission in granted
        return after if after != role.can_manage else None

    def is_active(self, member_id: str) -> bool:
        member = self.roster.members.get(member_id)
        return member is not None and member.active

    def is_inactive(self, member_id: str) -> bool:
        member = self.roster.members.get(member_id)
        return member is not None and member.status is Status.INACTIVE

    def is_me(self, member_id: str) -> bool:
        member = self.roster.members.get(member_id)
        if member is None:
            return False
        return member.user_id == self.actor_user_id or bool(
            self.actor_email and member.email == self.actor_email
        )

    def is_owner(self, row: Row) -> bool:
        """Would this row touch whoever the organization belongs to?"""
        member = self.roster.members.get(row.member_id)
        return row.kind is Kind.MEMBER and row.verdict is Verdict.WILL and member is not None and member.owner

    def takes_my_power(self, row: Row) -> bool:
        return any(map(self.is_me, self.takers(row)))


@dataclass(frozen=True, slots=True)
class Brake:
    """`number` has to be typed before the plan is applied, for these reasons."""

    number: int
    reasons: tuple[str, ...]


def review(rows: Sequence[Row], now: Situation) -> list[Row]:
    """Block the rows that must never run, judged by the state all rows together would leave behind."""
    checked = [row.blocked(OWNS) if now.is_owner(row) else row for row in rows]
    checked = [
        row.blocked("That is you: someone else has to deactivate you.")
        if row.verdict is Verdict.WILL and row.action is Action.DEACTIVATE and now.is_me(row.member_id)
        else row
        for row in checked
    ]
    will = [row for row in checked if row.verdict is Verdict.WILL]
    granted = {pk for row in will for pk in now.gainers(row) if now.is_active(pk)}
    if _too_few_left(will, now, granted):
        reason = too_few(now.minimum_managers)
        checked = [
            row.blocked(reason) if row.verdict is Verdict.WILL and now.takers(row) else row for row in checked
        ]
    return checked


def leaves_too_few(batch: Iterable[Row], now: Situation) -> bool:
    """Would sending just this batch, judged on what was just read, leave too few people in charge?"""
    return _too_few_left(batch, now, set())


def _too_few_left(rows: Iterable[Row], now: Situation, granted: set[str]) -> bool:
    takers = {pk for row in rows for pk in now.takers(row)}
    return bool(takers) and len((now.roster.managers() - takers) | granted) < now.minimum_managers


def in_the_way(row: Row, now: Situation) -> str:
    """Why a role can't be deleted as long as people have it; empty when nothing is in the way."""
    return still_held(len(now.holders(row))) if row.action is Action.DELETE else ""


def still_held(holders: int) -> str:
    """By how many active people a role is held; empty when by nobody."""
    if not holders:
        return ""
    people = "1 active person has" if holders == 1 else f"{holders:,} active people have"
    return f"{people} this role: move them to another role first."


def too_few(minimum: int) -> str:
    people = "1 active person" if minimum == 1 else f"{minimum} active people"
    return f"At least {people} must be able to manage the organization: give someone else that role first."


def gives_power(rows: Iterable[Row], now: Situation) -> bool:
    """Does this plan let anybody manage the organization?"""
    return any(row.verdict is Verdict.WILL and now.gainers(row) for row in rows)


def brake(rows: Sequence[Row], now: Situation) -> Brake | None:
    """Does this plan need its number typed?"""
    will = [row for row in rows if row.verdict is Verdict.WILL]
    people = {
        row.member_id
        for row in will
        if row.kind is Kind.MEMBER
        and row.member_id
        and row.action in (Action.CHANGE, Action.DEACTIVATE)
        and not now.is_inactive(row.member_id)
    }
    through_roles = {m.id for row in will if PERMISSIONS in row.wanted for m in now.holders(row)}
    existing, active = len(people | through_roles), now.roster.active_count()
    reasons = []
    if existing > BRAKE_SHARE * active:
        reasons.append(f"It changes {existing:,} of the {active:,} active people.")
    if granting := len({pk for row in will for pk in now.gainers(row)}):
        who = "1 person" if granting == 1 else f"{granting:,} people"
        reasons.append(f"It lets {who} manage the organization.")
    if mine := [pk for row in will for pk in now.takers(row) if now.is_me(pk)]:
        # Others read it too: it says of whom.
        me = now.roster.members[mine[0]]
        reasons.append(
            f"It takes the permission to manage the organization from {me.name or me.email}. It is sent last."
        )
    # Somebody who leaves is one, however many rows that takes.
    subjects = {row.member_id or row.email or (row.kind, row.item_id, row.name) for row in will}
    number = max(len(subjects), len(through_roles))
    return Brake(number, tuple(reasons)) if reasons else None
