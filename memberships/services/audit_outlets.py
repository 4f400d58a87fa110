"""Where audit entries can be passed on to: standard output, a file, a webhook. See docs/monitoring.md for receivers."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import requests
from django.conf import settings

from memberships.models import AuditEntry, Organization
from memberships.providers import http, pacing
from memberships.providers.errors import Unavailable

from . import audit

WEBHOOK_S = 10.0
"""How long a delivery may take altogether."""

_LARGEST_ANSWER = 1024 * 1024
_WHO = "The audit webhook"


class Undelivered(Exception):
    """`str(error)` is a sentence; not to be tried again before `wait_s` seconds."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Outlet(Protocol):
    """Takes entries of one organization, in their order. Raises Undelivered; then any part of them may have arrived."""

    @property
    def name(self) -> str: ...

    def send(self, organization: Organization, entries: Sequence[AuditEntry]) -> None: ...


def outlets() -> list[Outlet]:
    """Those this installation has set."""
    found: list[Outlet] = []
    kind, _, path = settings.AUDIT_STREAM.partition(":")
    if kind == "stdout":
        found.append(Stdout())
    elif kind == "file":
        found.append(File(path))
    if settings.AUDIT_WEBHOOK_URL:
        found.append(Webhook(settings.AUDIT_WEBHOOK_URL, settings.AUDIT_WEBHOOK_SECRET))
    return found


def lines(organization: Organization, entries: Sequence[AuditEntry]) -> bytes:
    """One JSON object a line: whose it is, everything the hash is made of, and the hash."""
    whose = {
        "provider": organization.provider,
        "organization": organization.remote_id,
        "attached_to": organization.parent.remote_id if organization.parent else "",
    }
    return b"".join(
        json.dumps(whose | audit.content(entry) | {"hash": entry.hash}, ensure_ascii=False).encode() + b"\n"
        for entry in entries
    )


class Stdout:
    name = "stdout"

    def send(self, organization: Organization, entries: Sequence[AuditEntry]) -> None:
        try:
            sys.stdout.buffer.write(lines(organization, entries))
            sys.stdout.buffer.flush()
        except OSError as error:
            raise Undelivered(f"Standard output can't be written to: {error.strerror}.") from None


@dataclass(frozen=True, slots=True)
class File:
    path: str
    name: str = "file"

    def send(self, organization: Organization, entries: Sequence[AuditEntry]) -> None:
        """Opened each time, so that whoever rotates it needs to tell nobody."""
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                before = os.fstat(file).st_size
                try:
                    self._write(file, lines(organization, entries))
                except OSError:
                    os.ftruncate(file, before)  # no half a line where the disk is full
                    raise
            finally:
                os.close(file)
        except OSError as error:
            raise Undelivered(f"The audit file can't be written to: {error.strerror}.") from None

    def _write(self, file: int, content: bytes) -> None:
        while content:
            content = content[os.write(file, content) :]
        os.fsync(file)


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    secret: str
    name: str = "webhook"

    def send(self, organization: Organization, entries: Sequence[AuditEntry]) -> None:
        body = lines(organization, entries)
        headers = {
            "Content-Type": "application/x-ndjson",
            "User-Agent": "Roster",
            "Roster-Organization": organization.remote_id,
            "Roster-Entries": f"{entries[0].number}-{entries[-1].number}",
            "Roster-Signature": signature(self.secret, int(time.time()), body),
        }
        try:
            with http.obey_deadlines(requests.Session()) as session:
                status, answer, _ = http.exchange(
                    session,
                    _WHO,
                    WEBHOOK_S,
                    "POST",
                    self.url,
                    largest=_LARGEST_ANSWER,
                    data=body,
                    headers=headers,
                    auth=_unchanged,
                )
        except Unavailable as error:
            raise Undelivered(str(error)) from None
        if 300 <= status < 400:
            raise Undelivered(f"{_WHO} redirects (status {status}), which is not followed.")
        if status >= 400:
            asked_s = pacing.retry_after_s(answer, 0.0) if status in (429, 503) else 0.0
            raise Undelivered(f"{_WHO} answered with status {status}.", asked_s)


def signature(secret: str, at: int, body: bytes) -> str:
    """The header's value: the Unix time, and HMAC-SHA256 over it, a full stop and the body."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No authentication: without this, requests would take a password from a netrc file."""
    return request
