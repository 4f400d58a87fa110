"""The roster as it was at a moment: the mirror, taken back through the audit log."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from memberships.domain.history import Event, Person, as_of
from memberships.domain.people import full_name, searchable
from memberships.models import AuditEntry, MirroredMember, Organization, Outcome

from . import audit


def people(organization: Organization, at: datetime) -> list[Person]:
    """Everyone in the organization at a moment since its first read, by name.

    A change made outside counts from when it happened if that is known, else from the read that noticed it; see
    `uncertain`.
    """
    mirror = MirroredMember.objects.filter(organization=organization).values_list(
        "remote_id", "first_name", "last_name", "email", "role_id", "status", "settings"
    )
    now = [
        Person(pk, full_name(first, last), email, role_id, status, settings)
        for pk, first, last, email, role_id, status, settings in mirror
    ]
    later = (
        AuditEntry.objects.alias(took_place=Coalesce("happened_at", "at"))
        .filter(
            organization=organization, took_place__gt=at, outcome=Outcome.DONE, event__startswith="member."
        )
        .order_by("-number")
    )
    columns = ("event", "member_id", "member_name", "member_email", "field", "before")
    events = (Event(*row) for row in later.values_list(*columns).iterator(chunk_size=1000))
    then = as_of(now, events).values()
    return sorted(then, key=lambda person: (searchable(person.name or person.email), person.id))


def uncertain(organization: Organization, at: datetime) -> QuerySet[AuditEntry]:
    """Changes that may have been made before `at` or after it: nobody looked in between."""
    return AuditEntry.objects.filter(
        organization=organization, channel=audit.CHANNEL_OUTSIDE, since__lt=at, at__gt=at, happened_at=None
    ).order_by("number")
