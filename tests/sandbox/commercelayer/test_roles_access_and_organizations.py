"""Roles and permissions, apps and profiles, organizations and one's own account."""

import pytest

from tests.sandbox.commercelayer.shop import DOMAIN, Client, Shop, document, error, errors

BLANK_NAME = ("VALIDATION_ERROR", "/data/attributes/name")


def place(shop: Shop) -> tuple[str, str]:
    return ("organizations", shop.id)


# Roles


def test_a_custom_role_is_made_and_renamed(shop: Shop, adam: Client):
    answer = adam.post("roles", document("roles", attributes={"name": "Desk"}, organization=place(shop)))
    assert answer.status_code == 201
    role = answer.json()["data"]
    assert (role["attributes"]["name"], role["attributes"]["kind"]) == ("Desk", "custom")
    body = document("roles", role["id"], attributes={"name": "Front desk", "reference": "R"})
    assert adam.patch(f"roles/{role['id']}", body).json()["data"]["attributes"]["name"] == "Front desk"
    events = [
        (one["attributes"]["event"], one["attributes"]["changes"])
        for one in adam.get(f"roles/{role['id']}/versions").json()["data"]
    ]
    assert events == [
        ("create", {"name": [None, "Desk"]}),
        ("update", {"name": ["Desk", "Front desk"], "reference": [None, "R"]}),
    ]


def test_a_role_needs_a_name_and_a_place(shop: Shop, adam: Client):
    answer = adam.post("roles", document("roles"))
    assert answer.status_code == 422
    assert errors(answer) == [BLANK_NAME, ("VALIDATION_ERROR", "/data/relationships/organization")]
    assert errors(adam.patch(f"roles/{shop.custom}", document("roles", shop.custom, attributes={"name": ""})))
    body = document("roles", attributes={"name": 5}, organization=place(shop))
    assert errors(adam.post("roles", body)) == [BLANK_NAME]


def test_custom_roles_need_an_enterprise_plan(shop: Shop, adam: Client):
    shop.world.set_plan(shop.id, "growth")
    body = document("roles", attributes={"name": "Desk"}, organization=place(shop))
    assert error(adam.post("roles", body)) == (422, "VALIDATION_ERROR")
    shop.world.switches.role_not_in_plan_status = 401
    assert error(adam.post("roles", body)) == (401, "UNAUTHORIZED")


def test_only_admins_edit_roles(shop: Shop, rita: Client):
    body = document("roles", attributes={"name": "Mine"}, organization=place(shop))
    assert error(rita.post("roles", body)) == (401, "UNAUTHORIZED")
    body = document("roles", shop.custom, attributes={"name": "Mine"})
    assert error(rita.patch(f"roles/{shop.custom}", body)) == (401, "UNAUTHORIZED")


def test_the_trigger_adds_what_base_permissions_are_missing(shop: Shop, adam: Client):
    body = document("roles", shop.custom, attributes={"_add_missing_base_permissions": True})
    answer = adam.patch(f"roles/{shop.custom}", body)
    assert "_add_missing_base_permissions" not in answer.json()["data"]["attributes"]
    permissions = adam.everything(f"roles/{shop.custom}/permissions")
    subjects = [one["attributes"]["subject"] for one in permissions]
    assert len(subjects) == len(set(subjects)) > 2
    kept = next(one["attributes"] for one in permissions if one["attributes"]["subject"] == "orders")
    assert kept["can_create"] is True


# Permissions

ALL = {"can_create": True, "can_read": True, "can_update": True, "can_destroy": False}


def test_a_permission_is_made_once_for_a_role_and_subject_and_changed(shop: Shop, adam: Client):
    body = document("permissions", attributes={**ALL, "subject": "skus"}, role=("roles", shop.custom))
    made = adam.post("permissions", body)
    assert made.status_code == 201
    assert errors(adam.post("permissions", body)) == [("VALIDATION_ERROR", "/data/attributes/subject")]
    identity = made.json()["data"]["id"]
    changed = document("permissions", identity, attributes={"can_destroy": True})
    attributes = adam.patch(f"permissions/{identity}", changed).json()["data"]["attributes"]
    assert (attributes["can_destroy"], attributes["subject"]) == (True, "skus")
    fixed = document("permissions", identity, attributes={"subject": "orders"})
    assert error(adam.patch(f"permissions/{identity}", fixed)) == (400, "PARAM_NOT_ALLOWED")
    empty = document("permissions", identity, attributes={"can_read": None})
    assert error(adam.patch(f"permissions/{identity}", empty)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"subject": "skus", "can_read": None}, "/data/attributes/can_read"),
        ({"subject": "skus", "can_read": "yes"}, "/data/attributes/can_read"),
        ({"subject": "nonsense"}, "/data/attributes/subject"),
        ({}, "/data/attributes/subject"),
    ],
)
def test_permissions_that_do_not_fit_are_422(shop: Shop, adam: Client, attributes: dict, pointer: str):
    body = document("permissions", attributes={**ALL, **attributes}, role=("roles", shop.custom))
    assert errors(adam.post("permissions", body)) == [("VALIDATION_ERROR", pointer)]


def test_built_in_roles_get_no_permissions_and_readers_make_none(shop: Shop, adam: Client, rita: Client):
    attributes = {**ALL, "subject": "skus"}
    body = document("permissions", attributes=attributes, role=("roles", shop.role("admin")))
    assert errors(adam.post("permissions", body)) == [("VALIDATION_ERROR", "/data/relationships/role")]
    body = document("permissions", attributes=attributes, role=("roles", shop.custom))
    assert error(rita.post("permissions", body)) == (401, "UNAUTHORIZED")
    assert errors(adam.post("permissions", document("permissions", attributes=attributes))) == [
        ("VALIDATION_ERROR", "/data/relationships/role")
    ]


# Apps


def app(shop: Shop, **changes) -> dict:
    links = {
        "organization": place(shop),
        "api_credential": ("api_credentials", shop.world.credential_id(shop.id, "orders")),
        "role": ("roles", shop.role("read_only")),
        "membership": ("memberships", shop.rita),
        **changes,
    }
    return document("application_memberships", attributes={"filters": {"market_id_in": [202]}}, **links)


def test_an_app_is_given_changed_and_taken(shop: Shop, adam: Client):
    made = adam.post("application_memberships", app(shop))
    assert made.status_code == 201
    identity, path = made.json()["data"]["id"], f"application_memberships/{made.json()['data']['id']}"
    assert made.json()["data"]["attributes"]["filters"] == {"market_id_in": [202]}
    assert shop.world.membership(shop.rita)["application_membership_ids"] == [identity]
    body = document(
        "application_memberships", identity, attributes={"filters": {}}, role=("roles", shop.custom)
    )
    changed = adam.call("PATCH", path, json=body, params={"include": "role"}).json()["data"]
    assert changed["attributes"]["filters"] == {}
    assert changed["relationships"]["role"]["data"]["id"] == shop.custom
    assert adam.delete(path).status_code == 204
    assert adam.get(path).status_code == 404


def test_apps_that_do_not_fit_are_422(shop: Shop, adam: Client):
    assert errors(adam.post("application_memberships", document("application_memberships"))) == [
        ("VALIDATION_ERROR", f"/data/relationships/{name}")
        for name in ("organization", "api_credential", "role")
    ]
    foreign = ("roles", shop.other_custom)
    assert errors(adam.post("application_memberships", app(shop, role=foreign))) == [
        ("VALIDATION_ERROR", "/data/relationships/role")
    ]
    identity = shop.world.give_app(shop.rita, "skus")
    body = document("application_memberships", identity, role=None)
    assert error(adam.patch(f"application_memberships/{identity}", body)) == (422, "VALIDATION_ERROR")


def test_only_admins_give_apps(shop: Shop, rita: Client):
    assert error(rita.post("application_memberships", app(shop))) == (401, "UNAUTHORIZED")
    own = shop.world.give_app(shop.rita, "skus")
    body = document("application_memberships", own, attributes={"filters": {}})
    assert error(rita.patch(f"application_memberships/{own}", body)) == (401, "UNAUTHORIZED")
    assert error(rita.delete(f"application_memberships/{own}")) == (401, "UNAUTHORIZED")


# Profiles


def profile(shop: Shop, **changes) -> dict:
    attributes = {"name": "Team", "access_scope": "all_access", **changes}
    return document("membership_profiles", attributes=attributes, organization=place(shop))


def test_a_profile_is_made_changed_filled_and_deleted(shop: Shop, adam: Client):
    made = adam.post("membership_profiles", profile(shop))
    assert made.status_code == 201
    assert made.json()["data"]["attributes"]["test_enabled"] is True
    identity, path = made.json()["data"]["id"], f"membership_profiles/{made.json()['data']['id']}"
    given = app(shop, membership=None, membership_profile=("membership_profiles", identity))
    adam.post("application_memberships", given)
    assert len(adam.get(f"{path}/application_memberships").json()["data"]) == 1
    body = document("membership_profiles", identity, attributes={"name": "Crew"}, application_memberships=[])
    assert adam.patch(path, body).json()["data"]["attributes"]["name"] == "Crew"
    assert adam.get(f"{path}/application_memberships").json()["data"] == []
    assert adam.delete(path).status_code == 204
    assert adam.get(path).status_code == 404


def test_apps_come_along_to_a_profile_and_others_later(shop: Shop, adam: Client):
    one, two = (shop.world.give_app(shop.rita, kind) for kind in ("orders", "skus"))
    body = profile(shop)
    linkage = [{"type": "application_memberships", "id": one}]
    body["data"]["relationships"]["application_memberships"] = {"data": linkage}
    identity = adam.post("membership_profiles", body).json()["data"]["id"]

    def apps() -> list[str]:
        found = adam.get(f"membership_profiles/{identity}/application_memberships").json()["data"]
        return [app["id"] for app in found]

    assert apps() == [one]
    later = document(
        "membership_profiles", identity, application_memberships=[("application_memberships", two)]
    )
    assert adam.patch(f"membership_profiles/{identity}", later).status_code == 200
    assert apps() == [two]
    wrong = document("membership_profiles", identity, attributes={"access_scope": "everything"})
    assert error(adam.patch(f"membership_profiles/{identity}", wrong)) == (422, "VALIDATION_ERROR")


def test_a_profile_somebody_has_is_locked_unless_the_switch_says_no(shop: Shop, adam: Client):
    identity = shop.world.add_profile(shop.id, "Team", ("orders",))
    shop.world.set_profile(shop.rita, identity)
    params = {"filter[q][membership_profile_id_eq]": identity}
    assert adam.get("memberships", **params).json()["meta"]["record_count"] == 1
    assert error(adam.delete(f"membership_profiles/{identity}")) == (423, "LOCKED")
    shop.world.switches.used_profile_is_locked = False
    assert adam.delete(f"membership_profiles/{identity}").status_code == 204
    assert shop.world.membership(shop.rita)["profile_id"] is None
    assert adam.get("application_memberships").json()["data"] == []


def test_profiles_that_do_not_fit_are_422(shop: Shop, adam: Client):
    answer = adam.post("membership_profiles", document("membership_profiles"))
    assert [pointer for _, pointer in errors(answer)] == [
        "/data/attributes/name",
        "/data/attributes/access_scope",
        "/data/relationships/organization",
    ]
    assert errors(adam.post("membership_profiles", profile(shop, access_scope="everything"))) == [
        ("VALIDATION_ERROR", "/data/attributes/access_scope")
    ]
    assert error(adam.post("membership_profiles", profile(shop, test_enabled=True))) == (
        400,
        "PARAM_NOT_ALLOWED",
    )


def test_only_admins_edit_profiles(shop: Shop, rita: Client):
    assert error(rita.post("membership_profiles", profile(shop))) == (401, "UNAUTHORIZED")
    own = shop.world.add_profile(shop.id, "Team")
    shop.world.set_profile(shop.rita, own)
    body = document("membership_profiles", own, attributes={"name": "Mine"})
    assert error(rita.patch(f"membership_profiles/{own}", body)) == (401, "UNAUTHORIZED")
    assert error(rita.delete(f"membership_profiles/{own}")) == (401, "UNAUTHORIZED")


# Organizations


def test_who_makes_an_organization_owns_it(shop: Shop, rita: Client):
    body = document("organizations", attributes={"name": "Corner Shop"})
    made = rita.post("organizations", body).json()["data"]
    assert made["attributes"]["slug"] == "corner-shop-2"
    (own,) = shop.world.members(made["id"])
    assert (own["email"], own["owner"], own["role_kind"]) == (f"rita@{DOMAIN}", True, "admin")
    assert rita.post("organizations", body).json()["data"]["attributes"]["slug"] == "corner-shop-3"
    assert errors(rita.post("organizations", document("organizations"))) == [BLANK_NAME]


def test_admins_change_the_name_and_nobody_the_plan(shop: Shop, adam: Client, rita: Client):
    path = f"organizations/{shop.id}"
    body = document("organizations", shop.id, attributes={"name": "New Corner"})
    assert error(rita.patch(path, body)) == (401, "UNAUTHORIZED")
    assert adam.patch(path, body).json()["data"]["attributes"]["name"] == "New Corner"
    body = document("organizations", shop.id, attributes={"subscription_info": {}})
    assert error(adam.patch(path, body)) == (400, "PARAM_NOT_ALLOWED")
    body = document("organizations", shop.id, attributes={"name": ""})
    assert errors(adam.patch(path, body)) == [BLANK_NAME]


def transfer(shop: Shop, client: Client, email: object, **data):
    body = document("organizations", shop.id, attributes={"new_owner_email": email})
    body["data"] |= data
    return client.patch(f"organizations/{shop.id}/transfer_ownership", body)


@pytest.mark.parametrize(("switch", "kind"), [(True, "admin"), (False, "read_only")])
def test_the_owner_hands_over(shop: Shop, olga: Client, switch: bool, kind: str):
    shop.world.switches.new_owner_becomes_admin = switch
    answer = transfer(shop, olga, f"rita@{DOMAIN}")
    assert (answer.status_code, answer.content) == (202, b"")
    assert [person["email"] for person in shop.world.members(shop.id) if person["owner"]] == [
        f"rita@{DOMAIN}"
    ]
    assert shop.role_of(shop.rita) == kind
    assert error(transfer(shop, olga, f"olga@{DOMAIN}")) == (401, "UNAUTHORIZED")


def test_a_handing_over_that_can_not_be(shop: Shop, olga: Client, adam: Client):
    assert error(transfer(shop, adam, f"adam@{DOMAIN}")) == (401, "UNAUTHORIZED")
    for email in ("", None, "zoe@other.example", f"pia@{DOMAIN}"):
        assert error(transfer(shop, olga, email)) == (422, "VALIDATION_ERROR")
    assert error(transfer(shop, olga, f"adam@{DOMAIN}", id="x")) == (400, "KEY_NOT_INCLUDED_IN_URL")
    assert error(transfer(shop, olga, "x", attributes={"name": "x"})) == (400, "PARAM_NOT_ALLOWED")
    without = adam.patch(f"organizations/{shop.id}/transfer_ownership", {"data": {}})
    assert error(without) == (400, "PARAM_MISSING")


# One's own account


def test_one_changes_ones_own_name_and_email(shop: Shop, rita: Client, adam: Client):
    identity = shop.world.user_id(f"rita@{DOMAIN}")
    attributes = {"email": f"margarita@{DOMAIN}", "first_name": "Margarita", "time_zone": "Europe/Rome"}
    answer = rita.patch("user", document("users", identity, attributes=attributes))
    assert answer.status_code == 200
    assert answer.json()["data"]["attributes"]["time_zone"] == "Europe/Rome"
    shown = adam.get(f"memberships/{shop.rita}").json()["data"]["attributes"]
    assert (shown["user_email"], shown["user_first_name"]) == (f"margarita@{DOMAIN}", "Margarita")
    taken = document("users", identity, attributes={"email": f"adam@{DOMAIN}"})
    assert errors(rita.patch("user", taken)) == [("VALIDATION_ERROR", "/data/attributes/email")]
    empty = document("users", identity, attributes={"first_name": ""})
    assert error(rita.patch("user", empty)) == (422, "VALIDATION_ERROR")
    assert error(rita.patch("user", document("users", "x"))) == (400, "KEY_NOT_INCLUDED_IN_URL")
