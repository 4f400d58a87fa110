"""Told of each call of a provider: counted, and remembered for whoever asks whether it can be reached."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import metrics

_reached: dict[str, dict[str, float]] = {}


def reached() -> dict[str, dict[str, float]]:
    """By provider: when it last gave this process an answer, and when it last gave none."""
    return {provider: dict(times) for provider, times in _reached.items()}


class Observed:
    """The observer of one provider's calls."""

    def __init__(self, provider: str) -> None:
        self.provider = provider

    def answered(self, kind: str, status: int | None, seconds: float) -> None:
        metrics.remote_calls.labels(self.provider, kind, _class_of(status)).inc()
        metrics.remote_call_s.labels(self.provider, kind).observe(seconds)
        which = "answered" if status is not None and status < 500 else "unanswered"
        _reached.setdefault(self.provider, {})[which] = time.time()

    def waited(self, seconds: float) -> None:
        metrics.waits_s.labels(self.provider, "call").inc(seconds)


@contextmanager
def token_call(provider: str) -> Iterator[list[Any]]:
    """Around a call of a token endpoint: whatever status is put into the list counts, none is no answer."""
    began = time.monotonic()
    status: list[Any] = []
    try:
        yield status
    finally:
        Observed(provider).answered("token", status[0] if status else None, time.monotonic() - began)


def _class_of(status: int | None) -> str:
    if status is None:
        return "none"
    return "429" if status == 429 else f"{status // 100}xx"
