"""Whatever a roster file asks for: applied, it asks for nothing more; undone, everybody is as they were."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from memberships.domain.plan import Verdict
from memberships.models import Connection, Job, Outcome, Plan, PlanRow
from memberships.services import jobs, plans, proposals
from sandbox.rehearsal import VIEWS
from sandbox.server import Server
from sandbox.world import World
from tests.test_roster_command import roster

# Each example is a handful of real calls; the world goes on from one to the next, as real ones do.
_through_the_server = settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

type Entries = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Company:
    """Where files are planned and applied."""

    connection: Connection
    file: Path
    domain: str
    roles: Sequence[str]
    values: dict[str, Sequence[object]]
    leaves: str
    # What dumps have besides, and what may stand in an entry's lists.
    more: Sequence[str] = ()
    lists: dict[str, Sequence[str]] = field(default_factory=dict)

    @property
    def there(self) -> tuple[str, str]:
        return ("--organization", str(self.connection.organization.pk))

    def dump(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(roster("dump", *self.there, *self.more)[1])
        return found

    def plan(self, wanted: dict[str, Any]) -> tuple[int, Plan]:
        self.file.write_text(yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True))
        code, _ = roster("plan", str(self.file), *self.there)
        return code, Plan.objects.latest("created_at")

    def apply(self, plan: Plan) -> Job | None:
        if not plans.counts(plan)[Verdict.WILL]:
            return None
        roster("apply", str(plan.pk), "--confirm", str(plan.brake_number), *self.there)
        return Job.objects.get(plan=plan)

    def undo(self, job: Job) -> Plan:
        plan = proposals.undo(job, self.connection, reason="", channel="dashboard")
        self.apply(plan)
        return plan


@pytest.fixture
def world() -> World:
    """Few people: their pinned views are a call each."""
    return World.rehearsal(people=20)


@pytest.fixture
def at_close(connection: Connection, close: Server, world: World, northwind: str, tmp_path: Path) -> Company:
    return Company(
        connection,
        tmp_path / "people.yaml",
        "northwind-rehearsal.example",
        ["User", "Restricted User", "Sales Manager"],
        {
            "auto_record_calls": ["enabled", "disabled"],
            "track_email_opens": [True, False],
            "may_workflows_impersonate": [True, False],
            "hangup_recording_url": ["https://voice.example/ä.mp3", None],
        },
        "inactive",
        ("--with", "groups,pins"),
        {"groups": list(world.groups(northwind)), "pinned_views": [name for name, _ in VIEWS[:4]]},
    )


@pytest.fixture
def at_commerce_layer(attached: Connection, commercelayer: Server, tmp_path: Path) -> Company:
    return Company(
        attached,
        tmp_path / "people.yaml",
        "bluefin-rehearsal.example",
        ["Merchandiser", "Order desk"],
        {
            "access_scope": ["live_access", "test_access", "all_access"],
            "reference": ["no", "1.10", "2026-01-02", "Käse: 🧀 #1", None],
        },
        "",
    )


_choices = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1, max_size=8)


def changed(company: Company, first: dict[str, Any], choices: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The file with other values for some of those who are here and can't manage, and perhaps somebody new."""
    people = [dict(entry) for entry in first["people"]]
    ordinary = [e for e in people if e.get("role") in company.roles and e["status"] == "active"]
    for who, what in choices:
        entry = ordinary[who % len(ordinary)]
        kinds = [*company.values, *company.lists, "role", "new", *(["status"] if company.leaves else [])]
        name = kinds[what % len(kinds)]
        match name:
            case "role":
                entry["role"] = company.roles[who % len(company.roles)]
            case "new":
                email = f"new-{who}-{what}@{company.domain}"
                if all(e["email"] != email for e in people):
                    people.append({"email": email, "role": company.roles[0]})
            case "status":
                email = entry["email"]
                entry.clear()
                entry |= {"email": email, "status": company.leaves}
                ordinary.remove(entry)
            case _ if name in company.lists:
                there = company.lists[name]
                entry[name] = [one for n, one in enumerate(there) if what >> n & 1]
            case _:
                entry[name] = company.values[name][what % len(company.values[name])]
    return {**first, "people": people}


def by_email(dump: dict[str, Any]) -> Entries:
    return {entry["email"]: entry for entry in dump["people"] if "id" not in entry}


# What a review or a receipt says of what can't be undone: a value that there is no way to take away again, a view that
# only its owner sees, and somebody whose address the provider lets nobody bring back.
_CAN_NOT_BE_UNDONE = (
    "Had no value before, and that can't be set again.",
    "isn't there any more, or you can't see it",
    "not in a verified domain",
)


def left(plan: Plan) -> list[PlanRow]:
    """The rows that were not done, although somebody wanted it."""
    rows = plan.rows.exclude(verdict=Verdict.ALREADY)
    return [row for row in rows if row.verdict == Verdict.BLOCKED or row.outcome != Outcome.DONE]


def done(plan: Plan) -> set[str]:
    """Whoever was changed by it."""
    rows = plan.rows.filter(verdict=Verdict.WILL, outcome=Outcome.DONE)
    return set(rows.values_list("email", flat=True))


def goes_round(company: Company, choices: Sequence[tuple[int, int]]) -> None:
    first = company.dump()
    assert company.plan(first)[0] == 0
    wanted = changed(company, first, choices)
    _, plan = company.plan(wanted)
    job = company.apply(plan)
    assert not left(plan)
    assert company.plan(wanted)[0] == 0
    if job is None:
        return
    assert jobs.progress(job).unknown == 0
    undo = company.undo(job)
    # Nothing else of theirs is attempted then.
    apart = {row.email for row in left(undo) if any(k in row.reason + row.error for k in _CAN_NOT_BE_UNDONE)}
    assert not [row for row in left(undo) if row.email not in apart]
    assert done(plan)
    assert done(plan) - apart <= done(undo)
    before, after = by_email(first), by_email(company.dump())
    assert {e: v for e, v in after.items() if e in before and e not in apart} == {
        e: v for e, v in before.items() if e not in apart
    }
    assert all(entry["status"] == "inactive" for email, entry in after.items() if email not in before)


@given(choices=_choices)
@_through_the_server
def test_a_file_applied_asks_for_nothing_more_and_undone_is_the_first_dump(
    at_close: Company, choices: list[tuple[int, int]]
) -> None:
    goes_round(at_close, choices)


@given(choices=_choices)
@_through_the_server
def test_so_it_is_at_the_other_provider(at_commerce_layer: Company, choices: list[tuple[int, int]]) -> None:
    goes_round(at_commerce_layer, choices)


@given(choices=_choices, seed=st.integers(0, 1000))
@_through_the_server
def test_the_order_of_entries_does_not_matter(
    at_close: Company, choices: list[tuple[int, int]], seed: int
) -> None:
    wanted = changed(at_close, at_close.dump(), choices)
    shuffled = {**wanted, "people": random.Random(seed).sample(wanted["people"], len(wanted["people"]))}
    (_, one), (_, other) = at_close.plan(wanted), at_close.plan(shuffled)

    def what(plan: Plan) -> list[Any]:
        return sorted(
            (row.action, row.verdict, row.member_id, row.email, str(row.edits)) for row in plan.rows.all()
        )

    assert what(one) == what(other)
    assert one.brake_number == other.brake_number
