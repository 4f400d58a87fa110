"""What happened outside this dashboard: found by comparing each read with the one before it.

Close keeps no history of roles and settings, so what isn't noticed here is noticed nowhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from memberships.domain.history import STATUS
from memberships.domain.people import ROLE, Member, Roster, Value
from memberships.domain.plan import Action, Edit
from memberships.models import AuditEntry, Cause, Connection, MirroredRole, Organization, Outcome, PlanRow

from . import audit
from .connections import capabilities
from .wording import Words

# A request whose answer was lost may still take effect for a while; one that was answered shows in the next read.
_LATE = timedelta(days=1)
_SLACK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about one person that two reads tell differently. `before` or `after` is None for nobody."""

    member: Member
    event: str
    field: str
    before: Value
    after: Value
    gained_power: bool = False


def differences(before: Mapping[str, Member], after: Mapping[str, Member]) -> list[Difference]:
    """Everything that changed between two reads, in the order of the later one, people who are gone last."""
    found: list[Difference] = []
    for pk, now in after.items():
        then = before.get(pk)
        gained = now.can_manage and not (then and then.can_manage)
        if then is None:
            found.append(Difference(now, "member.joined", ROLE, None, now.role_id, gained))
        elif then != now:
            found += _changes(then, now, gained)
    gone = [member for pk, member in before.items() if pk not in after]
    found += [Difference(member, "member.gone", ROLE, member.role_id, None) for member in gone]
    return found


def _changes(then: Member, now: Member, gained: bool) -> Iterable[Difference]:
    if then.active != now.active:
        event = "member.reactivated" if now.active else "member.deactivated"
        yield Difference(now, event, STATUS, then.status.value, now.status.value, gained)
    elif then.status != now.status:
        yield Difference(now, "member.status.set", STATUS, then.status.value, now.status.value)
    for name in (ROLE, *then.settings.keys() & now.settings.keys()):
        if then.value(name) != now.value(name):
            power = gained and name == ROLE and then.active == now.active
            yield Difference(now, f"member.{name}.set", name, then.value(name), now.value(name), power)
    if then.can_manage != now.can_manage and (then.active, then.role_id) == (now.active, now.role_id):
        # The role itself was edited.
        yield Difference(now, "member.can_manage.set", "can_manage", then.can_manage, now.can_manage, gained)


def notice(organization: Organization, since: datetime, before: Mapping[str, Member], roster: Roster) -> None:
    """Write down what changed since the last read, unless a plan of ours may have done it.

    Must run in the transaction that brings the mirror up to date.
    """
    found = differences(before, roster.members)
    if not found:
        return
    ours = _sent(organization, since, [difference.member for difference in found])
    roles = {row.remote_id: row.role() for row in MirroredRole.objects.filter(organization=organization)}
    words = Words(capabilities(organization), roles)
    entries = []
    for difference in found:
        key = (difference.field, difference.after)
        row = ours[difference.member.id].get(key) or ours[difference.member.email].get(key)
        if row is None:
            entries.append(_entry(difference, words, since))
        elif row.cause == Cause.LOST:
            # Given up as not made, and made after all: ours, but no job will write it down any more.
            entries.append(audit.made_late(_entry(difference, words, since), row.plan))
    audit.record(organization, entries)


def _sent(
    organization: Organization, since: datetime, people: list[Member]
) -> defaultdict[str, dict[tuple[str, Value], PlanRow]]:
    """By membership id and address: what rows of ours may have brought about since the last read."""
    now = timezone.now()
    open_still = Q(outcome=Outcome.UNKNOWN) | Q(cause=Cause.LOST)
    # What had shown before the last read began was in that read already.
    shown = Q(outcome=Outcome.DONE, settled_at__lt=since)
    recent = (Q(sent_at__gte=since - _SLACK) & ~shown) | (open_still & Q(sent_at__gte=now - _LATE))
    concerned = Q(member_id__in=[m.id for m in people]) | Q(email__in=[m.email for m in people if m.email])
    found: defaultdict[str, dict[tuple[str, Value], PlanRow]] = defaultdict(dict)
    rows = PlanRow.objects.filter(recent, concerned, plan__organization=organization)
    # Given up comes first, so that a row somebody still works on takes its place.
    rows = rows.select_related("plan__job__connection")
    for stored in sorted(rows, key=lambda row: row.cause != Cause.LOST):
        row = stored.row()
        values: set[tuple[str, Value]] = {(field, value) for field, value in row.wanted.items()}
        if row.via:
            values.add((ROLE, row.via))
        if row.action is not Action.CHANGE:
            values.add((STATUS, "inactive" if row.action is Action.DEACTIVATE else "active"))
        for key in (row.member_id, row.email):
            if key:
                found[key] |= dict.fromkeys(values, stored)
    return found


def _entry(difference: Difference, words: Words, since: datetime) -> AuditEntry:
    member = difference.member
    entry = AuditEntry(
        event=difference.event,
        channel=audit.CHANNEL_OUTSIDE,
        member_id=member.id,
        member_name=member.name,
        member_email=member.email,
        field=difference.field,
        before=difference.before,
        after=difference.after,
        outcome=Outcome.DONE,
        since=since,
        gained_power=difference.gained_power,
    )
    _, entry.before_text, entry.after_text = words.edit(
        Edit(difference.field, difference.before, difference.after)
    )
    if difference.event == "member.gone":
        # Nowhere else is kept what they had.
        entry.before = {ROLE: member.role_id, STATUS: member.status.value, **member.settings}
    return entry


# What people see of it


def grants(organization: Organization) -> QuerySet[AuditEntry]:
    """People who can manage the organization by somebody's hand outside, until that is acknowledged."""
    return AuditEntry.objects.filter(
        organization=organization,
        channel=audit.CHANNEL_OUTSIDE,
        gained_power=True,
        number__gt=organization.acknowledged_number,
    ).order_by("number")


def acknowledge(connection: Connection, number: int) -> None:
    """Somebody has seen the grants up to this audit entry."""
    with transaction.atomic():
        unseen = Organization.objects.filter(
            pk=connection.organization_id, acknowledged_number__lt=number, audit_number__gte=number
        )
        if unseen.update(acknowledged_number=number):
            audit.record(connection.organization, [audit.acknowledged(connection)])


def unseen(connection: Connection) -> int:
    """How many outside changes there are that this person has not looked at."""
    entries = AuditEntry.objects.filter(
        organization=connection.organization, channel=audit.CHANNEL_OUTSIDE, number__gt=connection.seen_number
    )
    return entries.count()


def seen(connection: Connection) -> None:
    last = AuditEntry.objects.filter(organization=connection.organization).aggregate(Max("number"))[
        "number__max"
    ]
    Connection.objects.filter(pk=connection.pk).update(seen_number=last or 0)
