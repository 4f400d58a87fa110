"""What happened outside this dashboard: found by comparing each read with the one before it.

A provider may keep no history of roles and settings: then what isn't noticed here is noticed nowhere.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from memberships.domain.happenings import Happening, Trace
from memberships.domain.history import STATUS
from memberships.domain.items import NAME, PERMISSIONS, Kind, to_be_made
from memberships.domain.people import ROLE, Member, Roster, Value, group_of, metadata_key
from memberships.domain.plan import Action, Edit
from memberships.models import (
    AuditEntry,
    Cause,
    Connection,
    MirroredMember,
    MirroredRole,
    Organization,
    Outcome,
    Plan,
    PlanRow,
)
from memberships.models.plans import as_value
from memberships.providers import MembershipProvider
from memberships.providers.errors import ProviderError

from . import audit
from .connections import capabilities
from .wording import Words

log = logging.getLogger(__name__)

# A request whose answer was lost may still take effect for a while; one that was answered shows in the next read.
_LATE = timedelta(days=1)
SLACK = timedelta(minutes=2)

CAN_MANAGE = "can_manage"
"""As a field of a difference: whether somebody can manage the organization."""


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
    keyed = sorted(name for name in then.settings.keys() | now.settings.keys() if metadata_key(name))
    both = (name for name in then.settings if name in now.settings and not metadata_key(name))
    for name in (ROLE, *both, *keyed):
        if then.value(name) != now.value(name):
            power = gained and name == ROLE and then.active == now.active
            event = audit.event_of(Kind.MEMBER, Action.CHANGE, name)
            yield Difference(now, event, name, then.value(name), now.value(name), power)
    if then.can_manage != now.can_manage and (then.active, then.role_id) == (now.active, now.role_id):
        # The role itself was edited.
        yield Difference(now, "member.can_manage.set", CAN_MANAGE, then.can_manage, now.can_manage, gained)


def trace(provider: MembershipProvider, organization: Organization, roster: Roster) -> Trace:
    """What the provider's log tells of whoever came or went since the last read; not asked when nobody did.

    It only makes the time exact: when it can't be read, or an event is late, the window between two reads stands.
    """
    since = Organization.objects.values_list("roster_read_at", flat=True).get(pk=organization.pk)
    if since is None or not provider.capabilities.event_log:
        return Trace()
    mirror = MirroredMember.objects.filter(organization=organization).values_list("remote_id", "status")
    known = dict(mirror)
    moved = [member for member in roster.members.values() if known.get(member.id) != member.status.value]
    ours = sent_since(organization, since) if moved else {}
    if all(is_ours(ours, member, (STATUS, member.status.value)) for member in moved):
        return Trace()
    try:
        return Trace(provider.happenings(Kind.MEMBER, since - SLACK))
    except ProviderError as error:
        log.info("organization %s: the event log could not be read: %s", organization.pk, error)
        return Trace()


def notice(
    organization: Organization,
    since: datetime,
    before: Mapping[str, Member],
    roster: Roster,
    trace: Trace | None = None,
) -> None:
    """Write down what changed since the last read, unless a plan of ours may have done it.

    Must run in the transaction that brings the mirror up to date.
    """
    found = differences(before, roster.members)
    if not found:
        return
    ours = sent_since(organization, since)
    roles = {row.remote_id: row.role() for row in MirroredRole.objects.filter(organization=organization)}
    words = Words(capabilities(organization), roles, organization.names)
    entries = []
    for difference in found:
        key = (difference.field, difference.after)
        sent = is_ours(ours, difference.member, key)
        through_role = _is_ours_through_role(ours, difference) if sent is None else None
        if through_role is not None:
            if difference.field == ROLE or through_role.cause == Cause.LOST:
                entries.append(_made_by(through_role, _entry(difference, words, since)))
        elif sent is None:
            happening = (trace or Trace()).of(difference.event, difference.member.id)
            entries.append(sharpened(_entry(difference, words, since), happening, roster))
        elif sent.cause == Cause.LOST:
            # Given up as not made, and made after all: ours, but no job will write it down any more.
            entries.append(_made_by(sent, _entry(difference, words, since)))
    write(organization, entries)


def write(organization: Organization, entries: Sequence[AuditEntry]) -> None:
    """Record what was noticed, and where to find the latest of it."""
    audit.record(organization, entries)
    noticed = [entry for entry in entries if entry.channel == audit.CHANNEL_OUTSIDE]
    if noticed:
        Organization.objects.filter(pk=organization.pk).update(outside_number=noticed[-1].number)
    if powerful := [entry.number for entry in noticed if entry.gained_power]:
        Organization.objects.filter(pk=organization.pk).update(outside_power_number=powerful[-1])


def is_ours(ours: Ours, member: Member, key: tuple[str, Value]) -> Sent | None:
    """The row of ours that may have given this member this value."""
    return ours.get(member.id, {}).get(key) or ours.get(member.email, {}).get(key)


def _is_ours_through_role(ours: Ours, difference: Difference) -> Sent | None:
    """The row of ours that may have brought this about for everyone with a role: it was edited, or deleted.

    Nobody active has a role that is deleted; what becomes of those who left with it is up to the provider.
    """
    if difference.field == CAN_MANAGE:
        return ours.get(difference.member.role_id, {}).get((CAN_MANAGE, difference.after))
    if difference.field == ROLE and not difference.member.active:
        return ours.get(str(difference.before), {}).get((ROLE, None))
    return None


def _made_by(sent: Sent, entry: AuditEntry) -> AuditEntry:
    return audit.made_late(entry, Plan.objects.select_related("job__connection").get(pk=sent.plan_id))


class Sent(NamedTuple):
    """A row of ours that may have brought a value about."""

    cause: str
    plan_id: UUID


type Ours = Mapping[str, Mapping[tuple[str, Value], Sent]]


def sent_since(
    organization: Organization, since: datetime
) -> defaultdict[str, dict[tuple[str, Value], Sent]]:
    """By membership id, address and role id: the values plans of ours may have brought about since the last read.

    What isn't a person is found by `item_key`; that it is gone is a name of None.
    """
    now = timezone.now()
    open_still = Q(outcome=Outcome.UNKNOWN) | Q(cause=Cause.LOST)
    # What had shown before the last read began was in that read already.
    shown = Q(outcome=Outcome.DONE, settled_at__lt=since)
    recent = (Q(sent_at__gte=since - SLACK) & ~shown) | (open_still & Q(sent_at__gte=now - _LATE))
    sent = PlanRow.objects.filter(recent, plan__organization=organization)
    columns = (
        "cause",
        "plan_id",
        "member_id",
        "email",
        "kind",
        "item_id",
        "name",
        "action",
        "edits",
        "via",
        "kept",
    )
    its_capabilities = capabilities(organization)
    found: defaultdict[str, dict[tuple[str, Value], Sent]] = defaultdict(dict)
    # Given up comes first, so that a row somebody still works on takes its place.
    for cause, plan_id, member_id, email, kind, item_id, name, action, edits, via, kept in sorted(
        sent.values_list(*columns), key=lambda c: c[0] != Cause.LOST
    ):
        values: set[tuple[str, Value]] = {(field, as_value(after)) for field, _, after in edits}
        keys = [member_id, email]
        if kind != Kind.MEMBER:
            keys = [item_key(kind, item_id), item_key(kind, to_be_made(name))]
            if action == Action.DELETE:
                values.add((NAME, None))
        elif action != Action.CHANGE:
            values.add((STATUS, "inactive" if action == Action.DEACTIVATE else "active"))
            if action == Action.DEACTIVATE and its_capabilities.removes:
                values.add((ROLE, None))
            # Whoever comes back may have lost their groups by that.
            values |= {(field, False) for field in kept if group_of(field)}
        if via:
            values.add((ROLE, via))
        for key in filter(None, keys):
            found[key] |= dict.fromkeys(values, Sent(cause, plan_id))
    manage = its_capabilities.manage_permission_name
    for stored in sent.filter(kind=Kind.ROLE):
        row, its_sending = stored.row(), Sent(stored.cause, stored.plan_id)
        if row.action is Action.DELETE:
            found[row.item_id][ROLE, None] = its_sending
        elif isinstance(granted := row.wanted.get(PERMISSIONS), tuple):
            found[row.item_id][CAN_MANAGE, manage in granted] = its_sending
    return found


def item_key(kind: str, item_id: str) -> str:
    """Where `sent_since` has what was sent about a role or a group. What has no id yet has that of `to_be_made`."""
    return f"{kind}:{item_id}"


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
    told = words.edit(Edit(difference.field, difference.before, difference.after))
    entry.before_text, entry.after_text = told.before[:300], told.after[:300]
    if difference.event == "member.gone":
        # Nowhere else is kept what they had.
        entry.before = {ROLE: member.role_id, STATUS: member.status.value, **member.settings}
    return entry


def sharpened(entry: AuditEntry, happening: Happening | None, roster: Roster) -> AuditEntry:
    """When exactly it happened, and who did it, as far as the provider's log knows."""
    if happening:
        by = roster.of_user(happening.user_id) if happening.user_id else None
        entry.happened_at, entry.actor_id = happening.at, happening.user_id
        entry.actor_name = (by.name or by.email) if by else ""
    return entry


# What people see of it


def grants(organization: Organization) -> QuerySet[AuditEntry]:
    """People who can manage the organization by somebody's hand outside, until that is acknowledged."""
    if organization.outside_power_number <= organization.acknowledged_number:
        return AuditEntry.objects.none()
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
    if connection.organization.outside_number <= connection.seen_number:
        return 0
    entries = AuditEntry.objects.filter(
        organization=connection.organization, channel=audit.CHANNEL_OUTSIDE, number__gt=connection.seen_number
    )
    return entries.count()


def seen(connection: Connection) -> None:
    Connection.objects.filter(pk=connection.pk).update(seen_number=connection.organization.outside_number)
