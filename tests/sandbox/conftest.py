"""Fixtures: a running rehearsal with a small company, and two of its people as clients."""

from collections.abc import Iterator

import pytest

from sandbox.server import running
from sandbox.world import World
from tests.sandbox.company import DOMAIN, Client, Company


@pytest.fixture
def company() -> Iterator[Company]:
    world = World.empty(seed=7)
    acme = world.add_organization("Acme", verified_domains=(DOMAIN,))
    other = world.add_organization("Other")
    people = {
        "ada": world.add_person(acme, f"ada@{DOMAIN}", "Ada", "Admin", role="admin"),
        "bob": world.add_person(acme, f"bob@{DOMAIN}", "Bob", "Baker"),
        "cleo": world.add_person(acme, f"cleo@{DOMAIN}", "Cleo", "Cook"),
        "dora": world.add_person(acme, f"dora@{DOMAIN}", "Dora", "Gone", role="superuser", active=False),
        "zoe": world.add_person(other, "zoe@other.example", "Zoe", "Zander", role="admin"),
    }
    with running(world) as server:
        yield Company(world, server, acme, other, **people)


@pytest.fixture
def ada(company: Company) -> Client:
    return company.client(company.ada)


@pytest.fixture
def bob(company: Company) -> Client:
    return company.client(company.bob)
