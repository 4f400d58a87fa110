"""JSON under /_rehearsal/, for programs in other processes: faults, settings, people, recorded calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from sandbox.faults import Fault
from sandbox.messages import JSON, Request, Response
from sandbox.world import World

if TYPE_CHECKING:
    from sandbox.server import Server

Act = Callable[[dict[str, Any]], Any]


class Control:
    """What can be changed about a running rehearsal. Raises ValueError, TypeError or KeyError for nonsense."""

    def __init__(self, world: World, server: Server) -> None:
        self.world = world
        self.server = server

    def answer(self, request: Request, name: str) -> Response | None:
        """GET tells, POST takes a JSON object; None for names that are not here."""
        tell: dict[str, Callable[[], Any]] = {
            "calls": self.server.calls.as_json,
            "faults": self.faults,
            "people": self.people,
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

    def people(self) -> list[dict[str, Any]]:
        """The truth: snapshots of everybody in every organization."""
        return [
            person
            for organization_id in list(self.world.organizations)
            for person in self.world.members(organization_id, active=None)
        ]

    def person(self, body: dict[str, Any]) -> dict[str, Any]:
        """`membership_id`, and any of `role_id`, `active`, `refusal`: what somebody else does in Close."""
        membership_id = body["membership_id"]
        if "role_id" in body:
            self.world.set_role(membership_id, body["role_id"])
        if "active" in body:
            (self.world.reactivate if body["active"] else self.world.deactivate)(membership_id)
        if "refusal" in body:
            self.world.refuse(membership_id, body["refusal"])
        return self.world.membership(membership_id)

    def settings(self, body: dict[str, Any]) -> dict[str, Any]:
        """Any of `latency_s`, `reads`, `writes`, `window_s`, `switches`; answers all of them."""
        server, limits, switches = self.server, self.server.limits, self.world.switches
        changed = body.get("switches", {})
        if unknown := set(changed) - {field.name for field in fields(switches)}:
            raise ValueError(f"no such switch: {', '.join(sorted(unknown))}")
        latency_s, window_s = (
            float(body.get("latency_s", server.latency_s)),
            float(body.get("window_s", limits.window_s)),
        )
        reads, writes = int(body.get("reads", limits.reads)), int(body.get("writes", limits.writes))
        if not (latency_s >= 0 and window_s > 0 and reads >= 0 and writes >= 0):
            raise ValueError("a window is longer than nothing, and nothing is negative")
        for name, value in changed.items():
            setattr(switches, name, value)
        server.latency_s, limits.window_s, limits.reads, limits.writes = latency_s, window_s, reads, writes
        return {
            "latency_s": latency_s,
            "reads": reads,
            "writes": writes,
            "window_s": window_s,
            "switches": asdict(switches),
        }

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
