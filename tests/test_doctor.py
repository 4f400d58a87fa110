"""`manage.py doctor` finds what is wrong, says what to do, and survives what it looks at."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection as database
from django.utils import timezone

from dashboard import doctor
from dashboard.findings import FAIL, OK, WARN, Finding, written
from memberships.models import Worker
from memberships.services import audit_stream, keys, workers
from tests.test_audit_stream import happen
from tests.test_settings import COMPLETE

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def well(connection, settings, tmp_path) -> None:
    """An installation with nothing wrong."""
    workers.Heartbeat().beat()
    settings.PUBLIC_URL = "https://people.example.com"
    settings.HUEY = {"filename": str(tmp_path / "queue.sqlite3")}
    settings.COMMERCELAYER_CLIENT_ID = settings.COMMERCELAYER_CLIENT_SECRET = ""


def found(check: str) -> list[Finding]:
    return [finding for finding in doctor.findings() if finding.check == check]


def only(check: str) -> Finding:
    (finding,) = found(check)
    return finding


def examine(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_where_nothing_is_wrong_it_ends_with_0(well):
    ended, said = examine()
    assert ended == 0, said
    assert "FAIL" not in said


def test_one_failure_is_enough_to_end_with_1_and_machines_can_read_it(well):
    Worker.objects.all().delete()
    ended, said = examine("--json")
    told = json.loads(said)
    assert (ended, told["ok"]) == (1, False)
    (failure,) = [f for f in told["findings"] if f["state"] == FAIL]
    assert failure["check"] == "worker"
    assert failure["advice"] == "Start one: manage.py worker, or serve --with-worker."


def test_it_prints_exactly_what_to_enter_as_redirect_address(well):
    assert only("redirect") == Finding(
        "redirect", OK, "Enter exactly this in Close's OAuth app: https://people.example.com/login/callback/"
    )


def test_an_address_that_close_would_not_accept_is_noticed(well, settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert only("redirect").state == WARN
    settings.PUBLIC_URL = ""
    assert only("redirect").state == WARN


def test_secrets_under_an_older_key_and_lost_ones_are_counted(well, settings):
    settings.TOKEN_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.TOKEN_ENCRYPTION_KEYS]
    assert (only("keys").state, only("keys").advice) == (WARN, "manage.py rotate_keys")
    settings.TOKEN_ENCRYPTION_KEYS = settings.TOKEN_ENCRYPTION_KEYS[:1]
    assert only("keys").state == FAIL
    assert "2 stored secrets are opened by no key" in only("keys").sentence


@pytest.mark.parametrize(("off_s", "state"), [(0, OK), (20, WARN), (-20, WARN), (3600, FAIL), (-3600, FAIL)])
def test_a_clock_that_goes_wrong_is_noticed(well, off_s, state, monkeypatch):
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(seconds=off_s))
    assert [f.state for f in doctor._provider("close") if f.check == "clock"] == [state]


def test_a_provider_that_does_not_answer_is_a_failure_with_a_sentence(well, close):
    close.faults.drop(times=None)
    assert only("close").state == FAIL
    assert only("close").sentence.startswith("Close can't be reached")
    close.faults.clear()
    close.faults.fail_next(503)
    assert only("close").state == WARN
    assert only("close").state == OK, "a refusal of somebody without credentials is an answer"


def test_commerce_layer_is_asked_only_where_it_is_used(well, settings, close):
    assert found("commercelayer") == []
    settings.COMMERCELAYER_CLIENT_ID = settings.COMMERCELAYER_CLIENT_SECRET = "x"
    settings.COMMERCELAYER_API_URL = "http://127.0.0.1:9"
    assert only("commercelayer").state == FAIL
    settings.COMMERCELAYER_API_URL = close.url
    assert only("commercelayer").state == OK


def test_a_missing_migration_is_named(well):
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'memberships' AND name LIKE '0003%'")
    finding = only("database")
    assert (finding.state, finding.advice) == (FAIL, "manage.py migrate")
    assert "memberships.0003_files_tokens_and_operation" in finding.sentence


def test_a_folder_that_can_not_be_written_to_is_named(well, settings, monkeypatch):
    settings.HUEY = {"filename": "/nowhere/queue.sqlite3"}
    assert [f.state for f in found("files") if "/nowhere" in f.sentence] == [FAIL]


def test_static_files_that_are_not_collected_stop_a_production_start(well, settings, tmp_path):
    settings.DEVELOPMENT, settings.STATIC_ROOT = False, tmp_path
    assert only("static").state == FAIL
    (tmp_path / "staticfiles.json").write_text("{}")
    assert only("static").state == OK


def test_an_audit_log_that_nobody_receives_is_a_failure_with_its_backlog(well, settings, connection):
    settings.AUDIT_STREAM = "file:/nowhere/audit.jsonl"
    audit_stream.pass_on()
    assert only("audit").state == OK
    happen(connection, 3)
    audit_stream.pass_on()
    finding = only("audit")
    assert finding.state == FAIL
    assert "3 entries wait" in finding.sentence
    assert "No such file or directory" in finding.sentence


def test_a_short_metrics_token_is_noticed(well, settings):
    settings.METRICS_TOKEN = "short"
    assert only("metrics").state == WARN
    settings.METRICS_TOKEN = "m" * 32
    assert only("metrics").state == OK


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on(well, monkeypatch):
    def broken() -> int:
        raise RuntimeError("with a secret in it")

    monkeypatch.setattr(keys, "count", broken)
    assert only("keys") == Finding("keys", FAIL, "This could not be checked: RuntimeError.")
    assert only("metrics").state == OK


def test_no_secret_is_ever_printed(well, settings, connection):
    settings.METRICS_TOKEN, settings.AUDIT_WEBHOOK_SECRET = "m" * 32, "w" * 32
    _, said = examine("--json")
    secrets = [connection.access_token, settings.SECRET_KEY, settings.CLOSE_CLIENT_SECRET, "m" * 32, "w" * 32]
    for secret in [*secrets, *settings.TOKEN_ENCRYPTION_KEYS]:
        assert secret not in said


def test_lines_stand_below_each_other():
    text = written([Finding("a", OK, "Good."), Finding("keys", FAIL, "Bad.", "Do it.")], as_json=False)
    assert text == "ok    a             Good.\nFAIL  keys          Bad.\n                    → Do it."


def test_an_unreadable_date_is_told():
    assert [f.state for f in doctor._clock("Close", "yesterday", timezone.now())] == [WARN]


# With settings that nothing can start with


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "doctor", *arguments]
    needed = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        command, cwd=ROOT, env=needed | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"PUBLIC_URL": "http://people.example.com"}, "PUBLIC_URL must start with https://"),
        ({"SECRET_KEY": ""}, "Set SECRET_KEY in the environment"),
        ({"PLAN_EXPIRES_S": "an hour"}, "PLAN_EXPIRES_S must be a whole number"),
    ],
)
def test_broken_settings_are_its_first_finding(broken, sentence):
    outcome = run(COMPLETE | broken)
    assert outcome.returncode == 1
    assert outcome.stdout.startswith("FAIL  settings")
    assert sentence in outcome.stdout
    assert "Traceback" not in outcome.stdout + outcome.stderr
    told = json.loads(run(COMPLETE | broken, "--json").stdout)
    assert sentence in told["findings"][0]["sentence"]


def test_without_a_database_it_says_so_and_goes_on():
    environment = COMPLETE | {
        "DATABASE_URL": "postgres://me@127.0.0.1:9/roster",
        "CLOSE_API_URL": "https://127.0.0.1:9",
    }
    outcome = run(environment, "--json")
    assert outcome.returncode == 1
    told = {f["check"]: f["state"] for f in json.loads(outcome.stdout)["findings"]}
    assert (told["database"], told["close"], told["metrics"]) == (FAIL, FAIL, OK)
    assert "keys" not in told
