"""What a web process holds: over 10,000 requests, and while it exports more and more rows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING

from bench.rig import read_all, rig
from bench.table import Line
from bench.web import AT_ONCE, Site, Visitor, all_at_once, served

if TYPE_CHECKING:
    from memberships.models import Organization

PEOPLE, WARM_UP, REQUESTS = 1_000, 2_000, 10_000
EXPORTS = (1_000, 10_000, 50_000)
PAGES = (
    *("/members/", "/members/?page=7", "/members/?q=an", "/members/?status=inactive", "/members/?sort=-role"),
    *("/roles/", "/groups/", "/audit/", "/connections/", "/members/export/"),
)


def measure() -> list[Line]:
    with rig(PEOPLE) as its_rig, served() as site:
        from memberships.models import MirroredMember

        read_all(its_rig.connection)
        members = MirroredMember.objects.filter(organization=its_rig.connection.organization)
        pages = (*PAGES, f"/members/{members.filter(status='active')[0].remote_id}/")
        visitors = [site.visitor(its_rig.browser) for _ in range(AT_ONCE)]

        _ask(visitors, pages, WARM_UP)
        before_mb = site.resident_mb()
        site.forget_peak()
        _ask(visitors, pages, REQUESTS)
        after_mb, peak_mb = site.resident_mb(), site.peak_mb()

        exported_mb = []
        for rows in EXPORTS:
            _fill(its_rig.connection.organization, rows)
            exported_mb.append(_peak_of_export(site, visitors[0], rows))
    return [
        Line(f"after {WARM_UP:,} requests", before_mb, "MB"),
        Line(f"after {REQUESTS:,} more", after_mb, "MB"),
        Line("growth", after_mb / before_mb, limit=1.05),
        Line("peak meanwhile", peak_mb, "MB", limit=150),
        *(
            Line(f"peak while {rows:,} rows are exported", mb, "MB")
            for rows, mb in zip(EXPORTS, exported_mb, strict=True)
        ),
        Line(f"{EXPORTS[1]:,} rows : {EXPORTS[0]:,} rows", exported_mb[1] / exported_mb[0], limit=1.05),
        Line(f"{EXPORTS[2]:,} rows : {EXPORTS[0]:,} rows", exported_mb[2] / exported_mb[0], limit=1.05),
    ]


def _ask(visitors: list[Visitor], pages: tuple[str, ...], number: int) -> None:
    """So many requests in all, by all of them at once, every page as often as any other."""
    share = number // len(visitors)
    turns = [islice(cycle(pages), first, first + share) for first in range(len(visitors))]
    all_at_once([partial(_each, visitor, turn) for visitor, turn in zip(visitors, turns, strict=True)])


def _each(visitor: Visitor, paths: Iterable[str]) -> None:
    for path in paths:
        visitor.get(path)


def _fill(organization: Organization, rows: int) -> None:
    """The organization with exactly so many people: more of the same, under other names."""
    from memberships.models import MirroredMember

    found = MirroredMember.objects.filter(organization=organization)
    pattern = found.exclude(status="inactive")[0]
    more = []
    for number in range(found.count(), rows):
        copy = MirroredMember(
            **{
                field.attname: getattr(pattern, field.attname)
                for field in MirroredMember._meta.concrete_fields
                if not field.primary_key
            }
        )
        copy.remote_id, copy.email = f"memb_more{number}", f"more{number}@northwind-rehearsal.example"
        copy.sort_name = copy.search_text = copy.email
        more.append(copy)
    MirroredMember.objects.bulk_create(more, batch_size=1000)


def _peak_of_export(site: Site, visitor: Visitor, rows: int) -> float:
    visitor.swallow("/members/export/")  # what one request of this kind needs is there
    site.forget_peak()
    taken = visitor.swallow("/members/export/")
    if taken < rows * 50:
        raise RuntimeError(f"{rows} rows were exported in {taken} bytes")
    return site.peak_mb()
