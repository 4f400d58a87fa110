"""Sliding windows of calls, shared by all processes and machines through the database."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from django.db import transaction

from memberships.models import Window

type Limit = tuple[int, float]
"""So many calls in any so many seconds."""

# Calls leave here in order and don't all travel equally fast.
_MARGIN = 0.02
_MARGIN_S = 0.06
# Somebody who opens a page waits no longer than this for a place.
_PAGE_WAIT_S = 2.0


class Windows:
    """Pacing for one provider. Reads and writes have windows of their own."""

    def __init__(self, provider: str, limits: Sequence[Limit]) -> None:
        self.provider = provider
        self.limits = tuple(limits)

    def take(self, group: str, longest_s: float | None) -> float:
        """Reserve the next place, unless that is more than `longest_s` away; returns the seconds until it comes."""
        longest_s = _PAGE_WAIT_S if longest_s is None else longest_s
        key = f"{self.provider} {group.partition(' ')[0]}"
        most = max(calls for calls, _ in self.limits)
        Window.objects.get_or_create(key=key)
        with transaction.atomic():
            row = Window.objects.select_for_update().get(key=key)
            now = time.time()
            # A clock that was put back must not stop everything.
            taken = [at for at in row.taken if at < now + 3600]
            at = max([now, *(taken[-1:])])
            for calls, seconds in self.limits:
                if len(taken) >= calls:
                    at = max(at, taken[-calls] + seconds * (1 + _MARGIN) + _MARGIN_S)
            if at - now <= longest_s:
                row.taken = [*taken, at][-most:]
                row.save(update_fields=["taken"])
        return float(max(0.0, at - now))

    def learn(self, group: str, headers: Mapping[str, str]) -> None:
        """The provider announces its average only, which says nothing of the burst: nothing to learn."""
