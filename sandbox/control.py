"""JSON under /_rehearsal/, for programs in other processes: faults, settings, people, recorded calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.faults import Fault
from sandbox.messages import JSON, Request, Response

if TYPE_CHECKING:
    from sandbox.server import Server

PREFIX = "/_rehearsal/"

Act = Callable[[dict[str, Any]], Any]


class Rehearsed(Protocol):
    """A world one can rehearse with, whatever API shows it. `switches` is a dataclass."""

    switches: Any

    def reset(self) -> None: ...

    def everybody(self) -> list[dict[str, Any]]: ...

    def meanwhile(self, membership_id: str, **changes: Any) -> dict[str, Any]: ...


class Control:
    """What can be changed about a running rehearsal. Raises ValueError, TypeError or KeyError for nonsense."""

    def __init__(self, world: Rehearsed, server: Server[Any]) -> None:
        self.world = world
        self.server = server

    def __call__(self, request: Request) -> Response:
        """Everything under PREFIX, where no pages for people stand before it."""
        if not request.from_own_page:
            return Response.json({"error": "Not from this page."}, 403)
        unknown = Response.json({"error": "There is no such page in the rehearsal."}, 404)
        return self.answer(request, request.path.removeprefix(PREFIX)) or unknown

    def answer(self, request: Request, name: str) -> Response | None:
        """GET tells, POST takes a JSON object; None for names that are not here."""
        tell: dict[str, Callable[[], Any]] = {
            "calls": self.server.calls.as_json,
            "faults": self.faults,
            "people": self.world.everybody,
            "tally": self.server.calls.tally,
        }
        take: dict[str, Act] = {
            "faults": self.fault,
            "people": self.person,
            "settings": self.settings,
            "reset": self.reset,
        }
        if request.method == "GET" and name in tell:
            return Response.json(tell[name]())
        if request.method != "POST" or name not in take:
            return None
        # A page of another site can't send this content type without asking first.
        if request.content_type != JSON:
            return Response.json({"error": f"Send {JSON}."}, 400)
        try:
            return Response.json(take[name](json.loads(request.body)))
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            return Response.json({"error": f"{type(problem).__name__}: {problem}"}, 400)

    def fault(self, body: dict[str, Any]) -> Any:
        """`kind`, and the arguments of that method of Faults; {"kind": "clear"} ends all faults."""
        arguments, faults = dict(body), self.server.faults
        kinds: dict[str, Callable[..., Fault | None]] = {
            "fail": faults.fail_next,
            "html_error": faults.html_error,
            "delay": faults.delay,
            "drop": faults.drop,
            "empty": faults.empty,
            "truncate": faults.truncate,
            "wrong_types": faults.wrong_types,
            "drip": faults.drip,
            "clear": faults.clear,
        }
        kinds[arguments.pop("kind")](**arguments)
        return self.faults()

    def faults(self) -> list[dict[str, Any]]:
        """What has still to go wrong."""
        names = ("kind", "method", "path", "times", "skip", "when", "status", "seconds", "hits")
        return [{name: getattr(fault, name) for name in names} for fault in self.server.faults.pending()]

    def person(self, body: dict[str, Any]) -> dict[str, Any]:
        """`membership_id`, and what somebody else does to it: the arguments of the world's `meanwhile`."""
        changes = dict(body)
        return self.world.meanwhile(changes.pop("membership_id"), **changes)

    def settings(self, body: dict[str, Any]) -> dict[str, Any]:
        """Any of `latency_s`, `switches` and the settings of the limits; answers all of them."""
        server, limits, switches = self.server, self.server.limits, self.world.switches
        changed = body.get("switches", {})
        if unknown := set(changed) - {field.name for field in fields(switches)}:
            raise ValueError(f"no such switch: {', '.join(sorted(unknown))}")
        latency_s = float(body.get("latency_s", server.latency_s))
        if not latency_s >= 0:
            raise ValueError("no call takes less than no time")
        limits.set(body)
        for name, value in changed.items():
            setattr(switches, name, value)
        server.latency_s = latency_s
        return {"latency_s": latency_s, **limits.settings(), "switches": asdict(switches)}

    def reset(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Everything and everybody as at the start; connections stay."""
        self.world.reset()
        self.behave()
        self.server.calls.clear()
        return {}

    def behave(self) -> None:
        """No more faults, latency or narrow limits. The people stay as they are."""
        self.server.faults.clear()
        self.server.limits.reset()
        self.server.latency_s = 0.0
