"""Making a plan, reading it back, and applying exactly that plan once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from memberships.domain import addresses, guards
from memberships.domain import plan as domain
from memberships.domain.guards import Situation
from memberships.domain.people import ROLE, Member, Value
from memberships.domain.plan import Action, Row, Verdict
from memberships.models import Cause, Connection, Job, Organization, Outcome, Plan, PlanRow

from . import audit, jobs, roster
from .connections import NotAllowed, capabilities


class CannotApply(Exception):
    """A sentence on why this plan is not applied. Nothing was sent."""


class NothingLeft(Exception):
    """A sentence on why there is no plan to make."""


_EXPIRED = "This plan has expired. Make it again, from what is true now."
_STILL_RUNNING = "The job is still running. Wait for it, or stop it first."


class WrongNumber(CannotApply):
    """The number typed is not the plan's."""


def propose_change(
    connection: Connection,
    member_ids: Sequence[str],
    wanted: Mapping[str, Value],
    *,
    reason: str,
    channel: str,
) -> Plan:
    """Plan the same new values for these members, from what is true now. Raises ProviderError or NotAllowed."""
    live = _read(connection)
    rows = domain.changes(_found(live, member_ids), wanted)
    rows += [
        Row(Action.CHANGE, Verdict.BLOCKED, member_id=pk, name=pk, reason="Is no longer in the organization.")
        for pk in dict.fromkeys(member_ids)
        if pk not in live.roster.members
    ]
    return _store(connection, Plan.Kind.CHANGE, rows, live, wanted, reason=reason, channel=channel)


def propose_deactivation(
    connection: Connection, member_ids: Sequence[str], *, reason: str, channel: str
) -> Plan:
    """Plan to take these members out of the organization. Raises ProviderError or NotAllowed."""
    live = _read(connection)
    rows = domain.deactivations(_found(live, member_ids))
    return _store(connection, Plan.Kind.DEACTIVATE, rows, live, {}, reason=reason, channel=channel)


def propose_reactivation(
    connection: Connection, member_ids: Sequence[str], *, reason: str, channel: str
) -> Plan:
    """Plan to bring these members back with the role they had. Raises ProviderError or NotAllowed."""
    live = _read(connection)
    rows = domain.reactivations(_found(live, member_ids), live.roles)
    return _store(connection, Plan.Kind.REACTIVATE, rows, live, {}, reason=reason, channel=channel)


def _found(live: roster.Live, member_ids: Sequence[str]) -> list[Member]:
    return [live.roster.members[pk] for pk in dict.fromkeys(member_ids) if pk in live.roster.members]


def propose_invitations(
    connection: Connection, text: str, role_id: str, *, reason: str, channel: str
) -> Plan:
    """Plan an invitation for every address in the pasted `text`. Raises ProviderError or NotAllowed."""
    live = _read(connection)
    rows = domain.invitations(addresses.parse(text), live.roles[role_id], live.roster, live.roles)
    return _store(connection, Plan.Kind.INVITE, rows, live, {ROLE: role_id}, reason=reason, channel=channel)


def propose_again(
    job: Job, connection: Connection, *, only_stale: bool = False, reason: str, channel: str
) -> Plan:
    """Plan what this job left undone once more, from live values. Raises ProviderError, NotAllowed or NothingLeft."""
    left = job.plan.rows.filter(verdict=Verdict.WILL).exclude(outcome=Outcome.DONE).order_by("position")
    if only_stale:
        left = left.filter(cause=Cause.STALE)
    wishes = [stored.row() for stored in left]
    if not job.finished or not wishes:
        raise NothingLeft("There is nothing left to try again." if job.finished else _STILL_RUNNING)
    live = _read(connection)
    rows = domain.again(wishes, live.roster, live.roles)
    return _store(
        connection,
        Plan.Kind(job.plan.kind),
        rows,
        live,
        job.plan.wanted,
        origin=job,
        reason=reason,
        channel=channel,
    )


def propose_undo(job: Job, connection: Connection, *, reason: str, channel: str) -> Plan:
    """Plan the inverse of what this job did. Raises ProviderError, NotAllowed or NothingLeft."""
    done = job.plan.rows.filter(verdict=Verdict.WILL, outcome=Outcome.DONE).order_by("position")
    deeds = [stored.row() for stored in done]
    if not job.finished or not deeds:
        raise NothingLeft("Nothing was done that could be undone." if job.finished else _STILL_RUNNING)
    live = _read(connection)
    rows = domain.undo(deeds, live.roster, live.roles)
    return _store(connection, Plan.Kind.UNDO, rows, live, {}, origin=job, reason=reason, channel=channel)


def _read(connection: Connection) -> roster.Live:
    live = roster.read(connection)
    me = live.roster.of_user(connection.user_id)
    if me is None or not (me.active and me.can_manage):
        permission = capabilities(connection.organization).manage_permission
        raise NotAllowed(str(connection.organization), permission)
    return live


def _store(
    connection: Connection,
    kind: Plan.Kind,
    rows: Sequence[Row],
    live: roster.Live,
    wanted: Mapping[str, Value],
    *,
    origin: Job | None = None,
    reason: str,
    channel: str,
) -> Plan:
    now = Situation(live.roster, live.roles, connection.user_id, settings.MINIMUM_MANAGERS)
    rows = guards.review(rows, now)
    brake = guards.brake(rows, now)
    created_at = timezone.now()
    with transaction.atomic():
        plan = Plan.objects.create(
            organization=connection.organization,
            connection=connection,
            kind=kind,
            origin=origin,
            wanted=dict(wanted),
            reason=reason,
            channel=channel,
            fingerprint=domain.fingerprint(connection.organization.remote_id, rows),
            brake_number=brake.number if brake else 0,
            brake_reasons=list(brake.reasons) if brake else [],
            created_at=created_at,
            expires_at=created_at + timedelta(seconds=settings.PLAN_EXPIRES_S),
        )
        stored = (PlanRow.of(plan, position, row) for position, row in enumerate(rows))
        PlanRow.objects.bulk_create(stored, batch_size=1000)
    return plan


# Reading back


def find(organization: Organization, plan_id: str | UUID) -> Plan | None:
    return (
        Plan.objects.filter(organization=organization).select_related("connection").filter(pk=plan_id).first()
    )


def rows(plan: Plan, verdict: Verdict) -> QuerySet[PlanRow]:
    return plan.rows.filter(verdict=verdict).order_by("position")


def counts(plan: Plan) -> dict[Verdict, int]:
    found = dict(plan.rows.values_list("verdict").annotate(Count("pk")))
    return {verdict: found.get(verdict, 0) for verdict in Verdict}


def previous_roles(plan: Plan) -> dict[str, int]:
    """How many people who will change come from which role, the largest number first."""
    found: Counter[str] = Counter()
    for (edits,) in rows(plan, Verdict.WILL).values_list("edits"):
        found.update(str(before or "") for field, before, _ in edits if field == ROLE)
    return dict(found.most_common())


def expired(plan: Plan) -> bool:
    return plan.expires_at <= timezone.now()


# Applying


def apply(plan: Plan, connection: Connection, *, fingerprint: str, typed: str) -> Job:
    """Start the one job of this plan, in the name of whoever presses the button. Pressed twice, it is one job.

    Raises CannotApply with a sentence.
    """
    if job := Job.objects.filter(plan=plan).first():
        return job
    if fingerprint != plan.fingerprint:
        raise CannotApply("This is not the plan you reviewed. Look at it again before you apply it.")
    if expired(plan):
        raise CannotApply(_EXPIRED)
    if not counts(plan)[Verdict.WILL]:
        raise CannotApply("There is nothing to do in this plan.")
    if plan.brake_number and typed.strip().replace(",", "") != str(plan.brake_number):
        raise WrongNumber(f"Type {plan.brake_number:,} to confirm.")
    if connection.pk != plan.connection_id and _concerns(plan, connection):
        raise CannotApply("This plan changes your own membership. Make it yourself, so that you review that.")
    with transaction.atomic():
        now = timezone.now()
        if not Plan.objects.filter(pk=plan.pk, applied_at=None, expires_at__gt=now).update(applied_at=now):
            if job := Job.objects.filter(plan=plan).first():
                return job
            raise CannotApply(_EXPIRED)
        job = Job.objects.create(
            plan=plan, organization=plan.organization, connection=connection, created_at=now
        )
        audit.record(plan.organization, [audit.plan_applied(plan, connection)])
        jobs.offer(job)
    return job


def _concerns(plan: Plan, connection: Connection) -> bool:
    mine = plan.organization.members.filter(user_id=connection.user_id).values_list("remote_id", flat=True)
    return rows(plan, Verdict.WILL).filter(member_id__in=list(mine)).exists()
