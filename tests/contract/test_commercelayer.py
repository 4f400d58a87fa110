"""How the Commerce Layer client reads answers, broken ones included, and what it sends."""

from __future__ import annotations

import pytest
import responses

from memberships.domain.items import Item, Kind
from memberships.domain.people import RESENT, ROLE, Member, Status
from memberships.providers import Change, Deactivation, Invitation, Resend
from memberships.providers.commercelayer import CommerceLayerProvider
from memberships.providers.errors import Disconnected, RateLimited, Refused, Unavailable
from sandbox.commercelayer.rehearsal import ADMIN, BLUEFIN, OWNER, READER, STORE_TEAM, TERN
from sandbox.server import Server

from .conftest import Token

LIST = "https://cl.example/api/organizations/org1/memberships"


@pytest.fixture
def make(make_commerce):
    return make_commerce


@pytest.fixture
def server(commerce_server: Server) -> Server:
    return commerce_server


@pytest.fixture
def answered() -> CommerceLayerProvider:
    """A client whose calls are answered by `responses`."""
    return CommerceLayerProvider("https://cl.example", Token("t"), "org1", deadline_s=2.0)


def page(*members, **meta):
    counts = {"record_count": len(members), "page_count": 1} | meta
    return {"data": list(members), "meta": counts}


def raw(pk="m1", **attributes):
    shown = {"user_email": "Ann@Example.com", "status": "active"} | attributes
    return {"id": pk, "type": "memberships", "attributes": shown}


# Reading


def test_everyone_with_their_roles(make, commerce, bluefin):
    roster = make().roster()
    truth = {m["id"]: m for m in commerce.members(bluefin)}
    assert roster.members.keys() == truth.keys()
    assert roster.organization_name == BLUEFIN
    for pk, member in roster.members.items():
        assert (member.email, member.role_id) == (truth[pk]["email"].lower(), truth[pk]["role_id"])
        assert member.status == truth[pk]["status"]
    owner = next(m for m in roster.members.values() if m.owner)
    assert (owner.email, owner.can_manage) == (OWNER, True)
    assert Status.PENDING in {m.status for m in roster.members.values()}


def test_sixty_people_are_three_list_calls(make, server):
    make().roster()
    lists = [call for call in server.calls if call.path.endswith("/memberships")]
    assert lists[0].query["page[number]"] == "1"
    assert sorted(call.query["page[number]"] for call in lists) == ["1", "2", "3"]
    assert all("api_credentials" not in str(call.query) for call in server.calls)


def test_who_the_credentials_belong_to(make, commerce):
    mine = make().actor()
    assert (mine.email, mine.user_id, mine.can_manage, mine.organization_name) == (
        OWNER,
        OWNER,
        True,
        BLUEFIN,
    )
    assert not make(READER).actor().can_manage


def test_only_organizations_one_is_an_admin_of(make, commerce):
    assert [name for _, name in make(ADMIN).organizations()] == sorted([BLUEFIN, TERN], key=str.casefold)
    assert [name for _, name in make(OWNER).organizations()] == [BLUEFIN]
    assert make(READER).organizations() == []


def test_roles_with_what_custom_ones_allow(make):
    roles = {role.name: role for role in make().roles()}
    assert [role.name for role in roles.values() if role.can_manage] == ["Admin"]
    assert "skus: create, read, update, destroy" in roles["Merchandiser"].permissions


def test_profiles_seats_and_versions(make, commerce, bluefin):
    provider = make()
    assert STORE_TEAM in [name for _, name in provider.profiles()]
    most, used = provider.seats()
    assert most >= used == len(commerce.members(bluefin))
    someone = next(m for m in provider.roster().members.values() if not m.can_manage)
    provider.apply(Change({"reference": "HR-77"}, (someone.id,)))
    (version, *_) = provider.versions(someone.id)
    assert (version.event, version.changes["reference"][1]) == ("update", "HR-77")


@responses.activate
@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (raw(), ("", "active")),
        (raw() | {"relationships": {"role": {"data": None}}}, ("", "active")),
        (raw() | {"relationships": {"role": {"data": {"type": "roles", "id": "gone"}}}}, ("gone", "active")),
        (raw(status="suspended"), ("", "pending")),
        (raw(user_first_name=None, user_last_name=None), ("", "active")),
    ],
    ids=["no relationship", "null", "not included", "unknown status", "no names"],
)
def test_what_is_missing_is_shown_sensibly(answered, member, expected):
    responses.get(LIST, json=page(member))
    only = answered.roster().members["m1"]
    assert (only.role_id, only.status) == expected
    assert (only.email, only.name, only.can_manage) == ("ann@example.com", "", False)


@responses.activate
@pytest.mark.parametrize("body", [{}, {"data": {}}, {"data": [{"id": 7}]}, {"data": [], "included": {}}, []])
def test_a_list_of_the_wrong_shape_is_no_answer(answered, body, monkeypatch):
    monkeypatch.setattr("memberships.providers.http._GET_RETRIES_S", ())
    responses.get(LIST, json=body)
    with pytest.raises(Unavailable, match="Commerce Layer"):
        answered.roster()


@responses.activate
def test_pages_that_shrink_while_they_are_read_are_read_again(answered):
    shrunk = page(raw("m1"), record_count=2, page_count=1)
    responses.get(LIST, json=shrunk)
    responses.get(LIST, json=page(raw("m1")))
    assert set(answered.roster().members) == {"m1"}


@responses.activate
def test_pages_that_never_hold_still_are_no_answer(answered):
    responses.get(LIST, json=page(raw("m1"), record_count=2))
    with pytest.raises(Unavailable, match="came and went"):
        answered.roster()


# Changing


def test_one_person_gets_a_role_a_profile_and_access(make, commerce, server, bluefin):
    provider = make()
    someone = next(m for m in provider.roster().members.values() if not m.can_manage)
    role_id, profile_id = (
        commerce.role_id(bluefin, "Merchandiser"),
        dict(map(reversed, provider.profiles()))[STORE_TEAM],
    )
    wanted = {ROLE: role_id, "membership_profile": profile_id, "access_scope": "all_access"}
    answer = provider.apply(Change(wanted, (someone.id,)))
    assert isinstance(answer, Member)
    assert {field: answer.value(field) for field in wanted} == wanted
    body = next(call for call in server.calls if call.method == "PATCH").body["data"]
    assert (body["id"], body["attributes"]) == (someone.id, {"access_scope": "all_access"})
    cleared = provider.apply(Change({"membership_profile": None}, (someone.id,)))
    assert cleared.value("membership_profile") is None


def test_a_role_alone_is_sent_with_empty_attributes(make, commerce, server, bluefin):
    provider = make()
    someone = next(m for m in provider.roster().members.values() if not m.can_manage)
    provider.apply(Change({ROLE: commerce.role_id(bluefin, "Order desk")}, (someone.id,)))
    body = next(call for call in server.calls if call.method == "PATCH").body["data"]
    assert body["attributes"] == {}


def test_invite_resend_and_remove(make, commerce, bluefin):
    provider, role_id = make(), commerce.role_id(bluefin, "Order desk")
    answer = provider.apply(Invitation("Neu@example.com", role_id, {"access_scope": "test_access"}))
    assert (answer.email, answer.status, answer.value("access_scope")) == (
        "neu@example.com",
        "pending",
        "test_access",
    )
    assert provider.apply(Resend(answer.id)) == Item(Kind.MEMBER, answer.id, "", {RESENT: True})
    assert len([mail for mail in commerce.outbox if "neu@example.com" in str(mail).lower()]) == 2
    provider.apply(Deactivation(answer.id))
    assert not commerce.is_member(answer.id)


def test_a_role_of_another_organization_is_refused_with_their_words(make, commerce):
    provider = make()
    someone = next(m for m in provider.roster().members.values() if not m.can_manage)
    foreign = commerce.role_id(commerce.organization_id(TERN), "Admin")
    with pytest.raises(Refused, match="role"):
        provider.apply(Change({ROLE: foreign}, (someone.id,)))


def test_many_changes_are_under_way_at_a_time_and_each_has_its_answer(make, commerce, server, bluefin):
    provider, role_id = make(), commerce.role_id(bluefin, "Order desk")
    people = [m for m in provider.roster().members.values() if not m.can_manage][:16]
    commerce.refuse(people[3].id, "Not this one.")
    server.latency_s = 0.05
    found = provider.apply_many([Change({ROLE: role_id}, (m.id,)) for m in people])
    assert isinstance(found[3], Refused)
    assert "Not this one" in str(found[3])
    assert [answer.id for n, answer in enumerate(found) if n != 3] == [
        m.id for n, m in enumerate(people) if n != 3
    ]
    assert server.calls.tally()["at_once"] > 4


# Refusals


def test_a_rate_limit_says_zero_seconds_and_is_not_believed(make, server):
    server.limits.set({"writes_burst": 1})
    provider = make(patient=False)
    people = [m for m in provider.roster().members.values() if not m.owner]
    provider.apply(Change({"reference": "1"}, (people[0].id,)))
    with pytest.raises(RateLimited) as limit:
        provider.apply(Change({"reference": "1"}, (people[1].id,)))
    assert limit.value.retry_after_s == 10


def test_a_reader_may_not_change_anybody_and_stays_connected(make):
    provider = make(READER)
    someone = next(iter(provider.roster().members))
    with pytest.raises(Refused) as refusal:
        provider.apply(Change({"reference": "1"}, (someone,)))
    assert refusal.value.status == 401


def test_a_token_that_ended_is_a_disconnection(commerce, server, bluefin):
    provider = CommerceLayerProvider(server.url, Token("nonsense"), bluefin, deadline_s=2.0)
    with pytest.raises(Disconnected):
        provider.roster()
