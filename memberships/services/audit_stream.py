"""Passes the audit log on, in the order of each organization's chain, from where it was left.

The chain is the queue: a cursor for each organization and sink says how far it has got. Whoever receives may be away
for days; nothing waits for it.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from memberships.models import AuditEntry, Cursor, Organization, Sink

from .audit_outlets import WEBHOOK_S, Outlet, Undelivered, outlets

log = logging.getLogger(__name__)

_BATCH = 100
_LONGEST_WAIT_S = 300.0
# Outlives a delivery, so that nobody sends the same while an answer may still come.
_LEASE = timedelta(seconds=WEBHOOK_S + 20)


def pass_on() -> None:
    """Deliver what is due, unless another worker is at it. Returns when nothing more can be delivered now."""
    for outlet in outlets():
        sink = _sink(outlet.name)
        now = timezone.now()
        held = sink.token and sink.held_until and sink.held_until > now
        put_off = sink.not_before and sink.not_before > now
        if held or put_off or not _behind(sink).exists():
            continue
        if token := _take(sink):
            try:
                while _round(outlet, sink, token):
                    pass
            finally:
                Sink.objects.filter(pk=sink.pk, token=token).update(token="", held_until=None)


def _sink(name: str) -> Sink:
    """The sink's row. A new one begins at the present: what was before is in the dashboard's export."""
    if found := Sink.objects.filter(name=name).first():
        return found
    with transaction.atomic():
        sink, created = Sink.objects.get_or_create(name=name)
        if created:
            heads = Organization.objects.filter(audit_number__gt=0).values_list("pk", "audit_number")
            Cursor.objects.bulk_create(
                [Cursor(sink=sink, organization_id=pk, number=number) for pk, number in heads], batch_size=500
            )
    return sink


def _take(sink: Sink) -> str:
    """The right to deliver, as a token; empty while somebody else has it."""
    now, token = timezone.now(), uuid.uuid4().hex
    free = Q(token="") | Q(held_until=None) | Q(held_until__lt=now)
    taken = Sink.objects.filter(free, pk=sink.pk).update(token=token, held_until=now + _LEASE)
    return token if taken else ""


def _behind(sink: Sink) -> QuerySet[Organization]:
    """The organizations with entries that this sink hasn't got; `delivered` is up to where it has."""
    mine = Cursor.objects.filter(sink=sink, organization=OuterRef("pk"))
    return Organization.objects.annotate(
        delivered=Coalesce(Subquery(mine.values("number")), 0), tried_at=Subquery(mine.values("tried_at"))
    ).filter(audit_number__gt=F("delivered"))


def _round(outlet: Outlet, sink: Sink, token: str) -> bool:
    """One delivery for each organization that is behind. Is it worth another round?"""
    waiting = _behind(sink).select_related("parent").order_by(F("tried_at").asc(nulls_first=True), "pk")
    sent = False
    for organization in waiting:
        holds = Sink.objects.filter(pk=sink.pk, token=token)
        if not holds.update(held_until=timezone.now() + _LEASE):
            return False  # it took too long: somebody else goes on
        try:
            sent = _deliver(outlet, sink, organization) or sent
        except Undelivered as error:
            _put_off(sink, error)
            return False
    return sent


def _deliver(outlet: Outlet, sink: Sink, organization: Organization) -> bool:
    """The next entries of one organization. False when there are none, as in a log that was cut off.

    Raises Undelivered.
    """
    cursor, _ = Cursor.objects.get_or_create(sink=sink, organization=organization)
    Cursor.objects.filter(pk=cursor.pk).update(tried_at=timezone.now())
    rest = AuditEntry.objects.filter(organization=organization, number__gt=cursor.number)
    entries = list(rest.order_by("number")[:_BATCH])
    if not entries:
        return False
    outlet.send(organization, entries)
    Cursor.objects.filter(pk=cursor.pk, number=cursor.number).update(number=entries[-1].number)
    if sink.tries:
        log.info("audit %s: it is received again after %s tries", sink.name, sink.tries)
        sink.tries, sink.failing_since, sink.not_before, sink.error = 0, None, None, ""
    sink.delivered_at = timezone.now()
    sink.save(update_fields=["tries", "failing_since", "not_before", "error", "delivered_at"])
    return True


def _put_off(sink: Sink, error: Undelivered) -> None:
    now = timezone.now()
    backoff_s = min(_LONGEST_WAIT_S, 2.0 ** min(sink.tries, 20))
    wait_s = max(backoff_s * random.uniform(0.9, 1.1), error.wait_s)  # noqa: S311
    sink.tries += 1
    sink.failing_since = sink.failing_since or now
    sink.not_before = now + timedelta(seconds=wait_s)
    sink.error = str(error)[:300]
    sink.save(update_fields=["tries", "failing_since", "not_before", "error"])
    log.warning("audit %s: %s Tried %s times, again in %.0f s", sink.name, error, sink.tries, wait_s)


@dataclass(frozen=True, slots=True)
class State:
    """How one sink is doing. `backlog` is the number of entries it hasn't got."""

    name: str
    backlog: int
    failing_s: float
    error: str


def states() -> Iterator[State]:
    """Of each sink that is set, without asking it anything."""
    for outlet in outlets():
        sink = Sink.objects.filter(name=outlet.name).first()
        if sink is None:
            yield State(outlet.name, 0, 0.0, "")
            continue
        left = _behind(sink).aggregate(entries=Sum(F("audit_number") - F("delivered")))["entries"]
        failing = (timezone.now() - sink.failing_since).total_seconds() if sink.failing_since else 0.0
        yield State(outlet.name, left or 0, failing, sink.error)


def resend(organizations: Iterable[Organization], number: int) -> int:
    """Deliver everything from entry `number` on again, to every sink that is set; returns how many entries."""
    again = 0
    for outlet in outlets():
        sink = _sink(outlet.name)
        for its in organizations:
            cursor, _ = Cursor.objects.get_or_create(
                sink=sink, organization=its, defaults={"number": its.audit_number}
            )
            before = min(cursor.number, number - 1)
            again += cursor.number - before
            Cursor.objects.filter(pk=cursor.pk, number__gt=before).update(number=before)
    return again
