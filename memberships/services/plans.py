"""Plans as they are kept: reading them back, and applying exactly that plan once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from memberships.domain.items import PERMISSIONS, Kind
from memberships.domain.people import ROLE
from memberships.domain.plan import Action, Row, Verdict
from memberships.models import Connection, Job, Organization, Outcome, Plan, PlanRow

from . import api_key, audit, jobs, quota, roster
from .connections import capabilities


class CannotApply(Exception):
    """A sentence on why this plan is not applied. Nothing was sent."""


class WrongNumber(CannotApply):
    """The number typed is not the plan's."""


class NeedsReview(CannotApply):
    """Only somebody who sits before the review page may apply it."""


class SignInAgain(CannotApply):
    """Whoever applies has to show first that it is them."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whoever applies came back from the consent page at this moment: as themselves, for this organization."""

    at: datetime | None

    @property
    def is_fresh(self) -> bool:
        return self.at is not None and self.at > timezone.now() - FRESH


class Unattended(Enum):
    """Nobody can be sent to the consent page from where the plan is applied."""

    REFUSED = "a plan that gives power is not applied from here"
    NUMBER_TYPED = "somebody typed the plan's number there, and the audit log says so"


FRESH = timedelta(minutes=10)
_EXPIRED = "This plan has expired. Make it again, from what is true now."


def find(organization: Organization, plan_id: str | UUID) -> Plan | None:
    return (
        Plan.objects.filter(organization=organization)
        .select_related("connection", "person", "token__person")
        .filter(pk=plan_id)
        .first()
    )


def rows(plan: Plan, verdict: Verdict) -> QuerySet[PlanRow]:
    return plan.rows.filter(verdict=verdict).order_by("position")


def counts(plan: Plan) -> dict[Verdict, int]:
    found = dict(plan.rows.values_list("verdict").annotate(Count("pk")))
    found = {verdict: found.get(verdict, 0) for verdict in Verdict}
    return {**found, Verdict.ALREADY: found[Verdict.ALREADY] + plan.unlisted}


def only_members(plan: Plan) -> bool:
    """Is all that would change about people themselves?"""
    return not rows(plan, Verdict.WILL).exclude(kind=Kind.MEMBER).exists()


def people(some: QuerySet[PlanRow]) -> int:
    """How many people these rows are about, however many rows each has."""
    found = set(some.order_by().values_list("member_id", "email").distinct())
    known = {member_id for member_id, _ in found if member_id}
    # Whoever is only invited has no id at first, and may have one in some of their rows.
    addresses = {email for member_id, email in found if member_id}
    return len(known) + len({email for member_id, email in found if not member_id} - addresses)


def number(plan: Plan) -> int:
    """What a sentence about the plan counts: the people who would change, or changes where not all are people's."""
    will = rows(plan, Verdict.WILL)
    return people(will) if only_members(plan) else will.count()


def number_done(plan: Plan) -> int:
    """How many of `number` are done. A person is when all of their rows are."""
    will = rows(plan, Verdict.WILL)
    if only_members(plan):
        return people(will) - people(will.exclude(outcome=Outcome.DONE))
    return will.filter(outcome=Outcome.DONE).count()


def in_steps(plan: Plan) -> bool:
    """Do its rows wait for each other, stage by stage? In a file everyone waits for themselves alone."""
    origin = plan.origin.plan if plan.origin else plan
    return not (plan.from_file or origin.from_file)


_MOST_CAUTIONS = 5


def cautions(plan: Plan) -> dict[str, int]:
    """What is said of several people who will change, and of how many, the largest number first."""
    will = rows(plan, Verdict.WILL).filter(action=Action.CHANGE).exclude(reason="").order_by()
    found = will.values_list("reason").annotate(number=Count("pk")).filter(number__gt=1)
    return dict(found.order_by("-number", "reason")[:_MOST_CAUTIONS])


def arrivals(plan: Plan) -> dict[str, int]:
    """How many people who will come, or come back, get which role, the largest number first."""
    coming = rows(plan, Verdict.WILL).filter(action__in=(Action.INVITE, Action.REACTIVATE))
    found = Counter(
        str(after or "")
        for (edits,) in coming.values_list("edits")
        for field, _, after in edits
        if field == ROLE
    )
    return dict(found.most_common())


def moves(plan: Plan) -> dict[tuple[str, str], int]:
    """How many people who will change come from which role to which, the largest number first."""
    found: Counter[tuple[str, str]] = Counter()
    changing = rows(plan, Verdict.WILL).filter(kind=Kind.MEMBER, action=Action.CHANGE)
    for (edits,) in changing.values_list("edits"):
        found.update((str(before or ""), str(after or "")) for field, before, after in edits if field == ROLE)
    return dict(found.most_common())


def edited_roles(plan: Plan) -> list[Row]:
    """The roles that will be edited."""
    return [stored.row() for stored in rows(plan, Verdict.WILL).filter(kind=Kind.ROLE, action=Action.CHANGE)]


def expired(plan: Plan) -> bool:
    return plan.expires_at <= timezone.now()


# Applying


def needs_review(plan: Plan) -> bool:
    """Does it take a number typed, or a fresh sign-in? Then no token applies it, and no schedule."""
    return bool(plan.brake_number) or plan.gives_power


def needs_sign_in(plan: Plan, proof: SignedIn | Unattended) -> bool:
    """Has whoever wants to apply this plan to sign in once more before?"""
    return plan.gives_power and not (isinstance(proof, SignedIn) and proof.is_fresh)


def apply(
    plan: Plan,
    connection: Connection,
    *,
    fingerprint: str,
    typed: str,
    proof: SignedIn | Unattended = Unattended.REFUSED,
    channel: str = "",
) -> Job:
    """Start the one job of this plan, in the name of whoever presses the button. Pressed twice, it is one job.

    `proof` is what shows that it is them: a plan that lets somebody manage the organization takes a sign-in not older
    than ten minutes. `channel` says where the button is, when not where the plan was made. Raises CannotApply with a
    sentence.
    """
    if fingerprint != plan.fingerprint:
        raise CannotApply("This is not the plan you reviewed. Look at it again before you apply it.")
    if job := Job.objects.filter(plan=plan).first():
        return job
    if expired(plan):
        raise CannotApply(_EXPIRED)
    if not counts(plan)[Verdict.WILL]:
        raise CannotApply("There is nothing to do in this plan.")
    if connection.token and needs_review(plan):
        raise NeedsReview("This plan has to be applied on its review page, by a person.")
    unattended = needs_sign_in(plan, proof)
    if unattended and isinstance(proof, SignedIn):
        raise SignInAgain(
            "It lets somebody manage the organization, and your sign-in is more than 10 minutes old: sign in again."
        )
    if unattended and not (proof is Unattended.NUMBER_TYPED and plan.brake_number):
        raise SignInAgain(
            "It lets somebody manage the organization. Apply it in the dashboard, where you can sign in again first."
        )
    if plan.brake_number and typed.strip().replace(",", "") != str(plan.brake_number):
        raise WrongNumber(f"Type {plan.brake_number:,} to confirm.")
    if reason := reserved(plan, connection):
        raise CannotApply(reason)
    sends = quota.of_plan(plan.rows.all())
    with transaction.atomic():
        plan.organization.hold()
        now = timezone.now()
        # Two plans, each within the limit when it was reviewed, may be too much together.
        if sends and (overrun := quota.overrun(plan.organization, sends)):
            raise CannotApply(overrun)
        if not Plan.objects.filter(pk=plan.pk, applied_at=None, expires_at__gt=now).update(applied_at=now):
            if job := Job.objects.filter(plan=plan).first():
                return job
            raise CannotApply(_EXPIRED)
        job = Job.objects.create(
            plan=plan,
            organization=plan.organization,
            connection=connection,
            person=connection.person,
            token=connection.token,
            by_key=api_key.acts(connection),
            created_at=now,
        )
        events = ["plan.applied", *(["plan.number_typed"] if unattended else [])]
        entries = [audit.plan_applied(plan, connection, event, channel=channel) for event in events]
        audit.record(plan.organization, entries)
        jobs.offer(job)
    return job


def reserved(plan: Plan, connection: Connection) -> str:
    """Why this person doesn't apply what somebody else has made: it is about themselves. Empty when it isn't."""
    if connection.actor == plan.by:
        return ""
    about_me, about_my_role = _mine(rows(plan, Verdict.WILL), connection)
    if about_me.exists():
        mine = "your own membership"
    elif about_my_role.exists():
        mine = "the role you have yourself"
    else:
        return ""
    return f"This plan changes {mine}. Make it yourself, so that you review that."


def takes_power_of(some: QuerySet[PlanRow], connection: Connection) -> bool:
    """Do these rows take from this person that they can manage the organization?"""
    organization = connection.organization
    managing = {role_id for role_id, role in roster.roles(organization).items() if role.can_manage}
    power = capabilities(organization).manage_permission_name
    about_me, about_my_role = _mine(some, connection)
    moves = [edit for stored in about_me for edit in stored.row().edits if edit.field == ROLE]
    turns = [edit for stored in about_my_role for edit in stored.row().edits if edit.field == PERMISSIONS]
    return any(edit.before in managing and edit.after not in managing for edit in moves) or any(
        power in edit.before and power not in edit.after
        for edit in turns
        if isinstance(edit.before, tuple) and isinstance(edit.after, tuple)
    )


def _mine(some: QuerySet[PlanRow], connection: Connection) -> tuple[QuerySet[PlanRow], QuerySet[PlanRow]]:
    """Which of these rows are about this person, and which about the role they have."""
    me = connection.actor
    # Where an organization is attached, people are known by their address.
    known = Q(user_id=me.user_id) | Q(email=me.email) if me.email else Q(user_id=me.user_id)
    mine = list(connection.organization.members.filter(known).values_list("remote_id", "role_id"))
    return (
        some.filter(member_id__in=[member_id for member_id, _ in mine]),
        some.filter(kind=Kind.ROLE, item_id__in=[role_id for _, role_id in mine]),
    )
