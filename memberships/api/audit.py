"""The audit log."""

from __future__ import annotations

from datetime import UTC, datetime, time
from operator import attrgetter

from msgspec import UNSET

from memberships.models import AuditEntry as StoredEntry
from memberships.models import Scope
from memberships.services import audit

from .operations import Caller, operation
from .paging import paged
from .shapes import AuditEntries, AuditEntry, AuditQuery

_told = attrgetter(*AuditEntry.__struct_fields__)


@operation("GET", "/audit", scope=Scope.READ)
def list_audit(caller: Caller, query: AuditQuery) -> AuditEntries:
    """List the audit log

    The newest entry first. Each is chained to the one before it by its hash.
    """
    entries = audit.search(
        caller.organization,
        text=query.q,
        event=query.event,
        outcome="" if query.outcome is UNSET else query.outcome,
        channel=query.channel,
        about=query.about,
        since=None if query.since is UNSET else datetime.combine(query.since, time.min, UTC),
        until=None if query.until is UNSET else datetime.combine(query.until, time.max, UTC),
    )
    return paged(AuditEntries, entries.filter(number__gt=query.after), query, _entry)


def _entry(stored: StoredEntry) -> AuditEntry:
    return AuditEntry(*_told(stored))
