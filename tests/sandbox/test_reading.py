"""What the API shows: me, users, the organization, numbers, smart views; and how any call is made."""

import json

import pytest

from sandbox.world import World
from tests.sandbox.company import DOMAIN, Client, Company

EXPAND = "memberships__user,inactive_memberships__user"


# Me and users


def test_me_shows_memberships_and_organizations_as_objects(company: Company, ada: Client):
    company.world.add_person(company.other_id, f"ada@{DOMAIN}", role="user")
    me = ada.get("me/").json()
    assert me["email"] == f"ada@{DOMAIN}"
    assert [organization["name"] for organization in me["organizations"]] == ["Acme", "Other"]
    assert [membership["role_id"] for membership in me["memberships"]] == ["admin", "user"]
    assert set(me["memberships"][0]) == {
        "id",
        "organization_id",
        "user_id",
        "role_id",
        "permissions_granted",
        "auto_record_calls",
        "track_email_opens",
    }


def test_me_shows_the_granted_organization_only_if_the_switch_says_so(company: Company, ada: Client):
    company.world.add_person(company.other_id, f"ada@{DOMAIN}", role="user")
    company.world.switches.me_lists_every_organization = False
    assert [organization["name"] for organization in ada.get("me/").json()["organizations"]] == ["Acme"]


def test_users_include_people_who_left_and_say_where_people_are(company: Company, ada: Client):
    users = {user["email"]: user for user in ada.get("user/").json()["data"]}
    assert users[f"bob@{DOMAIN}"]["organizations"] == [company.id]
    assert users[f"dora@{DOMAIN}"]["organizations"] == []
    assert "zoe@other.example" not in users
    company.world.switches.users_include_departed = False
    assert len(ada.get("user/").json()["data"]) == 3


def test_users_come_by_id_unless_asked_otherwise(company: Company, ada: Client):
    ids = [user["id"] for user in ada.get("user/").json()["data"]]
    assert ids == sorted(ids)
    by_name = ada.get("user/", _order_by="last_name,first_name").json()["data"]
    assert [user["last_name"] for user in by_name] == ["Admin", "Baker", "Cook", "Gone"]


def test_lists_come_in_pages(company: Company, ada: Client):
    first = ada.get("user/", _limit=3).json()
    rest = ada.get("user/", _limit=3, _skip=3).json()
    assert (len(first["data"]), first["has_more"]) == (3, True)
    assert (len(rest["data"]), rest["has_more"]) == (1, False)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"_limit": "x"}, '_limit must be an integer (got "x" instead).'),
        ({"_skip": "-1"}, '_skip must be a non-negative integer (got "-1" instead).'),
        (
            {"_limit": "1001"},
            "The limit you set is larger than the maximum limit for this resource (max_limit = 1000).",
        ),
    ],
)
def test_a_page_that_can_not_be_is_400(ada: Client, params: dict, text: str):
    answer = ada.get("user/", **params)
    assert (answer.status_code, answer.json()) == (400, {"error": text})


def test_one_user_can_be_asked_for_unless_they_were_never_here(company: Company, ada: Client):
    assert ada.get(f"user/{company.user_id(company.dora)}/").json()["first_name"] == "Dora"
    assert ada.get(f"user/{company.user_id(company.bob)}/", _fields="email").json() == {
        "email": f"bob@{DOMAIN}"
    }
    assert ada.get(f"user/{company.user_id(company.zoe)}/").status_code == 404


# The organization


def test_the_organization_shows_everyone_active_and_inactive(company: Company, bob: Client):
    body = bob.get(f"organization/{company.id}/").json()
    assert body["name"] == "Acme"
    assert [row["id"] for row in body["memberships"]] == [company.ada, company.bob, company.cleo]
    assert [row["id"] for row in body["inactive_memberships"]] == [company.dora]
    row = body["memberships"][1]
    assert row["user_email"] == f"bob@{DOMAIN}"
    assert row["user_full_name"] == "Bob Baker"
    assert row["role_id"] == "user"
    assert "calling" in row["permissions_granted"]
    assert "organization_id" not in row
    assert "user" not in row


def test_expanding_puts_a_user_in_place_of_the_user_fields(company: Company, ada: Client):
    body = ada.get(f"organization/{company.id}/", _expand=EXPAND).json()
    for row in body["memberships"] + body["inactive_memberships"]:
        assert row["user"]["id"] == row["user_id"]
        assert [name for name in row if name.startswith("user")] == ["user_id", "user"]
    company.world.switches.expanded_rows_keep_user_id = False
    body = ada.get(f"organization/{company.id}/", _expand="memberships__user").json()
    assert "user_id" not in body["memberships"][0]
    assert "user_email" in body["inactive_memberships"][0]


def test_rows_may_have_the_documented_keys_only(company: Company, ada: Client):
    company.world.switches.organization_rows_have_example_keys = True
    body = ada.get(f"organization/{company.id}/").json()
    assert sorted(body["memberships"][0]) == [
        "auto_record_calls",
        "id",
        "permissions_granted",
        "role_id",
        "track_email_opens",
        "user_email",
        "user_first_name",
        "user_full_name",
        "user_id",
        "user_last_name",
        "user_phone",
    ]


def test_fields_choose_what_is_shown_and_unknown_ones_are_ignored(company: Company, ada: Client):
    body = ada.get(f"organization/{company.id}/", _fields="name,memberships,nonsense").json()
    assert set(body) == {"name", "memberships"}


def test_another_organization_is_404_even_for_its_members(company: Company, ada: Client):
    company.world.add_person(company.other_id, f"ada@{DOMAIN}", role="admin")
    answer = ada.get(f"organization/{company.other_id}/")
    assert answer.status_code == 404
    assert answer.json() == {"error": "Empty query: Organization matching query does not exist."}


def test_every_kind_of_change_shows_in_the_next_read(company: Company, ada: Client):
    def bob() -> dict:
        rows = ada.get(f"organization/{company.id}/", _expand=EXPAND).json()["memberships"]
        return next(row for row in rows if row["id"] == company.bob)

    assert bob()["role_id"] == "user"
    ada.put(f"membership/{company.bob}/", {"auto_record_calls": "enabled"})
    assert bob()["auto_record_calls"] == "enabled"
    ada.bulk([company.bob], role_id="superuser")
    assert bob()["role_id"] == "superuser"
    company.world.set_role(company.bob, "admin")
    assert bob()["role_id"] == "admin"
    company.world.rename(company.user_id(company.bob), "Robert", None)
    assert bob()["user"]["first_name"] == "Robert"
    company.world.set_settings(company.bob, is_free=True)
    assert bob()["is_free"] is True
    company.world.add_person(company.other_id, f"bob@{DOMAIN}")
    assert len(bob()["user"]["organizations"]) == 2


# Numbers and views


def test_phone_numbers_can_be_filtered(company: Company, ada: Client):
    world, bob = company.world, company.user_id(company.bob)
    own = world.add_phone_number(company.id, "+442079460001", "Own", [bob])
    shared = world.add_phone_number(company.id, "+442079460002", "Shared", [bob, "user_x"], group=True)

    def found(**params) -> list[str]:
        return [number["id"] for number in ada.get("phone_number/", **params).json()["data"]]

    assert found() == [own, shared]
    assert found(participant_user_id=bob) == [own, shared]
    assert found(user_id=bob) == [own]
    assert found(is_group_number="true") == [shared]
    assert found(number="+442079460002") == [shared]
    assert ada.get(f"phone_number/{own}/").json()["user_id"] == bob
    assert ada.get("phone_number/phon_unknown/").status_code == 404


def test_smart_views_are_of_leads_unless_types_are_named(company: Company, ada: Client, bob: Client):
    world, user_id = company.world, company.user_id(company.bob)
    leads = world.add_smart_view(company.id, "Leads")
    calls = world.add_smart_view(company.id, "Calls", type="call")
    private = world.add_smart_view(company.id, "Bob's", owner=user_id, shared=False)

    def found(client: Client, **params) -> list[str]:
        return [view["id"] for view in client.get("saved_search/", **params).json()["data"]]

    assert found(ada) == [leads]
    assert found(ada, type="call") == [calls]
    assert found(ada, type__in="lead,call") == [leads, calls]
    assert found(bob) == [leads, private]
    assert ada.get(f"saved_search/{calls}/").json()["name"] == "Calls"
    assert ada.get("saved_search/save_unknown/").status_code == 404


def test_a_smart_view_may_be_shared_with_some_people_only(company: Company, ada: Client, bob: Client):
    view_id = company.world.add_smart_view(
        company.id, "Bob's too", shared=False, users=(company.user_id(company.bob),)
    )
    assert ada.get("saved_search/").json()["data"] == []
    (seen,) = bob.get("saved_search/").json()["data"]
    assert (seen["is_shared"], seen["sharing_settings"]["whole_org"]) == (False, False)
    assert seen["sharing_settings"]["user_ids"] == [company.user_id(company.bob)]
    company.world.delete_smart_view(company.id, view_id)
    assert bob.get("saved_search/").json()["data"] == []


# How any call is made


def test_a_missing_slash_is_redirected_with_its_query(company: Company, ada: Client):
    answer = ada.get("user", _limit=2)
    assert answer.status_code == 308
    assert answer.headers["location"] == "/api/v1/user/?_limit=2"
    assert ada.call("PUT", f"membership/{company.bob}", json={"role_id": "admin"}, allow_redirects=True).ok
    company.world.switches.missing_slash_redirects = False
    assert ada.get("user", _limit=2).status_code == 200


def test_long_filters_may_be_posted(ada: Client):
    body = {"_params": {"_limit": 1, "_fields": "id"}}
    answer = ada.call("POST", "user/", json=body, headers={"x-http-method-override": "GET"})
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 1
    assert list(answer.json()["data"][0]) == ["id"]


@pytest.mark.parametrize(
    ("data", "headers", "text"),
    [
        ("{", {"Content-Type": "application/json"}, "The request contains invalid JSON."),
        ("[]", {"Content-Type": "application/json"}, "JSON data must be a dict."),
        (
            "role_id=admin",
            {"Content-Type": "application/x-www-form-urlencoded"},
            "Please send valid JSON with a 'Content-Type: application/json' header.",
        ),
        (
            iter([b"{}"]),
            {"Content-Type": "application/json"},
            "Chunked Transfer-Encoding is not supported.",
        ),
    ],
)
def test_a_body_that_is_no_json_object_is_400(company: Company, ada: Client, data, headers: dict, text: str):
    answer = ada.call("PUT", f"membership/{company.bob}/", data=data, headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"error": text})


def test_a_wrong_content_type_is_415_if_the_switch_says_so(company: Company, ada: Client):
    company.world.switches.wrong_content_type_status = 415
    assert ada.call("PUT", f"membership/{company.bob}/", data="{}").status_code == 415


def test_a_json_content_type_may_name_a_charset_and_the_time_zone_may_be_negative_zero(
    company: Company, ada: Client
):
    answer = ada.call(
        "PUT",
        f"membership/{company.bob}/",
        data=json.dumps({"track_email_opens": False}),
        headers={"Content-Type": "application/json; charset=utf-8", "x-tz-offset": "-0.0"},
    )
    assert answer.status_code == 200


def test_without_credentials_every_call_is_401(company: Company):
    for client in (company.stranger(), company.stranger("wrong")):
        answer = client.get("me/")
        assert answer.status_code == 401
        assert answer.json()["error"].startswith("The server could not verify that you are authorized")


def test_paths_outside_the_documented_api_are_404_for_everybody(company: Company, ada: Client):
    for client in (ada, company.stranger()):
        for path in ("nonsense/", "nonsense", "/elsewhere/", "/api/v2/me/", "user/a/b/"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert answer.json()["error"].startswith("The requested URL was not found on the server.")


def test_documented_calls_that_are_not_emulated_say_so(ada: Client):
    answer = ada.get("webhook/")
    assert answer.status_code == 501
    assert "does not emulate" in answer.json()["error"]


def test_a_wrong_method_is_405(company: Company, ada: Client):
    assert ada.delete("me/").status_code == 405
    assert ada.call("PATCH", f"membership/{company.bob}/", json={}).status_code == 405
    assert company.stranger().get("/oauth2/token/").status_code == 405


def test_ids_are_a_prefix_and_base62_of_the_documented_length():
    world = World.rehearsal(people=30)
    organization = next(iter(world.organizations.values()))
    ids = {
        "orga": [organization.id],
        "memb": list(organization.memberships),
        "user": list(world.users),
        "role": [role_id for role_id in organization.roles if role_id.startswith("role_")],
        "group": list(organization.groups),
        "phon": list(organization.phone_numbers),
        "save": list(organization.smart_views),
    }
    for prefix, found in ids.items():
        length = 22 if prefix == "group" else 43
        for identity in found:
            start, _, rest = identity.partition("_")
            assert (start, len(rest), rest.isalnum()) == (prefix, length, True)
