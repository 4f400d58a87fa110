"""Personal tokens of the HTTP API."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from .connections import Connection

LIFETIMES_DAYS = (30, 90, 365)
"""So long a token may be good."""


class Scope(models.TextChoices):
    """What a token may do; each includes the ones before it."""

    READ = "read", "Read"
    PROPOSE = "propose", "Propose"
    APPLY = "apply", "Apply"

    def includes(self, other: Scope) -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


class Token(models.Model):
    """One person's key for one organization. What it is made of is shown once and not kept: only its hash is."""

    # Whose it is: their own sign-in.
    person = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="tokens")
    # What it acts with: the same, or one attached to that organization.
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=10, choices=Scope)
    # The part that may be seen, to know it again.
    key = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # Coarse: most calls don't write.
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "connection", "name"],
                condition=models.Q(revoked_at=None),
                name="token_name_once",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def expired(self) -> bool:
        return self.expires_at <= timezone.now()

    def may(self, scope: Scope) -> bool:
        return Scope(self.scope).includes(scope)
