"""The mirror of an organization's people: read from the provider, kept here, searched here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import caches
from django.db import transaction
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.tasks import task
from django.utils import timezone

from memberships.domain.happenings import Trace
from memberships.domain.items import NAME, PERMISSIONS, Item, Kind
from memberships.domain.listing import Query
from memberships.domain.people import ROLE, Member, Role, Roster, Status, metadata_key, searchable
from memberships.domain.plan import Action, Row
from memberships.models import Connection, MirroredMember, MirroredRole, Organization
from memberships.providers.errors import ProviderError

from . import groups, outside
from .connections import provider_for
from .freshness import Freshness, freshness_of
from .permission import permit

_COLUMNS = {
    "name": ("sort_name", "id"),
    "email": ("email", "sort_name", "id"),
    "role": ("role_order", "sort_name", "id"),
}

_WRITTEN = (
    "user_id", "email", "first_name", "last_name", "role_id", "status", "can_manage", "settings", "more",
    "owner", "search_text", "sort_name",
)  # fmt: skip


# Reading from the provider


@dataclass(frozen=True, slots=True)
class Live:
    """What was read just now."""

    roster: Roster
    roles: dict[str, Role]


def read(connection: Connection, *, patient: bool = False) -> Live:
    """Read everyone and all roles, and bring the mirror and the reader's permission up to date.

    Raises ProviderError.
    """
    provider = provider_for(connection, patient=patient)
    began = timezone.now()
    roles = provider.roles()
    roster = provider.roster()
    keep_roles(connection.organization, roles, began)
    keep(connection.organization, roster, outside.trace(provider, connection.organization, roster))
    me = roster.of_user(connection.user_id)
    permit(connection, me is not None and me.active and me.can_manage)
    return Live(roster, {role.id: role for role in roles})


def keep(organization: Organization, roster: Roster, trace: Trace | None = None) -> bool:
    """Make the mirror equal to `roster`. False when the mirror already shows something newer.

    `trace` tells when exactly people came and went outside.
    """
    with transaction.atomic():
        since = organization.hold().roster_read_at
        newer = Q(roster_read_at__isnull=True) | Q(roster_read_at__lt=roster.read_at)
        newer &= Q(mirror_changed_at__isnull=True) | Q(mirror_changed_at__lt=roster.read_at)
        if not Organization.objects.filter(newer, pk=organization.pk).update(
            roster_read_at=roster.read_at,
            first_read_at=Coalesce("first_read_at", Value(roster.read_at)),
            name=roster.organization_name[:200] or organization.name,
            names=dict(roster.names),
            refresh_until=None,
            refresh_error="",
        ):
            return False
        known = {row.remote_id: row for row in MirroredMember.objects.filter(organization=organization)}
        if since:
            before = {pk: row.member() for pk, row in known.items()}
            outside.notice(organization, since, before, roster, trace)
        different = [
            _mirrored(organization, member)
            for member in roster.members.values()
            if (row := known.pop(member.id, None)) is None or row.member() != member
        ]
        # An upsert: bulk_update takes a second for a thousand rows.
        MirroredMember.objects.bulk_create(
            different,
            batch_size=1000,
            update_conflicts=True,
            unique_fields=["organization", "remote_id"],
            update_fields=_WRITTEN,
        )
        if known:
            MirroredMember.objects.filter(pk__in=[row.pk for row in known.values()]).delete()
    return True


def _mirrored(organization: Organization, member: Member) -> MirroredMember:
    """A row for the mirror. Names are cut where the columns end: a read of everyone never fails over one of them."""
    return MirroredMember(
        organization=organization,
        remote_id=member.id,
        user_id=member.user_id,
        email=member.email[:254],
        first_name=member.first_name[:300],
        last_name=member.last_name[:300],
        role_id=member.role_id,
        status=member.status.value,
        can_manage=member.can_manage,
        settings=dict(member.settings),
        more=dict(member.more),
        owner=member.owner,
        search_text=searchable(f"{member.name} {member.email}"),
        sort_name=searchable(member.name or member.email)[:620],
    )


def keep_roles(organization: Organization, roles: Sequence[Role], read_at: datetime | None = None) -> None:
    """Make the mirror show these roles, unless a change of ours was answered after they were read."""
    with transaction.atomic():
        changed_at = organization.hold().mirror_changed_at
        if changed_at and changed_at >= (read_at or timezone.now()):
            return
        for role in roles:
            MirroredRole.objects.update_or_create(
                organization=organization,
                remote_id=role.id,
                defaults={
                    "name": role.name[:200],
                    "permissions": sorted(role.permissions),
                    "can_manage": role.can_manage,
                    "editable": role.editable,
                    "settings": dict(role.settings),
                },
            )
        MirroredRole.objects.filter(organization=organization).exclude(
            remote_id__in=[r.id for r in roles]
        ).delete()


def keep_role(organization: Organization, row: Row, item: Item | None, manage_permission: str) -> None:
    """Show in the mirror what a row has just done to a role."""
    if row.kind is not Kind.ROLE:
        return
    with transaction.atomic():
        organization.hold()
        if row.action is Action.DELETE:
            MirroredRole.objects.filter(organization=organization, remote_id=row.item_id).delete()
        elif item is not None:
            granted = item.value(PERMISSIONS)
            permissions = list(granted) if isinstance(granted, tuple) else []
            can_manage = manage_permission in permissions
            MirroredRole.objects.update_or_create(
                organization=organization,
                remote_id=item.id,
                defaults={
                    "name": item.name[:200],
                    "permissions": permissions,
                    "can_manage": can_manage,
                    "editable": True,
                    "settings": {k: v for k, v in item.values.items() if k not in (NAME, PERMISSIONS)},
                },
            )
            holders = MirroredMember.objects.filter(organization=organization, role_id=item.id)
            holders.filter(status=Status.ACTIVE).exclude(can_manage=can_manage).update(can_manage=can_manage)
        Organization.objects.filter(pk=organization.pk).update(mirror_changed_at=timezone.now())


def keep_member(organization: Organization, member: Member, request: Row) -> None:
    """Show in the mirror what an answer said about one member, as far as it was asked for.

    Whatever else it shows was changed by somebody else, which the next read has to notice.
    """
    with transaction.atomic():
        organization.hold()
        row = MirroredMember.objects.filter(organization=organization, remote_id=member.id).first()
        if row is None:
            return
        if ROLE in request.wanted:
            row.role_id, row.can_manage = member.role_id, member.can_manage
        if request.action is not Action.CHANGE:
            row.status = member.status.value
        # What a read of everyone doesn't tell, such as groups, is not kept here.
        row.settings |= {
            name: member.settings[name]
            for name in request.wanted & member.settings.keys()
            if name in row.settings or metadata_key(name)
        }
        for name in filter(metadata_key, request.wanted.keys() - member.settings.keys()):
            row.settings.pop(name, None)
        row.save(update_fields=["role_id", "status", "can_manage", "settings"])
        Organization.objects.filter(pk=organization.pk).update(mirror_changed_at=timezone.now())


# Freshness


def freshness(organization: Organization) -> Freshness:
    return freshness_of(
        organization.roster_read_at,
        organization.refresh_until,
        organization.refresh_error,
        settings.MIRROR_FRESH_S,
    )


def claim_refresh(organization: Organization) -> bool:
    """True for the one caller who should start a refresh behind the page."""
    now = timezone.now()
    free = Q(refresh_until__isnull=True) | Q(refresh_until__lt=now)
    claimed = Organization.objects.filter(free, pk=organization.pk).update(
        refresh_until=now + timedelta(seconds=settings.LEASE_S)
    )
    return claimed > 0


def refresh(connection: Connection) -> bool:
    """Read everything behind a page; what goes wrong is kept for the freshness line, and answers False."""
    organization = Organization.objects.filter(pk=connection.organization_id)
    try:
        read(connection, patient=True)
    except ProviderError as error:
        organization.update(refresh_until=timezone.now(), refresh_error=str(error)[:300])
        return False
    organization.update(refresh_until=None)  # also when something newer was there already
    return True


@task
def refresh_roster(connection_pk: int) -> None:
    """`refresh`, for the queue; then the groups, if it is time for them."""
    connection = Connection.objects.select_related("organization").get(pk=connection_pk)
    if refresh(connection):
        groups.refresh_if_due(connection)


# Looking things up


def roles(organization: Organization) -> dict[str, Role]:
    """Every role by id, in order of name."""
    found = [row.role() for row in MirroredRole.objects.filter(organization=organization)]
    return {role.id: role for role in sorted(found, key=lambda r: searchable(r.name))}


def members(organization: Organization, query: Query, its_roles: dict[str, Role]) -> QuerySet[MirroredMember]:
    found = MirroredMember.objects.filter(organization=organization)
    for word in searchable(query.q).split():
        found = found.filter(search_text__contains=word)
    if query.role:
        found = found.filter(role_id=query.role)
    if query.status:
        found = found.filter(status=query.status)
    if query.managers:
        found = found.filter(can_manage=True)
    column = query.sort.removeprefix("-")
    order = _COLUMNS.get(column, _COLUMNS["name"])
    if column == "role":
        ranks = [When(role_id=role_id, then=Value(rank)) for rank, role_id in enumerate(its_roles)]
        found = found.annotate(
            role_order=Case(*ranks, default=Value(len(ranks)), output_field=IntegerField())
        )
    first, *rest = order
    return found.order_by(F(first).desc() if query.sort.startswith("-") else F(first).asc(), *rest)


@dataclass(frozen=True, slots=True)
class Holders:
    """How many people have one role. `managers`: of the active ones, those who can manage the organization."""

    active: int = 0
    inactive: int = 0
    pending: int = 0
    managers: int = 0


@dataclass(frozen=True, slots=True)
class Glance:
    """The organization in numbers: people by status and by role id, and those who can manage it."""

    by_status: dict[str, int]
    by_role: dict[str, Holders]
    managers: int

    @property
    def people(self) -> int:
        return sum(self.by_status.values())


def glance(organization: Organization) -> Glance:
    """The numbers above the list. Each process counts once for each state of the mirror: its two times tell which."""
    cache = caches["local"]
    key = f"glance:{organization.pk}:{organization.roster_read_at}:{organization.mirror_changed_at}"
    key = key.replace(" ", "T")
    known: Glance | None = cache.get(key)
    if known is None:
        known = _counted(organization)
        cache.set(key, known, _GLANCE_KEPT_S)
    return known


_GLANCE_KEPT_S = 300


def _counted(organization: Organization) -> Glance:
    found = (
        MirroredMember.objects.filter(organization=organization)
        .values_list("status", "role_id", "can_manage")
        .annotate(people=Count("*"))
        .order_by()
    )
    by_status = {status.value: 0 for status in Status}
    held: dict[str, Counter[str]] = {}
    for status, role_id, can_manage, number in found:
        by_status[status] += number
        its_role = held.setdefault(role_id, Counter())
        its_role[status] += number
        if status == Status.ACTIVE and can_manage:
            its_role["managers"] += number
    by_role = {role_id: Holders(**numbers) for role_id, numbers in held.items()}
    return Glance(by_status, by_role, sum(holders.managers for holders in by_role.values()))


def member(organization: Organization, member_id: str) -> MirroredMember | None:
    return MirroredMember.objects.filter(organization=organization, remote_id=member_id).first()
