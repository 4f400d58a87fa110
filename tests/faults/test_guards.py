"""No sequence and no interleaving of plans leaves an organization without someone who can manage it.

Hypothesis plays several admins who plan and apply at once, workers that are put off, lose answers
or die in the middle, requests that take effect long after the caller gave up, and people who edit
roles in Close meanwhile. What those people do themselves never takes the last manager's power.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from memberships.models import Job
from memberships.providers.errors import ProviderError
from memberships.services import connections, jobs, plans, proposals
from memberships.services.storing import NothingLeft
from sandbox.close import Close
from sandbox.messages import Request, Response
from sandbox.server import Server
from sandbox.world import World
from tests.faults.rig import ask, bulk_size, hurry
from tests.faults.test_crashes import Killed, Steps, time_passes
from tests.faults.truth import Truth, Witness
from tests.steps import just_signed_in

ADMINS = ("ada", "bea", "cyd")
USERS = ("una", "vic")
ROLES = ("user", "user", "ops", "admin")
"""Twice what takes power: that is what this is about."""

MISHAPS = ("none", "still comes", "put off", "still comes", "never arrived", "answer lost", "refused", "dies")

names = st.sampled_from(ADMINS + USERS)
admins = st.sampled_from(ADMINS)
some = st.lists(names, min_size=1, max_size=3, unique=True)
places = st.integers(0, 2)
which = st.integers(0, 5)


class Company(RuleBasedStateMachine):
    """Three admins, two others, and a custom role that can manage the organization, for now."""

    close: Server
    minimum: int

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        world = self.world = World.empty()
        self.organization_id = world.add_organization("Guarded")
        self.ops = world.add_role(self.organization_id, "Ops", ["manage_organization"])
        self.ids = {
            name: world.add_person(self.organization_id, f"{name}@guarded.example", name, role=role)
            for people, role in ((ADMINS, "admin"), (USERS, "user"))
            for name in people
        }
        self.close.faults.clear()
        self.close.limits.reset()
        self.witness = Witness(world, Close(world, self.close.limits))
        self.truth = Truth(self.witness, ask)
        self.close.app = self.answer
        self.held: list[Request] = []
        self.hold_next = False
        self.too_few: list[str] = []
        self.connections = {
            name: connections.sign_in(
                world.grant(world.user_id(f"{name}@guarded.example"), self.organization_id)
            )
            for name in ADMINS
        }
        self.jobs: list[Job] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    # The rehearsal

    def answer(self, request: Request) -> Response:
        if request.method == "PUT" and self.hold_next:
            self.hold_next = False
            self.held.append(request)
            return Response.json({"error": "Gateway Timeout"}, 504)
        return self.take_effect(request)

    def take_effect(self, request: Request) -> Response:
        before = self.managers()
        response = self.witness(request)
        after = self.managers()
        if len(after) < min(len(before), self.minimum):
            self.too_few.append(f"{request.method} {request.body!r}: {before} became {after}")
        return response

    def managers(self) -> list[str]:
        return [m["first_name"] for m in self.world.members(self.organization_id) if m["manages"]]

    def late(self) -> None:
        while self.held:
            self.take_effect(self.held.pop())

    # Admins

    @initialize(who=admins, other=admins, first=admins, second=admins)
    def two_plans_at_once(self, who: str, other: str, first: str, second: str) -> None:
        self.plan_and_apply(who, [first], "user")
        self.plan_and_apply(other, [second], "user")

    @rule(who=admins, people=some, role=st.sampled_from(ROLES))
    def plan_and_apply(self, who: str, people: list[str], role: str) -> None:
        wanted = {"role": self.ops if role == "ops" else role}
        ids = [self.ids[name] for name in people]
        self.apply(who, lambda mine: proposals.change(mine, ids, wanted, reason="", channel="test"))

    @precondition(lambda self: any(job.finished for job in self.jobs))
    @rule(who=admins, number=which, back=st.booleans())
    def undo_or_try_again(self, who: str, number: int, back: bool) -> None:
        ended = [job for job in self.jobs if job.finished]
        job = ended[number % len(ended)]
        propose = proposals.undo if back else proposals.again
        self.apply(who, lambda mine: propose(job, mine, reason="", channel="test"))

    def apply(self, who: str, propose: Callable[[Any], Any]) -> None:
        mine = self.connections[who]
        mine.refresh_from_db()
        try:
            plan = propose(mine)
            job = plans.apply(
                plan,
                mine,
                fingerprint=plan.fingerprint,
                typed=str(plan.brake_number or ""),
                proof=just_signed_in(),
            )
        except (ProviderError, connections.NotAllowed, plans.CannotApply, NothingLeft):
            return
        self.jobs.append(job)

    # Workers

    @precondition(lambda self: self.open_jobs())
    @rule(number=which, mishap=st.sampled_from(MISHAPS), skip=places, at=st.integers(1, 120))
    def works(self, number: int, mishap: str, skip: int, at: int) -> None:
        """One turn at one of the open jobs, in any order."""
        job = self.open_jobs()[number % len(self.open_jobs())]
        if job.settle_tries == 3:
            self.late()  # what is later than this is beyond what anybody can guard against
        Job.objects.filter(pk=job.pk).update(not_before=None)
        match mishap:
            case "put off":
                self.close.faults.fail_next(429, method="PUT", skip=skip, headers={"retry-after": "60"})
            case "never arrived":
                self.close.faults.drop(method="PUT", skip=skip)
            case "answer lost":
                self.close.faults.drop("after", method="PUT", skip=skip)
            case "refused":
                self.close.faults.fail_next(400, method="PUT", skip=skip)
            case "still comes":
                self.hold_next = True
        with suppress(Killed), Steps(at if mishap == "dies" else 0).counted():
            jobs.run(job.pk)
        time_passes()
        self.close.faults.clear()
        self.hold_next = False
        for job in self.jobs:
            job.refresh_from_db()

    def open_jobs(self) -> list[Job]:
        return [job for job in self.jobs if job.state in jobs.OPEN]

    @precondition(lambda self: self.held)
    @rule()
    def it_comes(self) -> None:
        self.late()

    # Meanwhile in Close

    @rule(name=st.sampled_from((*ADMINS, *USERS, "")), role=st.sampled_from(ROLES), manages=st.booleans())
    def somebody_changes_a_role(self, name: str, role: str, manages: bool) -> None:
        """Somebody's role; without a name, what the custom role may do."""
        permissions = ["manage_organization"] if manages else ["calling"]
        role_id = self.ops if role == "ops" else role
        if name:
            self.meanwhile(lambda: self.world.set_role(self.ids[name], role_id))
        else:
            self.meanwhile(lambda: self.world.set_permissions(self.organization_id, self.ops, permissions))

    def meanwhile(self, act: Callable[[], None]) -> None:
        """Unless it, alone or with what is still to come, would leave too few: we don't answer for that."""
        if self.held:
            return
        roles = {m["id"]: m["role_id"] for m in self.world.members(self.organization_id)}
        permissions = list(self.world.organizations[self.organization_id].roles[self.ops].permissions)
        act()
        if len(self.managers()) < self.minimum:
            self.world.set_permissions(self.organization_id, self.ops, permissions)
            for pk, role in roles.items():
                self.world.set_role(pk, role)

    @invariant()
    def somebody_can_manage(self) -> None:
        assert self.too_few == []
        assert self.managers()

    @invariant()
    def the_log_is_whole(self) -> None:
        for job in self.jobs:
            lies = self.truth.lies(job.pk, open=True, moved=self.ids.values())
            assert [lie for lie in lies if "audit" in lie] == []


@pytest.mark.parametrize(
    "examples",
    [
        pytest.param(8, id="a few", marks=pytest.mark.once),
        pytest.param(100, id="many", marks=pytest.mark.faults),
    ],
)
@pytest.mark.parametrize("minimum", [1, 2])
def test_nobody_can_plan_the_last_manager_away(
    close, db, settings, monkeypatch, examples, minimum, record_property
):
    record_property("sequences", f"{minimum}={examples}")

    settings.CALL_DEADLINE_S = 2.0
    settings.MINIMUM_MANAGERS = minimum
    hurry(monkeypatch, (3.0,) * 4)  # longer than a worker sleeps: each look is a turn of its own
    bulk_size(monkeypatch, 2)
    machine = type("Company", (Company,), {"close": close, "minimum": minimum})
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
