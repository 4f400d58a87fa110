"""What can go wrong with one call, by name. Each arms a rehearsal's faults for the n-th call that matches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sandbox.faults import Fault, Faults
from sandbox.messages import HTML

DEADLINE_S = 0.4
"""What the engine allows a call while these are tried in this process."""

HANG_S = 0.65
"""Longer than that."""


class Effect(StrEnum):
    """What the call that is hit does all the same."""

    NOTHING = "nothing"
    EVERYTHING = "everything"
    LATE = "everything, after the caller gave up"


@dataclass(frozen=True, slots=True)
class Mishap:
    """`effect` is the truth about a change that was asked for; `refusal` is the status of an answer that says no.

    `arm(faults, hang_s, **match)`: what hangs, hangs that long.
    """

    name: str
    effect: Effect
    arm: Callable[..., Fault]
    refusal: int = 0

    def __str__(self) -> str:
        return self.name


def _status(status: int, **more: object) -> Mishap:
    words = {"error": f"The rehearsal answers {status}."}

    def arm(faults: Faults, hang_s: float, **match: object) -> Fault:
        return faults.fail_next(status, body=words, **more, **match)  # type: ignore[arg-type]

    return Mishap(f"status {status}", Effect.NOTHING, arm, status)


def _limit(name: str, **headers: str) -> Mishap:
    def arm(faults: Faults, hang_s: float, **match: object) -> Fault:
        named = {header.replace("_", "-"): value for header, value in headers.items()}
        return faults.fail_next(429, headers=named, **match)  # type: ignore[arg-type]

    return Mishap(name, Effect.NOTHING, arm)


def _html(faults: Faults, hang_s: float, **match: object) -> Fault:
    return faults.html_error(502, **match)


def _html_after(faults: Faults, hang_s: float, **match: object) -> Fault:
    page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
    return faults.fail_next(502, body=page, content_type=HTML, when="after", **match)  # type: ignore[arg-type]


MISHAPS = [
    *(_status(status) for status in (400, 401, 402, 403, 404)),
    _limit("status 429, a short wait", retry_after="1", ratelimit="limit=40, remaining=0, reset=0.1"),
    _limit("status 429, a long wait", retry_after="30", ratelimit="limit=40; remaining=0; reset=29.5"),
    _limit("status 429, split headers", ratelimit_remaining="0", ratelimit_reset="0.2"),
    _limit("status 429, no headers"),
    *(
        Mishap(
            f"status {status}", Effect.NOTHING, lambda f, hang_s, s=status, **match: f.fail_next(s, **match)
        )
        for status in (500, 503, 504)
    ),
    Mishap(
        "status 504 after the change",
        Effect.EVERYTHING,
        lambda faults, hang_s, **match: faults.fail_next(504, when="after", **match),
    ),
    Mishap("status 502 with HTML", Effect.NOTHING, _html),
    Mishap("status 502 with HTML after the change", Effect.EVERYTHING, _html_after),
    Mishap(
        "timeout, the change comes late",
        Effect.LATE,
        lambda faults, hang_s, **match: faults.delay(hang_s, **match),
    ),
    Mishap(
        "timeout after the change",
        Effect.EVERYTHING,
        lambda faults, hang_s, **match: faults.delay(hang_s, when="after", **match),
    ),
    Mishap("reset before", Effect.NOTHING, lambda faults, hang_s, **match: faults.drop(reset=True, **match)),
    Mishap(
        "reset after the change",
        Effect.EVERYTHING,
        lambda faults, hang_s, **match: faults.drop("after", reset=True, **match),
    ),
    Mishap("hung up before", Effect.NOTHING, lambda faults, hang_s, **match: faults.drop(**match)),
    Mishap("empty answer", Effect.EVERYTHING, lambda faults, hang_s, **match: faults.empty(**match)),
    Mishap("truncated JSON", Effect.EVERYTHING, lambda faults, hang_s, **match: faults.truncate(**match)),
    Mishap(
        "answer cut off",
        Effect.EVERYTHING,
        lambda faults, hang_s, **match: faults.truncate(cut=True, **match),
    ),
    Mishap("wrong types", Effect.EVERYTHING, lambda faults, hang_s, **match: faults.wrong_types(**match)),
    Mishap("slow drip", Effect.EVERYTHING, lambda faults, hang_s, **match: faults.drip(3 * hang_s, **match)),
]
