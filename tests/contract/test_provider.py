"""What every provider must do, whatever its API looks like."""

from __future__ import annotations

from typing import Any

import pytest

from memberships.domain.people import ROLE, Member
from memberships.providers import Change, Deactivation, Invitation
from memberships.providers.errors import Refused
from memberships.providers.registry import ATTACHED, SIGN_IN
from sandbox import rehearsal
from sandbox.commercelayer import rehearsal as commerce_rehearsal

from .sides import Side


def _close(request: pytest.FixtureRequest) -> Side:
    world, organization_id = request.getfixturevalue("world"), request.getfixturevalue("northwind")

    def members() -> list[dict[str, Any]]:
        everyone = world.members(organization_id, active=None)
        return [{name: m[name] for name in ("id", "email", "role_id", "active", "manages")} for m in everyone]

    return Side(
        request.getfixturevalue("make")(),
        rehearsal.ADMIN,
        "Alex Morgan",
        organization_id,
        rehearsal.NORTHWIND_DOMAIN,
        ("user", "superuser"),
        members,
        world.deactivate,
        world.refuse,
    )


def _commercelayer(request: pytest.FixtureRequest) -> Side:
    world, organization_id = request.getfixturevalue("commerce"), request.getfixturevalue("bluefin")

    def members() -> list[dict[str, Any]]:
        return [
            {
                "active": m["status"] == "active",
                "manages": m["role_kind"] == "admin" and m["status"] == "active",
            }
            | {name: m[name] for name in ("id", "email", "role_id")}
            for m in world.members(organization_id)
        ]

    return Side(
        request.getfixturevalue("make_commerce")(),
        commerce_rehearsal.OWNER,
        "Marta Lindqvist",
        organization_id,
        commerce_rehearsal.BLUEFIN_DOMAIN,
        (world.role_id(organization_id, "Order desk"), world.role_id(organization_id, "Merchandiser")),
        members,
        world.remove,
        world.refuse,
    )


@pytest.fixture(params=[_close, _commercelayer], ids=[SIGN_IN, ATTACHED])
def side(request: pytest.FixtureRequest) -> Side:
    found: Side = request.param(request)
    return found


def test_the_actor_is_the_person_whose_credentials_are_used(side):
    actor = side.provider.actor()
    assert (actor.email, actor.name) == (side.actor_email, side.actor_name)
    assert (actor.organization_id, actor.can_manage) == (side.organization_id, True)


def test_the_actor_is_found_in_the_roster(side):
    me = side.provider.roster().of_user(side.provider.actor().user_id)
    assert (me.email, me.can_manage) == (side.actor_email, True)


def test_the_roster_has_everyone_and_nobody_else(side):
    roster = side.provider.roster()
    truth = {m["id"]: m for m in side.members()}
    assert roster.organization_id == side.organization_id
    assert roster.members.keys() == truth.keys()
    for pk, member in roster.members.items():
        shown = {"id": pk, "email": member.email, "role_id": member.role_id, "active": member.active}
        assert shown | {"manages": member.can_manage} == truth[pk] | {"email": truth[pk]["email"].lower()}


def test_only_active_people_count_as_managers(side):
    before = side.provider.roster().managers()
    assert before == {m["id"] for m in side.members() if m["manages"]}
    gone = next(m["id"] for m in side.members() if m["manages"] and m["email"] != side.actor_email)
    side.leave(gone)
    assert side.provider.roster().managers() == before - {gone}


def test_every_role_somebody_has_is_listed_and_knows_whether_it_can_manage(side):
    roles = {role.id: role for role in side.provider.roles()}
    assert {m["role_id"] for m in side.members()} <= roles.keys()
    managing = {role.id for role in roles.values() if role.can_manage}
    assert {m["role_id"] for m in side.members() if m["manages"]} <= managing
    assert not managing.intersection(side.roles)
    assert all(role.name and role.permissions for role in roles.values())


def test_a_change_answers_with_the_member_as_it_is_now(side):
    (chosen,) = side.some(1)
    shown = side.provider.apply(Change({ROLE: side.roles[1]}, (chosen,)))
    assert isinstance(shown, Member)
    assert (shown.id, shown.role_id) == (chosen, side.roles[1])
    assert side.member(chosen)["role_id"] == side.roles[1]


def test_every_field_it_says_can_be_written_is_written(side):
    (chosen,) = side.some(1)
    for field in side.provider.capabilities.fields:
        for posted, _ in field.choices[:2]:
            value = field.parse(posted)
            shown = side.provider.apply(Change({field.name: value}, (chosen,)))
            assert shown.value(field.name) == value


def test_a_change_reaches_exactly_the_members_named(side):
    before = {m["id"]: m["role_id"] for m in side.members()}
    chosen = side.some(3)
    size = next(iter(side.provider.capabilities.bulk_sizes.values()), 1)
    groups = [tuple(chosen)] if size >= 3 else [(pk,) for pk in chosen]
    for answer in side.provider.apply_many([Change({ROLE: side.roles[1]}, ids) for ids in groups]):
        assert not isinstance(answer, Exception)
    after = {m["id"]: m["role_id"] for m in side.members()}
    assert after == before | dict.fromkeys(chosen, side.roles[1])


@pytest.mark.parametrize("ids", [(), ("",), ("memb_1", "")])
def test_a_change_for_nobody_can_not_be_built(ids):
    with pytest.raises(ValueError, match="ids of the members"):
        Change({ROLE: "user"}, ids)


def test_a_change_of_nothing_can_not_be_built():
    with pytest.raises(ValueError, match="needs fields"):
        Change({}, ("memb_1",))


def test_an_invited_address_is_a_member_with_that_role(side):
    email = f"lena.fischer@{side.domain}"
    shown = side.provider.apply(Invitation(email, side.roles[0]))
    assert shown.role_id == side.roles[0]
    assert side.member(shown.id)["role_id"] == side.roles[0]
    assert side.provider.roster().members[shown.id].email == email


def test_a_deactivated_member_is_in_no_more(side):
    (chosen,) = side.some(1)
    assert side.provider.apply(Deactivation(chosen)) is None
    listed = side.provider.roster().members.get(chosen)
    assert (listed is None) if side.provider.capabilities.removes else not listed.active


def test_a_refusal_carries_the_providers_own_words(side):
    (chosen,) = side.some(1)
    side.refuse(chosen, "This person is on holiday.")
    with pytest.raises(Refused, match="This person is on holiday") as caught:
        side.provider.apply(Change({ROLE: side.roles[1]}, (chosen,)))
    assert 400 <= caught.value.status < 500


def test_of_many_requests_each_has_its_own_answer(side):
    first, second, third = side.some(3)
    side.refuse(second, "Not this one.")
    answers = side.provider.apply_many(
        [Change({ROLE: side.roles[1]}, (pk,)) for pk in (first, second, third)]
    )
    assert [getattr(answer, "id", type(answer)) for answer in answers] == [first, Refused, third]


def test_nobody_there_is_refused(side):
    with pytest.raises(Refused) as caught:
        side.provider.apply(Change({ROLE: side.roles[1]}, ("nobody",)))
    assert caught.value.status == 404
