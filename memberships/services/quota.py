"""How many invitations an organization may send in a day: counted from the rows of its plans, so nothing can drift."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from memberships.domain.plan import Action, Row, Verdict
from memberships.models import Job, Organization, Outcome, Plan, PlanRow

from .wording import invitations

_DAY = timedelta(days=1)
# A plan that sends less than one in so many of those that are left has nothing to say about them.
_WORTH_SAYING = 10
# Whoever is reactivated gets no e-mail.
_SENT = (Action.INVITE, Action.RESEND)
_NOT_INVITED = "Is not invited, so nothing else can be set."


def left(organization: Organization) -> int:
    """How many more may go out now: the last 24 hours' are used, and those that open jobs still have to send."""
    rows = PlanRow.objects.filter(
        plan__organization=organization, verdict=Verdict.WILL, action__in=[action.value for action in _SENT]
    )
    sent = rows.filter(sent_at__gt=timezone.now() - _DAY).exclude(outcome=Outcome.REFUSED)
    waiting = rows.filter(plan__job__isnull=False, sent_at=None, outcome=Outcome.NOT_ATTEMPTED)
    waiting = waiting.exclude(plan__job__state=Job.State.FINISHED)
    return max(0, settings.INVITATIONS_PER_DAY - sent.count() - waiting.count())


def needed(rows: Iterable[Row]) -> int:
    return sum(map(_is_sent, rows))


def within(organization: Organization, rows: Sequence[Row]) -> list[Row]:
    """Block the invitations for which there is no room left today, and what waits for those."""
    wanted = needed(rows)
    room = left(organization) if wanted else 0
    if wanted <= room:
        return list(rows)
    reason = f"Beyond the limit of {_limit()}: {room:,} {'was' if room == 1 else 'were'} left."
    found, uninvited = [], set()
    for row in rows:
        if _is_sent(row):
            if not room:
                uninvited.add(row.email)
                row = row.blocked(reason)
            room = max(0, room - 1)
        found.append(row)
    return [row.blocked(_NOT_INVITED) if _waits_for(row, uninvited) else row for row in found]


def _waits_for(row: Row, emails: Collection[str]) -> bool:
    """Can it only be set once somebody of these is here?"""
    new = row.verdict is Verdict.WILL and row.action is Action.CHANGE and not row.member_id
    return new and row.email in emails


def told(plan: Plan) -> str:
    """How many are left, for people to read; empty where a plan sends too few for it to matter."""
    number = of_plan(plan.rows.all()) if plan.applied_at is None else 0
    if not number or number * _WORTH_SAYING < (room := left(plan.organization)):
        return ""
    return f"{room:,} of {_limit()} are left for this organization."


def overrun(organization: Organization, number: int) -> str:
    """Why so many can't be sent any more, though they could at the review; empty when they can."""
    room = left(organization)
    if number <= room:
        return ""
    return (
        f"This sends {invitations(number)}, and only {room:,} of {_limit()} are left: others went out since you "
        "looked. Make the plan again to see for whom there is room."
    )


def _is_sent(row: Row) -> bool:
    return row.verdict is Verdict.WILL and row.action in _SENT


def _limit() -> str:
    return f"{invitations(settings.INVITATIONS_PER_DAY)} a day"


def of_plan(rows: QuerySet[PlanRow]) -> int:
    """How many of a plan's rows send one."""
    return rows.filter(verdict=Verdict.WILL, action__in=[action.value for action in _SENT]).count()
