"""Configuration: what is missing or malformed stops the start with a sentence; whom to believe about addresses."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
import secrets
import string
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from huey.serializer import SignedSerializer

from dashboard.middleware import TrustedProxies
from dashboard.signed import SignedValues

ROOT = Path(__file__).resolve().parent.parent
COMPLETE = {
    "SECRET_KEY": secrets.token_urlsafe(50),
    "TOKEN_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "PUBLIC_URL": "https://people.example.com",
    "CLOSE_CLIENT_ID": "oa2client_x",
    "CLOSE_CLIENT_SECRET": "secret-of-this-test",
}
SHOW = """
import json, os, dashboard.settings as s
said = lambda value: str(value) if isinstance(value, os.PathLike) else type(value).__name__
print(json.dumps({name: getattr(s, name) for name in dir(s) if name.isupper()}, default=said))
"""
TRY_EACH = """
import json, os, sys
for changes in json.load(sys.stdin):
    before = dict(os.environ)
    for name, value in changes.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    sys.modules.pop("dashboard.settings", None)
    try:
        import dashboard.settings
        print("started")
    except Exception as problem:
        print(json.dumps(f"{type(problem).__name__}: {problem}"))
    os.environ.clear()
    os.environ.update(before)
"""

type Outcome = subprocess.CompletedProcess[str]


def start(environment: dict[str, str], code: str = "import dashboard.settings", typed: str = "") -> Outcome:
    """Read the settings in a process of its own, with nothing in its environment but this."""
    needed = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, env=needed | environment, input=typed, capture_output=True, text=True, check=False
    )


def manage(environment: dict[str, str], *arguments: str) -> Outcome:
    needed = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=needed | environment, capture_output=True, text=True, check=False
    )


# Name, default, least and most.
NUMBERS = [
    ("MIRROR_FRESH_S", 300, 0, 86_400),
    ("GROUPS_FRESH_S", 900, 0, 86_400),
    ("PERMISSION_FRESH_S", 60, 0, 3600),
    ("PERMISSION_READABLE_S", 600, 0, 3600),
    ("PLAN_EXPIRES_S", 3600, 60, 604_800),
    ("MINIMUM_MANAGERS", 1, 1, 100),
    ("INVITATIONS_PER_DAY", 2000, 0, 100_000),
    ("SIGN_INS_PER_MINUTE", 20, 1, 10_000),
    ("QUEUE_LATE_S", 300, 1, 86_400),
    ("SESSION_ABSOLUTE_S", 43_200, 300, 2_592_000),
    ("SESSION_IDLE_S", 7200, 60, 2_592_000),
]
SECONDS = [
    ("PAGE_DEADLINE_S", 10, 0.1, 120),
    ("CALL_DEADLINE_S", 60, 0.1, 600),
    ("LEASE_MARGIN_S", 15, 1, 600),
]
OPTIONAL = [
    *(name for name, *_ in (*NUMBERS, *SECONDS)),
    *(
        "ALLOWED_HOSTS",
        "CSRF_TRUSTED_ORIGINS",
        "TRUSTED_PROXIES",
        "DEBUG",
        "DATABASE_URL",
        "REDIS_URL",
        "QUEUE_FILE",
    ),
    *("CLOSE_APP_URL", "CLOSE_API_URL", "CLOSE_PKCE", "CLOSE_ORGANIZATIONS"),
    *("COMMERCELAYER_AUTH_URL", "COMMERCELAYER_API_URL", "COMMERCELAYER_WINDOWS"),
    *("COMMERCELAYER_CLIENT_ID", "COMMERCELAYER_CLIENT_SECRET", "COMMERCELAYER_FOR_CLOSE_ORGANIZATION"),
    *("METRICS_TOKEN", "METRICS_DIR", "AUDIT_STREAM", "AUDIT_WEBHOOK_URL", "AUDIT_WEBHOOK_SECRET"),
    "LOG_EMAILS",
]

KEY = COMPLETE["TOKEN_ENCRYPTION_KEYS"]
RANDOM = secrets.token_urlsafe(50)
STRONG = "must be 50 random characters or more"
NOT_RANDOM = "TOKEN_ENCRYPTION_KEYS has a key in it that is not random"
NO_KEY = "TOKEN_ENCRYPTION_KEYS must be Fernet keys, comma separated, newest first."
NO_ADDRESS = "must be an address such as https://people.example.com, without a query or a password"
NO_DATABASE = "DATABASE_URL must be postgres://user:password@host:5432/name, or sqlite:///"
NO_HOSTS = "ALLOWED_HOSTS must be host names, comma separated"
NO_ORIGIN = "CSRF_TRUSTED_ORIGINS must be https origins, comma separated"
NO_WEBHOOK = "AUDIT_WEBHOOK_URL must be an https address such as"

# Each start has the complete environment with these changes; None takes a variable away.
STOPS: list[tuple[Mapping[str, str | None], str]] = [
    *(
        ({name: value}, f"Set {name} in the environment: nothing starts without it.")
        for name in ("SECRET_KEY", "TOKEN_ENCRYPTION_KEYS", "CLOSE_CLIENT_ID", "CLOSE_CLIENT_SECRET")
        for value in (None, "", "  ")
    ),
    *(({"PUBLIC_URL": value}, "Set PUBLIC_URL to the https address people use") for value in (None, "")),
    # Weak
    ({"SECRET_KEY": RANDOM[:49]}, f"SECRET_KEY {STRONG}"),
    ({"SECRET_KEY": "s" * 60}, f"SECRET_KEY {STRONG}"),
    ({"SECRET_KEY": "correct-horse-battery-staple" * 3}, f"SECRET_KEY {STRONG}"),
    *(
        ({"SECRET_KEY": typed}, f"SECRET_KEY {STRONG}")
        for typed in (
            string.ascii_lowercase + string.digits + string.ascii_lowercase,
            string.ascii_letters + string.digits,
            (string.digits + string.ascii_uppercase)[::-1] * 2,
            "qwertzuiopasdfghjklyxcvbnm1357924680qwertzuiopasdfghjkl",
            RANDOM[:30] + RANDOM[:30],
        )
    ),
    ({"SECRET_KEY": f"django-insecure-{RANDOM}"}, f"SECRET_KEY {STRONG}"),
    ({"SECRET_KEY": f"change-me-{RANDOM}"}, f"SECRET_KEY {STRONG}"),
    ({"SECRET_KEY": "for development on this machine only, never in production"}, f"SECRET_KEY {STRONG}"),
    ({"TOKEN_ENCRYPTION_KEYS": "ZGV2ZWxvcG1lbnQtb25seS1ub3QtYS1zZWNyZXQtMDA="}, NOT_RANDOM),
    ({"TOKEN_ENCRYPTION_KEYS": base64.urlsafe_b64encode(b"\xff" * 32).decode()}, NOT_RANDOM),
    (
        {"TOKEN_ENCRYPTION_KEYS": f"{KEY},{base64.urlsafe_b64encode(b'0123456789abcdef' * 2).decode()}"},
        NOT_RANDOM,
    ),
    ({"CLOSE_CLIENT_ID": "oa2client_rehearsal"}, "CLOSE_CLIENT_ID is the rehearsal's"),
    ({"CLOSE_CLIENT_SECRET": "rehearsal-secret"}, "CLOSE_CLIENT_SECRET is the rehearsal's"),
    ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN must be 32 random characters or more"),
    ({"METRICS_TOKEN": "x" * 40}, "METRICS_TOKEN must be 32 random characters or more"),
    (
        {"METRICS_TOKEN": f"{RANDOM[:30]} {RANDOM[30:]}"},
        "METRICS_TOKEN must be letters, digits and signs without spaces",
    ),
    (
        {"AUDIT_WEBHOOK_URL": "https://logs.example.com/", "AUDIT_WEBHOOK_SECRET": "s3cret"},
        "AUDIT_WEBHOOK_SECRET must be 32 random characters or more",
    ),
    ({"METRICS_TOKEN": COMPLETE["SECRET_KEY"]}, "METRICS_TOKEN must not be the same as SECRET_KEY."),
    (
        {
            "METRICS_TOKEN": RANDOM,
            "AUDIT_WEBHOOK_URL": "https://logs.example.com/",
            "AUDIT_WEBHOOK_SECRET": RANDOM,
        },
        "AUDIT_WEBHOOK_SECRET must not be the same as METRICS_TOKEN.",
    ),
    ({"ALLOWED_HOSTS": ".com"}, "ALLOWED_HOSTS must not be all of a top-level domain"),
    ({"ALLOWED_HOSTS": "people.example.com,.example"}, "ALLOWED_HOSTS must not be all of a top-level domain"),
    ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must not be *"),
    ({"ALLOWED_HOSTS": "people.example.com,*"}, "ALLOWED_HOSTS must not be *"),
    ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES must not be everybody"),
    (
        {"TRUSTED_PROXIES": "0.0.0.0/1,128.0.0.0/1"},
        "TRUSTED_PROXIES must not be everybody, nor a network wider than /8",
    ),
    ({"TRUSTED_PROXIES": "10.0.0.0/7"}, "TRUSTED_PROXIES must not be everybody, nor a network wider than /8"),
    ({"TRUSTED_PROXIES": "2000::/3"}, "TRUSTED_PROXIES must not be everybody, nor a network wider than /7"),
    ({"TRUSTED_PROXIES": "10.0.0.1,::/0"}, "TRUSTED_PROXIES must not be everybody"),
    ({"PUBLIC_URL": "http://people.example.com"}, "PUBLIC_URL must start with https://"),
    ({"PUBLIC_URL": "http://127.0.0.1:8000"}, "PUBLIC_URL must start with https://"),
    ({"CLOSE_API_URL": "http://api.close.com"}, "CLOSE_API_URL must start with https://"),
    ({"DATABASE_URL": "sqlite://:memory:"}, NO_DATABASE),
    # Malformed
    *(
        ({"TOKEN_ENCRYPTION_KEYS": keys}, NO_KEY)
        for keys in ("no-key", f"{KEY},", KEY[:-4], KEY.replace("=", ""), "ä" * 44)
    ),
    *(
        ({"PUBLIC_URL": url}, f"PUBLIC_URL {NO_ADDRESS}")
        for url in (
            "people.example.com",
            "https://[people",
            "https://",
            "https://a b.example",
            "https://a.example:port",
            "https://a.example?x=1",
            "https://a.example#x",
            "https://me:pw@a.example",
            "ftp://a.example",
        )
    ),
    ({"PUBLIC_URL": "https://a.example/people"}, "PUBLIC_URL must be a plain address without a path"),
    *(
        ({name: f"https://{name.lower()}"}, f"{name} {NO_ADDRESS}")
        for name in ("CLOSE_APP_URL", "CLOSE_API_URL", "COMMERCELAYER_AUTH_URL", "COMMERCELAYER_API_URL")
    ),
    ({"CLOSE_APP_URL": "https://app.close.com/?a=b"}, f"CLOSE_APP_URL {NO_ADDRESS}"),
    *(
        ({"ALLOWED_HOSTS": hosts}, NO_HOSTS)
        for hosts in (
            "https://people.example.com",
            "people.example.com/",
            "two words",
            "*.example.com",
            "a..b/",
        )
    ),
    *(
        ({"CSRF_TRUSTED_ORIGINS": origins}, NO_ORIGIN)
        for origins in (
            "people.example.com",
            "http://people.example.com",
            "https://people.example.com/",
            "https://*.example.com",
            "https://",
            "https://a.example,http://localhost",
        )
    ),
    ({"TRUSTED_PROXIES": "10.0.0.0/8,the-proxy"}, "TRUSTED_PROXIES must be addresses or networks"),
    ({"TRUSTED_PROXIES": "10.0.0.0/33"}, "TRUSTED_PROXIES must be addresses or networks"),
    ({"CLOSE_ORGANIZATIONS": "Northwind Trading"}, "CLOSE_ORGANIZATIONS must be ids of organizations"),
    (
        {"COMMERCELAYER_FOR_CLOSE_ORGANIZATION": "orga_a,orga_b"},
        "COMMERCELAYER_FOR_CLOSE_ORGANIZATION must be the id of one organization",
    ),
    ({"COMMERCELAYER_CLIENT_ID": "abc"}, "Set COMMERCELAYER_CLIENT_SECRET too"),
    ({"COMMERCELAYER_CLIENT_SECRET": "abc"}, "Set COMMERCELAYER_CLIENT_ID too"),
    *(
        ({"COMMERCELAYER_WINDOWS": limits}, "COMMERCELAYER_WINDOWS must be calls/seconds, comma separated")
        for limits in ("200", "200/60,", "0/60", "200/0", "200/nan", "many/60", "1/2/3")
    ),
    *(
        ({"DATABASE_URL": url}, NO_DATABASE)
        for url in (
            "roster.sqlite3",
            "mysql://me@db/roster",
            "postgres://me:pw@db:port/roster",
            "postgres://db",
            "postgres://[db/roster",
            "postgres:",
        )
    ),
    *(
        (
            {"DATABASE_URL": f"sqlite:///{path}"},
            "DATABASE_URL must be sqlite:/// and the path of a file in a folder",
        )
        for path in ("/there/is/no/such/folder/x.db", "no-such-folder/x.db", ROOT)
    ),
    *(
        (
            {"DATABASE_URL": f"postgres://me@db/roster?sslmode={mode}"},
            "DATABASE_URL has an sslmode that PostgreSQL",
        )
        for mode in ("verify_full", "Require", "on")
    ),
    *(
        ({"REDIS_URL": url}, "REDIS_URL must be redis://host:6379/0")
        for url in ("cache:6379", "http://cache", "redis://")
    ),
    (
        {"QUEUE_FILE": "/there/is/no/such/folder/queue"},
        "QUEUE_FILE must be the path of a file in a folder that exists",
    ),
    ({"QUEUE_FILE": str(ROOT)}, "QUEUE_FILE must be the path of a file in a folder that exists"),
    *(
        ({"METRICS_DIR": path}, "METRICS_DIR must be the path of a folder that can be written to")
        for path in ("/there/is/no/such/folder/metrics", str(ROOT / "manage.py"))
    ),
    *(
        ({"AUDIT_STREAM": to}, "AUDIT_STREAM must be stdout, or file: and a whole path")
        for to in (
            "stderr",
            "file:audit.jsonl",
            "/var/log/audit.jsonl",
            f"file:{ROOT}",
            "file:/no/such/folder/a",
        )
    ),
    ({"AUDIT_WEBHOOK_URL": "https://logs.example.com/"}, "Set AUDIT_WEBHOOK_SECRET too"),
    ({"AUDIT_WEBHOOK_SECRET": RANDOM}, "Set AUDIT_WEBHOOK_URL too"),
    *(
        ({"AUDIT_WEBHOOK_URL": url, "AUDIT_WEBHOOK_SECRET": RANDOM}, NO_WEBHOOK)
        for url in (
            "http://logs.example.com/",
            "https://me:pw@logs.example.com/",
            "logs.example.com",
            "https://",
            "https://logs.example.com/#x",
            "https://logs example.com/",
        )
    ),
    *(({name: "maybe"}, f"{name} must be true or false.") for name in ("DEBUG", "CLOSE_PKCE", "LOG_EMAILS")),
    *(
        ({name: value}, f"{name} must be a whole number from {least} to {most}, such as {default}.")
        for name, default, least, most in NUMBERS
        for value in ("two", "1.5", "", str(least - 1), str(most + 1))
        if value
    ),
    *(
        ({name: value}, f"{name} must be a number of seconds from {least} to {most}, such as {default}.")
        for name, default, least, most in SECONDS
        for value in ("a while", "nan", "inf", "-1", "0", str(most + 1))
    ),
    ({"SESSION_IDLE_S": "7200", "SESSION_ABSOLUTE_S": "3600"}, "SESSION_IDLE_S must not be more than"),
]


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    """What each start of the list ends with. One process tries them all: a process for each takes its time."""
    outcome = start(COMPLETE, TRY_EACH, json.dumps([changes for changes, _ in STOPS]))
    return outcome.stdout.splitlines()


@pytest.mark.parametrize(
    "number",
    range(len(STOPS)),
    ids=[f"{number} {' '.join(changes)}" for number, (changes, _) in enumerate(STOPS)],
)
def test_what_is_missing_malformed_or_weak_stops_the_start_with_its_sentence(number, sentences):
    changes, sentence = STOPS[number]
    said = json.loads(sentences[number])
    assert said.startswith(f"ImproperlyConfigured: {sentence}")
    # Not even a value that is no good is repeated: it may be a secret.
    assert not any(value in said for value in changes.values() if value and len(value) > 20)


def test_every_setting_is_tried():
    read = re.findall(
        r"environment\.(?:address|boolean|database|file|folder|given|hosts|ids|integer|keys|networks|origins|redis|seconds"
        r"|secret|stream|text|token|webhook|windows)\(\s*\"([A-Z_]+)\"",
        (ROOT / "dashboard" / "settings.py").read_text(),
    )
    tried = {name for changes, _ in STOPS for name in changes}
    assert set(read) - tried == set()
    assert set(read) - set(OPTIONAL) == set(COMPLETE) - {"DEBUG"}


def test_what_is_just_good_enough_starts():
    good = [
        {"SECRET_KEY": RANDOM[:50]},
        {"SECRET_KEY": secrets.token_hex(25)},
        {"ALLOWED_HOSTS": ".example.com,localhost"},
        {"TRUSTED_PROXIES": "10.0.0.0/8,fc00::/7"},
        {"DATABASE_URL": f"sqlite:///{ROOT}/x.db"},
        {"DATABASE_URL": "sqlite:///x.db"},
        {"DATABASE_URL": "postgres://me@db/roster?sslmode=verify-full"},
    ]
    assert start(COMPLETE, TRY_EACH, json.dumps(good)).stdout.split() == ["started"] * len(good)


def test_what_is_optional_may_be_empty_and_has_its_default():
    empty = start(COMPLETE | dict.fromkeys(OPTIONAL, ""), SHOW)
    unset = start(COMPLETE, SHOW)
    assert empty.returncode == 0, empty.stderr
    assert empty.stdout == unset.stdout
    found = json.loads(unset.stdout)
    assert {name: found[name] for name, *_ in NUMBERS} == {name: default for name, default, *_ in NUMBERS}


@pytest.mark.parametrize("command", [["migrate"], ["serve"], ["worker"], ["check"]])
def test_a_stopped_command_says_its_sentence_and_nothing_else(command):
    environment = COMPLETE | {"PUBLIC_URL": "http://people.example.com"}
    outcome = manage(environment, *command)
    assert outcome.returncode == 1
    assert outcome.stderr.splitlines() == [
        "PUBLIC_URL must start with https:// (plain http only with DEBUG=true on this machine)."
    ]
    assert outcome.stdout == ""


def test_a_complete_environment_passes_djangos_check_for_production():
    outcome = manage(COMPLETE, "check", "--deploy", "--fail-level", "WARNING")
    assert outcome.returncode == 0, outcome.stderr
    assert "no issues (0 silenced)" in outcome.stdout


def test_with_everything_set_it_starts_safe():
    outcome = start(COMPLETE | {"CLOSE_ORGANIZATIONS": "orga_a, orga_b", "CLOSE_API_URL": ""}, SHOW)
    assert outcome.returncode == 0, outcome.stderr
    for expected in (
        '"DEBUG": false',
        '"SECURE_SSL_REDIRECT": true',
        '"SESSION_COOKIE_SECURE": true',
        '"SESSION_COOKIE_NAME": "__Host-session"',
        '"ALLOWED_HOSTS": ["people.example.com"]',
        '"CSRF_TRUSTED_ORIGINS": ["https://people.example.com"]',
        '"CLOSE_API_URL": "https://api.close.com"',
        '"CLOSE_ORGANIZATIONS": ["orga_a", "orga_b"]',
    ):
        assert expected in outcome.stdout


def test_for_development_nothing_has_to_be_set_and_debug_pages_stay_off():
    outcome = start({"DEBUG": "true", "CLOSE_API_URL": "http://127.0.0.1:8765"}, SHOW)
    assert outcome.returncode == 0, outcome.stderr
    assert '"DEBUG": false' in outcome.stdout
    assert '"SECURE_SSL_REDIRECT": false' in outcome.stdout
    assert '"CLOSE_API_URL": "http://127.0.0.1:8765"' in outcome.stdout


# Where things are kept


def kept(**environment: str) -> dict[str, Any]:
    outcome = start(COMPLETE | environment, SHOW)
    assert outcome.returncode == 0, outcome.stderr
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def test_without_a_word_everything_is_kept_in_files():
    found = kept()
    assert found["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"
    assert found["HUEY"]["huey_class"] == "huey.SqliteHuey"
    assert found["CACHES"]["default"]["BACKEND"].endswith(".DatabaseCache")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_queue_and_cache_are_where_the_database_is(scheme):
    found = kept(DATABASE_URL=f"{scheme}://roster:p%40ss@db.example.com:6432/people?sslmode=require")
    database = found["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"], database["PASSWORD"]) == ("db.example.com", 6432, "p@ss")
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["OPTIONS"]["connect_timeout"] == 10
    assert database["CONN_HEALTH_CHECKS"] is True
    assert found["HUEY"]["huey_class"] == "dashboard.queue.DatabaseHuey"
    assert found["CACHES"]["default"]["BACKEND"].endswith(".DatabaseCache")


def test_with_redis_queue_and_cache_are_there_and_sessions_stay_in_the_database():
    found = kept(
        DATABASE_URL="postgres://roster@db.example.com/people", REDIS_URL="rediss://cache.example.com/1"
    )
    assert found["HUEY"]["huey_class"] == "huey.RedisHuey"
    assert found["HUEY"]["url"] == found["CACHES"]["default"]["LOCATION"] == "rediss://cache.example.com/1"
    assert found["CACHES"]["default"]["BACKEND"].endswith(".RedisCache")
    assert found["SESSION_ENGINE"] == "django.contrib.sessions.backends.db"


def test_a_message_that_is_not_ours_is_not_even_read():
    """Reading one is running it: messages are pickled."""
    ours = SignedSerializer(secret=settings.HUEY["serializer"].secret)
    serializer = settings.HUEY["serializer"]
    assert serializer.deserialize(ours.serialize("a job")) == "a job"
    for forged in (pickle.dumps("a job"), SignedSerializer(secret="another").serialize("a job")):
        with pytest.raises(ValueError, match=r"mismatch|not found"):
            serializer.deserialize(forged)
    assert settings.SECRET_KEY.encode() not in serializer.secret


def test_what_somebody_else_wrote_into_redis_is_not_there():
    values = SignedValues()
    for value in (7, ("a", "b"), {"name": "Ada"}):
        stored = values.dumps(value)
        assert values.loads(str(stored).encode() if isinstance(stored, int) else stored) == value
    assert values.loads(pickle.dumps("forged")) is None
    assert values.loads(SignedSerializer(secret="another").serialize("forged")) is None


# Whose word about addresses counts


def believed(settings, proxies: list[str], remote: str, **headers: str) -> HttpRequest:
    """The request as views see it, coming from `remote` with these forwarded headers."""
    settings.TRUSTED_PROXIES = proxies
    seen: list[HttpRequest] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse()

    forwarded = {f"X-Forwarded-{name}": value for name, value in headers.items()}
    TrustedProxies(view)(RequestFactory().get("/", headers=forwarded, REMOTE_ADDR=remote))
    return seen[0]


def test_nobody_is_believed_unless_named(settings):
    request = believed(settings, [], "203.0.113.9", proto="https", **{"for": "198.51.100.1"})
    assert (request.META["REMOTE_ADDR"], request.is_secure()) == ("203.0.113.9", False)


def test_a_named_proxy_is_believed_about_scheme_and_address(settings):
    request = believed(settings, ["10.0.0.0/8"], "10.1.2.3", proto="https", **{"for": "198.51.100.1"})
    assert (request.META["REMOTE_ADDR"], request.is_secure()) == ("198.51.100.1", True)


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.9.9.9", "10.9.9.9"),
        ("", "10.1.2.3"),
        (" , ,", "10.1.2.3"),
        ("2001:db8::1", "2001:db8::1"),
        ("1.1.1.1, 198.51.100.1:5555, 10.9.9.9:80", "198.51.100.1"),
        ("198.51.100.1, [2001:db8::1]:5555", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_the_address_nearest_to_our_proxies_counts_because_anybody_can_write_the_others(
    chain, address, settings
):
    assert believed(settings, ["10.0.0.0/8"], "10.1.2.3", **{"for": chain}).META["REMOTE_ADDR"] == address


@pytest.mark.parametrize("proto", ["", "gopher", "https, http", "HTTPS"])
def test_a_scheme_that_makes_no_sense_is_not_taken_over(proto, settings):
    assert not believed(settings, ["10.0.0.0/8"], "10.1.2.3", proto=proto).is_secure()


def test_a_forwarded_host_is_never_believed(settings):
    request = believed(settings, ["10.0.0.0/8"], "10.1.2.3", host="evil.example")
    assert "HTTP_X_FORWARDED_HOST" not in request.META


@pytest.mark.parametrize("remote", ["", "unix:", "10.1.2.3:4711"])
def test_an_address_that_is_none_is_no_proxy(remote, settings):
    assert not believed(settings, ["10.0.0.0/8"], remote, proto="https").is_secure()


def test_a_folder_for_counts_that_can_not_be_made_stops_the_start():
    outcome = start(COMPLETE | {"METRICS_TOKEN": RANDOM, "METRICS_DIR": "/proc/nowhere"})
    assert outcome.returncode != 0
    assert "METRICS_DIR must be the path of a folder that can be written to" in outcome.stderr


def test_the_address_of_the_audit_webhook_is_kept_as_it_is_written():
    audit = {"AUDIT_WEBHOOK_URL": "https://audit.example.com/roster/", "AUDIT_WEBHOOK_SECRET": RANDOM}
    assert '"AUDIT_WEBHOOK_URL": "https://audit.example.com/roster/"' in start(COMPLETE | audit, SHOW).stdout
