"""Receipt = what is true in Close = audit log? Asked of the tables and of the rehearsal's world, not of the engine.

Nothing here imports the app: rows and entries are read with SQL, and what our calls changed is
noted where they arrive. So a mistake of the engine can't be repeated by its judge.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from sandbox.messages import Request, Response
from sandbox.world import World

type Query = Callable[[str], list[dict[str, Any]]]
"""Runs one SELECT; a dict per row, as SQLite or PostgreSQL has it: ids, moments and flags look different there."""

type State = dict[str, dict[str, Any]]
"""Every membership of every organization by id."""

WRITES = ("POST", "PUT", "DELETE")
MEMBERSHIP = "/api/v1/membership/"


def file(path: Path) -> Query:
    """Ask a database file, whoever else has it open."""

    def query(sql: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(path, timeout=20)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]

    return query


def server(address: str) -> Query:
    """Ask a PostgreSQL server. JSON comes as text, as it does from a file."""

    def query(sql: str) -> list[dict[str, Any]]:
        with psycopg.connect(address, autocommit=True, row_factory=dict_row) as connection:
            connection.adapters.register_loader("jsonb", TextLoader)
            return connection.execute(sql.encode()).fetchall()

    return query


@dataclass(frozen=True, slots=True)
class Effect:
    """What one call changed for one person: `field` is a name in the world's snapshots, "" for somebody new."""

    member_id: str
    field: str
    after: object
    at: float = dataclasses.field(default_factory=time.time, compare=False)


class Witness:
    """Stands before the rehearsal's app and notes what every writing call asked for and what it changed."""

    def __init__(self, world: World, app: Callable[[Request], Response]) -> None:
        self.world = world
        self.app = app
        self.begin()

    def begin(self) -> None:
        """Forget what was, for instance before a second job."""
        self.before = self.state()
        self.effects: list[Effect] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.outrages: list[str] = []

    def state(self) -> State:
        with self.world.lock:
            return {
                m["id"]: m for pk in self.world.organizations for m in self.world.members(pk, active=None)
            }

    def __call__(self, request: Request) -> Response:
        if request.method not in WRITES or not request.path.startswith(MEMBERSHIP):
            return self.app(request)
        with self.world.lock:
            before = self.state()
            response = self.app(request)
            after = self.state()
            self.asked.append((request.method, request.path, _json(request)))
            self.effects += _effects(before, after)
            for pk in {m["organization_id"] for m in after.values()}:
                if not any(m["active"] and m["manages"] for m in self.world.members(pk)):
                    self.outrages.append(f"{request.method} {request.path} left {pk} without a manager")
        return response


def _json(request: Request) -> Any:
    return json.loads(request.body) if request.body else None


def _effects(before: State, after: State) -> list[Effect]:
    found = [Effect(pk, "", None) for pk in after if pk not in before]
    for pk, was in before.items():
        found += [Effect(pk, name, value) for name, value in after[pk].items() if was[name] != value]
    return found


_TOLD = {"role_id", "active", "auto_record_calls"}

DERIVED = {"role_name", "permissions", "manages"}
"""Follow from role_id."""


class Truth:
    """Compares three accounts of one job: its rows, its audit entries, and the world."""

    def __init__(self, witness: Witness, query: Query) -> None:
        self.witness = witness
        self.query = query

    def lies(
        self, job_id: object, *, moved: Collection[str] = (), unreadable: bool = False, open: bool = False
    ) -> list[str]:
        """Everything that is not as it should be; nothing when all is well.

        `moved` are ids of members somebody else changed meanwhile, `unreadable` says that Close can't be
        asked now, `open` that the job need not have ended.
        """
        job = self.query(f"SELECT * FROM memberships_job WHERE id = '{_hex(job_id)}'")[0]
        rows = self.query(
            f"SELECT * FROM memberships_planrow WHERE plan_id = '{job['plan_id']}' ORDER BY position"
        )
        will = [row | {"edits": json.loads(row["edits"])} for row in rows if row["verdict"] == "will"]
        organization = self.query(
            f"SELECT * FROM memberships_organization WHERE id = {job['organization_id']}"
        )[0]
        entries = self.query(
            f"SELECT * FROM memberships_auditentry WHERE organization_id = {organization['id']} ORDER BY number"
        )
        mine = [e for e in entries if e["plan_id"] == job["plan_id"] and e["event"] != "plan.applied"]
        found = list(self.witness.outrages)
        if not open and job["state"] != "finished":
            found.append(f"the job is {job['state']} ({job['note']})")
        # Who gets their old role back before they go has it while they are away, too.
        leaving = {row["member_id"] for row in will if row["action"] == "deactivate"}
        for row in will:
            found += self._row(row, organization["remote_id"], moved, unreadable or open, leaving)
        found += _told(will, mine)
        found += self._blamed(
            [e for e in entries if e["channel"] == "outside" and e["member_id"] not in moved]
        )
        found += self._strangers(will)
        found += self._requests(will)
        found += chain(organization, entries)
        return found

    def lies_of_many(self) -> list[str]:
        """The same of all role changes there are, whose jobs overlapped and changed the same people in turn.

        Each change in the world is one row's doing, made between its sending and its settling, and the last one done
        is what is true now.
        """
        found = list(self.witness.outrages)
        done: list[tuple[str, object, float, float]] = []
        for job in self.query("SELECT * FROM memberships_job"):
            if job["state"] != "finished":
                found.append(f"job {job['id']} is {job['state']} ({job['note']})")
            rows = self.query(f"SELECT * FROM memberships_planrow WHERE plan_id = '{job['plan_id']}'")
            will = [row | {"edits": json.loads(row["edits"])} for row in rows if row["verdict"] == "will"]
            entries = self.query(
                f"SELECT * FROM memberships_auditentry WHERE plan_id = '{job['plan_id']}' AND event <> 'plan.applied'"
            )
            found += _told(will, entries)
            for row in will:
                ((name, _, after),) = row["edits"]
                assert name == "role"
                if row["outcome"] == "done":
                    sent_at, settled_at = (_seconds(row[moment]) for moment in ("sent_at", "settled_at"))
                    done.append((row["member_id"], after, sent_at, settled_at))
                elif row["outcome"] == "unknown" or (row["outcome"] == "refused" and not row["error"]):
                    found.append(f"{row['member_id']} is {row['outcome']} ({row['error']})")
        unclaimed = [effect for effect in self.witness.effects if effect.field == "role_id"]
        for member_id, after, sent_at, settled_at in sorted(done, key=lambda row: row[3]):
            mine = (
                effect
                for effect in unclaimed
                if (effect.member_id, effect.after) == (member_id, after)
                and sent_at - _CLOCK_S <= effect.at <= settled_at + _CLOCK_S
            )
            if effect := next(mine, None):
                unclaimed.remove(effect)
            else:
                found.append(f"{member_id} is called done as {after}, and no call of ours did it then")
        found += [f"{effect} was made, and no row is called done for it" for effect in unclaimed]
        last = {member_id: after for member_id, after, _, _ in sorted(done, key=lambda row: row[3])}
        now = self.witness.state()
        found += [
            f"{pk} was last given {after}, and is {now[pk]['role_id']}"
            for pk, after in last.items()
            if now[pk]["role_id"] != after
        ]
        for organization in self.query("SELECT * FROM memberships_organization"):
            entries = self.query(
                f"SELECT * FROM memberships_auditentry WHERE organization_id = {organization['id']} ORDER BY number"
            )
            found += chain(organization, entries)
            found += self._blamed([entry for entry in entries if entry["channel"] == "outside"])
        return found

    def _row(
        self,
        row: dict[str, Any],
        organization_id: str,
        moved: Collection[str],
        open: bool,
        leaving: Collection[str],
    ) -> list[str]:
        """Does the world show what the row says became of it?"""
        member = self._member(row, organization_id)
        shows, ours = _shows(row, member, leaving), self._ours(row, member)
        name, outcome = f"{row['action']} {row['member_id'] or row['email']}", row["outcome"]
        somebody_else = member is not None and member["id"] in moved
        match outcome:
            case "done":
                if not somebody_else and not shows:
                    return [f"{name} is called done, and the world doesn't show it: {member}"]
                if not somebody_else and not ours:
                    return [f"{name} is called done, and no call of ours did it"]
            case "refused" | "not attempted":
                if shows and ours:
                    return [f"{name} is called {outcome} ({row['error']}), and our call did it"]
                if self._touched(row, member) and not ours and not somebody_else:
                    return [f"{name} is called {outcome}, and our call did something else"]
            case "unknown":
                if not open:
                    return [f"{name} is still unknown ({row['error']})"]
            case _:
                return [f"{name} has the outcome {outcome!r}"]
        if outcome in ("done", "refused") and not row["settled_at"]:
            return [f"{name} is settled at no time"]
        if outcome == "refused" and not (row["error"] and row["cause"]):
            return [f"{name} is refused without a word why"]
        return []

    def _member(self, row: dict[str, Any], organization_id: str) -> dict[str, Any] | None:
        for member in self.witness.world.members(organization_id, active=None):
            if member["id"] == row["member_id"]:
                return member
            if not row["member_id"] and member["email"].lower() == row["email"]:
                return member
        return None

    def _ours(self, row: dict[str, Any], member: dict[str, Any] | None) -> bool:
        """Did a call of ours make it what the row wants?"""
        if member is None:
            return False
        effects = [effect for effect in self.witness.effects if effect.member_id == member["id"]]
        match row["action"]:
            case "invite" | "reactivate":
                return any(e.field == "" or (e.field == "active" and e.after is True) for e in effects)
            case "deactivate":
                return any(e.field == "active" and e.after is False for e in effects)
        last = {effect.field: effect.after for effect in effects}
        edits = [(_column(field), after) for field, _, after in row["edits"]]
        return any(column in last and last[column] == after for column, after in edits)

    def _touched(self, row: dict[str, Any], member: dict[str, Any] | None) -> bool:
        return any(member is not None and effect.member_id == member["id"] for effect in self.witness.effects)

    def _blamed(self, outside: list[dict[str, Any]]) -> list[str]:
        """What a call of ours did is not told as somebody else's deed."""
        ours = {
            (effect.member_id, effect.field, effect.after)
            for effect in self.witness.effects
            if effect.field in _TOLD
        }
        found = []
        for entry in outside:
            field, after = _column(entry["field"]), _loaded(entry["after"])
            if field == "status":
                field, after = "active", after == "active"
            if (entry["member_id"], field, after) in ours:
                found.append(
                    f"the audit log calls {entry['member_id']}: {field} = {after!r} somebody else's doing"
                )
        return found

    def _strangers(self, will: list[dict[str, Any]]) -> list[str]:
        """Nobody outside the plan was changed, and nothing of anybody but what the plan says."""
        now = self.witness.state()
        allowed: dict[str, set[str]] = {}
        for row in will:
            pk = row["member_id"] or next(
                (m["id"] for m in now.values() if m["email"].lower() == row["email"]), ""
            )
            fields = {_column(field) for field, *_ in row["edits"]}
            allowed[pk] = (
                fields | DERIVED if row["action"] == "change" else {"", "active", "role_id"} | DERIVED
            )
        return [
            f"{effect.member_id}: {effect.field} became {effect.after!r}, which no row asks for"
            for effect in self.witness.effects
            if effect.field not in allowed.get(effect.member_id, ())
        ]

    def _requests(self, will: list[dict[str, Any]]) -> list[str]:
        """Every writing call names people of the plan, and sends them what their rows say."""
        found = []
        wanted: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for asked in will:
            wanted[asked["member_id"]].append({_column(field): after for field, _, after in asked["edits"]})
        by_email = {row["email"]: row for row in will}
        for method, path, body in self.witness.asked:
            one, _, part = path.removeprefix(MEMBERSHIP).rstrip("/").partition("/")
            if method == "POST":
                row = by_email.get(body["email"])
                if row is None or body["role_id"] not in (row["edits"][0][2], row["via"]):
                    found.append(f"nobody asked to invite {body}")
                continue
            ids = [one] if one else str((body.get("_params") or {}).get("id__in") or "").split(",")
            if not all(ids):
                found.append(f"{method} {path} with {body} may be for everybody")
            values = {name: value for name, value in (body or {}).items() if name != "_params"}
            if part == "pinned_views":
                values = {part: values.get("saved_view_ids")}
            for pk in ids:
                if values not in wanted.get(pk, ()):
                    found.append(f"nobody asked to {method} {pk} with {values}")
        return found


def _shows(row: dict[str, Any], member: dict[str, Any] | None, leaving: Collection[str]) -> bool:
    if row["action"] == "deactivate":
        return member is None or not member["active"]
    return (
        member is not None
        and (member["active"] or member["id"] in leaving)
        and all(member[_column(field)] == after for field, _, after in row["edits"])
    )


def _column(field: str) -> str:
    return "role_id" if field == "role" else field


def _told(will: Iterable[dict[str, Any]], entries: Iterable[dict[str, Any]]) -> list[str]:
    """Each settled row has one entry per field that says the same; nothing else is told."""
    due: Counter[tuple[object, ...]] = Counter()
    for row in will:
        edits = row["edits"] or [["", None, None]]
        if row["step"]:  # back with a lesser role, which is told at once; then given the one they had
            ((field, before, after),) = edits
            due[_account(row | {"error": ""}, "done", field, before, row["via"])] += 1
            edits = [[field, row["via"], after]]
        if row["outcome"] in ("done", "refused"):
            for field, before, after in edits:
                due[_account(row, row["outcome"], field, before, after)] += 1
    told = Counter(
        _account(e, e["outcome"], e["field"], _loaded(e["before"]), _loaded(e["after"]), "member_")
        for e in entries
    )
    return [f"the audit log misses {account}" for account in (due - told).elements()] + [
        f"the audit log tells of {account}, and no row does" for account in (told - due).elements()
    ]


def _account(
    source: dict[str, Any], outcome: str, field: str, before: object, after: object, prefix: str = ""
) -> tuple[object, ...]:
    values = json.dumps([before, after])  # of pinned views these are lists
    return source["member_id"], source[f"{prefix}email"], outcome, field, values, source["error"]


def _loaded(value: str | None) -> Any:
    return None if value is None else json.loads(value)


def chain(organization: dict[str, Any], entries: list[dict[str, Any]]) -> list[str]:
    """What is wrong with an organization's audit chain: every stored column counts."""
    found, previous = [], ""
    for number, entry in enumerate(entries, start=1):
        if entry["number"] != number or entry["previous_hash"] != previous:
            found.append(f"audit entry {entry['number']} does not follow {number - 1}")
        content = {name: value for name, value in entry.items() if name not in _NOT_HASHED}
        # The one other number there is: SQLite has no other yes and no.
        flags = [name for name, value in content.items() if isinstance(value, int) and name != "number"]
        content |= {name: bool(content[name]) for name in flags}
        content |= {name: _loaded(content[name]) for name in ("before", "after")}
        content |= {name: _moment(content[name]) for name in ("at", "since", "happened_at")}
        content |= {"plan_id": _dashed(content["plan_id"]), "previous": previous}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        previous = hashlib.sha256(text.encode()).hexdigest()
        if previous != entry["hash"]:
            found.append(f"audit entry {number} has another hash than its content")
    if (organization["audit_number"], organization["audit_hash"]) != (len(entries), previous):
        found.append("the organization's head is not the last audit entry")
    return found


# As far as two clocks of one machine may differ.
_CLOCK_S = 0.01

_NOT_HASHED = {"id", "organization_id", "hash", "previous_hash"}


def _moment(stored: object) -> str:
    if not stored:
        return ""
    moment = datetime.fromisoformat(str(stored))
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.isoformat(timespec="microseconds")


def _seconds(stored: object) -> float:
    return datetime.fromisoformat(_moment(stored)).timestamp()


def _hex(identity: object) -> str:
    return str(identity).replace("-", "")


def _dashed(identity: object) -> str:
    return str(UUID(str(identity))) if identity else ""
