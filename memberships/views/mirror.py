"""What pages that show the mirror share: it is read again behind them, and a line says how old it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from memberships.models import Organization
from memberships.services import groups, roster
from memberships.services.freshness import Freshness, together

from .access import ManagerRequest


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is read as a whole. `until`: the column that says who reads it again now."""

    freshness: Callable[[Organization], Freshness]
    claim_refresh: Callable[[Organization], bool]
    task: Any
    until: str


_ROSTER = Part(roster.freshness, roster.claim_refresh, roster.refresh_roster, "refresh_until")
_GROUPS = Part(groups.freshness, groups.claim_refresh, groups.refresh_groups, "groups_refresh_until")

ROSTER = (_ROSTER,)
GROUPS = (_GROUPS, _ROSTER)
"""Groups are of people: who these are, and whether they are still here, tells the roster."""


def freshness(request: ManagerRequest, parts: tuple[Part, ...] = ROSTER) -> Freshness:
    return reduce(together, (part.freshness(request.organization) for part in parts))


def refresh_if_stale(request: ManagerRequest, parts: tuple[Part, ...] = ROSTER) -> None:
    """A stale mirror is refreshed behind the page, but not again right after that failed."""
    if not request.htmx:
        refresh(request, tuple(part for part in parts if part.freshness(request.organization).due))


def refresh(request: ManagerRequest, parts: tuple[Part, ...] = ROSTER) -> None:
    """Have it read behind the page, unless somebody else has that done already."""
    for part in parts:
        if part.claim_refresh(request.organization):
            part.task.enqueue(request.connection.pk)
            request.organization.refresh_from_db(fields=[part.until])


def line(
    request: ManagerRequest, *, poll: str, refresh: str, parts: tuple[Part, ...] = ROSTER, what: str = ""
) -> HttpResponse:
    """The freshness line while a refresh runs; tells the page to reload what it shows once that is over.

    `poll` and `refresh` name the addresses that this line of the page asks and posts to; `what` it tells of.
    """
    fresh = freshness(request, parts)
    context = {"fresh": fresh, "poll": poll, "refresh": refresh, "what": what}
    response = render(request, "components/freshness.html", context)
    if not fresh.refreshing:
        response["HX-Trigger"] = "roster-refreshed"
        if request.GET.get("first"):
            response["HX-Refresh"] = "true"
    return response
