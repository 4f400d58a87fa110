"""Waiting for a provider's rate limit where nobody waits for a page."""

from __future__ import annotations

import time
from collections.abc import Callable

from memberships.models import Connection
from memberships.providers.errors import RateLimited

_LONGEST_S = 300.0


def patiently[T](connection: Connection, read: Callable[[], T]) -> T:
    """What `read` gives, asked for again for up to five minutes as long as the provider says later.

    For a connection that isn't patient it is asked once. Raises what `read` raises.
    """
    give_up = time.monotonic() + _LONGEST_S
    while True:
        try:
            return read()
        except RateLimited as limit:
            if not connection.patient or time.monotonic() + limit.retry_after_s > give_up:
                raise
            time.sleep(limit.retry_after_s)
