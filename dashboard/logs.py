"""How log lines are written: as JSON or for a reader, with the ids of what they are about, without what is secret."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from memberships.services import context

_GONE = "[removed]"
_NAMES = (
    r"(?:access|refresh|id|csrf|bearer|session)_?token|token|client_?secret|secret|secret_key|code_verifier|"
    r"api_?key|password|passwd|authorization|cookie|sessionid|__host-\w+|csrfmiddlewaretoken"
)
_SECRETS = (
    # An Authorization header, whatever stands before it.
    (re.compile(r"\b(bearer|basic|token)\s+[\w.~+/-]{8,}=*", re.IGNORECASE), rf"\1 {_GONE}"),
    # name=value and "name": "value"; prefixes as in CLOSE_CLIENT_SECRET are part of the name.
    (
        re.compile(
            rf"""((?<![A-Za-z])[\w-]*?(?:{_NAMES})["']?\s*(?:=>|[=:])\s*)(?:"[^"]*"|'[^']*'|[^\s"'&,;)}}\]]+)""",
            re.IGNORECASE,
        ),
        rf"\1{_GONE}",
    ),
    # What an OAuth address carries; elsewhere these are ordinary words.
    (re.compile(r"([?&](?:code|state)=)[^\s&#\"'<>]+", re.IGNORECASE), rf"\1{_GONE}"),
    # The password within an address.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE), rf"\1{_GONE}"),
)
# Anything long that nobody would type: tokens have no form to be known by.
_OPAQUE = re.compile(r"(?<![\w.~+-])[\w.~+-]{24,}={0,2}")
_HARMLESS = re.compile(
    # An id of Close. By its kind: whatever begins like one may be a token, as those of ours do.
    r"(?:acti|cf|cont|ev|group|lead|memb|oppo|orga|phon|req|role|save|task|user)_[A-Za-z0-9]{1,60}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # one of ours
    r"|[._-]*(?:[a-z]+|[0-9]{1,6})(?:[._-]+(?:[a-z]+|[0-9]{1,6}))*"  # words and numbers
    r"|(?:[._-]*[A-Z]{0,3}[a-z]{2,})+|[A-Z]+(?:_[A-Z]+)*|[0-9.:TZ+-]+|[._~+-]+"  # names in code, times, lines
)
_EMAIL = re.compile(r"([\w%+-])[\w.%+'-]*@([\w-]+(?:\.[\w-]+)+)")


class Scrubber:
    """Takes out of a text what looks like a token or is one of ours, and shortens e-mail addresses."""

    def __init__(self, *, emails: bool = False, secrets: Iterable[str] = ()) -> None:
        """`emails`: leave addresses as they are. `secrets` are values known to be secret."""
        self.emails = emails
        known = sorted({secret for secret in secrets if len(secret) >= 6}, key=len, reverse=True)
        self.known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        if self.known:
            text = self.known.sub(_GONE, text)
        for pattern, instead in _SECRETS:
            text = pattern.sub(instead, text)
        text = _OPAQUE.sub(_opaque, text)
        return text if self.emails else _EMAIL.sub(r"\1…@\2", text)


def _opaque(found: re.Match[str]) -> str:
    text = found[0]
    return text if _HARMLESS.fullmatch(text) else _GONE


class _Scrubbed(logging.Formatter):
    """Formatting is the last thing that happens to a line: here nothing gets past, whoever logged it."""

    def __init__(self, *, emails: bool = False, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self.scrub = Scrubber(emails=emails, secrets=secrets)

    def message(self, record: logging.LogRecord) -> str:
        try:
            return self.scrub(record.getMessage())
        except (TypeError, ValueError):  # arguments that don't fit: logging's own complaint would print them
            return self.scrub(str(record.msg))

    def trace(self, record: logging.LogRecord) -> str:
        parts = []
        if record.exc_info:
            parts.append(self.formatException(record.exc_info))
        elif record.exc_text:
            parts.append(record.exc_text)
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return self.scrub("\n".join(parts))

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """Ids of what the line is about, and what the line itself brings as `extra={"fields": …}`."""
        own = getattr(record, "fields", {})
        scrubbed = {
            name: self.scrub(value) if isinstance(value, str) else value for name, value in own.items()
        }
        return context.ids() | scrubbed


class JsonLines(_Scrubbed):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
        }
        line |= self.fields(record)
        if trace := self.trace(record):
            line["exception"] = trace
        return json.dumps(line, ensure_ascii=False, default=str)


class Plain(_Scrubbed):
    """For somebody who watches a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        known = " ".join(f"{name}={value}" for name, value in self.fields(record).items())
        line = f"{at} {record.levelname} {record.name} {self.message(record)} {known}".rstrip()
        trace = self.trace(record)
        return f"{line}\n{trace}" if trace else line
