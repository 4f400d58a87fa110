"""What the work under way is about, for the log: ids that every line of it carries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ids: ContextVar[dict[str, str]] = ContextVar("ids", default={})  # noqa: B039 - never changed, only replaced


def ids() -> dict[str, str]:
    return _ids.get()


def add(**more: object) -> None:
    """What has become known meanwhile; forgotten at the end of the block around it."""
    _ids.set(_ids.get() | {name: str(value) for name, value in more.items()})


@contextmanager
def about(**first: object) -> Iterator[None]:
    """Every line that is logged within the block carries these ids, and those added on the way."""
    token = _ids.set(_ids.get())
    add(**first)
    try:
        yield
    finally:
        _ids.reset(token)
