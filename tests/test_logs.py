"""What is logged, and what never is."""

from __future__ import annotations

import io
import json
import logging
import re
import secrets
import uuid
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from dashboard.logs import JsonLines, Scrubber
from memberships.models import Job
from memberships.services import context, jobs
from memberships.services.run import Run
from sandbox.oauth import CLIENT_SECRET
from tests.steps import apply, people, review_role
from tests.test_settings import COMPLETE, start

TOKEN = "3q2-7wAxKk_9vT1yZ0bN5cR8dF4gH6jL2mP1sQ"
JWT = "eyJhbGciOiJIUzUxMiJ9.eyJvcmdhbml6YXRpb24iOnsiaWQiOiJ4In19.c2lnbmF0dXJl-X_1"
FERNET = Fernet(Fernet.generate_key()).encrypt(b"refresh").decode()
SET = "the-webhook-secret-of-this-installation"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Whatever any logger writes, as in production."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(secrets=[SET, CLIENT_SECRET]))
    root = logging.getLogger()
    level, handlers = root.level, root.handlers
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


def lines(written: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def accesses(written: io.StringIO) -> list[dict[str, object]]:
    return [line for line in lines(written) if line["logger"] == "roster.access"]


# What is taken out


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "Authorization: Bearer {}",
        "authorization: Basic {}",
        "headers {{'Authorization': 'Bearer {}'}}",
        "access_token={}&refresh_token=y",
        '{{"access_token": "{}", "expires_in": 3600}}',
        "{{'refresh_token': '{}'}}",
        "GET /login/callback/?code={}&state=abc",
        "https://roster.example/login/callback/?state={}#x",
        "CLOSE_CLIENT_SECRET={}",
        "client_secret: {}",
        "could not parse b'{}'",
        "token {} was refused",
        "Cookie: sessionid={}; theme=dark",
        "X-Api-Key api_key={}",
        "HTTPSConnectionPool(host='api.close.com', port=443): Max retries exceeded with url: /me/?token={}",
        "a\nb {}\nc",
    ],
)
@pytest.mark.parametrize(
    "token",
    [TOKEN, JWT, FERNET, secrets.token_urlsafe(32), secrets.token_hex(20), SET],
    ids=["access token", "JWT", "Fernet", "base64", "hexadecimal", "set"],
)
def test_a_token_is_taken_out_wherever_it_stands(text, token):
    scrubbed = Scrubber(secrets=[SET])(text.format(token))
    assert token not in scrubbed
    assert token[-12:] not in scrubbed
    assert "[removed]" in scrubbed


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("?code=short&state=tiny", "?code=[removed]&state=[removed]"),
        ("password=hunter2", "password=[removed]"),
        ('{"client_secret": "a b, c"}', '{"client_secret": [removed]}'),
        ("postgres://roster:hunter2@db.internal/roster", "postgres://roster:[removed]@db.internal/roster"),
        ("ann.lee+x@northwind.example.com left", "a…@northwind.example.com left"),
        ("<ann@example.com>, bob@example.org", "<a…@example.com>, b…@example.org"),
        ("ann%40x: ann@example.com", "ann%40x: a…@example.com"),
    ],
)
def test_short_secrets_are_known_by_their_names_and_addresses_are_shortened(text, scrubbed):
    assert Scrubber()(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "job 0f8fad5b-d9cb-469f-a165-70867728950e: another worker took over",
        "organization orga_bwwWG475zqWiQGur0thQshwVXo8rIYecQHDWFanqhen: the event log could not be read",
        "status code: 502, state: waiting",
        'File "/srv/roster/.venv/lib/python3.13/site-packages/django/core/handlers/exception.py", line 42',
        "memberships.providers.commercelayer.token._something_that_is_very_long",
        "2026-11-29T17:04:22.123456+00:00",
        "Close asks to wait 7 s before the next call.",
        "memberships.0002_items_and_second_provider",
        "django.contrib.sessions.middleware.SessionMiddleware and COMMERCELAYER_FOR_CLOSE_ORGANIZATION",
        "----------------------------------------",
    ],
)
def test_what_a_line_is_about_stays(text):
    assert Scrubber()(text) == text


@given(st.text())
def test_no_text_breaks_the_log(text):
    record = logging.LogRecord("x", logging.INFO, "", 0, text, (), None)
    assert json.loads(JsonLines().format(record))["level"] == "info"
    assert "\n" not in JsonLines().format(record)


@pytest.mark.parametrize(
    "beginning", ["", "roster_", "zlknz_", "api_"], ids=["nothing", "ours", "a word", "an API key"]
)
def test_tokens_are_always_found_whatever_they_begin_with(beginning):
    tokens = [beginning + secrets.token_urlsafe(32) for _ in range(2000)]
    tokens += [beginning + secrets.token_hex(16) for _ in range(200)]
    scrub = Scrubber()
    assert [token for token in tokens if token in scrub(f"refused {token} again")] == []


def test_arguments_exceptions_their_causes_and_own_fields_are_scrubbed(written):
    log = logging.getLogger("memberships.anything")
    try:
        try:
            raise ValueError(f"refresh_token={TOKEN}")
        except ValueError as cause:
            raise RuntimeError(f"ann@example.com used {JWT}") from cause
    except RuntimeError:
        log.exception("renewing %s for %s failed", TOKEN, "ann@example.com", extra={"fields": {"who": TOKEN}})
    text = written.getvalue()
    for secret in (TOKEN, JWT, "ann@example.com"):
        assert secret not in text
    (line,) = lines(written)
    assert line["message"] == "renewing [removed] for a…@example.com failed"
    assert line["who"] == "[removed]"
    assert "RuntimeError: a…@example.com used [removed]" in str(line["exception"])
    assert "ValueError: refresh_token=[removed]" in str(line["exception"])


@pytest.mark.parametrize("text", ["%d people", "%s and %s", "nothing to put in"])
def test_arguments_that_do_not_fit_are_no_way_out(text):
    record = logging.LogRecord("x", logging.INFO, "", 0, text, (TOKEN,), None)
    assert json.loads(JsonLines().format(record))["message"] == text


def test_addresses_are_logged_in_full_where_the_operator_wants_them():
    assert Scrubber(emails=True)("ann@example.com") == "ann@example.com"
    assert TOKEN not in Scrubber(emails=True)(f"ann@example.com {TOKEN}")


IN_PRODUCTION = """
import logging, os
os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
import django
django.setup()
logging.getLogger("anything").warning("%s and ann@example.com", os.environ["CLOSE_CLIENT_SECRET"])
"""


def test_in_production_every_line_is_json_on_standard_error_and_knows_what_is_set_as_secret():
    outcome = start(COMPLETE, IN_PRODUCTION)
    assert outcome.stdout == ""
    assert json.loads(outcome.stderr)["message"] == "[removed] and a…@example.com"


def test_on_a_developers_machine_a_line_is_to_be_read():
    outcome = start(COMPLETE | {"DEBUG": "true", "LOG_EMAILS": "true"}, IN_PRODUCTION)
    assert outcome.stderr.endswith("WARNING anything [removed] and ann@example.com\n")


# What is told of a request


def test_each_request_is_a_line_with_its_route_and_never_its_path(
    written, admin, world, northwind, connection
):
    member = world.members(northwind)[0]["id"]
    written.truncate(0)
    admin.get(f"/members/{member}/?q=ann@example.com")
    (line,) = accesses(written)
    assert (line["method"], line["view"], line["status"]) == ("GET", "member", 200)
    assert isinstance(line["ms"], float)
    assert line["organization_id"] == northwind
    assert member not in written.getvalue()


def test_a_callback_with_a_code_leaves_no_trace_of_it(written, close, db):
    answer = Client().get(f"/login/callback/?code={TOKEN}&state={JWT}")
    assert answer.status_code == 400
    Client().get(f"/login/callback/{TOKEN}/?code=abc123")
    assert [line["view"] for line in accesses(written)] == ["callback", "none"]
    assert TOKEN not in written.getvalue()
    assert "abc123" not in written.getvalue()


def test_probes_are_not_logged(written, db):
    for path in ("/healthz", "/readyz", "/metrics"):
        Client().get(path)
    assert not accesses(written)


def test_the_answer_names_the_request_and_nobody_outside_chooses_the_name(written, db):
    answer = Client().get("/login/", headers={"x-request-id": "chosen-outside"})
    (line,) = accesses(written)
    assert answer.headers["X-Request-ID"] == line["request_id"] != "chosen-outside"
    assert uuid.UUID(str(line["request_id"]))
    assert Client().get("/login/").headers["X-Request-ID"] != line["request_id"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("from-the-proxy-1", True),
        ("short", False),
        ("with space in it", False),
        ("x" * 81, False),
        ("a\nb" * 5, False),
    ],
)
def test_a_trusted_proxy_may_name_the_request(given, kept, settings, db):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    answer = Client().get("/login/", headers={"x-request-id": given})
    assert (answer.headers["X-Request-ID"] == given) is kept


def test_a_failure_of_ours_is_logged_once_with_its_request(written, admin, monkeypatch):
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError(f"ann@example.com {TOKEN}")

    monkeypatch.setattr("memberships.views.audit.audit.search", broken)
    admin.raise_request_exception = False
    answer = admin.get("/audit/")
    assert answer.status_code == 500
    (trace,) = [line for line in lines(written) if "exception" in line]
    assert trace["request_id"] == answer.headers["X-Request-ID"] == accesses(written)[-1]["request_id"]
    assert TOKEN not in written.getvalue()
    assert "ann@example.com" not in written.getvalue()


# What is told of a job


def test_every_line_of_a_job_carries_job_plan_and_organization(written, admin, world, northwind, monkeypatch):
    apply(review_role(admin, people(world, northwind, "user", 1), "Restricted User"))
    job = Job.objects.get()
    written.truncate(0)
    written.seek(0)
    turn = Run.go

    def telling(run: Run) -> None:
        logging.getLogger("memberships.services.run").info("at it")
        turn(run)

    monkeypatch.setattr(Run, "go", telling)
    jobs.run(job.pk)
    (line,) = [line for line in lines(written) if line["message"] == "at it"]
    assert (line["job_id"], line["plan_id"], line["organization_id"]) == (
        str(job.pk),
        str(job.plan_id),
        northwind,
    )
    assert context.ids() == {}, "the next job of this thread starts afresh"


def test_a_job_that_breaks_off_is_logged_with_its_ids_and_without_what_broke_it(
    written, admin, world, northwind, monkeypatch
):
    apply(review_role(admin, people(world, northwind, "user", 1), "Restricted User"))

    def broken(run: Run) -> None:
        raise RuntimeError(f"refresh_token={TOKEN} of ann@example.com")

    monkeypatch.setattr(Run, "go", broken)
    with pytest.raises(RuntimeError):
        jobs.run(Job.objects.get().pk)
    (line,) = [line for line in lines(written) if "exception" in line]
    assert (line["job_id"], line["organization_id"]) == (str(Job.objects.get().pk), northwind)
    assert TOKEN not in written.getvalue()
    assert "ann@example.com" not in written.getvalue()


def test_a_page_about_a_plan_or_a_job_carries_its_id(written, admin, world, northwind):
    review = review_role(admin, people(world, northwind, "user", 1), "Restricted User")
    plan_id = re.search(r"/plans/([^/]+)/", review.address)
    assert plan_id
    apply(review)
    told = [line for line in accesses(written) if line["view"] in ("plan", "apply")]
    assert told
    assert all(line["plan_id"] == plan_id[1] for line in told)
    assert [line["job_id"] for line in accesses(written) if line["view"] == "job"] == [
        str(Job.objects.get().pk)
    ]
