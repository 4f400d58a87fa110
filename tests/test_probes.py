"""What supervisors ask: /healthz, /readyz and /metrics."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as database
from django.db import connections as databases
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from memberships.models import Connection, Job, Organization, Worker
from memberships.services import health, jobs, observing, workers
from tests.conftest import signed_in
from tests.steps import apply, people, review_role

TOKEN = "8sJx2QpLr5vTnW0yZbK7cMdEfGhA3uXi"  # made up for these tests
PROBES = ("/healthz", "/readyz", "/metrics")


@pytest.fixture
def worker(db, monkeypatch) -> workers.Heartbeat:
    """A worker that has just said that it is alive, and has called nobody yet."""
    monkeypatch.setattr(observing, "_reached", {})
    heartbeat = workers.Heartbeat()
    heartbeat.beat()
    return heartbeat


@pytest.fixture
def no_database(settings):
    """The database is somewhere nobody can get at."""
    before = databases["default"]
    there = copy.deepcopy(before.settings_dict) | {"NAME": "/nowhere/roster.sqlite3"}
    databases["default"] = before.__class__(there, "default")
    yield
    databases["default"] = before


def ready(client: Client | None = None) -> tuple[int, dict[str, Any]]:
    answer = (client or Client()).get("/readyz")
    return answer.status_code, answer.json()


type Numbers = dict[frozenset[str], float]
"""By the name and the labels' values, in whatever order."""


def numbers(text: str) -> Numbers:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {frozenset((sample.name, *sample.labels.values())): sample.value for sample in samples}


def scrape(token: str = TOKEN) -> Numbers:
    answer = Client().get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return numbers(answer.content.decode())


# Ready


def test_it_is_ready_with_a_database_and_a_worker(worker):
    status, said = ready()
    assert (status, said["ready"], said["problems"], said["workers"]) == (200, True, {}, 1)


def test_without_a_worker_it_is_not_ready_and_says_so(db):
    assert ready() == (503, ready()[1])
    assert ready()[1]["problems"] == {"worker": "No worker is alive."}


def test_a_worker_that_stopped_saying_so_is_no_longer_alive_and_is_tidied_away(worker):
    Worker.objects.update(seen_at=timezone.now() - timedelta(seconds=30))
    assert ready()[0] == 503
    workers.forget_old()
    assert Worker.objects.exists(), "the doctor can still say when it was seen last"
    Worker.objects.update(seen_at=timezone.now() - timedelta(days=2))
    workers.forget_old()
    assert not Worker.objects.exists()


def test_a_worker_has_one_row_and_takes_it_along(worker):
    worker.beat()
    assert Worker.objects.count() == 1
    Worker.objects.all().delete()
    worker.beat()
    assert Worker.objects.count() == 1, "as after an older database was put back"
    worker.end()
    assert not Worker.objects.exists()


def test_a_migration_that_is_missing_is_named_as_what_is_not_ready(worker):
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'memberships' AND name LIKE '0003%'")
    assert ready()[1]["problems"] == {
        "database": "Not applied yet: memberships.0003_files_tokens_and_operation."
    }


def test_without_a_database_it_is_not_ready_and_tells_no_address(db, no_database, settings):
    settings.METRICS_TOKEN = TOKEN
    assert ready() == (503, {"ready": False, "problems": {"database": "It can't be reached."}})
    assert Client().get("/healthz").status_code == 200
    assert now("roster_database_up") == 0


@pytest.fixture
def job(admin, world, northwind) -> Job:
    """A job that waits for a worker."""
    apply(review_role(admin, people(world, northwind, "user", 2), "Restricted User"))
    return Job.objects.get()


def waiting(job: Job, **since: timedelta) -> None:
    Job.objects.filter(pk=job.pk).update(
        **{name: timezone.now() - ago if ago is not None else None for name, ago in since.items()}
    )


def test_a_job_that_waits_too_long_makes_it_not_ready(worker, job):
    assert ready()[0] == 200
    waiting(job, created_at=timedelta(minutes=10))
    status, said = ready()
    assert status == 503
    assert said["problems"] == {"queue": "A job has waited for 600 s."}


def test_a_job_that_is_put_off_or_behind_another_does_not_wait_in_vain(job, connection):
    waiting(job, created_at=timedelta(minutes=10))
    waiting(job, not_before=timedelta(minutes=-1))
    assert health.queue_age_s() == 0
    waiting(job, not_before=timedelta(seconds=7))
    assert 7 <= health.queue_age_s() < 8
    Organization.objects.update(writer_token="x", writer_until=timezone.now() + timedelta(seconds=30))
    assert health.queue_age_s() == 0
    Organization.objects.update(writer_until=timezone.now() - timedelta(seconds=3))
    assert 3 <= health.queue_age_s() < 4, "since whoever held it is gone"


def test_after_a_job_the_next_one_has_waited_for_no_time(job, work, admin, world, northwind):
    waiting(job, created_at=timedelta(minutes=10))
    jobs.run(job.pk)
    apply(review_role(admin, people(world, northwind, "user", 2), "Restricted User"))
    waiting(Job.objects.exclude(pk=job.pk).get(), created_at=timedelta(minutes=10))
    assert health.queue_age_s() < 1


def test_close_being_away_is_told_but_takes_nobody_out_of_service(worker, admin, connection, close, settings):
    assert ready()[1]["close"]["state"] == "reached"
    close.faults.drop(times=None)
    Connection.objects.update(checked_at=timezone.now() - timedelta(minutes=2))
    admin.get("/members/")
    status, said = ready()
    assert (status, said["close"]["state"]) == (200, "away")
    close.faults.clear()
    Connection.objects.update(unanswered_at=timezone.now() - timedelta(minutes=1))
    admin.get("/members/")
    assert ready()[1]["close"]["state"] == "reached"


def test_a_worker_tells_with_its_heartbeat_whether_close_answered_it(worker, db):
    assert ready()[1]["close"] == {"state": "not asked yet", "answered_at": None}
    observing.Observed("close").answered("read", 429, 0.1)
    worker.beat()
    assert ready()[1]["close"]["state"] == "reached"
    observing.Observed("close").answered("read", None, 0.1)
    worker.beat()
    assert ready()[1]["close"]["state"] == "away"


def test_asking_calls_nobody_and_costs_few_queries(worker, job, close, django_assert_max_num_queries):
    close.calls.clear()
    with django_assert_max_num_queries(7):
        ready()
    assert not list(close.calls)


@pytest.mark.parametrize("path", PROBES)
def test_probes_ask_for_no_host_no_https_and_no_session_and_are_never_kept(path, worker, settings):
    settings.METRICS_TOKEN, settings.SECURE_SSL_REDIRECT = TOKEN, True
    headers = {"host": "10.1.2.3:8000", "authorization": f"Bearer {TOKEN}"}
    answer = Client().get(path, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert not answer.cookies


# Metrics


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \N{SNOWMAN}",
        "Bearer",
    ],
)
def test_without_the_token_there_are_no_metrics(header, settings, db):
    settings.METRICS_TOKEN = TOKEN
    answer = Client().get("/metrics", headers={"authorization": header} if header else {})
    assert answer.status_code == 404
    assert b"roster_" not in answer.content


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer", "Bearer x"])
def test_without_the_setting_there_are_no_metrics_for_anybody(header, settings, db):
    settings.METRICS_TOKEN = ""
    assert Client().get("/metrics", headers={"authorization": header}).status_code == 404


@pytest.fixture
def scraped(settings, db) -> Numbers:
    """What the metrics say at the beginning: they count on over all tests of a process."""
    settings.METRICS_TOKEN = TOKEN
    return scrape()


def now(*which: str) -> float:
    return scrape().get(frozenset(which), 0)


def more(before: Numbers, *which: str) -> float:
    return now(*which) - before.get(frozenset(which), 0)


def test_requests_are_counted_by_view_method_and_status(connection, admin, scraped):
    admin.get("/members/")
    admin.get("/members/nobody-of-that-id/")
    admin.get("/nothing/here/")
    admin.generic("BREW", "/members/")
    assert more(scraped, "roster_requests_total", "members", "GET", "200") == 1
    assert more(scraped, "roster_requests_total", "member", "GET", "404") == 1
    assert more(scraped, "roster_requests_total", "none", "GET", "404") == 1
    assert more(scraped, "roster_requests_total", "members", "other", "405") == 1
    assert more(scraped, "roster_request_seconds_count", "members") == 2


def test_jobs_rows_and_remote_calls_are_counted(scraped, job, work, close):
    assert now("roster_jobs", "queued") == 1
    close.faults.fail_next(429, headers={"retry-after": "1"}, method="PUT")
    work()
    assert (now("roster_jobs", "queued"), now("roster_jobs", "finished")) == (0, 1)
    assert more(scraped, "roster_rows_total", "close", "done") == 2
    assert more(scraped, "roster_remote_calls_total", "close", "write", "429") == 1
    assert more(scraped, "roster_remote_calls_total", "close", "write", "2xx") >= 1
    assert more(scraped, "roster_remote_calls_total", "close", "read", "2xx") >= 2
    assert more(scraped, "roster_remote_call_seconds_count", "close", "read") >= 2
    assert more(scraped, "roster_wait_seconds_total", "close", "call") == pytest.approx(1)


def test_a_wait_that_puts_a_job_off_is_counted(scraped, job, close):
    close.faults.fail_next(429, headers={"retry-after": "30"}, method="GET")
    jobs.run(job.pk)
    assert more(scraped, "roster_wait_seconds_total", "close", "job") == pytest.approx(30)


def test_calls_without_an_answer_and_token_calls_are_counted(scraped, connection, world, close, impatient):
    world.expire_access_tokens()
    close.faults.drop(path="/me/", times=3)
    Connection.objects.update(checked_at=timezone.now() - timedelta(minutes=2))
    signed_in(connection).get("/members/")
    assert more(scraped, "roster_remote_calls_total", "close", "read", "none") == 3


def test_rows_that_are_left_at_the_end_are_counted(scraped, job, work, admin):
    admin.post(f"/jobs/{job.pk}/stop/")
    work()
    assert more(scraped, "roster_rows_total", "close", "not attempted") == 2


def test_sign_ins_are_counted_by_how_they_end(scraped, connect):
    connect()
    assert more(scraped, "roster_sign_ins_total", "signed in") == 1


def test_labels_hold_no_ids_and_no_addresses(scraped, admin, connection, job, work, world, northwind):
    work()
    for member in world.members(northwind)[:3]:
        admin.get(f"/members/{member['id']}/?q={connection.email}")
    admin.get(f"/jobs/{job.pk}/")
    text = Client().get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).content.decode()
    for told in (connection.email, "@", northwind, "memb_", str(job.pk), "access", connection.access_token):
        assert told not in text


# Several processes

COUNT = """
import os, sys
sys.path.insert(0, os.getcwd())
os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
import django
django.setup()
from memberships.services import metrics
metrics.sign_ins.labels("signed in").inc(3)
metrics.request_s.labels("members").observe(0.02)
print("counted", flush=True)
sys.stdin.read()
"""
SHOW = """
import os, sys
sys.path.insert(0, os.getcwd())
os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
import django
django.setup()
from django.test import Client
print(Client().get("/metrics", headers={"authorization": "Bearer " + os.environ["METRICS_TOKEN"]}).content.decode())
"""


def test_what_all_processes_counted_is_added_up_also_of_those_that_have_ended(tmp_path):
    environment = os.environ | {
        "DEBUG": "true",
        "METRICS_TOKEN": TOKEN,
        "METRICS_DIR": str(tmp_path / "metrics"),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'roster.sqlite3'}",
    }

    def start(code: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def counted() -> tuple[float, float]:
        out, _ = start(SHOW).communicate()
        which = ("roster_sign_ins_total", "signed in"), ("roster_request_seconds_bucket", "members", "0.025")
        sign_ins, quick = (numbers(out)[frozenset(its)] for its in which)
        return sign_ins, quick

    counting = [start(COUNT) for _ in range(3)]
    for process in counting:
        assert process.stdout
        assert process.stdout.readline() == "counted\n"
    assert counted() == (9, 3)
    counting[0].communicate()
    counting[1].send_signal(signal.SIGKILL)
    counting[1].wait()
    assert counted() == (9, 3)
    assert counted() == (9, 3), "no count is taken over twice"
    files = sorted(path.name.partition("_")[0] for path in (tmp_path / "metrics").glob("*.db"))
    assert files == ["counter"] * 2 + ["histogram"] * 2, "those of the past and of the one that lives"
    counting[2].communicate()
