"""How to misbehave: what goes wrong, with which calls, how often."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sandbox.messages import HTML, JSON, Response

Kind = Literal["fail", "delay", "drop", "empty", "truncate", "wrong_types", "drip"]
When = Literal["before", "after"]

ERROR_PAGE = b"""<!doctype html><html><head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>"""

TEXTS = {429: "API call count exceeded for this period", 503: "Service Unavailable", 504: "Gateway Timeout"}


def close_failure(status: int) -> Response:
    """How Close says that something went wrong."""
    response = Response.json({"error": TEXTS.get(status, "Something went wrong.")}, status)
    if status == 429:
        response.headers = {"retry-after": "1", "ratelimit": "limit=40; remaining=0; reset=1"}
    return response


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong. `when` is before or after the change the call asks for is made.

    `method` and `path` are regular expressions; the method must match as a whole, the path
    anywhere. The first `skip` calls that match are let through,
    the next `times` are hit (None: all of them). `hits` counts.
    """

    kind: Kind
    method: str | None = None
    path: str | None = None
    times: int | None = 1
    skip: int = 0
    when: When = "before"
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = JSON
    seconds: float = 0.0
    reset: bool = False
    cut: bool = False
    hits: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError or TypeError: faults also arrive as JSON."""
        if self.kind not in get_args(Kind) or self.when not in get_args(When):
            raise ValueError(f"There is no fault {self.kind!r} {self.when!r} a change.")
        if not 200 <= self.status <= 599 or self.seconds < 0 or self.skip < 0:
            raise ValueError("status is 200 to 599; seconds and skip are not negative.")
        for pattern in (self.method, self.path):
            try:
                re.compile(pattern or "")
            except re.error as error:
                raise ValueError(f"{pattern}: {error}") from None

    def matches(self, method: str, path: str) -> bool:
        if self.method is not None and not re.fullmatch(self.method, method):
            return False
        return self.path is None or bool(re.search(self.path, path))

    def answer(self) -> Response:
        """What `fail` sends instead of the API's answer."""
        return Response(self.status, self.body, self.content_type, dict(self.headers))

    def spoil(self, response: Response) -> Response:
        """The API's own answer replaced (`fail`) or damaged; a delay or drip leaves it alone."""
        if self.kind == "fail":
            return self.answer()
        body = response.body
        if self.kind == "empty":
            body = b""
        elif self.kind == "truncate":
            body = body[: len(body) // 2]
        elif self.kind == "wrong_types" and body and response.is_json:
            body = json.dumps(wrong(json.loads(body))).encode()
        return Response(response.status, body, response.content_type, response.headers)


class Faults:
    """What goes wrong next. The first fault that matches a call takes it; thread-safe.

    Every method takes `method` and `path` (regular expressions), `times` (None: until cleared)
    and `skip`, and returns the Fault, whose `hits` tell whether it happened. `failure` is how the
    API at hand answers a status, where nothing else is asked for.
    """

    def __init__(self, failure: Callable[[int], Response] = close_failure) -> None:
        self._failure = failure
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def fail_next(
        self,
        status: int,
        *,
        method: str | None = None,
        path: str | None = None,
        times: int | None = 1,
        skip: int = 0,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str | None = None,
        when: When = "before",
    ) -> Fault:
        """Answer this status. `body` is text, bytes or JSON to be; `when="after"` makes the change first."""
        usual = self._failure(status)
        if body is None:
            body = usual.body
            content_type = content_type or usual.content_type
        encoded = (
            body
            if isinstance(body, bytes)
            else (body if isinstance(body, str) else json.dumps(body)).encode()
        )
        if headers is None:
            headers = usual.headers
        return self.add(
            Fault(
                "fail",
                method,
                path,
                times,
                skip,
                when,
                status=status,
                headers={name.lower(): value for name, value in headers.items()},
                body=encoded,
                content_type=content_type or JSON,
            )
        )

    def html_error(self, status: int = 502, **match: Any) -> Fault:
        """A proxy's error page where JSON is due."""
        return self.fail_next(status, body=ERROR_PAGE, content_type=HTML, **match)

    def delay(self, seconds: float, **match: Any) -> Fault:
        """Answer late; `when` says whether the change waits too."""
        return self.add(Fault("delay", seconds=seconds, **match))

    def drop(self, when: When = "before", *, reset: bool = False, **match: Any) -> Fault:
        """Close the connection without an answer; `reset` sends RST instead of FIN."""
        return self.add(Fault("drop", when=when, reset=reset, **match))

    def empty(self, **match: Any) -> Fault:
        """Make the change, answer its status and no body."""
        return self.add(Fault("empty", when="after", **match))

    def truncate(self, *, cut: bool = False, **match: Any) -> Fault:
        """Make the change, send half of the body; `cut` promises all of it and hangs up half-way."""
        return self.add(Fault("truncate", when="after", cut=cut, **match))

    def wrong_types(self, **match: Any) -> Fault:
        """Make the change, answer JSON in which every value has another type."""
        return self.add(Fault("wrong_types", when="after", **match))

    def drip(self, seconds: float, **match: Any) -> Fault:
        """Make the change, let the body trickle for that long: no socket timeout notices."""
        return self.add(Fault("drip", when="after", seconds=seconds, **match))

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """What happens to this call; uses it up."""
        with self._lock:
            for fault in self._faults:
                if not fault.matches(method, path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                elif fault.times is None or fault.hits < fault.times:
                    fault.hits += 1
                    return fault
        return None

    def pending(self) -> list[Fault]:
        """What has not happened often enough yet."""
        with self._lock:
            return [fault for fault in self._faults if fault.times is None or fault.hits < fault.times]

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()


def wrong(value: Any) -> Any:
    """The same shape with other types: text for numbers, numbers for text, objects for lists."""
    if isinstance(value, dict):
        return {name: wrong(item) for name, item in value.items()}
    if isinstance(value, list):
        return {str(number): wrong(item) for number, item in enumerate(value)}
    if isinstance(value, bool) or value is None:
        return "maybe"
    return str(value) if isinstance(value, int | float) else len(value)
