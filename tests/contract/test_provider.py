"""What every provider must do, whatever its API looks like."""

import pytest

from memberships.domain.people import ROLE, Status
from memberships.providers import Change, Deactivation, Invitation
from memberships.providers.errors import Refused
from sandbox.rehearsal import ADMIN, NORTHWIND_DOMAIN


def some(world, northwind, number, role="user"):
    return [m["id"] for m in world.members(northwind) if m["role_id"] == role][:number]


def test_the_actor_is_the_person_whose_credentials_are_used(provider, world, northwind):
    actor = provider.actor()
    assert (actor.user_id, actor.email, actor.name) == (world.user_id(ADMIN), ADMIN, "Alex Morgan")
    assert (actor.organization_id, actor.can_manage) == (northwind, True)


def test_the_roster_has_everyone_active_or_not(provider, world, northwind):
    roster = provider.roster()
    active = {m["id"] for m in world.members(northwind)}
    everyone = {m["id"] for m in world.members(northwind, active=None)}
    assert set(roster.members) == everyone
    assert {m.id for m in roster.members.values() if m.active} == active
    assert roster.active_count() == len(active) < len(everyone)


def test_only_active_people_count_as_managers(provider, world, northwind):
    gone = next(
        m
        for m in world.members(northwind)
        if m["role_id"] == "admin" and m["user_id"] != world.user_id(ADMIN)
    )
    before = provider.roster().managers()
    world.deactivate(gone["id"])
    assert provider.roster().managers() == before - {gone["id"]}


def test_roles_know_what_they_grant(provider):
    roles = {role.name: role for role in provider.roles()}
    assert {name for name, role in roles.items() if role.can_manage} == {"Admin", "People Ops"}
    assert roles["User"].permissions >= {"calling", "merge_leads"}


def test_a_bulk_change_reaches_exactly_the_members_named(provider, world, northwind):
    before = {m["id"]: m["role_id"] for m in world.members(northwind, active=None)}
    chosen = some(world, northwind, 3)
    assert provider.apply(Change({ROLE: "restricteduser"}, tuple(chosen))) is None
    after = {m["id"]: m["role_id"] for m in world.members(northwind, active=None)}
    assert after == before | dict.fromkeys(chosen, "restricteduser")


def test_a_single_change_answers_with_the_member_as_it_is_now(provider, world, northwind):
    (chosen,) = some(world, northwind, 1)
    shown = provider.apply(Change({ROLE: "superuser", "auto_record_calls": "enabled"}, (chosen,)))
    assert (shown.id, shown.role_id, shown.settings["auto_record_calls"]) == (chosen, "superuser", "enabled")
    assert world.membership(chosen)["role_id"] == "superuser"


@pytest.mark.parametrize("ids", [(), ("",), ("memb_1", "")])
def test_a_change_for_nobody_can_not_be_built(ids):
    with pytest.raises(ValueError, match="ids of the members"):
        Change({ROLE: "user"}, ids)


def test_a_change_of_nothing_can_not_be_built():
    with pytest.raises(ValueError, match="needs fields"):
        Change({}, ("memb_1",))


def test_an_invited_address_becomes_an_active_member(provider, world, northwind):
    shown = provider.apply(Invitation(f"lena.fischer@{NORTHWIND_DOMAIN}", "user"))
    assert (shown.status, shown.role_id) == (Status.ACTIVE, "user")
    assert world.membership(shown.id)["role_id"] == "user"


def test_a_deactivated_member_is_inactive_and_still_listed(provider, world, northwind):
    (chosen,) = some(world, northwind, 1)
    provider.apply(Deactivation(chosen))
    assert provider.roster().members[chosen].status is Status.INACTIVE


def test_a_refusal_carries_the_providers_own_words(provider, world, northwind):
    (chosen,) = some(world, northwind, 1)
    world.refuse(chosen, "This person is on holiday.")
    with pytest.raises(Refused, match="This person is on holiday") as caught:
        provider.apply(Change({ROLE: "superuser"}, (chosen,)))
    assert caught.value.status == 400
