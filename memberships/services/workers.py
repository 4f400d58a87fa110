"""Which worker processes are alive: each says so in a row of its own."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from memberships.models import Worker

from . import observing

BEAT_S = 5.0
_GONE = timedelta(seconds=4 * BEAT_S)
_KEPT = timedelta(days=1)


class Heartbeat:
    """The row of this process."""

    def __init__(self) -> None:
        self.started_at = timezone.now()
        self.pk = 0

    def beat(self) -> None:
        now, reached = timezone.now(), observing.reached()
        if not Worker.objects.filter(pk=self.pk).update(seen_at=now, reached=reached):
            # The first time, and after the row was tidied away or an older database was put back.
            row = Worker(host=socket.gethostname()[:255], pid=os.getpid(), reached=reached)
            row.started_at, row.seen_at = self.started_at, now
            row.save()
            self.pk = row.pk

    def end(self) -> None:
        Worker.objects.filter(pk=self.pk).delete()


def alive() -> QuerySet[Worker]:
    return Worker.objects.filter(seen_at__gt=timezone.now() - _GONE)


def last_seen() -> datetime | None:
    return Worker.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()


def forget_old() -> None:
    Worker.objects.filter(seen_at__lt=timezone.now() - _KEPT).delete()
