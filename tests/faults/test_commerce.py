"""Every mishap at every step where each person is a request of their own, several under way at a time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from memberships.models import Connection, Job, Plan
from memberships.services import audit, client_credentials, jobs, plans, proposals
from sandbox.commercelayer.rehearsal import BLUEFIN_DOMAIN
from sandbox.commercelayer.world import CommerceWorld
from sandbox.server import Server
from tests.faults.mishaps import DEADLINE_S, HANG_S, MISHAPS, Effect
from tests.faults.rig import hurry
from tests.steps import just_signed_in

# What a limit announces is Close's way; this one only refuses, and says to come back at once.
OURS = [mishap for mishap in MISHAPS if "429" not in mishap.name or mishap.name == "status 429, no headers"]
PLACES = {"first": 0, "middle": 2, "last": 4}
PEOPLE = 5


@dataclass(frozen=True, slots=True)
class Step:
    """Requests of one kind, of which a job makes five. `in_a_row`: how often it has to go wrong to matter."""

    name: str
    method: str
    path: str
    in_a_row: int = 1

    def __str__(self) -> str:
        return self.name


STEPS = [
    Step("read", "GET", "/memberships$", in_a_row=3),
    Step("change", "PATCH", "/memberships/"),
    Step("invite", "POST", "/memberships$"),
    Step("remove", "DELETE", "/memberships/"),
    Step("resend", "POST", "/resend$"),
    Step("metadata", "PATCH", "/memberships/"),
    Step("give apps", "POST", "/application_memberships$"),
]

CASES = [
    pytest.param(*case, id="-".join(map(str, case)), marks=pytest.mark.faults(spread=number % 11 == 0))
    for number, case in enumerate(itertools.product(OURS, STEPS, PLACES))
]


class Rig:
    """Bluefin, the people a plan is for, and the truth about them."""

    def __init__(self, connection: Connection, commerce: CommerceWorld, server: Server) -> None:
        self.connection, self.commerce, self.server = connection, commerce, server
        self.organization_id = connection.organization.remote_id
        self.wanted = commerce.role_id(self.organization_id, "Merchandiser")
        self.before = self.everyone()
        # By address: the apps of those who were removed.
        self.had: dict[str, list[str]] = {}

    def everyone(self) -> dict[str, dict[str, Any]]:
        return {m["id"]: m for m in self.commerce.members(self.organization_id)}

    def people(self, status: str = "active") -> list[str]:
        found = [
            m["id"]
            for m in self.before.values()
            if m["status"] == status and m["role_kind"] != "admin" and m["role_id"] != self.wanted
        ]
        assert len(found) >= PEOPLE
        return found[:PEOPLE]

    def plan(self, step: Step) -> Plan:
        note: dict[str, Any] = {"reason": "", "channel": "test"}
        match step.name:
            case "read" | "change":
                return proposals.change(self.connection, self.people(), {"role": self.wanted}, **note)
            case "invite":
                text = "\n".join(f"new{n}@{BLUEFIN_DOMAIN}" for n in range(PEOPLE))
                return proposals.invitations(self.connection, text, self.wanted, **note)
            case "remove":
                return proposals.deactivation(self.connection, self.people(), **note)
            case "resend":
                return proposals.resending(self.connection, self.people("pending"), **note)
            case "metadata":
                for pk in self.people():
                    self.commerce.set_attributes(pk, metadata={"team": "North", "n": 1})
                self.before = self.everyone()
                return proposals.change(self.connection, self.people(), {"metadata:team": "South"}, **note)
            case "give apps":
                for pk in (chosen := self.people()):
                    self.commerce.give_app(pk, "tags", filters={"tag": pk})
                    self.had[self.before[pk]["email"].lower()] = sorted(map(str, self.commerce.apps(pk)))
                removal = self.finish(proposals.deactivation(self.connection, chosen, **note))
                self.before = self.everyone()
                return proposals.undo(removal, self.connection, **note)
        raise AssertionError(step)

    def finish(self, plan: Plan) -> Job:
        job = plans.apply(
            plan,
            self.connection,
            fingerprint=plan.fingerprint,
            typed=str(plan.brake_number or ""),
            proof=just_signed_in(),
        )
        for _ in range(40):
            Job.objects.filter(pk=job.pk).update(not_before=None)
            jobs.run(job.pk)
            job.refresh_from_db()
            if job.state not in jobs.OPEN:
                return job
        raise AssertionError(f"the job does not come to an end: {job.state} {job.note}")

    def lies(self, plan: Plan, mails: Sequence[Any]) -> list[str]:
        """What the receipt says otherwise than the world shows."""
        found, now = [], self.everyone()
        by_email = {m["email"].lower(): m for m in now.values()}
        touched = set()
        for row in plan.rows.filter(verdict="will"):
            member = now.get(row.member_id) or by_email.get(row.email)
            match row.action:
                case "invite" if row.email in self.had:
                    held = sorted(map(str, self.commerce.apps(member["id"]))) if member else []
                    shows = held == self.had[row.email]
                case "change" if row.edits[0][0] == "metadata:team":
                    kept = member["metadata"] if member else {}
                    shows = kept == {"team": "South", "n": 1}
                    if kept.get("n") != 1:
                        found.append(f"{row.email} lost a key of somebody else's: {kept}")
                case "change" | "invite":
                    shows = member is not None and member["role_id"] == self.wanted
                case "deactivate":
                    shows = member is None
                case _:
                    # Only its answer tells that an e-mail was sent: done is true, anything else is open.
                    shows = row.outcome == "done"
                    if shows and not any(row.email in str(mail).lower() for mail in mails):
                        found.append(f"{row.email} was sent nothing")
            if row.outcome not in ("done", "refused"):
                found.append(f"{row.name} is {row.outcome}")
            elif shows != (row.outcome == "done"):
                found.append(f"{row.name} is called {row.outcome} ({row.error}): {member}")
            touched.add(row.member_id or (member["id"] if member else ""))
        for pk, member in self.before.items():
            if pk not in touched and now.get(pk) != member:
                found.append(f"{member['email']} is no part of it and was changed")
        found += [
            f"{m['email']} came" for pk, m in now.items() if pk not in self.before and pk not in touched
        ]
        return found + audit.verify(self.connection.organization)


@pytest.fixture
def rig(attached: Connection, commerce: CommerceWorld, commercelayer: Server, settings, monkeypatch) -> Rig:
    settings.CALL_DEADLINE_S = DEADLINE_S
    monkeypatch.setattr(client_credentials, "CALL_S", DEADLINE_S)
    hurry(monkeypatch)
    return Rig(attached, commerce, commercelayer)


@pytest.mark.parametrize(("mishap", "step", "place"), CASES)
def test_the_receipt_is_true_whatever_happens_to_a_request(rig, mishap, step, place, record_property):
    record_property("Commerce Layer", f"{step}|{mishap}|{place}")
    plan = rig.plan(step)
    sent = len(rig.commerce.outbox)
    fault = mishap.arm(
        rig.server.faults,
        HANG_S,
        method=step.method,
        path=step.path,
        skip=PLACES[place] if step.name != "read" else 0,
        times=step.in_a_row,
    )
    rig.finish(plan)
    assert fault.hits, "nothing went wrong"
    assert rig.lies(plan, rig.commerce.outbox[sent:]) == []
    outcomes = list(plan.rows.values_list("outcome", flat=True))
    heals = mishap.refusal == 401 or "429" in mishap.name or step.name == "read"
    if heals or (mishap.effect is not Effect.NOTHING and step.name != "resend"):
        assert outcomes == ["done"] * PEOPLE
    elif step.name == "resend" and mishap.effect is not Effect.NOTHING:
        # An answer without a body can be whole although it was broken off.
        assert outcomes.count("done") >= PEOPLE - 1
    else:
        assert outcomes.count("done") == PEOPLE - 1


@pytest.mark.parametrize("step", STEPS, ids=[step.name for step in STEPS])
def test_without_mishaps_everything_is_done(rig, step):
    plan = rig.plan(step)
    sent = len(rig.commerce.outbox)
    rig.finish(plan)
    assert list(plan.rows.values_list("outcome", flat=True)) == ["done"] * PEOPLE
    assert rig.lies(plan, rig.commerce.outbox[sent:]) == []
