"""The roster file of an organization, version by version, and how far what is true is from it."""

from __future__ import annotations

from django.db import models

from .connections import Connection, Organization
from .scope import Owned


class RosterFile(models.Model):
    """One version. Written once; `number` counts from 1 in each organization."""

    class Origin(models.TextChoices):
        UPLOADED = "uploaded"
        ADOPTED = "adopted"

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="roster_files")
    number = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    origin = models.CharField(max_length=10, choices=Origin)
    # Copies, which stay.
    by_id = models.CharField(max_length=100)
    by_name = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    objects = Owned()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "number"], name="roster_file_once")]

    def __str__(self) -> str:
        return f"version {self.number}"


class DriftWatch(models.Model):
    """What differed from the file when that was last looked at, and when it is looked at again by itself."""

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, related_name="drift")
    # 0: only by hand. Else in the name of whoever wants it so.
    every_hours = models.PositiveSmallIntegerField(default=0)
    connection = models.ForeignKey(Connection, on_delete=models.SET_NULL, null=True, related_name="+")
    person = models.ForeignKey(Connection, on_delete=models.SET_NULL, null=True, related_name="+")
    next_at = models.DateTimeField(null=True)
    # Who looks now, until then: so long nobody else does.
    checking_until = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    file = models.ForeignKey(RosterFile, on_delete=models.SET_NULL, null=True, related_name="+")
    # Rows, faults and people who aren't in the file, as `services.drift` keeps them.
    found = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)

    objects = Owned()

    class Meta:
        indexes = [models.Index(fields=["next_at"], name="drift_by_time")]

    def __str__(self) -> str:
        return f"drift of {self.organization}"
