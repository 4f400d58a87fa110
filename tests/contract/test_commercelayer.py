"""How the Commerce Layer client reads answers, broken ones included, and what it sends."""

from __future__ import annotations

import pytest
import responses

from memberships.domain.apps import restored
from memberships.domain.items import Item, Kind
from memberships.domain.people import APPS, METADATA, RESENT, ROLE, Member, Status
from memberships.providers import Change, Deactivation, Invitation, Resend
from memberships.providers.commercelayer import CommerceLayerProvider
from memberships.providers.errors import Disconnected, NotSent, RateLimited, Refused, Unavailable
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


# Metadata


@pytest.fixture
def reader_id(commerce, bluefin) -> str:
    members = commerce.members(bluefin)
    return next(m["id"] for m in members if m["role_kind"] == "read_only" and m["status"] == "active")


def test_metadata_is_read_as_texts_and_the_rest(make, commerce, reader_id):
    commerce.set_attributes(reader_id, metadata={"team": "North", "shift": {"from": 6}})
    known = make().roster().members[reader_id]
    assert (known.value("metadata:team"), known.value(METADATA)) == ("North", '{"shift": {"from": 6}}')
    assert METADATA not in known.more


def test_metadata_is_merged_with_what_is_there_at_that_moment(make, commerce, server, reader_id):
    provider = make()
    commerce.set_attributes(reader_id, metadata={"team": "North", "shift": {"from": 6}, "old": "x"})
    server.calls.clear()
    answer = provider.apply(
        Change({"metadata:team": "South", "metadata:old": None, "reference": "7"}, (reader_id,))
    )
    assert [call.method for call in server.calls] == ["GET", "PATCH"]
    assert server.calls[-1].body["data"]["attributes"] == {
        "reference": "7",
        "metadata": {"team": "South", "shift": {"from": 6}},
    }
    assert commerce.membership(reader_id)["metadata"] == {"team": "South", "shift": {"from": 6}}
    assert (answer.value("metadata:team"), answer.value("metadata:old")) == ("South", None)


def test_other_changes_cost_no_read(make, server, reader_id):
    provider = make()
    server.calls.clear()
    provider.apply(Change({"reference": "7"}, (reader_id,)))
    assert [call.method for call in server.calls] == ["PATCH"]


def test_a_key_that_holds_more_than_text_by_then_is_never_overwritten(make, commerce, server, reader_id):
    provider = make()
    commerce.set_attributes(reader_id, metadata={"team": {"is": "North"}})
    with pytest.raises(Refused, match="more than text"):
        provider.apply(Change({"metadata:team": "South"}, (reader_id,)))
    assert commerce.membership(reader_id)["metadata"] == {"team": {"is": "North"}}
    assert not server.calls.matching("PATCH")


def test_metadata_of_many_takes_one_read_for_25_and_each_has_its_own(make, commerce, server, bluefin):
    provider = make()
    people = [m["id"] for m in commerce.members(bluefin) if m["role_kind"] != "admin"][:8]
    for number, pk in enumerate(people):
        commerce.set_attributes(pk, metadata={"n": number})
    commerce.remove(people[2])
    server.calls.clear()
    found = provider.apply_many([Change({"metadata:team": "South"}, (pk,)) for pk in people])
    assert len(server.calls.matching("GET")) == 1
    assert isinstance(found[2], Refused)
    for number, pk in enumerate(people):
        if number != 2:
            assert commerce.membership(pk)["metadata"] == {"n": number, "team": "South"}


def test_when_what_is_there_cannot_be_read_nothing_is_in_doubt(make, server, reader_id, impatient):
    provider = make()
    server.calls.clear()
    server.faults.fail_next(503, method="GET", times=None)
    with pytest.raises(NotSent):
        provider.apply(Change({"metadata:team": "South"}, (reader_id,)))
    assert not server.calls.matching("PATCH")


def test_what_is_remembered_of_metadata_is_told_by_key(make, commerce, reader_id):
    commerce.set_attributes(reader_id, metadata={"team": "North", "n": 1})
    commerce.set_attributes(reader_id, metadata={"team": "South", "n": 1})
    latest = next(v for v in make().versions(reader_id) if v.changes)
    assert latest.changes == {"metadata:team": ("North", "South")}


# Apps


def test_apps_are_read_without_anything_secret(make, commerce, server, bluefin, reader_id):
    commerce.switches.client_secrets_are_shown = True
    commerce.give_app(reader_id, "orders", filters={"market_id_in": [202]})
    before = len(commerce.apps(reader_id))
    provider = make()
    (stored,) = provider.apps([reader_id, "nobody"]).values()
    assert len(stored) == before
    orders = next(restored(one) for one in stored if restored(one).filters)
    assert (orders.credential_id, orders.mode) == (commerce.credential_id(bluefin, "orders"), "live")
    assert (orders.role_name, orders.filters) == ("Read-only", {"market_id_in": [202]})
    assert "secret" not in str(stored)
    asked = [c for c in server.calls if "api_credential" in str(c.query)]
    assert {c.query["fields[api_credentials]"] for c in asked} == {"name,kind,mode"}


def test_apps_of_many_are_read_25_people_a_call(make, commerce, server, bluefin):
    people = [m["id"] for m in commerce.members(bluefin)][:55]
    provider = make()
    server.calls.clear()
    assert set(provider.apps(people)) == set(people)
    assert len(server.calls) == 3


@responses.activate
def test_an_app_of_which_nothing_was_included_is_no_answer(answered):
    linked = {"application_memberships": {"data": [{"type": "application_memberships", "id": "a1"}]}}
    responses.get(LIST, json=page(raw() | {"relationships": linked}))
    with pytest.raises(Unavailable, match="not whole"):
        answered.apps(["m1"])


@responses.activate
def test_secrets_in_an_answer_are_not_kept(answered):
    linked = {"application_memberships": {"data": [{"type": "application_memberships", "id": "a1"}]}}
    its_own = {
        "api_credential": {"data": {"type": "api_credentials", "id": "c1"}},
        "role": {"data": {"type": "roles", "id": "r1"}},
    }
    included = [
        {
            "type": "application_memberships",
            "id": "a1",
            "attributes": {"filters": None},
            "relationships": its_own,
        },
        {"type": "api_credentials", "id": "c1", "attributes": {"name": "Orders", "client_secret": "s3cr3t"}},
    ]
    responses.get(LIST, json=page(raw() | {"relationships": linked}) | {"included": included})
    ((stored,),) = answered.apps(["m1"]).values()
    assert "s3cr3t" not in stored
    assert str(restored(stored)) == "Orders as r1"


def test_only_apps_that_are_missing_are_given(make, commerce, server, reader_id):
    commerce.give_app(reader_id, "orders", filters={"market_id_in": [202]})
    commerce.give_app(reader_id, "skus")
    provider = make()
    wanted = provider.apps([reader_id])[reader_id]
    truth = sorted(map(str, commerce.apps(reader_id)))
    for app in commerce.membership(reader_id)["application_membership_ids"][1:]:
        commerce.take_app(app)
    server.calls.clear()
    answer = provider.apply(Change({APPS: wanted}, (reader_id,)))
    assert answer == Item(Kind.MEMBER, reader_id, "", {APPS: wanted})
    assert len(server.calls.matching("POST")) == len(wanted) - 1
    assert sorted(map(str, commerce.apps(reader_id))) == truth
    server.calls.clear()
    provider.apply(Change({APPS: wanted}, (reader_id,)))
    assert not server.calls.matching("POST")


def test_an_app_that_is_refused_is_named_with_their_words(make, commerce, server, reader_id):
    commerce.give_app(reader_id, "orders")
    provider = make()
    wanted = provider.apps([reader_id])[reader_id]
    for app in commerce.membership(reader_id)["application_membership_ids"]:
        commerce.take_app(app)
    server.faults.fail_next(422, method="POST", path="/application_memberships")
    with pytest.raises(Refused, match=r"Not given again: .* as Read-only"):
        provider.apply(Change({APPS: wanted}, (reader_id,)))


def test_an_app_that_is_held_with_another_role_is_left_as_it_is(make, commerce, server, reader_id):
    for app in commerce.membership(reader_id)["application_membership_ids"]:
        commerce.take_app(app)
    commerce.give_app(reader_id, "orders")
    provider = make()
    wanted = provider.apps([reader_id])[reader_id]
    for app in commerce.membership(reader_id)["application_membership_ids"]:
        commerce.take_app(app)
    commerce.give_app(reader_id, "orders", role="admin")
    with pytest.raises(Refused, match="have this app otherwise"):
        provider.apply(Change({APPS: wanted}, (reader_id,)))
    assert [role for _, _, role, _ in commerce.apps(reader_id)] == ["Admin"]


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
