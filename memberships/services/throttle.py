"""How often one address may begin to sign in, or one token call: counted in the database, for all processes at once."""

from __future__ import annotations

import time
from ipaddress import IPv6Address, ip_address, ip_network

from django.db import transaction

from memberships.models import Window

_IN_S = 60.0
_PREFIX = "from "


def wait_s(what: str, whose: str, most: int) -> float:
    """Count one more of `what`; or, when there were `most` within the last minute, the seconds until the next may come.

    What is refused doesn't count: asking all the time makes nobody wait longer.
    """
    key = f"{_PREFIX}{whose} {what}"
    with transaction.atomic():
        row, _ = Window.objects.select_for_update().get_or_create(key=key)
        now = time.time()
        # A clock that was put back must lock nobody out.
        lately = [at for at in row.taken if now - _IN_S < at <= now]
        if len(lately) >= most:
            return float(lately[-most] + _IN_S - now)
        row.taken = [*lately, now]
        row.save(update_fields=["taken"])
    return 0.0


def forget_old() -> None:
    """Drop who hasn't been here for a while."""
    limit = time.time() - _IN_S
    rows = Window.objects.filter(key__startswith=_PREFIX).values_list("pk", "taken")
    gone = [pk for pk, taken in rows.iterator() if not taken or taken[-1] < limit]
    for first in range(0, len(gone), 500):
        Window.objects.filter(pk__in=gone[first : first + 500]).delete()


def network(address: str) -> str:
    """One connection to the net has many addresses of the new kind: those of a /64 count as one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "elsewhere"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed), 64), strict=False))
    return str(parsed)
