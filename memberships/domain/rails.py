"""Stricter guards than the installation's, as a roster file asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from .guards import Situation
from .items import Kind
from .plan import Action, Row, Verdict

STAYS_IN_CHARGE = "The roster file names them among those who must stay able to manage the organization."


@dataclass(frozen=True, slots=True)
class Rails:
    """`required_managers` are addresses; `largest_share` is the part of the active people one plan may change."""

    minimum_managers: int = 0
    required_managers: tuple[str, ...] = ()
    largest_share: float | None = None

    def held(self, rows: Sequence[Row], now: Situation) -> list[Row]:
        """The rows, those blocked that take the power to manage from somebody who must keep it."""
        required = {
            m.id for m in now.roster.members.values() if m.email and m.email in self.required_managers
        }
        return [
            row.blocked(STAYS_IN_CHARGE)
            if row.verdict is Verdict.WILL and not required.isdisjoint(now.takers(row))
            else row
            for row in rows
        ]

    def broken(self, rows: Sequence[Row], now: Situation) -> str:
        """Why these rows must not become a plan, in a sentence; empty when nothing is against it."""
        will = [row for row in rows if row.verdict is Verdict.WILL]
        in_charge = now.roster.managers() | {pk for row in will for pk in now.gainers(row)}
        members = now.roster.members
        addresses = {members[pk].email if pk in members else pk for pk in in_charge}
        if missing := [email for email in self.required_managers if email not in addresses]:
            return (
                f"The roster file says that {', '.join(missing)} must be able to manage the organization: "
                "give them such a role there first."
            )
        changed = {
            row.member_id
            for row in will
            if row.kind is Kind.MEMBER
            and row.action in (Action.CHANGE, Action.DEACTIVATE)
            and now.is_active(row.member_id)
        }
        active = now.roster.active_count()
        if self.largest_share is not None and len(changed) > self.largest_share * active:
            return (
                f"It would change {len(changed):,} of the {active:,} active people, more than the "
                f"{self.largest_share * 100:.4g} % that the roster file allows at once: take smaller steps."
            )
        return ""


NO_RAILS = Rails()
