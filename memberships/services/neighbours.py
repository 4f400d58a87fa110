"""Other jobs of the organization that have sent something to the people of this one and not read it back.

What they did would be changed by this one, and then be told as not done. So it is looked for before anything is sent.
"""

from __future__ import annotations

from django.db.models import Q, QuerySet

from memberships.domain.guards import Situation
from memberships.domain.items import Kind
from memberships.domain.plan import Action, Verdict
from memberships.domain.reading import has_arrived
from memberships.models import Job, Outcome, PlanRow
from memberships.providers import Capabilities

from .lease import Lease
from .ledger import Finding, Ledger
from .wording import Words


def looks_first(job: Job) -> Job | None:
    """Another job that goes on by itself, because its worker died or it waits: it is that one's turn to look."""
    by_itself = _unread(job).filter(
        plan__job__state__in=(Job.State.RUNNING, Job.State.WAITING), plan__job__by_key=False
    )
    # Of two of them the one that began first.
    earlier = by_itself.filter(plan__job__claimed_at__lt=job.claimed_at) if job.claimed_at else by_itself
    found = earlier.order_by("plan__job__claimed_at").select_related("plan__job").first()
    return found.plan.job if found else None


def settle(job: Job, lease: Lease, now: Situation, capabilities: Capabilities) -> None:
    """Others rest until somebody signs in, or their command is given again: what shows of them now is done."""
    resting = _unread(job).filter(kind=Kind.MEMBER, action=Action.CHANGE)
    for other in Job.objects.filter(pk__in=resting.values("plan__job")).select_related(
        "organization", "connection__organization", "person", "plan"
    ):
        ledger = Ledger(other, lease, Words(capabilities, now.roles, other.plan.names))
        ledger.conclude(
            {
                pk: Finding(Outcome.DONE)
                for pk in resting.filter(plan__job=other).values_list("pk", flat=True)
                if has_arrived(ledger.rows[pk], now.roster.members.get(ledger.rows[pk].member_id))
            }
        )


def _unread(job: Job) -> QuerySet[PlanRow]:
    """Rows of other open jobs, sent without a known answer, about people to whom this one is still to send."""
    mine = job.plan.rows.filter(verdict=Verdict.WILL, outcome=Outcome.NOT_ATTEMPTED)
    return PlanRow.objects.filter(
        Q(member_id__in=mine.exclude(member_id="").values("member_id"))
        | Q(member_id="", email__in=mine.exclude(email="").values("email")),
        plan__job__organization=job.organization,
        plan__job__finished_at=None,
        verdict=Verdict.WILL,
        outcome=Outcome.UNKNOWN,
    ).exclude(plan__job=job)
