"""Reading the environment: a setting is there, well formed and strong enough, or one sentence says what to set.

An empty variable counts as one that is not set. No sentence repeats a value: it may be a secret in the wrong place.
"""

import base64
import math
import os
import re
from importlib.util import find_spec
from ipaddress import ip_network
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

LOOPBACK = ("127.0.0.1", "localhost", "::1")

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
# Random texts of these lengths can't be tried through.
_LEAST_SECRET, _LEAST_TOKEN = 50, 32
_LEAST_DIFFERENT = 10
# That so many characters come again is no chance.
_NO_CHANCE = 12
_PLACEHOLDERS = ("change", "django-insecure", "example", "for development", "placeholder", "rehearsal")
_ID = re.compile(r"[A-Za-z0-9_-]+")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# By the version of IP: nobody's own proxies fill a wider network.
_LEAST_PREFIX = {4: 8, 6: 7}
_HOST = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d+)?|\[[0-9A-Fa-f:.]+\]")
_KEY_ADVICE = (
    'Make one with: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)
_SECRET_ADVICE = 'Make one with: python -c "import secrets; print(secrets.token_urlsafe(50))"'


def stop(sentence: str) -> NoReturn:
    raise ImproperlyConfigured(sentence) from None


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def boolean(name: str, default: bool) -> bool:
    value = text(name, str(default)).lower()
    if value not in (*_TRUE, *_FALSE):
        stop(f"{name} must be true or false.")
    return value in _TRUE


def development() -> bool:
    """On somebody's own machine: plain http and made-up secrets are good enough."""
    return boolean("DEBUG", False)


def integer(name: str, default: int, *, least: int, most: int) -> int:
    try:
        value = int(text(name, str(default)))
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        stop(f"{name} must be a whole number from {least} to {most}, such as {default}.")
    return value


def seconds(name: str, default: float, *, least: float, most: float) -> float:
    try:
        value = float(text(name, str(default)))
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        stop(f"{name} must be a number of seconds from {least:g} to {most:g}, such as {default:g}.")
    return value


def listed(name: str, default: list[str] | None = None) -> list[str]:
    """Comma separated, with or without spaces."""
    return [part.strip() for part in text(name).split(",") if part.strip()] or list(default or [])


def ids(name: str, most: int = 100_000) -> list[str]:
    """What organizations are known by at their provider."""
    found = listed(name)
    if len(found) > most or not all(map(_ID.fullmatch, found)):
        one = "the id of one organization" if most == 1 else "ids of organizations, comma separated"
        stop(f"{name} must be {one}, such as orga_2abc, not a name.")
    return found


# Secrets


def _needed(name: str, for_development: str, advice: str) -> str:
    value = text(name)
    if not value and not development():
        stop(f"Set {name} in the environment: nothing starts without it. {advice}")
    return value or for_development


def given(name: str, for_development: str) -> str:
    """What somebody else made and we need: never the rehearsal's in earnest."""
    value = _needed(name, for_development, "See README.md.")
    if value == for_development and not development():
        stop(f"{name} is the rehearsal's: set that of your own OAuth app.")
    return value


def secret(name: str, for_development: str) -> str:
    """A secret of our own making, which signs."""
    value = _needed(name, for_development, _SECRET_ADVICE)
    if not development() and (len(value) < _LEAST_SECRET or _is_guessable(value)):
        stop(f"{name} must be {_LEAST_SECRET} random characters or more. {_SECRET_ADVICE}")
    return value


def token(name: str) -> str:
    """A secret shared with another program; empty where there is none."""
    value = text(name)
    if value and (len(value) < _LEAST_TOKEN or _is_guessable(value)):
        stop(f"{name} must be {_LEAST_TOKEN} random characters or more. {_SECRET_ADVICE}")
    if not value.isascii() or any(character.isspace() for character in value):
        stop(f"{name} must be letters, digits and signs without spaces. {_SECRET_ADVICE}")
    return value


def keys(name: str, for_development: str) -> list[str]:
    """Fernet keys, the newest first."""
    found = [key.strip() for key in _needed(name, for_development, _KEY_ADVICE).split(",")]
    for key in found:
        try:
            content = base64.b64decode(key.encode(), altchars=b"-_", validate=True)
        except ValueError:
            content = b""
        if len(content) != 32:
            stop(f"{name} must be Fernet keys, comma separated, newest first. {_KEY_ADVICE}")
        # 32 random bytes are never all of them text, and hardly ever of fewer than 20 kinds.
        if not development() and (len(set(content)) < 16 or content.isascii()):
            stop(f"{name} has a key in it that is not random. {_KEY_ADVICE}")
    return found


def apart(*names: str) -> None:
    """Each of these secrets is one of its own: whoever is given one has not got another."""
    for one, other in combinations(names, 2):
        if text(one) and text(one) == text(other):
            stop(f"{other} must not be the same as {one}. {_SECRET_ADVICE}")


def _is_guessable(value: str) -> bool:
    """Made by a person rather than at random: few characters, a series, a repetition, or a placeholder left in."""
    series = sum(abs(ord(one) - ord(next_one)) <= 1 for one, next_one in pairwise(value)) > len(value) / 2
    repeats = any(value[again:] == value[:-again] for again in range(1, len(value) - _NO_CHANCE))
    named = any(word in value.lower() for word in _PLACEHOLDERS)
    return len(set(value)) < _LEAST_DIFFERENT or series or repeats or named


# Addresses


def _parts(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - it is looked at only when it is asked for
    except ValueError:
        return urlsplit("not an address")
    return parts


def address(name: str, default: str = "", *, path: bool = True) -> str:
    """Without a slash at the end. https, or http on this machine for development."""
    value = text(name, default).rstrip("/")
    parts = _parts(value)
    if value and (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not _HOST.fullmatch(parts.netloc)
        or parts.query
        or parts.fragment
        or any(character.isspace() for character in value)
    ):
        stop(f"{name} must be an address such as https://people.example.com, without a query or a password.")
    if value and parts.scheme == "http" and not (development() and parts.hostname in LOOPBACK):
        stop(f"{name} must start with https:// (plain http only with DEBUG=true on this machine).")
    if parts.path and not path:
        stop(f"{name} must be a plain address without a path: Roster needs a host of its own.")
    return value


def webhook(name: str) -> str:
    """Where something is posted to, with a query if need be. https, or http on this machine for development."""
    value = text(name)
    parts = _parts(value)
    here = parts.scheme == "http" and development() and parts.hostname in LOOPBACK
    malformed = (
        not (parts.scheme == "https" or here) or not parts.hostname or not _HOST.fullmatch(parts.netloc)
    )
    if value and (malformed or parts.fragment or any(character.isspace() for character in value)):
        stop(f"{name} must be an https address such as https://logs.example.com/roster, without a password.")
    return value


def hosts(name: str, default: list[str]) -> list[str]:
    found = listed(name, default)
    if "*" in found and not development():
        stop(f"{name} must not be *: any other site could pass itself off as this one. Name your hosts.")
    if any(host.startswith(".") and "." not in host[1:] for host in found) and not development():
        stop(
            f"{name} must not be all of a top-level domain: any other site could pass itself off as this one."
        )
    if not all(host == "*" or _HOST.fullmatch(host) or host in LOOPBACK for host in found):
        stop(f"{name} must be host names, comma separated, such as people.example.com.")
    return found


def origins(name: str, default: list[str]) -> list[str]:
    found = listed(name, default)
    for origin in found:
        parts = _parts(origin)
        local = development() and parts.scheme == "http" and parts.hostname in LOOPBACK
        plain = (
            parts.netloc and _HOST.fullmatch(parts.netloc) and origin == f"{parts.scheme}://{parts.netloc}"
        )
        if not plain or not (parts.scheme == "https" or local):
            stop(f"{name} must be https origins, comma separated, such as https://people.example.com.")
    return found


def networks(name: str) -> list[str]:
    """Whom to believe; never everybody."""
    found = listed(name)
    for part in found:
        try:
            network = ip_network(part, strict=False)
        except ValueError:
            stop(f"{name} must be addresses or networks, comma separated, such as 10.0.0.0/8.")
        least = _LEAST_PREFIX[network.version]
        if network.prefixlen < least:
            stop(
                f"{name} must not be everybody, nor a network wider than /{least}: name the addresses of your own "
                "proxies, such as 10.0.0.0/8."
            )
    return found


# Services


def database(name: str, default: str) -> dict[str, Any]:
    """Django's entry for a database."""
    value = text(name, default)
    sentence = (
        f"{name} must be postgres://user:password@host:5432/name, or sqlite:/// and the path of a file."
    )
    scheme = value.partition("://")[0]
    if scheme not in ("postgres", "postgresql", "sqlite"):
        stop(sentence)
    try:
        # A server may have been restarted since a connection was last used; a file is where it was.
        checked = scheme != "sqlite"
        found: dict[str, Any] = {**dj_database_url.parse(value, conn_max_age=60, conn_health_checks=checked)}
    except ValueError:
        stop(sentence)
    if not found["NAME"] or (found["NAME"] == ":memory:" and not development()):
        stop(sentence)
    if scheme == "sqlite" and not _can_be_a_file(found["NAME"]):
        stop(f"{name} must be sqlite:/// and the path of a file in a folder that exists.")
    if found.get("OPTIONS", {}).get("sslmode", _SSL_MODES[0]) not in _SSL_MODES:
        stop(f"{name} has an sslmode that PostgreSQL doesn't know: it can be {', '.join(_SSL_MODES)}.")
    return found


def redis(name: str) -> str:
    """The address of a Redis; empty where there is none."""
    value = text(name)
    parts = _parts(value)
    if value and (parts.scheme not in ("redis", "rediss") or not parts.hostname):
        stop(f"{name} must be redis://host:6379/0, or rediss:// for one that is reached encrypted.")
    if value and not find_spec("redis"):
        stop(f"{name} needs the package redis: uv sync --no-dev --extra redis")
    return value


def file(name: str, default: Path) -> str:
    """A file in a folder that is there; it may itself be still to come."""
    value = text(name, str(default))
    if not _can_be_a_file(value):
        stop(f"{name} must be the path of a file in a folder that exists.")
    return value


def _can_be_a_file(value: str) -> bool:
    path = Path(value)
    return value == ":memory:" or (path.parent.is_dir() and not path.is_dir())


def folder(name: str, default: Path, *, make: bool) -> Path:
    """A folder that can be written to; made where it is still to come."""
    value = Path(text(name, str(default)))
    sentence = f"{name} must be the path of a folder that can be written to, in a folder that exists."
    if (value.exists() and not value.is_dir()) or not value.parent.is_dir():
        stop(sentence)
    try:
        if make:
            value.mkdir(exist_ok=True)
    except OSError:
        stop(sentence)
    return value


def stream(name: str) -> str:
    """Where lines are written: stdout, or a file; empty for nowhere."""
    value = text(name)
    path = Path(value.removeprefix("file:"))
    is_file = value.startswith("file:") and path.is_absolute() and path.parent.is_dir() and not path.is_dir()
    if value and value != "stdout" and not is_file:
        stop(
            f"{name} must be stdout, or file: and a whole path in a folder that exists, such as "
            "file:/var/log/roster/audit.jsonl."
        )
    return value


def windows(name: str, default: str) -> list[tuple[int, float]]:
    """Rate limits as calls/seconds, comma separated."""
    try:
        pairs = [part.split("/") for part in text(name, default).split(",")]
        found = [(int(calls), float(its_seconds)) for calls, its_seconds in pairs]
    except ValueError:
        found = []
    if not found or any(calls < 1 or not 0 < its_s <= 86_400 for calls, its_s in found):
        stop(f"{name} must be calls/seconds, comma separated, such as {default}.")
    return found


def together(*names: str) -> None:
    """These are set all or not at all."""
    missing = [name for name in names if not text(name)]
    if missing and len(missing) < len(names):
        there = ", ".join(name for name in names if name not in missing)
        stop(f"Set {' and '.join(missing)} too: without it {there} can't be used.")
