"""What pages that show the mirror share: it is read again behind them, and a line says how old it is."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from memberships.services import roster

from .access import ManagerRequest


def refresh_if_stale(request: ManagerRequest) -> None:
    """A stale mirror is refreshed behind the page, but not again right after that failed."""
    fresh = roster.freshness(request.organization)
    if fresh.stale and not (fresh.refreshing or fresh.failed_lately or request.htmx) and refresh(request):
        request.organization.refresh_from_db(fields=["refresh_until"])


def refresh(request: ManagerRequest) -> bool:
    """Have it read behind the page. False when somebody else has that done already."""
    if claimed := roster.claim_refresh(request.organization):
        roster.refresh_roster.enqueue(request.connection.pk)
    return claimed


def line(request: ManagerRequest, *, poll: str, refresh: str) -> HttpResponse:
    """The freshness line while a refresh runs; tells the page to reload what it shows once that is over.

    `poll` and `refresh` name the addresses that this line of the page asks and posts to.
    """
    fresh = roster.freshness(request.organization)
    context = {"fresh": fresh, "poll": poll, "refresh": refresh}
    response = render(request, "components/freshness.html", context)
    if not fresh.refreshing:
        response["HX-Trigger"] = "roster-refreshed"
        if request.GET.get("first"):
            response["HX-Refresh"] = "true"
    return response
