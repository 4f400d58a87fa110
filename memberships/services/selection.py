"""Who is ticked. The browser sends one page of ticks or a filter with a count, never a list of everyone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from memberships.domain.listing import Query
from memberships.domain.pasting import Known, Meant, meant
from memberships.domain.people import Status, full_name
from memberships.models import MirroredMember, Organization, Selection

from . import roster

_KEPT = timedelta(days=1)


class Moved(Exception):
    """The filter matches another number of people than the page showed."""

    def __init__(self, shown: int, now: int) -> None:
        super().__init__(
            f"{now:,} people match now, not {shown:,}. Nobody was added: look again and select once more."
        )


@dataclass(frozen=True, slots=True)
class Selected:
    """`ids` are our own row ids of people who are still there."""

    ids: frozenset[int]

    def __len__(self) -> int:
        return len(self.ids)

    def outside(self, matching: Collection[int]) -> int:
        return len(self.ids.difference(matching))


def selected(session_key: str, organization: Organization) -> Selected:
    row = Selection.objects.filter(session_key=session_key, organization=organization).first()
    if row is None or not row.members:
        return Selected(frozenset())
    existing = MirroredMember.objects.filter(organization=organization).values_list("pk", flat=True)
    return Selected(frozenset(row.members) & set(existing))


def members(session_key: str, organization: Organization) -> list[MirroredMember]:
    """The selected people by name."""
    chosen = selected(session_key, organization).ids
    found = MirroredMember.objects.filter(organization=organization, pk__in=chosen)
    return list(found.order_by("sort_name", "id"))


def tick(session_key: str, organization: Organization, shown: Iterable[str], ticked: Iterable[str]) -> None:
    """Take over one page of ticks: of those shown, exactly the ticked ones are selected now. By remote id."""
    shown_ids = set(shown)
    ticked_ids = set(ticked) & shown_ids
    rows = MirroredMember.objects.filter(organization=organization, remote_id__in=shown_ids)
    page = dict(rows.values_list("remote_id", "pk"))
    with transaction.atomic():
        chosen = set(selected(session_key, organization).ids).difference(page.values())
        _keep(
            session_key,
            organization,
            chosen | {page[remote_id] for remote_id in ticked_ids if remote_id in page},
        )


def add_matching(session_key: str, organization: Organization, query: Query, shown_count: int) -> None:
    """Add everyone the filter matches. Raises Moved unless that is the number the page showed."""
    matching = roster.members(organization, query, {}).order_by().values_list("pk", flat=True)
    with transaction.atomic():
        ids = set(matching)
        if len(ids) != shown_count:
            raise Moved(shown_count, len(ids))
        _keep(session_key, organization, ids | selected(session_key, organization).ids)


def add_pasted(session_key: str, organization: Organization, text: str) -> Meant:
    """Add everyone who is meant by a pasted list of names and addresses; the rest is told."""
    rows = MirroredMember.objects.filter(organization=organization)
    columns = rows.values_list("pk", "first_name", "last_name", "email", "status")
    found = meant(
        text, (Known(pk, full_name(*name), email, Status(state)) for pk, *name, email, state in columns)
    )
    if found.keys:
        with transaction.atomic():
            _keep(session_key, organization, found.keys | selected(session_key, organization).ids)
    return found


def choose(session_key: str, organization: Organization, query: Query) -> None:
    """Select exactly the people the filter matches, and nobody else."""
    matching = roster.members(organization, query, {}).order_by().values_list("pk", flat=True)
    _keep(session_key, organization, set(matching))


def clear(session_key: str, organization: Organization) -> None:
    Selection.objects.filter(session_key=session_key, organization=organization).delete()


def forget_old() -> None:
    Selection.objects.filter(changed_at__lt=timezone.now() - _KEPT).delete()


def _keep(session_key: str, organization: Organization, ids: Collection[int]) -> None:
    Selection.objects.update_or_create(
        session_key=session_key, organization=organization, defaults={"members": sorted(ids)}
    )
