"""Real worker processes: hit by every mishap, killed at every step, several at once, without a database for a while."""

from __future__ import annotations

import io
import itertools
import json
import re
import secrets
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.utils import timezone

from memberships.models import Connection, Job, Organization
from memberships.services import audit, connections, jobs, proposals
from sandbox.limits import Limits
from sandbox.messages import Request, Response
from sandbox.rehearsal import HARBOR, SALES_MANAGER
from sandbox.server import Server, background
from tests.faults.mishaps import MISHAPS, Effect, Mishap
from tests.faults.rig import Rig
from tests.faults.stage import CALL_DEADLINE_S, ENDED, HANG_S, Stage
from tests.faults.test_matrix import PLACES

pytestmark = pytest.mark.django_db

AT_ONCE = 10
"""How many stages are played at the same time: they mostly wait."""


# Jobs that make three calls of one kind


def three_bulks(rig: Rig) -> Job:
    """Two people each go back to three different roles."""
    sales = rig.world.role_id(rig.organization_id, SALES_MANAGER)
    people = [pk for role in ("user", "superuser", sales) for pk in rig.people(2, role)]
    return rig.undo(rig.finish(rig.change(people, {"role": "restricteduser"})))


def three_singles(rig: Rig) -> Job:
    sales = rig.world.role_id(rig.organization_id, SALES_MANAGER)
    people = [pk for role in ("user", "superuser", sales) for pk in rig.people(1, role)]
    return rig.undo(rig.finish(rig.change(people, {"role": "restricteduser"})))


def three_invitations(rig: Rig) -> Job:
    return rig.invite(["ann", "ben", "cleo"])


def narrowing(rig: Rig) -> Job:
    people = rig.people(8)
    rig.world.refuse(people[4], "This one can't be changed.")
    return rig.change(people, {"role": "superuser"})


def token_ends(rig: Rig) -> Job:
    """The access token ends just before each of three changes arrives."""
    job = three_singles(rig)
    app, seen = rig.close.app, set()

    def expiring(request: Request):
        if request.method == "PUT" and request.path not in seen:
            seen.add(request.path)
            rig.world.expire_access_tokens()
        return app(request)

    rig.close.app = expiring
    return job


@dataclass(frozen=True, slots=True)
class Kind:
    """Calls of one kind, and a job that makes them. `rows` are how many rows each of them is for."""

    name: str
    method: str
    path: str
    job: Callable[[Rig], Job]
    rows: int = 1
    in_a_row: int = 1

    def __str__(self) -> str:
        return self.name

    def __call__(self, request: Request) -> bool:
        return request.method == self.method and bool(re.search(self.path, request.path))


BULK = Kind("bulk PUT", "PUT", "/membership/$", three_bulks, rows=2)
SINGLE = Kind("single PUT", "PUT", "/membership/memb_", three_singles)
INVITE = Kind("invite", "POST", "/membership/$", three_invitations)
READ = Kind("re-read", "GET", "/(organization|role)/", three_bulks, rows=2, in_a_row=3)
TOKEN = Kind("token refresh", "POST", "/oauth2/token/", token_ends)
HALF = Kind("narrowing", "PUT", "/membership/", narrowing, rows=0)


_MOMENTS = {
    "before": "before it takes effect",
    "after": "before its answer comes",
    "answered": "before its outcome is written",
}

# What is played


@dataclass(frozen=True, slots=True)
class Fault:
    """One call goes wrong."""

    kind: Kind
    mishap: Mishap
    place: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.mishap}-{self.place}"

    def play(self, stage: Stage) -> None:
        job = stage.job(self.kind.job)
        fault = self.mishap.arm(
            stage.close.faults,
            HANG_S,
            method=self.kind.method,
            path=self.kind.path,
            skip=PLACES[self.place],
            times=self.kind.in_a_row,
        )
        stage.start()
        finished(stage, job)
        assert fault.hits, "nothing went wrong"
        outcomes = stage.outcomes(job)
        hit = slice(PLACES[self.place] * self.kind.rows, (PLACES[self.place] + 1) * self.kind.rows)
        if self.kind in (READ, TOKEN):
            hit = slice(0)
        assert set(outcomes[: hit.start] + outcomes[hit.stop :]) <= {"done"}, outcomes
        healed = "429" in self.mishap.name or self.mishap.refusal == 401
        if self.mishap.effect is not Effect.NOTHING or healed:
            assert set(outcomes) == {"done"}, outcomes


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL at one call."""

    kind: Kind
    number: int
    moment: str

    def __str__(self) -> str:
        return f"killed {self.moment} {self.kind} {self.number}"

    @property
    def told(self) -> str:
        return f"{_MOMENTS[self.moment]}|{self.kind} {self.number}"

    def play(self, stage: Stage) -> None:
        job = stage.job(self.kind.job)
        stage.at_call(self.number, self.kind, stage.kill, moment=self.moment)
        first = stage.start()
        first.wait(60)
        assert stage.truth.lies(job.pk, open=True) == []
        second_life(stage, job)


@dataclass(frozen=True, slots=True)
class KillInside:
    """SIGKILL in a transaction that was not committed yet."""

    name: str
    job: Callable[[Rig], Job]
    event: str

    def __str__(self) -> str:
        return f"killed inside {self.name}"

    @property
    def told(self) -> str:
        return f"before the commit|{self.name}"

    def play(self, stage: Stage) -> None:
        job = stage.job(self.job)
        stage.kill_inside(self.event)
        assert stage.truth.lies(job.pk, open=True) == []
        second_life(stage, job)


def finished(stage: Stage, job: Job) -> None:
    """To the end, with a new sign-in if one is needed; then all accounts agree."""
    if stage.wait_for(job, *ENDED) == "paused":
        assert stage.truth.lies(job.pk, open=True) == []
        stage.sign_in()
        stage.wait_for(job, "finished")
    assert stage.truth.lies(job.pk) == []


def second_life(stage: Stage, job: Job) -> None:
    """Another worker takes over: everything is done, nothing twice."""
    with stage.here():
        held = Job.objects.select_related("organization").get(pk=job.pk)
        if held.state == held.State.RUNNING and held.organization.writer_until:
            lapsed = max(0.0, (held.organization.writer_until - timezone.now()).total_seconds())
            assert lapsed <= CALL_DEADLINE_S + 1
    stage.start()
    finished(stage, job)
    changed = Counter((effect.member_id, effect.field) for effect in stage.rig.witness.effects)
    assert set(changed.values()) <= {1}, "something was changed twice"
    outcomes = stage.outcomes(job)
    assert outcomes == [
        "refused" if len(outcomes) == 8 and place == 4 else "done" for place in range(len(outcomes))
    ]


PLACE_NAMES = list(PLACES)
FAULTS = [
    Fault(kind, mishap, PLACE_NAMES[(row + column) % 3])
    for row, mishap in enumerate(MISHAPS)
    for column, kind in enumerate((BULK, SINGLE, INVITE, READ, TOKEN))
    # Nothing hangs for as long as the sign-in service may take.
    if not (kind is TOKEN and ("timeout" in mishap.name or "drip" in mishap.name))
    # Nobody waits half a minute.
    and "long wait" not in mishap.name
]
KILLS = [
    *(Kill(BULK, *at) for at in itertools.product((1, 2, 3), ("before", "after", "answered"))),
    *(Kill(HALF, *at) for at in itertools.product((1, 2, 3, 4), ("before", "after", "answered"))),
    *(Kill(SINGLE, *at) for at in itertools.product((1, 3), ("before", "after", "answered"))),
    *(Kill(INVITE, *at) for at in itertools.product((1, 3), ("before", "after", "answered"))),
    *(Kill(READ, *at) for at in itertools.product((1, 2, 3), ("before", "after", "answered"))),
    *(Kill(TOKEN, 1, moment) for moment in ("before", "after", "answered")),
    KillInside("the first intention", three_bulks, "UPDATE OF outcome ON memberships_planrow"),
    KillInside(
        "the second intention",
        three_bulks,
        "UPDATE OF outcome ON memberships_planrow WHEN NEW.outcome = 'unknown' AND NEW.position = 2",
    ),
    KillInside("the note of a half", narrowing, "UPDATE OF at_most ON memberships_planrow"),
    KillInside(
        "an outcome", three_invitations, "UPDATE OF outcome ON memberships_planrow WHEN NEW.outcome = 'done'"
    ),
    KillInside("an audit entry", three_bulks, "INSERT ON memberships_auditentry WHEN NEW.outcome = 'done'"),
    KillInside(
        "the last audit entry of many",
        three_bulks,
        "UPDATE OF audit_number ON memberships_organization",
    ),
    KillInside("the end", three_singles, "UPDATE OF state ON memberships_job WHEN NEW.state = 'finished'"),
    KillInside("the claim", three_singles, "UPDATE OF writer_token ON memberships_organization"),
]


def spread(cases: list, every: int) -> list:
    return [
        pytest.param(case, id=str(case), marks=pytest.mark.faults(spread=number % every == 0))
        for number, case in enumerate(cases)
    ]


@pytest.fixture(scope="module")
def template(tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[Path]:
    """An empty database as the migrations leave it; while it is in use, every thread may use its own."""
    path = tmp_path_factory.mktemp("template") / "roster.sqlite3"
    with django_db_blocker.unblock():
        database.ensure_connection()
        assert "memory" in database.settings_dict["NAME"]
        with closing(sqlite3.connect(path)) as copy:
            database.connection.backup(copy)
        yield path


@pytest.fixture(scope="module")
def played(request, template, tmp_path_factory) -> Iterator[dict[str, Future[None]]]:
    """All the cases that were asked for, begun at once: each test waits for its own."""
    folder = tmp_path_factory.mktemp("stages")
    cases = [
        item.callspec.params["case"]
        for item in request.session.items
        if getattr(item, "callspec", None) and "case" in item.callspec.params and item.path == request.path
    ]

    def play(number: int, case) -> None:
        with Stage(folder / str(number), template).set() as stage:
            case.play(stage)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {str(case): pool.submit(play, number, case) for number, case in enumerate(cases)}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", spread(FAULTS, 36))
def test_a_worker_tells_the_truth_whatever_happens_to_a_call(played, case, record_property):
    record_property("worker", f"{case.kind}|{case.mishap}|{case.place}")
    played[str(case)].result()


@pytest.mark.parametrize("case", spread(KILLS, 13))
def test_a_killed_worker_leaves_nothing_undone_and_does_nothing_twice(played, case, record_property):
    record_property("killed", case.told)
    played[str(case)].result()


# Several at once, and the world around them


@pytest.fixture
def stage(template, tmp_path) -> Iterator[Stage]:
    with Stage(tmp_path / "stage", template).set() as its_stage:
        yield its_stage


@pytest.mark.faults(spread=True)
def test_two_workers_and_a_page_share_one_job_and_one_renewal(stage):
    """Twenty invitations, a token that has just ended, two workers that want the same job, a page that reads."""
    job = stage.job(lambda rig: rig.invite([f"new.{number}" for number in range(20)]))
    with stage.here():
        ended = timezone.now() - timedelta(seconds=1)
        Connection.objects.filter(pk=stage.rig.connection.pk).update(expires_at=ended)
        stage.world.expire_access_tokens()
        stage.close.latency_s = 0.05
        stage.start()
        stage.start()
        stage.until(lambda: len(stage.close.calls) > 0 or stage.state(job)["claimed_at"], "the first call")
        assert connections.provider_for(stage.rig.connection).actor().can_manage
    stage.wait_for(job, "finished")
    assert stage.truth.lies(job.pk) == []
    assert set(stage.outcomes(job)) == {"done"}
    assert stage.rig.calls("POST", "/oauth2/token/") == 1
    emails = Counter(body["email"] for method, _, body in stage.rig.witness.asked if method == "POST")
    assert set(emails.values()) == {1}
    calls = sorted(stage.close.calls.matching("POST", "/membership/"), key=lambda call: call.started_at)
    assert all(one.ended_at <= next_one.started_at for one, next_one in itertools.pairwise(calls))


@pytest.mark.faults(spread=True)
def test_the_database_may_be_gone_for_a_while(stage):
    job = stage.job(three_bulks)
    table = "memberships_planrow"
    away = f"ALTER TABLE {table} RENAME TO away"

    def go_away() -> None:
        stage.execute("PRAGMA legacy_alter_table = ON", away)

    stage.at_call(2, BULK, go_away, moment="after")
    stage.start()
    stage.until(lambda: stage.query("SELECT 1 FROM sqlite_master WHERE name = 'away'") != [], "the absence")
    time.sleep(1.5)
    stage.execute("PRAGMA legacy_alter_table = ON", f"ALTER TABLE away RENAME TO {table}")
    finished(stage, job)
    assert set(stage.outcomes(job)) == {"done"}


@pytest.mark.faults
def test_nobody_can_write_for_a_while(stage):
    job = stage.job(three_bulks)
    stage.at_call(2, BULK, lambda: None, moment="answered")
    stage.start()
    finished(stage, job)
    assert set(stage.outcomes(job)) == {"done"}


@pytest.mark.faults
def test_one_organizations_wait_does_not_hold_up_anothers_job(stage):
    waiting = stage.job(three_invitations)
    stage.close.faults.fail_next(429, method="POST", path="/membership/", headers={"retry-after": "45"})
    stage.start()
    stage.wait_for(waiting, "waiting")
    other = stage.sign_in(organization=HARBOR)
    harbor = stage.world.organization_id(HARBOR)
    people = [m["id"] for m in stage.world.members(harbor) if m["role_id"] == "user"][:2]
    job = stage.job(lambda rig: rig.change(people, {"role": "superuser"}, by=other))
    began = time.monotonic()
    stage.wait_for(job, "finished")
    assert time.monotonic() - began < 20
    assert stage.truth.lies(job.pk) == []
    assert stage.state(waiting)["state"] == "waiting"
    assert "wait" in stage.state(waiting)["note"]


@pytest.mark.faults
def test_stop_reaches_a_worker_that_is_at_it(stage):
    job = stage.job(lambda rig: rig.invite([f"new.{number}" for number in range(12)]))

    def stop() -> None:
        stage.execute(f"UPDATE memberships_job SET stop_requested = 1 WHERE id = '{job.pk.hex}'")

    stage.at_call(3, INVITE, stop, moment="after")
    stage.start()
    finished(stage, job)
    assert stage.outcomes(job) == ["done"] * 3 + ["not attempted"] * 9
    assert len(stage.rig.witness.asked) == 3


def found(stage: Stage, job: Job) -> Job:
    its_job = jobs.find(stage.rig.connection.organization, job.pk)
    assert its_job
    return its_job


@pytest.mark.faults
def test_a_job_whose_worker_died_is_seen_to_be_stuck(stage):
    job = stage.job(three_bulks)
    stage.at_call(2, BULK, stage.kill, moment="after")
    stage.start().wait(60)
    with stage.here():
        assert not jobs.is_stuck(found(stage, job))
        time.sleep(CALL_DEADLINE_S + 1)
        assert jobs.is_stuck(found(stage, job))
    second_life(stage, job)


@pytest.mark.faults
def test_a_page_and_workers_press_on_a_plan_once(stage):
    """Apply is pressed in eight browsers at the same moment: one job, and each person is changed once."""
    with stage.here():
        rig = stage.rig
        plan = proposals.change(
            rig.connection, rig.people(4), {"role": "superuser"}, reason="", channel="test"
        )
    stage.rig.witness.begin()

    def press(_: int) -> str:
        with stage.here():
            return str(rig.apply(type(plan).objects.get(pk=plan.pk)).pk)

    with ThreadPoolExecutor(8) as pool:
        pressed = set(pool.map(press, range(8)))
    assert len(pressed) == 1
    with stage.here():
        job = Job.objects.get()
    stage.execute("UPDATE memberships_job SET offered_at = NULL")
    stage.start()
    stage.start()
    finished(stage, job)
    assert set(stage.outcomes(job)) == {"done"}


@pytest.mark.faults(spread=True)
def test_the_audit_log_is_passed_on_once_and_in_order_and_holds_no_job_up_while_nobody_receives_it(
    stage, monkeypatch
):
    """Three workers, of which one is killed; the receiver says nothing for as long as the job lasts."""
    got: list[int] = []

    def receive(request: Request) -> Response:
        got.extend(json.loads(line)["number"] for line in request.body.splitlines())
        return Response(204)

    with background(Server(receive, Limits())) as receiver:
        monkeypatch.setenv("AUDIT_WEBHOOK_URL", f"{receiver.url}/audit")
        monkeypatch.setenv("AUDIT_WEBHOOK_SECRET", secrets.token_urlsafe(32))
        receiver.faults.delay(3600, times=None)
        stage.start()
        stage.until(lambda: stage.query("SELECT * FROM memberships_sink"), "a beginning")
        began = stage.query("SELECT audit_number FROM memberships_organization")[0]["audit_number"]
        job = stage.job(three_bulks)
        stage.start()
        at = time.monotonic()
        finished(stage, job)
        assert time.monotonic() - at < 15
        stage.until(lambda: len(stage.query("SELECT * FROM memberships_worker")) == 2, "a second heartbeat")
        stage.kill()
        receiver.faults.clear()
        stage.execute("UPDATE memberships_sink SET not_before = NULL, held_until = NULL")
        stage.start()
        stage.start()
        last = stage.query("SELECT audit_number FROM memberships_organization")[0]["audit_number"]
        stage.until(lambda: got and got[-1] == last, "the last entry")
        assert got == list(range(began + 1, last + 1))


# The database is lost, and a backup put in its place as docs/backup.md says


def lose_everything(stage: Stage) -> None:
    stage.kill()
    for worker in stage.workers:
        worker.wait()
    for path in stage.path.parent.glob("*.sqlite3*"):
        path.unlink()


def back_up(stage: Stage, target: Path) -> None:
    with stage.here():
        call_command("backup", str(target), stdout=io.StringIO())


def put_back(stage: Stage, backup: Path) -> None:
    shutil.copy(backup, stage.path)
    with stage.here():
        organization = Organization.objects.get()
        assert audit.verify(organization) == []
        assert Connection.objects.get().access_token, "it opens with the keys that are set"


@pytest.mark.faults(spread=True)
def test_a_job_that_was_open_in_a_backup_goes_on_and_its_receipt_is_true(stage, tmp_path):
    backup = tmp_path / "roster.backup"
    job = stage.job(three_bulks)

    def copied_and_lost() -> None:
        back_up(stage, backup)
        stage.kill()

    stage.at_call(2, BULK, copied_and_lost, moment="after")
    stage.start().wait(60)
    lose_everything(stage)
    put_back(stage, backup)
    second_life(stage, job)


@pytest.mark.faults
def test_what_was_done_after_a_backup_is_not_done_again_when_it_is_put_back(stage, tmp_path):
    """What was on its way is settled by reading; what came after it looks like somebody else's doing."""
    backup = tmp_path / "roster.backup"
    job = stage.job(three_bulks)
    stage.at_call(2, BULK, lambda: back_up(stage, backup), moment="after")
    stage.start()
    finished(stage, job)
    lose_everything(stage)
    put_back(stage, backup)
    calls = stage.rig.calls("PUT")
    stage.start()
    stage.wait_for(job, "finished")
    assert stage.rig.calls("PUT") == calls
    assert stage.outcomes(job) == ["done"] * 4 + ["refused"] * 2
    told = stage.query("SELECT error FROM memberships_planrow WHERE outcome = 'refused'")
    assert all("Changed by someone else since the review" in row["error"] for row in told)


@pytest.mark.faults
def test_a_token_renewed_after_a_backup_pauses_the_job_until_somebody_signs_in(stage, tmp_path):
    backup = tmp_path / "roster.backup"
    job = stage.job(three_bulks)
    back_up(stage, backup)
    stage.world.expire_access_tokens()
    stage.start()
    finished(stage, job)
    lose_everything(stage)
    put_back(stage, backup)
    stage.start()
    assert stage.wait_for(job, *ENDED) == "paused"
    stage.sign_in()
    stage.wait_for(job, "finished")
