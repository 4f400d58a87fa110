"""Configuration: what is missing or malformed stops the start with a sentence; whom to believe about addresses."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from huey.serializer import SignedSerializer

from dashboard.middleware import TrustedProxies

ROOT = Path(__file__).resolve().parent.parent
COMPLETE = {
    "SECRET_KEY": "s" * 50,
    "TOKEN_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "PUBLIC_URL": "https://people.example.com",
    "CLOSE_CLIENT_ID": "oa2client_x",
    "CLOSE_CLIENT_SECRET": "secret-of-this-test",
}
SHOW = """
import json, dashboard.settings as s
print(json.dumps({name: getattr(s, name) for name in dir(s) if name.isupper()}, default=str))
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


STOPS: list[tuple[str, str | None, str]] = [
    ("SECRET_KEY", None, "Set SECRET_KEY in the environment"),
    ("SECRET_KEY", "", "Set SECRET_KEY in the environment"),
    ("TOKEN_ENCRYPTION_KEYS", None, "Set TOKEN_ENCRYPTION_KEYS in the environment"),
    (
        "TOKEN_ENCRYPTION_KEYS",
        "no-key",
        "TOKEN_ENCRYPTION_KEYS must be Fernet keys, comma separated, newest first.",
    ),
    (
        "TOKEN_ENCRYPTION_KEYS",
        f"{Fernet.generate_key().decode()},",
        "TOKEN_ENCRYPTION_KEYS must be Fernet keys",
    ),
    ("CLOSE_CLIENT_ID", None, "Set CLOSE_CLIENT_ID in the environment"),
    ("CLOSE_CLIENT_SECRET", None, "Set CLOSE_CLIENT_SECRET in the environment"),
    ("PUBLIC_URL", None, "Set PUBLIC_URL to the https address people use"),
    ("PUBLIC_URL", "people.example.com", "PUBLIC_URL must be an address such as https://people.example.com"),
    ("PUBLIC_URL", "https://[people", "PUBLIC_URL must be an address such as https://people.example.com"),
    ("PUBLIC_URL", "http://people.example.com", "PUBLIC_URL must start with https://"),
    ("PUBLIC_URL", "http://127.0.0.1:8000", "PUBLIC_URL must start with https://"),
    ("CLOSE_API_URL", "http://api.close.com", "CLOSE_API_URL must start with https://"),
    ("CLOSE_APP_URL", "https://app.close.com/?a=b", "CLOSE_APP_URL must be an address"),
    (
        "TRUSTED_PROXIES",
        "10.0.0.0/8,the-proxy",
        "TRUSTED_PROXIES must be addresses or networks, comma separated",
    ),
    ("MINIMUM_MANAGERS", "0", "MINIMUM_MANAGERS must be 1 or more"),
    ("MINIMUM_MANAGERS", "two", '"MINIMUM_MANAGERS" invalid'),
    ("PLAN_EXPIRES_S", "an hour", '"PLAN_EXPIRES_S" invalid'),
    ("DEBUG", "maybe", '"DEBUG" invalid'),
    ("DATABASE_URL", "mysql://somebody@db.example.com/roster", "DATABASE_URL must be postgres://"),
    ("DATABASE_URL", "db.example.com/roster", "DATABASE_URL must be postgres://"),
    (
        "DATABASE_URL",
        "postgres://roster:secret@db.example.com:many/roster",
        "DATABASE_URL must be postgres://",
    ),
    ("DATABASE_URL", "postgres://db.example.com/", "DATABASE_URL must be postgres://"),
    ("REDIS_URL", "cache.example.com:6379", "REDIS_URL must be redis://"),
    ("REDIS_URL", "https://cache.example.com", "REDIS_URL must be redis://"),
    ("REDIS_URL", "redis://[cache", "REDIS_URL must be redis://"),
]


@pytest.fixture(scope="module")
def sentences() -> dict[tuple[str, str | None], str]:
    """What each start of the list ends with. One process tries them all: a process for each takes its time."""
    outcome = start(COMPLETE, TRY_EACH, json.dumps([{name: value} for name, value, _ in STOPS]))
    return {case[:2]: line for case, line in zip(STOPS, outcome.stdout.splitlines(), strict=True)}


@pytest.mark.parametrize(("name", "value", "sentence"), STOPS)
def test_what_is_missing_or_malformed_stops_the_start_with_its_sentence(name, value, sentence, sentences):
    said = sentences[name, value]
    assert said != "started"
    assert sentence in json.loads(said)


def test_a_stopped_start_ends_with_its_sentence_and_shows_no_secret():
    outcome = start(COMPLETE | {"PUBLIC_URL": "http://people.example.com"})
    assert outcome.returncode != 0
    assert "PUBLIC_URL must start with https://" in outcome.stderr.rstrip().rpartition("\n")[2]
    assert COMPLETE["CLOSE_CLIENT_SECRET"] not in outcome.stderr


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
