"""Why the world says no; api.py turns each into a status and a JSON:API body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of `errors`. `pointer` says where in the document it is."""

    title: str
    detail: str
    code: str
    pointer: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


class CommerceError(Exception):
    """Something Commerce Layer would refuse."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(problem.detail for problem in problems))


class NotFound(CommerceError):
    """No such thing, or not for the caller to see."""

    def __init__(self) -> None:
        detail = "The requested resource was not found. Please double-check the resource id."
        super().__init__(Problem("Record not found", detail, "RECORD_NOT_FOUND"))


class Denied(CommerceError):
    """The caller's role does not allow it."""

    def __init__(self) -> None:
        detail = "You are not authorized to perform this action on the requested resource."
        super().__init__(Problem("Access denied", detail, "UNAUTHORIZED"))


class Unreadable(CommerceError):
    """A document or a query that can not be understood."""

    def __init__(self, code: str, detail: str, *, pointer: str | None = None) -> None:
        title = TITLES.get(code) or code.replace("_", " ").capitalize()
        super().__init__(Problem(title, detail, code, pointer))


class Invalid(CommerceError):
    """Validation failed."""


class NotUnique(CommerceError):
    """A unique constraint."""


class Locked(CommerceError):
    """Something else still needs what should be deleted."""

    def __init__(self, detail: str) -> None:
        super().__init__(Problem("Locked resource", detail, "LOCKED"))


class TooSoon(CommerceError):
    """Asked again before its time."""


class NotRehearsed(CommerceError):
    """Commerce Layer documents it; the rehearsal does not have it."""

    def __init__(self, detail: str = "The rehearsal Commerce Layer does not emulate this call.") -> None:
        super().__init__(Problem("Not implemented", detail, "NOT_IMPLEMENTED"))


TITLES = {"KEY_NOT_INCLUDED_IN_URL": "Key is not included in URL"}

ATTRIBUTE, RELATIONSHIP = "/data/attributes/", "/data/relationships/"


def blank(name: str, *, at: str = ATTRIBUTE) -> Problem:
    return wrong(name, "can't be blank", "blank", at=at)


def wrong(name: str, title: str, error: str, *, at: str = ATTRIBUTE, **meta: Any) -> Problem:
    """A validation error of one attribute or relationship, in the words of its framework."""
    return Problem(title, f"{name} - {title}", "VALIDATION_ERROR", f"{at}{name}", {"error": error, **meta})
