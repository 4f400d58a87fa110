"""The organizations one rehearses with: people who do not exist."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.people import Person, awkward, believable

if TYPE_CHECKING:
    from sandbox.commercelayer.world import CommerceWorld

BLUEFIN, TERN = "Bluefin Rehearsal", "Tern & Sons"
BLUEFIN_DOMAIN, TERN_DOMAIN = "bluefin-rehearsal.example", "tern-sons.example"

OWNER = f"marta.lindqvist@{BLUEFIN_DOMAIN}"  # owns Bluefin; reads only in Tern & Sons
ADMIN = f"theo.achebe@{BLUEFIN_DOMAIN}"  # admin in both
READER = f"ines.okafor@{BLUEFIN_DOMAIN}"  # reads only
TERN_OWNER = f"gwen.tern@{TERN_DOMAIN}"
PRINCIPALS = (OWNER, ADMIN, READER, TERN_OWNER)

CLIENT_ID, CLIENT_SECRET = "rehearsal-client-id", "rehearsal-client-secret"  # the owner's

MERCHANDISER, ORDER_DESK = "Merchandiser", "Order desk"
CUSTOM_ROLES = {
    MERCHANDISER: {"skus": "crud", "prices": "crud", "sku_lists": "crud", "promotions": "ru", "markets": "r"},
    ORDER_DESK: {"orders": "cru", "returns": "cru", "shipments": "ru", "customers": "r", "addresses": "r"},
}
STORE_TEAM, CAMPAIGNS = "Store team", "Campaigns"
PROFILES = {STORE_TEAM: ("orders", "returns", "shipments"), CAMPAIGNS: ("promotions", "gift_cards", "skus")}

# Out of a hundred, for everyone who is not placed by hand.
ROLE_SHARES = {"admin": 6, "read_only": 44, MERCHANDISER: 25, ORDER_DESK: 25}
SCOPE_SHARES = {"live_access": 80, "test_access": 8, "all_access": 12}
PENDING_SHARE = 0.12
LONG_AGO = datetime(2022, 5, 2, 9, tzinfo=UTC)


def build(world: CommerceWorld, people: int, seed: int) -> CommerceWorld:
    """Fill an empty world. Four people are always the same; so are the awkward names, as far as they fit."""
    rng = random.Random(seed)
    bluefin = world.add_organization(BLUEFIN, plan_type="enterprise", most_members=max(people + 40, 100))
    roles = {name: world.add_role(bluefin, name, rights) for name, rights in CUSTOM_ROLES.items()}
    profiles = [world.add_profile(bluefin, name, apps) for name, apps in PROFILES.items()]
    world.add_person(bluefin, OWNER, "Marta", "Lindqvist", role="admin", owner=True, created_at=LONG_AGO)
    for email, first, last, role in (
        (ADMIN, "Theo", "Achebe", "admin"),
        (READER, "Inês", "Okafor", "read_only"),
    ):
        world.add_person(bluefin, email, first, last, role=role, created_at=LONG_AGO + timedelta(days=3))

    names, shares = list(ROLE_SHARES), list(ROLE_SHARES.values())
    for number, person in enumerate(_everyone_else(rng, people - 3)):
        pending = rng.random() < PENDING_SHARE
        name = rng.choices(names, shares)[0]
        # Half of the others have a profile, a quarter an app of their own, a quarter nothing.
        luck = rng.random() if name != "admin" and not pending else 1.0
        known = rng.random() < 0.3
        membership_id = world.add_person(
            bluefin,
            person.email,
            person.first_name,
            person.last_name,
            role=roles.get(name, name),
            pending=pending,
            created_at=_some_time(rng),
            profile_id=rng.choice(profiles) if luck < 0.5 else None,
            access_scope=rng.choices(list(SCOPE_SHARES), list(SCOPE_SHARES.values()))[0],
            reference=f"HR-{number:04}" if known else None,
            reference_origin="hr" if known else None,
        )
        if 0.5 <= luck < 0.75:
            world.give_app(membership_id, rng.choice(("orders", "skus", "imports", "exports")))

    tern = world.add_organization(TERN, plan_type="growth", most_members=8)
    world.add_person(tern, TERN_OWNER, "Gwen", "Tern", role="admin", owner=True, created_at=LONG_AGO)
    world.add_person(tern, ADMIN, role="admin", created_at=_some_time(rng))
    world.add_person(tern, OWNER, role="read_only", created_at=_some_time(rng))
    staff = believable(rng, TERN_DOMAIN, set())
    for number in range(4):
        person = next(staff)
        world.add_person(
            tern,
            person.email,
            person.first_name,
            person.last_name,
            pending=number == 0,
            created_at=_some_time(rng),
        )
    world.set_credentials(OWNER, CLIENT_ID, CLIENT_SECRET)
    return world


def _everyone_else(rng: random.Random, count: int) -> list[Person]:
    """A third of them with awkward names, mixed among the others, at most as many as there are."""
    strange = awkward(BLUEFIN_DOMAIN)[: max(count, 0) // 3]
    ordinary = believable(rng, BLUEFIN_DOMAIN, set(PRINCIPALS))
    people = strange + [next(ordinary) for _ in range(count - len(strange))]
    rng.shuffle(people)
    return people


def _some_time(rng: random.Random) -> datetime:
    """Whole milliseconds, as they are shown."""
    ago = timedelta(seconds=rng.randrange(4 * 365 * 86400), milliseconds=rng.randrange(1000))
    return LONG_AGO + ago
