"""The mirror of groups. A group's members cost a call of their own, so they are read behind the page and kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.tasks import task
from django.utils import timezone

from memberships.domain.happenings import Trace
from memberships.domain.items import NAME, Item, Kind
from memberships.domain.people import Status, searchable
from memberships.domain.plan import Action, Row
from memberships.models import Connection, MirroredGroup, MirroredMember, Organization, Outcome, PlanRow
from memberships.providers import MembershipProvider
from memberships.providers.errors import ProviderError

from . import outside_groups
from .connections import capabilities, provider_for
from .freshness import Freshness, freshness_of
from .outside import SLACK

log = logging.getLogger(__name__)


def everything(organization: Organization) -> list[MirroredGroup]:
    """Every group by name."""
    found = MirroredGroup.objects.filter(organization=organization)
    return sorted(found, key=lambda group: (searchable(group.name), group.pk))


def find(organization: Organization, group_id: str) -> MirroredGroup | None:
    return MirroredGroup.objects.filter(organization=organization, remote_id=group_id).first()


def of_user(organization: Organization, user_id: str) -> set[str]:
    """The ids of the groups the mirror shows a user in."""
    return {group.remote_id for group in everything(organization) if user_id in group.user_ids}


# Who is in them


@dataclass(frozen=True, slots=True)
class Headcount:
    """How many people are in a group. `unlisted`: users whom the roster doesn't know."""

    group: MirroredGroup
    active: int
    inactive: int
    unlisted: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Every group with its people in numbers; `inactive` are the people who left and are in any of them."""

    groups: tuple[Headcount, ...]
    inactive: int


def overview(organization: Organization) -> Overview:
    found = everything(organization)
    status = _status_by_user(organization)
    counted, left = [], set[str]()
    for group in found:
        inactive = {pk for pk in group.user_ids if status.get(pk) == Status.INACTIVE}
        unlisted = sum(pk not in status for pk in group.user_ids)
        active = len(group.user_ids) - len(inactive) - unlisted
        counted.append(Headcount(group, active, len(inactive), unlisted))
        left |= inactive
    return Overview(tuple(counted), len(left))


def inactive_inside(organization: Organization) -> dict[str, list[str]]:
    """The groups that people who left are still in, by membership id."""
    found = everything(organization)
    status = _status_by_user(organization)
    left = {pk for group in found for pk in group.user_ids if status.get(pk) == Status.INACTIVE}
    members = MirroredMember.objects.filter(organization=organization, user_id__in=left).order_by(
        "sort_name", "id"
    )
    return {
        remote_id: [group.remote_id for group in found if user_id in group.user_ids]
        for remote_id, user_id in members.values_list("remote_id", "user_id")
    }


def _status_by_user(organization: Organization) -> dict[str, str]:
    """Of somebody with several memberships the active one counts."""
    people = MirroredMember.objects.filter(organization=organization).values_list("user_id", "status")
    found: dict[str, str] = {}
    for user_id, status in people:
        if status == Status.ACTIVE or user_id not in found:
            found[user_id] = status
    return found


# Keeping


def keep_list(
    organization: Organization, listed: Sequence[Item], read_at: datetime, trace: Trace | None = None
) -> None:
    """Which groups there are and how they are called. Who is in them is another question.

    What a plan of ours has done since the read began is newer than it.
    """
    names = {group.id: group.name[:300] for group in listed}
    with transaction.atomic():
        since = organization.hold().groups_read_at
        if since and since >= read_at:
            return
        ours = PlanRow.objects.filter(
            plan__organization=organization, kind=Kind.GROUP, outcome=Outcome.DONE, settled_at__gte=read_at
        ).values_list("item_id", flat=True)
        found = MirroredGroup.objects.filter(organization=organization).select_related("organization")
        known = {group.remote_id: group for group in found}
        for pk in ours:
            names.pop(pk, None)
            known.pop(pk, None)
        if since:
            outside_groups.notice_list(organization, since, known, names, trace)
        gone = [group.pk for pk, group in known.items() if pk not in names]
        MirroredGroup.objects.filter(pk__in=gone).delete()
        different = [
            MirroredGroup(organization=organization, remote_id=pk, name=name)
            for pk, name in names.items()
            if pk not in known or known[pk].name != name
        ]
        MirroredGroup.objects.bulk_create(
            different,
            update_conflicts=True,
            unique_fields=["organization", "remote_id"],
            update_fields=["name"],
        )


def keep_members(
    organization: Organization,
    group_id: str,
    user_ids: Iterable[str] | None,
    read_at: datetime,
    trace: Trace | None = None,
) -> None:
    """Who is in a group, None for a group that is gone. An older read never overwrites a newer one."""
    with transaction.atomic():
        organization.hold()
        group = (
            MirroredGroup.objects.filter(Q(members_read_at__isnull=True) | Q(members_read_at__lt=read_at))
            .filter(organization=organization, remote_id=group_id)
            .select_related("organization")
            .first()
        )
        if group is None:
            return
        if user_ids is None:
            since = group.members_read_at
            if since:
                outside_groups.notice_list(organization, since, {group_id: group}, {}, trace)
            group.delete()
            return
        inside = sorted(user_ids)
        outside_groups.notice_members(group, inside, trace)
        MirroredGroup.objects.filter(pk=group.pk).update(user_ids=inside, members_read_at=read_at)


def keep_row(organization: Organization, row: Row, item: Item | None) -> None:
    """Show in the mirror what a row has just done to a group itself. Who is in one is known by reading it."""
    if row.kind is not Kind.GROUP:
        return
    known = MirroredGroup.objects.filter(organization=organization, remote_id=row.item_id)
    if row.action is Action.DELETE:
        known.delete()
    elif item is not None:
        defaults: dict[str, Any] = {"name": str(item.value(NAME))[:300]}
        if row.action is Action.CREATE:
            defaults |= {"members_read_at": timezone.now(), "user_ids": []}
        MirroredGroup.objects.update_or_create(
            organization=organization, remote_id=item.id, defaults=defaults
        )


# Freshness


def freshness(organization: Organization) -> Freshness:
    return freshness_of(
        organization.groups_read_at,
        organization.groups_refresh_until,
        organization.groups_error,
        settings.GROUPS_FRESH_S,
    )


def claim_refresh(organization: Organization) -> bool:
    """True for the one caller who should start a refresh behind the page."""
    now = timezone.now()
    free = Q(groups_refresh_until__isnull=True) | Q(groups_refresh_until__lt=now)
    until = now + timedelta(seconds=settings.LEASE_S)
    return Organization.objects.filter(free, pk=organization.pk).update(groups_refresh_until=until) > 0


def refresh_if_due(connection: Connection) -> None:
    """Have stale groups read again. Their history is made of these reads, so nobody need look at them for that."""
    organization = Organization.objects.get(pk=connection.organization_id)
    if capabilities(organization).groups and freshness(organization).due and claim_refresh(organization):
        refresh_groups.enqueue(connection.pk)


def read(
    provider: MembershipProvider, organization: Organization, beat: Callable[[], object] = lambda: None
) -> None:
    """Read the groups and, one call each, who is in them. `beat` is called before each. Raises ProviderError."""
    began = timezone.now()
    listed = provider.groups()
    known = {group.remote_id: group for group in everything(organization)}
    log_of_events = _Log(provider, organization, known)
    names = {group.id: group.name[:300] for group in listed}
    same = names == {pk: group.name for pk, group in known.items()}
    keep_list(organization, listed, began, None if same else log_of_events.trace)
    for group in listed:
        beat()
        read_at = timezone.now()
        users = provider.group_members(group.id)
        before = known.get(group.id)
        same = before is None or (users is not None and set(before.user_ids) == users)
        keep_members(organization, group.id, users, read_at, None if same else log_of_events.trace)
    Organization.objects.filter(pk=organization.pk).update(groups_read_at=began)


@dataclass
class _Log:
    """The provider's log of events about groups, read at most once, and only when something changed."""

    provider: MembershipProvider
    organization: Organization
    known: Mapping[str, MirroredGroup]

    @cached_property
    def trace(self) -> Trace:
        moments = [group.members_read_at for group in self.known.values() if group.members_read_at]
        since = min([*moments, *filter(None, [self.organization.groups_read_at])], default=None)
        if since is None or not self.provider.capabilities.event_log:
            return Trace()
        try:
            return Trace(self.provider.happenings(Kind.GROUP, since - SLACK))
        except ProviderError as error:
            # It only makes times exact; without it the window between two reads stands.
            log.info("organization %s: the event log could not be read: %s", self.organization.pk, error)
            return Trace()


@task
def refresh_groups(connection_pk: int) -> None:
    """`read`, for the queue; what goes wrong is kept for the freshness line."""
    connection = Connection.objects.select_related("organization").get(pk=connection_pk)
    organization = Organization.objects.filter(pk=connection.organization_id)

    def beat() -> None:
        organization.update(groups_refresh_until=timezone.now() + timedelta(seconds=settings.LEASE_S))

    try:
        read(provider_for(connection, patient=True), connection.organization, beat)
    except ProviderError as error:
        organization.update(groups_refresh_until=timezone.now(), groups_error=str(error)[:300])
    else:
        organization.update(groups_refresh_until=None, groups_error="")
