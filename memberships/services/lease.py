"""One writer per organization: whoever holds the lease may send changes, everyone else waits."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from memberships.models import Organization


class LeaseLost(Exception):
    """Someone else writes to this organization now: leave everything as it is."""


class Lease:
    """Held by one run of one job. It outlives every call's deadline, so a lost one means the holder is gone."""

    def __init__(self, organization_pk: int, token: str) -> None:
        self.organization_pk = organization_pk
        self.token = token

    @classmethod
    def take(cls, organization: Organization) -> Lease | None:
        """The lease, or None while someone else holds it."""
        now = timezone.now()
        free = Q(writer_token="") | Q(writer_until__isnull=True) | Q(writer_until__lt=now)
        token = uuid.uuid4().hex
        taken = Organization.objects.filter(free, pk=organization.pk).update(
            writer_token=token, writer_until=_end(now)
        )
        return cls(organization.pk, token) if taken else None

    def renew(self) -> None:
        """Hold it for another while. Raises LeaseLost. Inside a transaction it also fences what that writes."""
        if not self._mine().update(writer_until=_end(timezone.now())):
            raise LeaseLost

    def release(self) -> None:
        self._mine().update(writer_token="", writer_until=timezone.now())

    def _mine(self) -> QuerySet[Organization]:
        return Organization.objects.filter(pk=self.organization_pk, writer_token=self.token)


def _end(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.LEASE_S)
