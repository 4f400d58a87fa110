"""A small company in the rehearsal Close, and clients that are people in it."""

from dataclasses import dataclass

import requests

from sandbox.server import Server
from sandbox.world import World

DOMAIN = "acme-rehearsal.example"


class Client:
    """Plain HTTP with one credential; answers the raw response."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.session = requests.Session()
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **kwargs) -> requests.Response:
        """`path` is below /api/v1/, or absolute."""
        address = self.url + (path if path.startswith("/") else f"/api/v1/{path}")
        kwargs.setdefault("allow_redirects", False)
        return self.session.request(method, address, timeout=5, **kwargs)

    def get(self, path: str, **params) -> requests.Response:
        return self.call("GET", path, params=params)

    def put(self, path: str, body: object) -> requests.Response:
        return self.call("PUT", path, json=body)

    def post(self, path: str, body: object) -> requests.Response:
        return self.call("POST", path, json=body)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", path)

    def bulk(self, ids: list[str], **fields) -> requests.Response:
        return self.put("membership/", {"_params": {"id__in": ",".join(ids)}, **fields})


@dataclass
class Company:
    """Ada manages, Bob and Cleo are users, Dora has left. Another organization has Zoe."""

    world: World
    server: Server
    id: str
    other_id: str
    ada: str
    bob: str
    cleo: str
    dora: str
    zoe: str

    def client(self, membership_id: str) -> Client:
        member = self.world.membership(membership_id)
        token = self.world.grant(member["user_id"], member["organization_id"])
        return Client(self.server.url, token["access_token"])

    def stranger(self, token: str | None = None) -> Client:
        return Client(self.server.url, token)

    def user_id(self, membership_id: str) -> str:
        return self.world.membership(membership_id)["user_id"]

    def role_of(self, membership_id: str) -> str:
        return self.world.membership(membership_id)["role_id"]
