"""Looks the installation over, one thing after another; see `manage.py doctor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.db import Error, connection
from django.urls import reverse
from django.utils import timezone

from memberships.models import Organization
from memberships.providers import registry
from memberships.providers.errors import Unavailable
from memberships.services import audit_stream, health, keys, workers
from memberships.services.configuration import installed, setting

from .findings import FAIL, OK, WARN, Finding

_SKEW_S = (5.0, 60.0)
_LONG_ENOUGH = 16

type Check = Callable[[], Iterable[Finding]]


def findings() -> list[Finding]:
    """Everything there is to say. What needs the database is left out while it can't be used."""
    found = [
        finding for check in (_configuration, _redirect, _static, _folders) for finding in _safely(check)
    ]
    database = _safely(_database)
    found += database
    if not any(finding.state == FAIL for finding in database):
        for check in (_keys, _worker, _queue, _audit):
            found += _safely(check)
    for check in (_sign_in_provider, _attached_provider, _metrics):
        found += _safely(check)
    return found


def _safely(check: Check) -> list[Finding]:
    """A check that breaks is a finding, not the end."""
    try:
        return list(check())
    except Exception as problem:
        name = check.__name__.strip("_").replace("_", "-")
        return [Finding(name, FAIL, f"This could not be checked: {type(problem).__name__}.")]


def _configuration() -> Iterator[Finding]:
    yield Finding("settings", OK, "All that is required is set.")
    if settings.DEVELOPMENT:
        yield Finding(
            "settings",
            WARN,
            "DEBUG=true: plain http and made-up secrets are allowed.",
            "Unset it for anything but trying.",
        )
        return
    for message in checks.run_checks(include_deployment_checks=True):
        if message.level >= checks.WARNING:
            yield Finding(
                "settings", WARN, f"{message.id}: {message.msg}".partition("\n")[0], message.hint or ""
            )


def _redirect() -> Iterator[Finding]:
    address = settings.PUBLIC_URL + reverse("callback")
    label = registry.capabilities(registry.SIGN_IN).label
    if not settings.PUBLIC_URL:
        yield Finding(
            "redirect",
            WARN,
            "PUBLIC_URL is not set: the redirect address is that of each request.",
            f"Set it to the https address people use; {label} accepts https only.",
        )
    elif not address.startswith("https://"):
        yield Finding("redirect", WARN, f"{address} is not https.", f"{label} accepts https only.")
    else:
        yield Finding("redirect", OK, f"Enter exactly this in {label}'s OAuth app: {address}")


def _static() -> Iterator[Finding]:
    if settings.DEVELOPMENT:
        yield Finding("static", OK, "Served from where they are.")
    elif (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file():
        yield Finding("static", OK, "Collected.")
    else:
        yield Finding(
            "static", FAIL, "The static files are not collected: every page fails.", "manage.py collectstatic"
        )


def _folders() -> Iterator[Finding]:
    files: dict[str, str] = {}
    if connection.vendor == "sqlite":
        files["database"] = str(connection.settings_dict["NAME"])
    if queue := settings.HUEY.get("filename"):
        files["queue"] = str(queue)
    for what, name in files.items():
        if ":memory:" in name or "mode=memory" in name:
            continue
        folder = Path(name).absolute().parent
        if os.access(folder, os.W_OK | os.X_OK):
            yield Finding("files", OK, f"The {what}'s folder {folder} can be written to.")
        else:
            yield Finding(
                "files",
                FAIL,
                f"The {what}'s folder {folder} can't be written to.",
                "SQLite makes files beside its own: give the user this runs as the whole folder.",
            )


def _database() -> Iterator[Finding]:
    name = connection.display_name
    try:
        missing = health.unapplied()
        version = ".".join(str(part) for part in connection.get_database_version())
    except Error:
        yield Finding("database", FAIL, f"{name} can't be reached.", "Check DATABASE_URL and that it runs.")
        return
    if missing:
        words = f"{name} {version}. Not applied yet: {', '.join(missing)}."
        yield Finding("database", FAIL, words, "manage.py migrate")
    else:
        yield Finding("database", OK, f"{name} {version}, all migrations are applied.")
    if connection.vendor == "sqlite" and not settings.DEVELOPMENT:
        yield Finding(
            "database",
            OK,
            "SQLite is for one machine.",
            "With more than one, set DATABASE_URL to PostgreSQL.",
        )


def _keys() -> Iterator[Finding]:
    found = keys.count()
    if found.lost:
        yield Finding(
            "keys",
            FAIL,
            f"{found.lost:,} stored secrets are opened by no key that is set.",
            "Put the key back into TOKEN_ENCRYPTION_KEYS that was dropped.",
        )
    if found.older:
        yield Finding(
            "keys",
            WARN,
            f"{found.older:,} stored secrets are still under an older key.",
            "manage.py rotate_keys",
        )
    if not found.lost and not found.older:
        yield Finding("keys", OK, f"All {found.newest:,} stored secrets are under the newest key.")


def _worker() -> Iterator[Finding]:
    alive = list(workers.alive().order_by("host", "pid"))
    if alive:
        yield Finding("worker", OK, f"{len(alive)} alive: {', '.join(map(str, alive))}.")
        return
    seen = workers.last_seen()
    when = f" The last one was seen {_ago(seen)}." if seen else ""
    yield Finding(
        "worker", FAIL, f"No worker is alive.{when}", "Start one: manage.py worker, or serve --with-worker."
    )


def _queue() -> Iterator[Finding]:
    age_s = health.queue_age_s()
    if age_s > settings.QUEUE_LATE_S:
        yield Finding(
            "queue", FAIL, f"A job has waited for {age_s:.0f} s.", "Are there enough workers? See their log."
        )
    else:
        yield Finding("queue", OK, f"The oldest job that could be run waits for {age_s:.0f} s.")


def _audit() -> Iterator[Finding]:
    if settings.AUDIT_WEBHOOK_URL and len(settings.AUDIT_WEBHOOK_SECRET) < _LONG_ENOUGH:
        yield Finding(
            "audit", WARN, "AUDIT_WEBHOOK_SECRET is short.", "Make one with: openssl rand -base64 32"
        )
    found = list(audit_stream.states())
    if not found:
        yield Finding("audit", OK, "The audit log is passed on to nobody.")
    for state in found:
        if state.failing_s:
            yield Finding(
                "audit",
                FAIL,
                f"{state.name}: {state.backlog:,} entries wait since {state.failing_s:.0f} s. {state.error}",
                "Nothing is lost: they are delivered once it is received again.",
            )
        else:
            yield Finding("audit", OK, f"{state.name}: {state.backlog:,} entries wait.")


def _sign_in_provider() -> Iterator[Finding]:
    yield from _provider(registry.SIGN_IN)


def _attached_provider() -> Iterator[Finding]:
    try:
        used = any(installed()) or Organization.objects.filter(provider=registry.ATTACHED).exists()
    except Error:
        used = any(installed())
    if used:
        yield from _provider(registry.ATTACHED)


def _provider(name: str) -> Iterator[Finding]:
    """Does it answer at all, whatever it says to somebody without credentials? And what time is it there?"""
    label, address = registry.capabilities(name).label, setting(name, "API_URL")
    before = timezone.now()
    try:
        status, told = health.knock(name)
    except Unavailable as error:
        yield Finding(name, FAIL, f"{error} ({address})", "Check the network, proxies and the address.")
        return
    middle = before + (timezone.now() - before) / 2
    if status >= 500:
        yield Finding(name, WARN, f"{label} has an internal problem (status {status}).", "Ask again later.")
    else:
        yield Finding(name, OK, f"{label} answers at {address}.")
    yield from _clock(label, told, middle)


def _clock(label: str, told: str, now: datetime) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(told)
    except ValueError:
        yield Finding("clock", WARN, f"{label} doesn't say what time it is.")
        return
    # Theirs is in whole seconds.
    skew_s = max(0.0, abs((now - theirs.astimezone(UTC)).total_seconds()) - 1)
    state = OK if skew_s <= _SKEW_S[0] else WARN if skew_s <= _SKEW_S[1] else FAIL
    advice = "" if state == OK else "Tokens end and windows open by the clock: let NTP set it."
    yield Finding("clock", state, f"It differs from {label}'s by {skew_s:.0f} s.", advice)


def _metrics() -> Iterator[Finding]:
    token = settings.METRICS_TOKEN
    if not token:
        yield Finding("metrics", OK, "/metrics is switched off: METRICS_TOKEN is not set.")
    elif len(token) < _LONG_ENOUGH:
        yield Finding("metrics", WARN, "METRICS_TOKEN is short.", "Make one with: openssl rand -base64 32")
    else:
        yield Finding("metrics", OK, "/metrics answers whoever has METRICS_TOKEN.")


def _ago(moment: datetime) -> str:
    seconds = (timezone.now() - moment).total_seconds()
    return f"{seconds / 60:.0f} minutes ago" if seconds >= 90 else f"{seconds:.0f} s ago"
