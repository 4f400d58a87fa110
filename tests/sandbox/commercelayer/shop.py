"""A small shop in the rehearsal Commerce Layer, and clients that are people in it."""

from dataclasses import dataclass
from typing import Any

import requests

from sandbox.commercelayer.limits import CommerceLimits
from sandbox.commercelayer.world import CommerceWorld
from sandbox.server import Server

DOMAIN = "corner-shop.example"
JSON_API = "application/vnd.api+json"


class Client:
    """Plain HTTP with one token; answers the raw response."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["Accept"] = JSON_API
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **kwargs) -> requests.Response:
        """`path` is below /api/, or absolute. `json` goes as JSON:API."""
        address = self.url + (path if path.startswith("/") else f"/api/{path}")
        if "json" in kwargs:
            kwargs["headers"] = {"Content-Type": JSON_API, **kwargs.get("headers", {})}
        return self.session.request(method, address, timeout=5, **kwargs)

    def get(self, path: str, **params) -> requests.Response:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: object = None) -> requests.Response:
        return self.call("POST", path) if body is None else self.call("POST", path, json=body)

    def patch(self, path: str, body: object) -> requests.Response:
        return self.call("PATCH", path, json=body)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", path)

    def set_role(self, membership_id: str, role_id: str, **params) -> requests.Response:
        body = document("memberships", membership_id, role=("roles", role_id))
        return self.call("PATCH", f"memberships/{membership_id}", json=body, params=params)

    def everything(self, path: str, **params) -> list[dict[str, Any]]:
        """Every page of a list."""
        found, number = [], 1
        while True:
            body = self.get(path, **{**params, "page[size]": 25, "page[number]": number}).json()
            found += body["data"]
            if "next" not in body["links"]:
                return found
            number += 1


@dataclass
class Shop:
    """Olga owns it and Adam is an admin too; Rita reads, Cleo has a custom role, Pia has not accepted yet.

    Zoe owns another one. Max has an account and is nowhere. The members are membership ids.
    """

    world: CommerceWorld
    server: Server[CommerceLimits]
    id: str
    other_id: str
    olga: str
    adam: str
    rita: str
    cleo: str
    pia: str
    zoe: str
    custom: str
    other_custom: str

    def email(self, membership_id: str) -> str:
        return self.world.membership(membership_id)["email"]

    def client(self, membership_id: str) -> Client:
        return Client(self.server.url, self.world.grant(self.email(membership_id))["access_token"])

    def stranger(self, token: str | None = None) -> Client:
        return Client(self.server.url, token)

    def role_of(self, membership_id: str) -> str:
        return self.world.membership(membership_id)["role_kind"]

    def role(self, kind: str, organization_id: str | None = None) -> str:
        return self.world.role_id(organization_id or self.id, kind)

    def invitation(self, email: str, role: str | None = None, **attributes) -> dict[str, Any]:
        return document(
            "memberships",
            organization=("organizations", self.id),
            role=("roles", role or self.role("read_only")),
            attributes={"user_email": email, **attributes},
        )


def document(
    type_: str, id_: str | None = None, *, attributes: dict[str, Any] | None = None, **links: Any
) -> dict[str, Any]:
    """A JSON:API document; links are (type, id), None or a list of them."""

    def linkage(link: Any) -> Any:
        if link is None:
            return None
        if isinstance(link, list):
            return [linkage(one) for one in link]
        return {"type": link[0], "id": link[1]}

    data: dict[str, Any] = {"type": type_, "attributes": attributes or {}}
    if id_:
        data["id"] = id_
    if links:
        data["relationships"] = {name: {"data": linkage(link)} for name, link in links.items()}
    return {"data": data}


def errors(response: requests.Response) -> list[tuple[str, str | None]]:
    """Code and pointer of each; the status has to be in each, too, as text."""
    found = response.json()["errors"]
    assert response.headers["content-type"] == JSON_API
    assert all(error["status"] == str(response.status_code) for error in found)
    assert all(error["title"] and error["detail"] for error in found)
    return [(error["code"], error.get("source", {}).get("pointer")) for error in found]


def error(response: requests.Response) -> tuple[int, str]:
    """Status and code of the only one."""
    ((code, _),) = errors(response)
    return response.status_code, code


def emails(response: requests.Response) -> list[str]:
    """Names before the @, in order."""
    assert response.status_code == 200, response.text
    return [one["attributes"]["user_email"].partition("@")[0] for one in response.json()["data"]]
