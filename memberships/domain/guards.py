"""What no plan may do, whoever asks: rules on who can still manage the organization afterwards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .people import ROLE, Member, Role, Roster
from .plan import Action, Row, Verdict

BRAKE_SHARE = 0.25
"""A plan that touches more of the active people than this needs its number typed."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the guards judge by: the people as last read, the roles, who acts, and how few managers are too few."""

    roster: Roster
    roles: Mapping[str, Role]
    actor_user_id: str
    minimum_managers: int = 1

    def member(self, row: Row) -> Member | None:
        return self.roster.members.get(row.member_id)

    def grants_power(self, row: Row) -> bool:
        """The row gives a role that can manage the organization."""
        role = self.roles.get(str(row.wanted.get(ROLE)))
        return role is not None and role.can_manage

    def takes_power(self, row: Row) -> bool:
        """The row takes the power to manage from someone who has it now. An unknown role counts as powerless."""
        member = self.member(row)
        if member is None or not (member.active and member.can_manage):
            return False
        if row.action is Action.DEACTIVATE:
            return True
        return ROLE in row.wanted and not self.grants_power(row)

    def is_active(self, row: Row) -> bool:
        member = self.member(row)
        return member is not None and member.active

    def is_self(self, row: Row) -> bool:
        member = self.member(row)
        return member is not None and member.user_id == self.actor_user_id


@dataclass(frozen=True, slots=True)
class Brake:
    """`number` has to be typed before the plan is applied, for these reasons."""

    number: int
    reasons: tuple[str, ...]


def review(rows: Sequence[Row], now: Situation) -> list[Row]:
    """Block the rows that must never run, judged by the state all rows together would leave behind."""
    checked = [
        row.blocked("That is you: someone else has to deactivate you.")
        if row.verdict is Verdict.WILL and row.action is Action.DEACTIVATE and now.is_self(row)
        else row
        for row in rows
    ]
    will = [row for row in checked if row.verdict is Verdict.WILL]
    takers = {row.member_id for row in will if now.takes_power(row)}
    granted = {row.member_id for row in will if now.grants_power(row) and now.is_active(row)}
    if takers and len((now.roster.managers() - takers) | granted) < now.minimum_managers:
        reason = too_few(now.minimum_managers)
        checked = [
            row.blocked(reason) if row.verdict is Verdict.WILL and row.member_id in takers else row
            for row in checked
        ]
    return checked


def leaves_too_few(batch: Iterable[Row], now: Situation) -> bool:
    """Would sending just this batch, judged on what was just read, leave too few people in charge?"""
    takers = {row.member_id for row in batch if now.takes_power(row)}
    return bool(takers) and len(now.roster.managers() - takers) < now.minimum_managers


def too_few(minimum: int) -> str:
    people = "1 active person" if minimum == 1 else f"{minimum} active people"
    return f"At least {people} must be able to manage the organization: give someone else that role first."


def brake(rows: Sequence[Row], now: Situation) -> Brake | None:
    """Does this plan need its number typed?"""
    will = [row for row in rows if row.verdict is Verdict.WILL]
    existing = sum(row.action in (Action.CHANGE, Action.DEACTIVATE) for row in will)
    active = now.roster.active_count()
    reasons = []
    if existing > BRAKE_SHARE * active:
        reasons.append(f"It changes {existing:,} of the {active:,} active people.")
    if granting := sum(now.grants_power(row) for row in will):
        people = "1 person" if granting == 1 else f"{granting:,} people"
        reasons.append(f"It lets {people} manage the organization.")
    if any(now.is_self(row) and now.takes_power(row) for row in will):
        reasons.append("It takes the permission to manage the organization from you. It is sent last.")
    return Brake(len(will), tuple(reasons)) if reasons else None
