"""The way through Close's consent page and back, as somebody's browser goes it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from django.test import Client

from sandbox.rehearsal import ADMIN, NORTHWIND
from sandbox.server import Server
from sandbox.world import World
from tests.pages import Element, Page, read

HERE = "localhost:8000"


class Close:
    """A person in front of Close's consent page."""

    def __init__(self, world: World, server: Server) -> None:
        self.world = world
        self.server = server

    def consent(
        self, address: str, email: str = ADMIN, organization: str = NORTHWIND, decision: str = "allow"
    ) -> str:
        """Open the consent page, choose, press Allow or Deny; returns the address Close sends the browser to."""
        page = requests.get(address, timeout=5)
        assert page.status_code == 200, page.text
        form = {field.attributes["name"]: field.value for field in _hidden(read(page.text))}
        form |= {
            "user_id": self.world.user_id(email),
            "organization_id": self.world.organization_id(organization),
            "decision": decision,
        }
        answer = requests.post(address.partition("?")[0], data=form, allow_redirects=False, timeout=5)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]


def _hidden(page: Element) -> list[Element]:
    return [field for field in page.all("input") if field.attributes.get("type") == "hidden"]


def start(visitor: Client) -> str:
    """Press the link; returns the address of the consent page."""
    target: str = visitor.get(Page.visit(visitor, "/login/").link("Sign in with Close"))["Location"]
    return target


def arrive(visitor: Client, address: str) -> Page:
    """Follow Close's redirect back to us."""
    parts = urlsplit(address)
    assert (parts.netloc, parts.path) == (HERE, "/login/callback/")
    return Page.visit(visitor, f"{parts.path}?{parts.query}")


def sign_in(visitor: Client, consent: Any, email: str = ADMIN, organization: str = NORTHWIND) -> Page:
    return arrive(visitor, consent(start(visitor), email, organization))
