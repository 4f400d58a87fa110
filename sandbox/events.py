"""The event log of one organization: what is written, and which questions Close answers."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.errors import BadRequest, NotFound
from sandbox.records import Caller, Ids

KEPT = timedelta(days=30)
PAGE = 50

FILTERS = {"object_type", "object_id", "lead_id", "action", "user_id", "request_id"}
DATES = {"date_updated__gt", "date_updated__gte", "date_updated__lt", "date_updated__lte"}
PAGING = {"_cursor", "_limit", "_fields"}

# Only these combinations are answered; dates go with any of them.
COMBINATIONS = {
    frozenset(names.split())
    for names in (
        "",
        "object_type object_id",
        "object_type action",
        "object_id action",
        "lead_id",
        "lead_id object_type",
        "lead_id object_type action",
        "lead_id user_id",
        "lead_id user_id object_type",
        "lead_id user_id object_type action",
        "user_id",
        "user_id object_id",
        "user_id object_id action",
        "user_id object_type",
        "user_id object_type action",
        "request_id",
    )
}


@dataclass(slots=True)
class Event:
    """One line of the log. `number` counts up and is what a cursor points at."""

    number: int
    id: str
    object_type: str
    object_id: str
    action: str
    at: datetime
    user_id: str | None
    request_id: str | None
    api_key_id: str | None
    data: dict[str, Any]
    previous_data: dict[str, Any]
    meta: dict[str, Any]
    lead_id: str | None = None


@dataclass(slots=True)
class EventPage:
    events: list[Event]
    cursor_next: str | None
    cursor_previous: str | None


@dataclass(slots=True)
class EventLog:
    """Oldest first inside, newest first outside. `clock` gives seconds since 1970."""

    ids: Ids
    clock: Callable[[], float]
    _events: list[Event] = field(default_factory=list)

    def record(
        self,
        object_type: str,
        action: str,
        object_id: str,
        data: dict[str, Any],
        *,
        previous: dict[str, Any] | None = None,
        by: Caller | None = None,
        by_user_id: str | None = None,
        at: datetime | None = None,
    ) -> None:
        """Add one event, made by a caller of the API or by a person in Close's own screens."""
        self._events.append(
            Event(
                number=len(self._events),
                id=self.ids.make("ev"),
                object_type=object_type,
                object_id=object_id,
                action=action,
                at=at or self._now(),
                user_id=by.membership.user.id if by else by_user_id,
                request_id=by.request_id if by else None,
                api_key_id=by.api_key_id if by else None,
                data=data,
                previous_data=previous or {},
                meta=by.meta if by else {},
            )
        )

    def get(self, event_id: str) -> Event:
        """Raises NotFound."""
        for event in self._visible(0):
            if event.id == event_id:
                return event
        raise NotFound("Event")

    def find(self, params: Mapping[str, str], *, appear_after_s: float = 0) -> EventPage:
        """One page, newest first. Raises BadRequest for a question Close does not answer."""
        if "_skip" in params:
            raise BadRequest("_skip is not supported for events, use _cursor.")
        unknown = set(params) - FILTERS - DATES - PAGING
        if unknown:
            raise BadRequest(f"Unknown filter: {', '.join(sorted(unknown))}.")
        wanted = {name: params[name] for name in FILTERS & set(params)}
        if frozenset(wanted) not in COMBINATIONS:
            raise BadRequest(f"This combination of filters is not allowed: {', '.join(sorted(wanted))}.")
        limit = _limit(params.get("_limit"))
        between = {name: _moment(params[name]) for name in DATES & set(params)}
        found = [
            event
            for event in reversed(self._visible(appear_after_s))
            if all(getattr(event, name) == value for name, value in wanted.items())
            and all(_COMPARE[name](event.at, moment) for name, moment in between.items())
        ]
        start = _position(found, params.get("_cursor"))
        page = found[start : start + limit]
        more = start + limit < len(found)
        return EventPage(
            events=page,
            cursor_next=_cursor(page[-1].number) if more else None,
            cursor_previous=_cursor(found[max(start - limit, 0)].number + 1) if start else None,
        )

    def _visible(self, appear_after_s: float) -> list[Event]:
        now = self._now()
        oldest, newest = now - KEPT, now - timedelta(seconds=appear_after_s)
        return [event for event in self._events if oldest < event.at <= newest]

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)


_COMPARE: dict[str, Callable[[datetime, datetime], bool]] = {
    "date_updated__gt": lambda at, moment: at > moment,
    "date_updated__gte": lambda at, moment: at >= moment,
    "date_updated__lt": lambda at, moment: at < moment,
    "date_updated__lte": lambda at, moment: at <= moment,
}


def _moment(text: str) -> datetime:
    """Both of Close's formats; without an offset it means UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f'Invalid date: "{text}".') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE
    if not text.isdecimal():
        raise BadRequest(f'_limit must be an integer (got "{text}" instead).')
    if int(text) > PAGE:
        raise BadRequest(
            f"The limit you set is larger than the maximum limit for this resource (max_limit = {PAGE})."
        )
    return int(text)


def _cursor(number: int) -> str:
    """Opaque outside: the page starts with the event before this number."""
    return base64.urlsafe_b64encode(f"before:{number}".encode()).decode()


def _position(found: list[Event], cursor: str | None) -> int:
    """An empty cursor is the first page."""
    if not cursor:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(cursor).decode().partition(":")
        before = int(number)
    except (binascii.Error, ValueError):
        word, before = "", 0
    if word != "before":
        raise BadRequest("Invalid cursor.")
    return sum(event.number >= before for event in found)
