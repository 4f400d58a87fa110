"""Many people at once over real HTTP: enough of Django's test client for tests/pages.py, one browser each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from sandbox.server import Server
from tests.pages import read

_CALL_S, _PATIENCE_S = 30, 60


@dataclass(frozen=True, slots=True)
class Answer:
    status_code: int
    content: bytes
    request: dict[str, str]


class Browser:
    """`look` is shown every page before anybody else sees it; `address` is where the browser seems to be."""

    def __init__(self, url: str, look: Callable[[str, str], None], address: str) -> None:
        self.url = url
        self.look = look
        self.session = requests.Session()
        # A connection that is kept stays with one web process; everybody is to meet all of them.
        self.session.headers["Connection"] = "close"
        self.session.headers["X-Forwarded-For"] = address

    def sign_in(self, close: Server, user_id: str, organization_id: str) -> Answer:
        """Off to the rehearsal Close's consent page, Allow, and back."""
        consent = self._ask("GET", urljoin(self.url, "/login/start/"))
        assert consent.url.startswith(close.url), consent.url
        form = next(read(consent.text).all("form"))
        hidden = {e.attributes["name"]: e.value for e in form.all("input") if "name" in e.attributes}
        decided = {"user_id": user_id, "organization_id": organization_id, "decision": "allow"}
        return self._answer(
            self._ask("POST", urljoin(close.url, form.attributes["action"]), data=hidden | decided)
        )

    def get(self, address: str, data: Any = None, follow: bool = True) -> Answer:
        return self._answer(self._ask("GET", urljoin(self.url, address), params=data))

    def post(self, address: str, data: Any = None, follow: bool = True) -> Answer:
        token = self.session.cookies.get("csrftoken", "")
        where = urljoin(self.url, address)
        return self._answer(self._ask("POST", where, data=data, headers={"X-CSRFToken": token}))

    def _ask(self, method: str, address: str, **more: Any) -> requests.Response:
        """Whoever gets no answer, because a process was killed, presses again."""
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self.session.request(method, address, timeout=_CALL_S, **more)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.1)

    def _answer(self, response: requests.Response) -> Answer:
        parts = urlsplit(response.url)
        self.look(parts.path, response.text)
        return Answer(
            response.status_code, response.content, {"PATH_INFO": parts.path, "QUERY_STRING": parts.query}
        )
