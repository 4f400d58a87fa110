"""The people one rehearses with."""

import time
import unicodedata

import pytest

from sandbox.bodies import organization as encoded
from sandbox.rehearsal import (
    ADMIN,
    CONTRACTOR,
    HARBOR,
    LEAVER,
    NORTHWIND,
    ORDINARY,
    PEOPLE_OPS,
    SECOND_ADMIN,
    TWO_PLACES,
    VALLEY,
)
from sandbox.switches import Switches
from sandbox.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World.rehearsal()


@pytest.fixture(scope="module")
def northwind(world: World) -> list[dict]:
    return world.members(world.organization_id(NORTHWIND), active=None)


def test_the_same_seed_gives_the_same_people_and_ids(northwind: list[dict]):
    again, other = World.rehearsal(seed=1), World.rehearsal(seed=2)
    assert again.members(again.organization_id(NORTHWIND), active=None) == northwind
    assert other.members(other.organization_id(NORTHWIND), active=None) != northwind


@pytest.mark.parametrize("people", [1, 2, 5, 6, 7, 20, 240, 1000])
def test_there_are_as_many_people_as_asked_for(people: int):
    world = World.rehearsal(people=people)
    assert len(world.members(world.organization_id(NORTHWIND), active=None)) == people
    assert len(world.members(world.organization_id(HARBOR), active=None)) == 12


def test_about_one_in_eight_has_left(northwind: list[dict]):
    assert 0.06 < sum(not person["active"] for person in northwind) / len(northwind) < 0.18


def test_every_role_but_one_is_held_and_few_people_manage(world: World, northwind: list[dict]):
    roles = world.organizations[world.organization_id(NORTHWIND)].roles
    assert {roles[person["role_id"]].name for person in northwind} == {
        role.name for role in roles.values() if role.name != CONTRACTOR
    }
    assert {role.name for role in roles.values() if role.editable} == {
        "Sales Manager",
        "Support Lead",
        "People Ops",
        "Contractor",
    }
    assert {person["email"] for person in northwind if person["manages"]} == {ADMIN, SECOND_ADMIN, PEOPLE_OPS}


def test_one_can_sign_in_as_people_in_different_positions(world: World):
    emails = [world.users[user_id].email for user_id in world.visitors]
    assert emails == [ADMIN, SECOND_ADMIN, ORDINARY, TWO_PLACES, PEOPLE_OPS]

    def role(organization: str, email: str) -> str:
        organization_id = world.organization_id(organization)
        return world.membership(world.membership_id(organization_id, email))["role_name"]

    assert role(NORTHWIND, ADMIN) == role(HARBOR, ADMIN) == role(HARBOR, TWO_PLACES) == "Admin"
    assert role(VALLEY, ADMIN) == role(NORTHWIND, ORDINARY) == "User"


def test_the_domain_rule_is_on_here_and_off_there(world: World):
    northwind, harbor = (world.organizations[world.organization_id(name)] for name in (NORTHWIND, HARBOR))
    assert northwind.domain_restriction
    assert northwind.verified_domains == {"northwind-rehearsal.example"}
    assert not harbor.domain_restriction


def test_all_addresses_are_reserved_ones(world: World):
    assert all(user.email.endswith(".example") for user in world.users.values())
    emails = [user.email.lower() for user in world.users.values()]
    assert len(set(emails)) == len(emails)


def test_names_that_break_careless_code_are_among_them(northwind: list[dict]):
    names = [person["full_name"] for person in northwind]
    assert any("<script>" in name for name in names)
    assert any('"' in name and "&" in name for name in names)
    assert {len(name) for name in names} & {200}
    assert names.count("Jordan Lee") == 2
    assert "" in names
    assert any(person["first_name"] is None and person["last_name"] is None for person in northwind)
    for start in "=+@-":
        assert any(name.startswith(start) for name in names)
    directions = {unicodedata.bidirectional(letter) for name in names for letter in name}
    assert {"R", "AL"} <= directions
    assert any(unicodedata.combining(letter) for name in names for letter in name)
    assert any(ord(letter) > 0x1F000 for name in names for letter in name)
    assert any(person["email"] != person["email"].lower() for person in northwind)
    assert sum(person["is_free"] for person in northwind) == 1


def test_there_are_groups_numbers_views_and_pinned_views(world: World, northwind: list[dict]):
    organization = world.organizations[world.organization_id(NORTHWIND)]
    assert len(organization.groups) == 5
    assert any(number.is_group_number for number in organization.phone_numbers.values())
    assert any(not number.is_group_number for number in organization.phone_numbers.values())
    assert len(organization.smart_views) > 5
    assert any(person["pinned_views"] for person in northwind)
    assert any(person["default_caller_id"] for person in northwind)
    assert organization.events.find({}).events


def test_some_views_are_shared_with_few_and_a_pinned_one_is_gone(world: World):
    organization = world.organizations[world.organization_id(NORTHWIND)]
    views = organization.smart_views
    few = {view.id for view in views.values() if not view.is_shared and (view.group_ids or view.user_ids)}

    def pins(email: str) -> list[str]:
        return organization.by_user[world.user_id(email)].pinned_views

    assert len(few.intersection(pins(SECOND_ADMIN))) == 2
    assert [pk in views for pk in pins(ORDINARY)] == [True, False, True]


def test_ten_thousand_people_are_made_in_about_a_second_and_shown_at_once():
    began = time.perf_counter()
    world = World.rehearsal(people=10_000)
    made = time.perf_counter()
    organization = world.organizations[world.organization_id(NORTHWIND)]
    encoded(organization, world.switches)
    again = time.perf_counter()
    encoded(organization, world.switches)
    done = time.perf_counter()
    # Several times what it takes, so that a busy machine does not fail it.
    assert made - began < 3
    assert done - again < 0.15


def test_a_reset_brings_everybody_back_and_keeps_connections(northwind: list[dict]):
    world = World.rehearsal()
    organization_id = world.organization_id(NORTHWIND)
    tokens = world.grant(world.user_id(ADMIN), organization_id)
    for person in northwind[:20]:
        world.set_role(person["id"], "restricteduser")
    world.switches.permission_refusal_status = 403
    world.reset()
    assert world.members(organization_id, active=None) == northwind
    assert world.switches == Switches()
    holder = world.grants.holder_of_token(tokens["access_token"])
    assert holder is not None
    assert world.caller(holder, request_id="req", meta={}) is not None


def test_api_keys_survive_a_restart():
    keys = set()
    for _ in range(2):
        world = World.rehearsal(people=5)
        keys.add(world.api_key(world.user_id(ADMIN), world.organization_id(NORTHWIND)))
    assert len(keys) == 1


def test_the_one_who_leaves_has_a_desk_full_of_work(world: World):
    organization = world.organizations[world.organization_id(NORTHWIND)]
    membership = organization.by_user[world.user_id(LEAVER)]
    desk = world.desk(membership.id)
    types = {organization.tasks[pk].type for pk in desk["tasks"]}
    assert (len(desk["tasks"]) >= 34, len(types) >= 5, len(desk["opportunities"]) >= 5) == (True, True, True)
    assert len(membership.pinned_views) == 4
    assert sum(membership.user.id in group.user_ids for group in organization.groups.values()) >= 3
