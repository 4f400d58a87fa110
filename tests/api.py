"""The API as a script uses it: a token, and nothing a browser has."""

from __future__ import annotations

from typing import Any

from django.test import Client

from memberships.models import Connection, Scope
from memberships.services import tokens


def token(
    connection: Connection, scope: Scope = Scope.READ, name: str = "Nightly sync", days: int = 30
) -> str:
    """The text of a new token of whoever uses this connection."""
    _, text = tokens.make(connection, name=name, scope=scope, days=days)
    return text


class Script:
    """Calls with one token; every answer is JSON, whatever happens."""

    def __init__(self, text: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {text}"} if text else {}

    def get(self, path: str, **query: Any) -> Answer:
        return Answer(self.client.get(f"/api/v1{path}", query, headers=self.headers))

    def post(self, path: str, body: Any = None, content_type: str = "application/json") -> Answer:
        sent = {} if body is None else body
        return Answer(
            self.client.post(f"/api/v1{path}", sent, content_type=content_type, headers=self.headers)
        )

    def plan(self, *people: dict[str, Any], **more: Any) -> Answer:
        return self.post("/plans", {"people": people, **more})

    def apply(self, plan: Answer) -> Answer:
        return self.post(f"/plans/{plan['id']}/apply", {"fingerprint": plan["fingerprint"]})


class Answer:
    def __init__(self, response: Any) -> None:
        self.response = response
        self.status: int = response.status_code
        self.headers = response.headers
        media_type = "application/json" if self.status < 400 else "application/problem+json"
        assert response.headers["Content-Type"] == media_type, f"{self.status}: {response.content[:200]}"
        self.json: Any = response.json()
        if self.status >= 400:
            assert self.json["status"] == self.status
            assert self.json["detail"].endswith((".", "…"))

    def __getitem__(self, name: str) -> Any:
        return self.json[name]

    @property
    def code(self) -> tuple[int, str]:
        return self.status, self.json["code"]
