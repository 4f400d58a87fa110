"""The page /_rehearsal/, for people: make Close misbehave, and watch what a client makes of it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from sandbox.control import PREFIX, Control
from sandbox.limits import Limits
from sandbox.messages import Request, Response
from sandbox.pages import email, error, form, note, number, page, row, select
from sandbox.world import World

if TYPE_CHECKING:
    from sandbox.server import Server

ANSWERS = (
    ("503", "503 Service Unavailable"),
    ("500", "500 Internal Server Error"),
    ("429", "429 Too Many Requests"),
    ("401", "401 Unauthorized"),
)
WHAT = (("role", "Change role"), ("remove", "Remove"), ("restore", "Bring back"))


class Practice:
    """Answers everything under PREFIX. None of it is part of Close, recorded, or subject to faults."""

    def __init__(self, world: World, server: Server[Limits]) -> None:
        self.world = world
        self.server = server
        self.control = Control(world, server)
        self.buttons: dict[str, Callable[[dict[str, str]], str]] = {
            "slow": self._slow,
            "fail": self._fail,
            "drop": self._drop,
            "limit": self._limit,
            "domain": self._domain,
            "person": self._person,
            "behave": self._behave,
            "reset": self._reset,
        }

    def __call__(self, request: Request) -> Response:
        if not request.from_own_page:
            return Response.json({"error": "Not from this page."}, 403)
        name = request.path.removeprefix(PREFIX)
        if name:
            unknown = Response.json({"error": "There is no such page in the rehearsal."}, 404)
            return self.control.answer(request, name) or unknown
        return self._pressed(request.form) if request.method == "POST" else self._page()

    def _pressed(self, values: dict[str, str]) -> Response:
        button = self.buttons.get(values.get("do", ""))
        if button is None:
            return self._page(problem="There is no such button.")
        try:
            return self._page(said=button(values))
        except (ValueError, KeyError, StopIteration):
            return self._page(
                problem="That did not fit: look at the numbers, the email and the organization."
            )

    def _slow(self, values: dict[str, str]) -> str:
        self.control.settings({"latency_s": float(values["milliseconds"]) / 1000})
        return f"Every call now takes {values['milliseconds']} ms longer."

    def _fail(self, values: dict[str, str]) -> str:
        status, times = int(values["status"]), int(values["times"])
        self.server.faults.fail_next(status, times=times, path="^/api/")
        return f"Calls answered {status} from now on: {times}."

    def _drop(self, values: dict[str, str]) -> str:
        self.server.faults.drop("after", method="PUT|POST|DELETE", path="^/api/")
        return "The next change is made, and its answer is lost."

    def _limit(self, values: dict[str, str]) -> str:
        self.control.settings({name: values[name] for name in ("reads", "writes", "window_s")})
        return (
            f"{values['reads']} reads and {values['writes']} changes are allowed in {values['window_s']} s."
        )

    def _domain(self, values: dict[str, str]) -> str:
        organization_id, on = values["organization_id"], values["rule"] == "on"
        self.world.set_domain_rule(organization_id, on)
        name = self.world.organizations[organization_id].name
        return f"The domain rule of {name} is {'on' if on else 'off: nobody can be invited'}."

    def _person(self, values: dict[str, str]) -> str:
        organization_id, address = values["organization_id"], values["email"].strip()
        membership_id = self.world.membership_id(organization_id, address)
        match values["what"]:
            case "remove":
                self.world.deactivate(membership_id)
                return f"Somebody else removed {address}."
            case "restore":
                self.world.reactivate(membership_id)
                return f"Somebody else brought {address} back."
        self.world.set_role(membership_id, self.world.role_id(organization_id, values["role"]))
        return f"Somebody else gave {address} the role {values['role']}."

    def _behave(self, values: dict[str, str]) -> str:
        self.control.behave()
        return "Close behaves again. The people are as they were."

    def _reset(self, values: dict[str, str]) -> str:
        self.control.reset()
        return "Everything and everybody is as at the start."

    def _page(self, *, said: str = "", problem: str = "") -> Response:
        limits, records = self.server.limits, list(self.world.organizations.values())
        organizations = [(record.id, record.name) for record in records]
        roles = dict.fromkeys(role.name for record in records for role in record.roles.values())
        pending = [f"<li>{escape(_words(fault))}</li>" for fault in self.control.faults()]
        parts = [
            "<h1>Practise with a Close that misbehaves</h1>",
            f'<p role="status" class="paper">{escape(said)}</p>' if said else "",
            error(problem) if problem else "",
            note(f"Calls so far: {len(self.server.calls)}."),
            form(
                "Slow",
                number("milliseconds", "Extra milliseconds for each call", self.server.latency_s * 1000),
                {"slow": "Make Close slow"},
            ),
            form(
                "Out of order",
                row(number("times", "Calls", 3, least=1), select("status", "Answer", ANSWERS)),
                {"fail": "Answer this for the next calls"},
            ),
            form(
                "Lost answer",
                note("The next change is carried out, but nobody is told."),
                {"drop": "Drop the next answer after the change"},
            ),
            form(
                "Rate limit",
                row(
                    number("reads", "Reads", limits.reads),
                    number("writes", "Changes", limits.writes),
                    number("window_s", "In seconds", limits.window_s, step="any"),
                ),
                {"limit": "Rate limit"},
            ),
            form(
                "Domain rule",
                row(
                    select("organization_id", "Organization", organizations),
                    select("rule", "Only verified domains", [("off", "Off"), ("on", "On")]),
                ),
                {"domain": "Set the domain rule"},
            ),
            form(
                "As somebody else in Close",
                row(
                    email("email", "Email"),
                    select("organization_id", "In", organizations),
                    select("what", "Do", WHAT),
                    select("role", "Role", [(name, name) for name in roles]),
                ),
                {"person": "Do it in Close"},
            ),
            form(
                "Still to go wrong",
                f"<ul>{''.join(pending) or '<li>Nothing.</li>'}</ul>",
                {"behave": "Behave again", "reset": "Reset everything and everybody"},
            ),
        ]
        return page("Practise", "\n".join(parts), status=400 if problem else 200)


def _words(fault: dict[str, Any]) -> str:
    often = "every call" if fault["times"] is None else f"calls left: {fault['times'] - fault['hits']}"
    status = f" {fault['status']}" if fault["kind"] == "fail" else ""
    return (
        f"{fault['kind']}{status}, {fault['method'] or 'any method'} {fault['path'] or 'any path'}, {often}"
    )
