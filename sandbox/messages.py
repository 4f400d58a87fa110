"""One HTTP request and one response, as plain values."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

JSON = "application/json"
JSON_API = "application/vnd.api+json"
HTML = "text/html; charset=utf-8"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` have lower-case names; of a repeated query name the first value counts.

    `address` is the caller's IP address.
    """

    method: str
    path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = "127.0.0.1"

    @property
    def query(self) -> dict[str, str]:
        return first_values(self.query_string)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def form(self) -> dict[str, str]:
        """Empty unless the body is form-encoded."""
        return first_values(self.body.decode("utf-8", "replace")) if self.content_type == FORM else {}

    @property
    def basic(self) -> tuple[str, str] | None:
        """User name and password of a Basic `Authorization`, where there is a readable one."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (name, password) if colon else None

    @property
    def bearer(self) -> str | None:
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else None

    @property
    def from_own_page(self) -> bool:
        """Not sent by some other site's page: browsers name the origin of a post, programs need not."""
        here = f"http://{self.headers.get('host', '')}"
        site = self.headers.get("sec-fetch-site", "same-origin")
        return self.headers.get("origin", here) == here and site in {"same-origin", "none"}


@dataclass(slots=True)
class Response:
    """An answer, already encoded. No content type means no body worth one."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = JSON
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Response:
        return cls(status, json.dumps(value).encode(), headers=_dashed(headers))

    @classmethod
    def json_api(cls, value: Any, status: int = 200, **headers: str) -> Response:
        return cls(status, json.dumps(value).encode(), JSON_API, _dashed(headers))

    @property
    def is_json(self) -> bool:
        return self.content_type in {JSON, JSON_API}

    @classmethod
    def empty(cls, status: int, **headers: str) -> Response:
        return cls(status, content_type=None, headers=_dashed(headers))


def first_values(encoded: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        values.setdefault(name, value)
    return values


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
