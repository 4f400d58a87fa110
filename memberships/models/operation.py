"""What the installation knows of itself: which workers are alive, and how far the audit log has been passed on."""

from __future__ import annotations

from django.db import models

from .connections import Organization


class Worker(models.Model):
    """One worker process. It says every few seconds that it is alive, and takes its row along when it ends."""

    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)
    # By provider: when it last answered this process, and when it last didn't (Unix times in seconds).
    reached = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class Sink(models.Model):
    """Somewhere the audit log is passed on to. One worker at a time does that: whoever holds the token."""

    name = models.CharField(max_length=20, unique=True)
    token = models.CharField(max_length=40, blank=True)
    held_until = models.DateTimeField(null=True)
    # How often in a row it could not be delivered, since when and why, and when the next try is due.
    tries = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)
    delivered_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Cursor(models.Model):
    """Up to which entry of an organization a sink has got everything. Without one: nothing yet."""

    sink = models.ForeignKey(Sink, on_delete=models.CASCADE, related_name="cursors")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveBigIntegerField(default=0)
    # Whose entries were refused last has the last turn.
    tried_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sink", "organization"], name="cursor_once")]

    def __str__(self) -> str:
        return f"{self.sink} {self.organization} {self.number}"
