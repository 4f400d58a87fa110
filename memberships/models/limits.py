"""Places in a provider's rate limits, shared by every process of this installation."""

from __future__ import annotations

from django.db import models


class Window(models.Model):
    """Calls of one kind to one provider, from this installation: when the latest were, or will be, made."""

    key = models.CharField(max_length=60, unique=True)
    # Unix times in seconds, the oldest first.
    taken = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.key
