"""How old what a mirror shows is, and whether somebody is reading it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

# After a refresh that failed: so long nobody tries by themselves, and people can read why.
_TRY_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Freshness:
    read_at: datetime | None
    stale: bool
    refreshing: bool
    error: str
    failed_lately: bool

    @property
    def due(self) -> bool:
        """Is it time to read it again, and nobody does? Not again right after that failed."""
        return self.stale and not (self.refreshing or self.failed_lately)


def freshness_of(
    read_at: datetime | None, refresh_until: datetime | None, error: str, fresh_s: float
) -> Freshness:
    """How fresh something read at that time is. `refresh_until` lies ahead while somebody reads it again."""
    now = timezone.now()
    stale = read_at is None or now - read_at > timedelta(seconds=fresh_s)
    refreshing = refresh_until is not None and refresh_until > now
    tried_at = refresh_until if error and not refreshing else None
    failed_lately = tried_at is not None and now - tried_at < _TRY_AGAIN
    return Freshness(read_at, stale, refreshing, error, failed_lately)


def together(first: Freshness, second: Freshness) -> Freshness:
    """Of a page that shows two mirrors: as old as the older one."""
    read_at = min(first.read_at, second.read_at) if first.read_at and second.read_at else None
    return Freshness(
        read_at,
        first.stale or second.stale,
        first.refreshing or second.refreshing,
        first.error or second.error,
        first.failed_lately or second.failed_lately,
    )
