"""Every mishap, at every step, in the first, a middle and the last call of its kind."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest

from memberships.services import connections, jobs
from sandbox.rehearsal import ADMIN
from tests.faults.mishaps import HANG_S, MISHAPS, Effect, Mishap
from tests.faults.rig import Rig, bulk_size

PLACES = {"first": 0, "middle": 1, "last": 2}


@dataclass(frozen=True, slots=True)
class Step:
    """Calls of one kind, and a job that makes at least three of them.

    `each` is how many people a call is for, `in_a_row` how often it has to go wrong to matter.
    """

    name: str
    method: str
    path: str
    each: int = 1
    in_a_row: int = 1
    reads: int = 3

    def __str__(self) -> str:
        return self.name

    def skip(self, place: str) -> int:
        return round(PLACES[place] * (self.reads - 1) / 2)


STEPS = [
    Step("re-read", "GET", "/(organization|role)/", each=3, in_a_row=3, reads=4),
    Step("bulk PUT", "PUT", "/membership/$", each=3),
    Step("single PUT", "PUT", "/membership/memb_"),
    Step("invite", "POST", "/membership/$"),
    Step("token refresh", "POST", "/oauth2/token/"),
]


def a_job(rig: Rig, step: Step, monkeypatch: pytest.MonkeyPatch):
    match step.name:
        case "re-read":
            people = rig.people(9)
            rig.world.refuse(people[4], "This one can't be changed.")
            return rig.change(people, {"role": "superuser"})
        case "bulk PUT":
            return rig.change(rig.people(9), {"role": "superuser"})
        case "single PUT":
            bulk_size(monkeypatch, 1)
            return rig.change(rig.people(3), {"role": "superuser"})
        case "invite":
            return rig.invite(["ann", "ben", "cleo"])
        case "token refresh":
            bulk_size(monkeypatch, 1)
            job = rig.change(rig.people(3), {"role": "superuser"})
            expire_before_each_put(rig)
            return job
    raise AssertionError(step)


def expire_before_each_put(rig: Rig) -> None:
    """The access token ends just before each change arrives, so that each needs a new one."""
    app, seen = rig.close.app, set()

    def expiring(request):
        if request.method == "PUT" and request.path not in seen:
            seen.add(request.path)
            rig.world.expire_access_tokens()
        return app(request)

    rig.close.app = expiring


def expected(step: Step, mishap: Mishap, chunk: int) -> list[str]:
    """What the receipt says about rows that share the call number `chunk`, by position."""
    outcomes = ["done"] * 3 * step.each
    if step.name == "re-read":
        outcomes[4] = "refused"
    elif step.name in ("bulk PUT", "single PUT", "invite"):
        hit = slice(chunk * step.each, (chunk + 1) * step.each)
        # A 401 is answered with a new token; a bulk refused for what may be one person's fault is narrowed down.
        heals = mishap.refusal == 401 or (step.each > 1 and mishap.refusal in (400, 404))
        heals = heals or "429" in mishap.name
        if mishap.effect is Effect.NOTHING and not heals:
            outcomes[hit] = ["refused"] * step.each
    return outcomes


CASES = [
    pytest.param(*case, id="-".join(map(str, case)), marks=pytest.mark.faults(spread=number % 13 == 0))
    for number, case in enumerate(itertools.product(MISHAPS, STEPS, PLACES))
]


@pytest.mark.parametrize(("mishap", "step", "place"), CASES)
def test_the_receipt_is_true_whatever_happens_to_a_call(
    rig, mishap, step, place, monkeypatch, record_property
):
    record_property("in process", f"{step}|{mishap}|{place}")
    job = a_job(rig, step, monkeypatch)
    fault = mishap.arm(
        rig.close.faults,
        HANG_S,
        method=step.method,
        path=step.path,
        skip=step.skip(place),
        times=step.in_a_row,
    )
    rig.finish(job)
    assert fault.hits, "nothing went wrong"
    if job.state == job.State.PAUSED:
        assert step.name == "token refresh", job.note
        assert mishap.effect is not Effect.NOTHING, "the refresh token was not used up"
        assert rig.truth.lies(job.pk, open=True) == []
        assert "refused" not in rig.outcomes(job)
        token = rig.world.grant(rig.world.user_id(ADMIN), rig.organization_id)
        jobs.resume(connections.sign_in(token))
        rig.finish(job)
    assert rig.truth.lies(job.pk) == []
    assert rig.outcomes(job) == expected(step, mishap, PLACES[place])


@pytest.mark.parametrize("step", STEPS, ids=[step.name for step in STEPS])
def test_without_mishaps_each_step_has_its_calls(rig, step, monkeypatch):
    job = a_job(rig, step, monkeypatch)
    rig.close.calls.clear()
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []
    assert rig.calls(step.method, step.path) == step.reads
