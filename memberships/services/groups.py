"""The mirror of groups. A group's members cost a call of their own, so they are read behind the page and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.tasks import task
from django.utils import timezone

from memberships.domain.items import NAME, Item, Kind
from memberships.domain.people import group_of
from memberships.domain.plan import Action, Row
from memberships.models import Connection, MirroredGroup, Organization
from memberships.providers import MembershipProvider
from memberships.providers.errors import ProviderError

from .connections import provider_for
from .roster import Freshness, freshness_of


def everything(organization: Organization) -> list[MirroredGroup]:
    """Every group by name."""
    found = MirroredGroup.objects.filter(organization=organization)
    return sorted(found, key=lambda group: (group.name.casefold(), group.pk))


def find(organization: Organization, group_id: str) -> MirroredGroup | None:
    return MirroredGroup.objects.filter(organization=organization, remote_id=group_id).first()


def of_user(organization: Organization, user_id: str) -> set[str]:
    """The ids of the groups the mirror shows a user in."""
    return {group.remote_id for group in everything(organization) if user_id in group.user_ids}


# Keeping


def keep_list(organization: Organization, groups: Sequence[Item], read_at: datetime) -> None:
    """Which groups there are and how they are called. Who is in them is another question."""
    with transaction.atomic():
        known = MirroredGroup.objects.select_for_update().filter(organization=organization)
        known.exclude(remote_id__in=[group.id for group in groups]).exclude(
            members_read_at__gt=read_at
        ).delete()
        for group in groups:
            MirroredGroup.objects.update_or_create(
                organization=organization, remote_id=group.id, defaults={"name": group.name[:300]}
            )


def keep_members(
    organization: Organization, group_id: str, user_ids: Iterable[str] | None, read_at: datetime
) -> None:
    """Who is in a group, None for a group that is gone. An older read never overwrites a newer one."""
    known = MirroredGroup.objects.filter(organization=organization, remote_id=group_id)
    older = known.filter(Q(members_read_at__isnull=True) | Q(members_read_at__lt=read_at))
    if user_ids is None:
        older.delete()
    else:
        older.update(user_ids=sorted(user_ids), members_read_at=read_at)


def keep_row(organization: Organization, row: Row, item: Item | None, user_id: str) -> None:
    """Show in the mirror what a row has just done: to a group itself, or to who is in one."""
    now = timezone.now()
    if row.kind is Kind.GROUP:
        known = MirroredGroup.objects.filter(organization=organization, remote_id=row.item_id)
        if row.action is Action.DELETE:
            known.delete()
        elif item is not None:
            defaults: dict[str, Any] = {"name": str(item.value(NAME))[:300]}
            if row.action is Action.CREATE:
                defaults |= {"members_read_at": now, "user_ids": []}
            MirroredGroup.objects.update_or_create(
                organization=organization, remote_id=item.id, defaults=defaults
            )
        return
    for edit in row.edits:
        if not (group_id := group_of(edit.field)):
            continue
        with transaction.atomic():
            group = (
                MirroredGroup.objects.select_for_update()
                .filter(organization=organization, remote_id=group_id)
                .first()
            )
            if group:
                inside = set(group.user_ids) - {user_id} | ({user_id} if edit.after else set())
                group.user_ids, group.members_read_at = sorted(inside), now
                group.save(update_fields=["user_ids", "members_read_at"])


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


def read(
    provider: MembershipProvider, organization: Organization, beat: Callable[[], object] = lambda: None
) -> None:
    """Read the groups and, one call each, who is in them. `beat` is called before each. Raises ProviderError."""
    began = timezone.now()
    found = provider.groups()
    keep_list(organization, found, began)
    for group in found:
        beat()
        read_at = timezone.now()
        keep_members(organization, group.id, provider.group_members(group.id), read_at)
    Organization.objects.filter(pk=organization.pk).update(groups_read_at=began)


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
