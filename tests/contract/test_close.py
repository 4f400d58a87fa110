"""How the Close client reads answers, broken ones included."""

import time

import pytest
import responses

from memberships.domain.people import ROLE
from memberships.providers import Change, Deactivation, Invitation
from memberships.providers.close import CloseProvider
from memberships.providers.errors import Disconnected, ProviderError, RateLimited, Refused, Unavailable
from sandbox.rehearsal import HARBOR, NORTHWIND_DOMAIN, ORDINARY

from .conftest import Token

ORGANIZATION = "https://close.example/api/v1/organization/orga_1/"
ME = "https://close.example/api/v1/me/"


@pytest.fixture
def answered() -> CloseProvider:
    """A client whose calls are answered by `responses`."""
    return CloseProvider("https://close.example", Token("t"), "orga_1", deadline_s=2.0)


def member(**raw):
    return {"id": "memb_1", "user_id": "user_1", "role_id": "user", "permissions_granted": []} | raw


def organization(*members, **more):
    return {"id": "orga_1", "name": "Acme", "memberships": list(members), "inactive_memberships": []} | more


# Reading


@responses.activate
def test_missing_optional_fields_are_empty_and_unknown_ones_are_kept(answered):
    responses.get(ORGANIZATION, json=organization({"id": "memb_1", "favourite_colour": {"hue": 7}}))
    only = answered.roster().members["memb_1"]
    assert (only.email, only.name, only.role_id, only.can_manage) == ("", "", "", False)
    assert only.more == {"favourite_colour": {"hue": 7}}


@responses.activate
def test_null_names_and_an_expanded_user_are_read(answered):
    user = {"id": "user_9", "email": "Ana@Example.COM", "first_name": None, "last_name": "Ruiz"}
    responses.get(ORGANIZATION, json=organization({"id": "memb_1", "user": user, "user_first_name": None}))
    only = answered.roster().members["memb_1"]
    assert (only.user_id, only.email, only.name) == ("user_9", "ana@example.com", "Ruiz")


@responses.activate
def test_a_member_in_a_list_twice_is_one_and_in_both_lists_is_active(answered):
    gone = member(user_first_name="Old")
    body = organization(member(user_first_name="Ana"), member(user_first_name="Ana"))
    responses.get(ORGANIZATION, json=body | {"inactive_memberships": [gone, gone]})
    (only,) = answered.roster().members.values()
    assert (only.id, only.first_name, only.active) == ("memb_1", "Ana", True)


@responses.activate
@pytest.mark.parametrize(
    "body",
    [
        {"id": "orga_1"},
        {"id": "orga_1", "memberships": {"a": 1}},
        organization(member(id=7)),
        organization(member(role_id=["user"])),
        organization("memb_1"),
        organization(member(permissions_granted="manage_organization")),
        ["orga_1"],
        "orga_1",
        None,
    ],
)
def test_an_organization_of_the_wrong_shape_is_no_answer(answered, body, monkeypatch):
    monkeypatch.setattr("memberships.providers.http._GET_RETRIES_S", ())
    responses.get(ORGANIZATION, json=body)
    with pytest.raises(Unavailable, match="Close"):
        answered.roster()


@responses.activate
def test_an_answer_about_another_organization_is_no_answer(answered):
    responses.get(ORGANIZATION, json=organization(member()) | {"id": "orga_2"})
    with pytest.raises(Unavailable, match="another organization"):
        answered.roster()


@responses.activate
@pytest.mark.parametrize("body", ["", "<html>oops</html>", '{"id": "orga', "[" * 100_000])
def test_what_is_not_json_is_no_answer(answered, body, monkeypatch):
    monkeypatch.setattr("memberships.providers.http._GET_RETRIES_S", ())
    responses.get(ORGANIZATION, body=body)
    with pytest.raises(Unavailable):
        answered.roster()


@responses.activate
def test_roles_are_read_page_by_page(answered):
    address = "https://close.example/api/v1/role/"
    first = {"id": "admin", "name": "Admin", "permissions": ["manage_organization"]}
    second = {"id": "role_2", "name": "Two", "permissions": ["new_and_unknown"], "editable": True}
    responses.get(address, json={"data": [first], "has_more": True})
    responses.get(address, json={"data": [second], "has_more": False})
    assert [(r.name, r.can_manage, r.editable) for r in answered.roles()] == [
        ("Admin", True, False),
        ("Two", False, True),
    ]
    assert str(responses.calls[1].request.url).endswith("?_skip=1")


def test_the_rows_of_the_documented_example_are_enough(provider, world):
    world.switches.organization_rows_have_example_keys = True
    world.switches.update_answers_example_keys = True
    chosen = next(m for m in provider.roster().members.values() if m.active and m.role_id == "user")
    assert provider.apply(Change({ROLE: "superuser"}, (chosen.id,))).role_id == "superuser"


def test_power_is_read_for_this_organization_only(world, close, token):
    elsewhere = world.organization_id(HARBOR)
    robin = f"robin.castellano@{NORTHWIND_DOMAIN}"  # an admin in Harbor Lights, none in Northwind
    in_northwind = CloseProvider(
        close.url, Token(token(robin)), world.organization_id("Northwind Rehearsal"), deadline_s=2.0
    )
    in_harbor = CloseProvider(close.url, Token(token(robin, HARBOR)), elsewhere, deadline_s=2.0)
    assert (in_northwind.actor().can_manage, in_harbor.actor().can_manage) == (False, True)


# Words of refusals


@responses.activate
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "Unauthorized."}, "Unauthorized."),
        ({"error": {"message": "Too much.", "rate_limit": 40}}, "Too much."),
        ({"errors": ["One.", "Two."]}, "One. Two."),
        ({"errors": [], "field-errors": {"role": "Object does not exist."}}, "role: Object does not exist."),
        ({"field-errors": {"a": {"b": ["Deep."]}}}, "a: Deep."),
        ({}, "Close refused without a reason (status 400)."),
        ([], "Close refused without a reason (status 400)."),
        ({"error": None, "errors": 7}, "Close refused without a reason (status 400)."),
    ],
)
def test_all_of_closes_error_shapes_are_read(answered, body, words):
    responses.put("https://close.example/api/v1/membership/memb_1/", json=body, status=400)
    with pytest.raises(Refused) as caught:
        answered.apply(Change({ROLE: "user"}, ("memb_1",)))
    assert str(caught.value) == words


def test_a_refused_invitation_says_what_to_do(provider, world, northwind):
    with pytest.raises(Refused) as outside:
        provider.apply(Invitation("someone@elsewhere.example", "user"))
    assert "verified domains" in outside.value.advice
    world.set_domain_rule(northwind, False)
    with pytest.raises(Refused) as rule_off:
        provider.apply(Invitation(f"new@{NORTHWIND_DOMAIN}", "user"))
    assert (rule_off.value.status, "Restrict new users" in rule_off.value.advice) == (403, True)


def test_a_delete_that_answers_nothing_is_accepted(provider, world, northwind):
    world.switches.delete_answers_json = False
    chosen = next(m["id"] for m in world.members(northwind) if m["role_id"] == "user")
    assert provider.apply(Deactivation(chosen)) is None


# Credentials


def test_an_expired_token_is_renewed_once(make, token, close):
    credentials = Token("expired", spare=token())
    assert make(credentials).actor().can_manage
    assert credentials.renewals == 1
    assert [call.status for call in close.calls] == [401, 200]


def test_a_permission_refused_is_no_reason_to_reconnect(make, token, world, northwind, close):
    credentials = Token(token(ORDINARY), spare=token(ORDINARY))
    sam = make(credentials)
    chosen = next(m["id"] for m in world.members(northwind) if m["role_id"] == "superuser")
    for _ in range(2):
        with pytest.raises(Refused, match="Unauthorized"):
            sam.apply(Change({ROLE: "user"}, (chosen,)))
    assert credentials.renewals == 1
    assert len(close.calls.matching("GET", "me/")) == 1


def test_credentials_nobody_knows_mean_reconnect(make):
    with pytest.raises(Disconnected):
        make(Token("unknown", spare="unknown too")).actor()


@pytest.mark.parametrize("fault", ["html_error", "empty", "truncate", "drop", "wrong_types"])
def test_no_error_ever_shows_the_token(make, close, fault):
    getattr(close.faults, fault)(times=None)
    with pytest.raises(ProviderError) as caught:
        make(Token("very-secret"), deadline_s=0.5).actor()
    assert "very-secret" not in f"{caught.value!r} {caught.value.__cause__!r}"


# Time


def test_a_page_fails_fast_on_a_rate_limit(make, close):
    close.faults.fail_next(429, headers={"retry-after": "7"})
    with pytest.raises(RateLimited) as caught:
        make(patient=False).actor()
    assert caught.value.retry_after_s == 7
    assert len(close.calls) == 1


def test_a_job_waits_out_a_short_limit_and_no_long_one(make, close):
    close.faults.fail_next(429, headers={"ratelimit": "limit=1; remaining=0; reset=0.2", "retry-after": "1"})
    assert make().actor().can_manage
    close.faults.fail_next(429, headers={"retry-after": "9"})
    with pytest.raises(RateLimited):
        make().actor()


def test_a_job_slows_down_before_it_is_refused(make, close):
    close.limits.reads, close.limits.window_s = 3, 0.3
    provider = make()
    for _ in range(8):
        provider.actor()
    assert all(call.status == 200 for call in close.calls)


@pytest.mark.parametrize("drip_s", [None, 3.0])
def test_no_call_outlasts_its_deadline(make, close, drip_s):
    if drip_s is None:
        close.faults.delay(3.0, times=None)
    else:
        close.faults.drip(drip_s, times=None)
    started = time.monotonic()
    with pytest.raises(Unavailable, match="did not answer within"):
        make(deadline_s=0.3).apply(Deactivation("memb_1"))
    assert time.monotonic() - started < 2.5


def test_reading_is_tried_again_and_changing_never(provider, close, world, northwind):
    close.faults.fail_next(503, method="GET", times=2)
    assert provider.actor().can_manage
    close.calls.clear()
    close.faults.fail_next(503, method="PUT")
    with pytest.raises(Unavailable):
        provider.apply(Change({ROLE: "user"}, (world.members(northwind)[0]["id"],)))
    assert len(close.calls) == 1


@responses.activate
def test_a_redirect_is_not_followed(answered):
    responses.get(ME, status=302, headers={"Location": "https://evil.example/"})
    with pytest.raises(Unavailable):
        answered.actor()
    assert {call.request.url for call in responses.calls} == {ME}
