"""A company of its own for each test, so that none has to tidy up after another."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from sandbox.people import believable
from sandbox.world import World

_number = count(1)

# Names that break careless pages; one page shows them all.
_AWKWARD = (
    ("script.tag", "<script>alert(1)</script>", "Tagg"),
    ("right.to.left", "Ann\u202eanna", "Override"),
    ("long.name", "Wolfeschlegelsteinhausenbergerdorff " * 2, "Wolfeschlegelsteinhausenbergerdorff"),
    ("no.name", "", ""),
)


@dataclass(frozen=True, slots=True)
class Company:
    """`admin` and `second` manage it, `ordinary` may not."""

    world: World
    id: str
    name: str
    domain: str
    admin: str
    second: str
    ordinary: str

    def people(self, **wanted: Any) -> list[dict[str, Any]]:
        """What is true in Close of everyone who fits, such as role_id="user"."""
        everyone = self.world.members(self.id, active=None)
        return [person for person in everyone if all(person[name] == value for name, value in wanted.items())]

    def roles(self) -> dict[str, str]:
        return {person["email"]: person["role_id"] for person in self.people()}

    def membership_id(self, email: str) -> str:
        return self.world.membership_id(self.id, email)


def founded(world: World, *, users: int = 58) -> Company:
    """`users` active users (more than a page of the list), some others, and a custom role."""
    number = next(_number)
    name, domain = f"Company {number}", f"company-{number}.example"
    organization_id = world.add_organization(name, verified_domains=(domain,))
    world.add_role(organization_id, "Support Lead", ["view_all", "call_coach_listen"])
    admin, second, ordinary = f"alex@{domain}", f"priya@{domain}", f"sam@{domain}"
    world.add_person(organization_id, admin, "Alex", f"Admin {number}", role="admin")
    world.add_person(organization_id, second, "Priya", f"Second {number}", role="admin")
    world.add_person(organization_id, ordinary, "Sam", f"Ordinary {number}")
    drawn = believable(random.Random(number), domain, set())
    for mail, first, last in _AWKWARD[: max(0, users - 1)]:
        world.add_person(organization_id, f"{mail}@{domain}", first, last)
    for person in islice(drawn, max(0, users - 1 - len(_AWKWARD))):
        world.add_person(organization_id, person.email, person.first_name, person.last_name)
    for role, active in (*[("restricteduser", True)] * 4, *[("superuser", True)] * 2, *[("user", False)] * 3):
        person = next(drawn)
        world.add_person(
            organization_id, person.email, person.first_name, person.last_name, role=role, active=active
        )
    world.visitors = [world.user_id(email) for email in (admin, second, ordinary)]
    return Company(world, organization_id, name, domain, admin, second, ordinary)


def emails(people: list[dict[str, Any]]) -> Iterator[str]:
    return (person["email"] for person in people)
