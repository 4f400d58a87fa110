"""Fixtures: a running rehearsal with a small shop, and some of its people as clients."""

from collections.abc import Iterator

import pytest

from sandbox.commercelayer.server import running
from sandbox.commercelayer.world import CommerceWorld
from tests.sandbox.commercelayer.shop import DOMAIN, Client, Shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    world = CommerceWorld.empty(seed=7)
    corner = world.add_organization("Corner Shop", plan_type="enterprise", most_members=20)
    other = world.add_organization("Other")
    custom = world.add_role(corner, "Order desk", {"orders": "cru", "returns": "r"})
    other_custom = world.add_role(other, "Elsewhere")
    people = {
        "olga": world.add_person(corner, f"olga@{DOMAIN}", "Olga", "Owner", role="admin", owner=True),
        "adam": world.add_person(corner, f"adam@{DOMAIN}", "Adam", "Admin", role="admin"),
        "rita": world.add_person(corner, f"rita@{DOMAIN}", "Rita", "Reader"),
        "cleo": world.add_person(corner, f"cleo@{DOMAIN}", "Cleo", "Custom", role=custom),
        "pia": world.add_person(corner, f"pia@{DOMAIN}", pending=True),
        "zoe": world.add_person(other, "zoe@other.example", "Zoe", "Zander", role="admin", owner=True),
    }
    world.add_account("max@nowhere.example", "Max", "Nowhere")
    with running(world) as server:
        yield Shop(world, server, corner, other, **people, custom=custom, other_custom=other_custom)


@pytest.fixture
def adam(shop: Shop) -> Client:
    return shop.client(shop.adam)


@pytest.fixture
def olga(shop: Shop) -> Client:
    return shop.client(shop.olga)


@pytest.fixture
def rita(shop: Shop) -> Client:
    return shop.client(shop.rita)
