"""What was asked, kept for tests and for people who practise. Never a secret."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any, overload

from sandbox.messages import JSON, JSON_API, Request
from sandbox.oauth import fingerprint

SECRETS = {"client_secret", "code", "code_verifier", "refresh_token", "access_token", "token"}
HIDDEN = "(hidden)"


@dataclass(slots=True)
class CallRecord:
    """One call, in the order of arrival; times are monotonic seconds.

    `ended_at` is when the answer was ready (None: still under way), `status` None stays where
    no answer was given. `token` is a fingerprint: equal for equal credentials. `fault` names
    the misbehaviour that hit the call.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    token: str | None
    started_at: float
    ended_at: float | None = None
    status: int | None = None
    fault: str | None = None

    def end(self, status: int | None) -> None:
        self.status, self.ended_at = status, time.monotonic()


class Calls:
    """The calls so far; iterating is safe while more arrive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[CallRecord] = []

    def begin(self, request: Request, started_at: float) -> CallRecord:
        record = CallRecord(
            method=request.method,
            path=request.path,
            query=_safe(request.query),
            body=_decoded(request),
            token=_token(request),
            started_at=started_at,
        )
        with self._lock:
            self._records.append(record)
        return record

    def matching(self, method: str | None = None, path: str = "") -> list[CallRecord]:
        """By method and by a regular expression searched in the path."""
        return [call for call in self if method in (None, call.method) and re.search(path, call.path)]

    def clear(self) -> None:
        with self._lock:
            self._records.clear()

    def tally(self) -> dict[str, int]:
        """How many `calls`, how many answered 429 (`throttled`), and how many were under way `at_once` at most."""
        records = list(self)
        # An end sorts before a beginning at the same moment: those two did not overlap.
        steps = [(call.started_at, 1) for call in records]
        steps += [(call.ended_at, -1) for call in records if call.ended_at is not None]
        at_once = accumulate(step for _, step in sorted(steps))
        return {
            "calls": len(records),
            "throttled": sum(call.status == 429 for call in records),
            "at_once": max(at_once, default=0),
        }

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(record) for record in self]

    def __iter__(self) -> Iterator[CallRecord]:
        with self._lock:
            return iter(list(self._records))

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> CallRecord: ...

    @overload
    def __getitem__(self, index: slice) -> list[CallRecord]: ...

    def __getitem__(self, index: int | slice) -> CallRecord | list[CallRecord]:
        return self._records[index]


def _decoded(request: Request) -> Any:
    """JSON or form as values; None for no body, text for anything else."""
    if not request.body:
        return None
    if request.form:
        return _safe(request.form)
    text = request.body.decode("utf-8", "replace")
    if request.content_type not in {JSON, JSON_API}:
        return text
    try:
        body = json.loads(text)
    except ValueError:
        return text
    return _safe(body) if isinstance(body, dict) else body


def _safe(values: dict[str, Any]) -> dict[str, Any]:
    return {name: HIDDEN if name in SECRETS else value for name, value in values.items()}


def _token(request: Request) -> str | None:
    if request.bearer:
        return fingerprint(request.bearer)
    return fingerprint(request.basic[0]) if request.basic else None
