"""What a provider itself remembers of one member, told together with what the audit log knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core.cache import cache
from django.utils import timezone

from memberships.domain.people import ROLE, Value
from memberships.domain.versions import Version
from memberships.models import AuditEntry, Connection, Outcome

from .connections import provider_for
from .wording import Words

_KEPT_S = 300
# Ours is written down when the answer comes; theirs when the change was made.
_SAME = timedelta(minutes=2)
_NAMES = {"role_id": ROLE, "membership_profile_id": "membership_profile"}
# What a change brings along by itself.
_BESIDES = frozenset({"updated_at", "created_at", "test_enabled"})


@dataclass(frozen=True, slots=True)
class Remembered:
    """One field's change as the provider tells it. `at` is None when its date can't be read."""

    at: datetime | None
    who: str
    label: str
    field: str
    before_text: str
    after_text: str
    remembered: bool = True


def known(connection: Connection, member_id: str) -> list[Version]:
    """Asked for once in five minutes. Raises ProviderError."""
    key = f"versions:{connection.organization_id}:{member_id}"
    found: list[Version] | None = cache.get(key)
    if found is None:
        found = provider_for(connection).versions(member_id)
        cache.set(key, found, _KEPT_S)
    return found


def merged(
    entries: Sequence[AuditEntry], versions: Sequence[Version], words: Words
) -> list[AuditEntry | Remembered]:
    """Newest first. What the audit log tells, too, is told by it alone."""
    told = [
        (entry.field, entry.happened_at or entry.at) for entry in entries if entry.outcome == Outcome.DONE
    ]
    found: list[AuditEntry | Remembered] = list(entries)
    for version in versions:
        at = _moment(version.at)
        for name, (before, after) in version.changes.items():
            field = _NAMES.get(name, name)
            ours = any(f == field and at and abs(when - at) < _SAME for f, when in told)
            if name not in _BESIDES and not ours:
                was, became = words.value(field, _value(before)), words.value(field, _value(after))
                found.append(Remembered(at, version.who, words.label(field), field, was, became))
    return sorted(found, key=_when, reverse=True)


def _when(item: AuditEntry | Remembered) -> datetime:
    moment = item.at if isinstance(item, Remembered) else item.happened_at or item.at
    return moment or datetime.min.replace(tzinfo=UTC)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if timezone.is_aware(moment) else moment.replace(tzinfo=UTC)


def _value(raw: object) -> Value:
    return raw if isinstance(raw, str | bool) or raw is None else str(raw)
