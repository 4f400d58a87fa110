"""How the installation is: asked by the probe, by the metrics and by the doctor. Only `knock` calls anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import requests
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max
from django.utils import timezone

from memberships.models import Connection, Job
from memberships.providers import http, registry

from . import jobs, workers
from .configuration import setting


def unapplied() -> list[str]:
    """The migrations that the database lacks. Raises Error while it can't be reached."""
    applied = MigrationRecorder(connection).applied_migrations()
    return [f"{app}.{name}" for app, name in _migrations() if (app, name) not in applied]


@cache
def _migrations() -> tuple[tuple[str, str], ...]:
    """All there are in the code: they don't change while it runs."""
    return tuple(sorted(MigrationLoader(None, ignore_no_migrations=True).disk_migrations or ()))


def queue_age_s() -> float:
    """For how long the job that has waited longest could have been run; 0 when none waits in vain.

    One that is put off, or behind another of its organization, doesn't wait in vain.
    """
    now = timezone.now()
    open_jobs = Job.objects.filter(state__in=jobs.OPEN)
    oldest = now
    for created_at, not_before, written_until in open_jobs.values_list(
        "created_at", "not_before", "organization__writer_until"
    ):
        # Also since a lease ended, by itself or because its holder is gone.
        oldest = min(oldest, max(filter(None, (created_at, not_before, written_until))))
    return (now - oldest).total_seconds()


@dataclass(frozen=True, slots=True)
class Reached:
    """When a provider last answered anybody here, and when it last didn't."""

    answered_at: datetime | None
    unanswered_at: datetime | None

    @property
    def away(self) -> bool:
        """Did it give no answer the last time it was asked?"""
        if self.unanswered_at is None:
            return False
        return self.answered_at is None or self.unanswered_at > self.answered_at


def reached(provider: str) -> Reached:
    """From what pages and workers have noted of their own calls."""
    mine = Connection.objects.filter(organization__provider=provider)
    pages = mine.aggregate(answered=Max("checked_at"), unanswered=Max("unanswered_at"))
    answered, unanswered = [pages["answered"]], [pages["unanswered"]]
    for noted in workers.alive().values_list("reached", flat=True):
        times = noted.get(provider, {})
        answered.append(_moment(times.get("answered")))
        unanswered.append(_moment(times.get("unanswered")))
    return Reached(max(filter(None, answered), default=None), max(filter(None, unanswered), default=None))


def _moment(unix_s: float | None) -> datetime | None:
    return datetime.fromtimestamp(unix_s, UTC) if unix_s else None


def knock(provider: str) -> tuple[int, str]:
    """Ask a provider anything at all, without credentials: the status and the time it says it is.

    Raises Unavailable when there is no answer.
    """
    address = registry.front_door(provider, setting(provider, "API_URL"))
    label = registry.capabilities(provider).label
    with http.obey_deadlines(requests.Session()) as session:
        status, headers, _ = http.exchange(session, label, settings.PAGE_DEADLINE_S, "GET", address)
    return status, headers.get("Date", "")


@dataclass(frozen=True, slots=True)
class Readiness:
    """`problems` say what is not ready; `details` what is known besides and takes nobody out of service."""

    problems: dict[str, str]
    details: dict[str, object]


def readiness() -> Readiness:
    """Can everything be done here that people may ask for? Cheap enough to be asked every few seconds."""
    try:
        if missing := unapplied():
            return Readiness({"database": f"Not applied yet: {', '.join(missing)}."}, {})
        return _readiness()
    except Error:
        return Readiness({"database": "It can't be reached."}, {})


def _readiness() -> Readiness:
    problems = {}
    age_s, number = queue_age_s(), workers.alive().count()
    if not number:
        problems["worker"] = "No worker is alive."
    if age_s > settings.QUEUE_LATE_S:
        problems["queue"] = f"A job has waited for {age_s:.0f} s."
    details: dict[str, object] = {"queue_age_s": round(age_s, 1), "workers": number}
    close = reached(registry.SIGN_IN)
    # Pages stay readable for a while without Close and jobs wait for it, here as anywhere else: nothing would be won
    # by taking this process out of service.
    details[registry.SIGN_IN] = {
        "state": "away" if close.away else "reached" if close.answered_at else "not asked yet",
        "answered_at": close.answered_at.isoformat(timespec="seconds") if close.answered_at else None,
    }
    return Readiness(problems, details)
