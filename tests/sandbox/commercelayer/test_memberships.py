"""Rules of memberships, as a client of the API meets them."""

import pytest

from sandbox.commercelayer.records import Membership
from sandbox.commercelayer.world import CommerceWorld
from tests.sandbox.commercelayer.shop import DOMAIN, Client, Shop, document, error, errors

NEW = f"new@{DOMAIN}"
ROLE, EMAIL = "/data/relationships/role", "/data/attributes/user_email"


# Inviting


def test_somebody_without_an_account_is_pending_until_they_accept(shop: Shop, adam: Client):
    answer = adam.post("memberships", shop.invitation(NEW, access_scope="all_access", reference="HR-9"))
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert (data["attributes"]["status"], data["attributes"]["owner"]) == ("pending", False)
    assert (data["attributes"]["test_enabled"], data["attributes"]["reference"]) == (True, "HR-9")
    assert shop.world.outbox[-1].to == NEW
    assert shop.world.outbox[-1].kind == "invitation"
    shop.world.accept(data["id"], "Nia", "New")
    attributes = adam.get(f"memberships/{data['id']}").json()["data"]["attributes"]
    assert (attributes["status"], attributes["user_first_name"]) == ("active", "Nia")
    assert shop.stranger(shop.world.grant(NEW)["access_token"]).get("user").status_code == 200


def test_somebody_with_an_account_is_a_member_at_once(shop: Shop, adam: Client):
    body = shop.invitation("MAX@nowhere.example", shop.custom)
    data = adam.call("POST", "memberships", json=body, params={"include": "role"}).json()["data"]
    assert (data["attributes"]["status"], data["attributes"]["user_first_name"]) == ("active", "Max")
    assert data["relationships"]["role"]["data"]["id"] == shop.custom
    assert shop.world.outbox[-1].kind == "notice"
    assert shop.world.user_id("max@nowhere.example") == shop.world.membership(data["id"])["user_id"]


@pytest.mark.parametrize(("switch", "email"), [(True, NEW), (False, NEW.upper())])
def test_emails_are_lowered_unless_the_switch_says_so(shop: Shop, adam: Client, switch: bool, email: str):
    shop.world.switches.emails_are_lowered = switch
    data = adam.post("memberships", shop.invitation(f" {NEW.upper()} ")).json()["data"]
    assert data["attributes"]["user_email"] == email


def test_a_profile_and_apps_can_come_along(shop: Shop, adam: Client):
    profile, app = shop.world.add_profile(shop.id, "Team"), shop.world.give_app(shop.rita, "orders")
    body = shop.invitation(NEW)
    links = body["data"]["relationships"]
    links["membership_profile"] = {"data": {"type": "membership_profiles", "id": profile}}
    links["application_memberships"] = {"data": [{"type": "application_memberships", "id": app}]}
    made = shop.world.membership(adam.post("memberships", body).json()["data"]["id"])
    assert (made["profile_id"], made["application_membership_ids"]) == (profile, [app])


@pytest.mark.parametrize("email", [f"rita@{DOMAIN}", f"PIA@{DOMAIN}"])
def test_an_email_is_invited_once(shop: Shop, adam: Client, email: str):
    answer = adam.post("memberships", shop.invitation(email))
    assert answer.status_code == 422
    assert errors(answer) == [("VALIDATION_ERROR", EMAIL)]
    assert answer.json()["errors"][0]["meta"]["error"] == "taken"
    shop.world.switches.duplicate_status = 409
    answer = adam.post("memberships", shop.invitation(email))
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["title"] == "Record not unique"
    assert len(shop.world.members(shop.id)) == 5
    assert shop.world.outbox == []


def test_the_plan_may_be_full(shop: Shop, adam: Client):
    shop.world.set_plan(shop.id, "growth", most_members=5)
    answer = adam.post("memberships", shop.invitation(NEW))
    assert error(answer) == (422, "VALIDATION_ERROR")
    assert answer.json()["errors"][0]["meta"] == {"error": "limit", "count": 5}
    shop.world.switches.over_cap_status = 401
    assert error(adam.post("memberships", shop.invitation(NEW))) == (401, "UNAUTHORIZED")
    shop.world.remove(shop.pia)
    assert adam.post("memberships", shop.invitation(NEW)).status_code == 201


def test_what_is_missing_is_said_all_at_once(shop: Shop, adam: Client):
    answer = adam.post("memberships", document("memberships"))
    assert answer.status_code == 422
    assert errors(answer) == [
        ("VALIDATION_ERROR", EMAIL),
        ("VALIDATION_ERROR", "/data/relationships/organization"),
        ("VALIDATION_ERROR", ROLE),
    ]
    first = answer.json()["errors"][0]
    assert (first["title"], first["detail"]) == ("can't be blank", "user_email - can't be blank")
    assert first["meta"] == {"error": "blank"}


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"user_email": "no-at-sign"}, "user_email"),
        ({"user_email": 5}, "user_email"),
        ({"access_scope": "everything"}, "access_scope"),
        ({"access_scope": True}, "access_scope"),
        ({"metadata": "x"}, "metadata"),
    ],
)
def test_values_that_do_not_fit_are_422(shop: Shop, adam: Client, attributes: dict, name: str):
    body = shop.invitation(NEW)
    body["data"]["attributes"] |= attributes
    answer = adam.post("memberships", body)
    assert answer.status_code == 422
    assert errors(answer) == [("VALIDATION_ERROR", f"/data/attributes/{name}")]


def test_only_admins_invite(shop: Shop, rita: Client):
    for client in (rita, shop.client(shop.cleo)):
        answer = client.post("memberships", shop.invitation(NEW))
        assert error(answer) == (401, "UNAUTHORIZED")
        assert answer.json()["errors"][0]["title"] == "Access denied"


def test_nobody_invites_to_a_place_they_are_not_in(shop: Shop):
    answer = shop.client(shop.zoe).post("memberships", shop.invitation(NEW))
    assert errors(answer) == [("VALIDATION_ERROR", "/data/relationships/organization")]


# Documents


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"data": None}, "PARAM_MISSING"),
        ({"data": []}, "INVALID_DATA_FORMAT"),
        ({"type": "roles"}, "INVALID_RESOURCE"),
        ({"type": ...}, "PARAM_MISSING"),
        ({"id": "other"}, "KEY_NOT_INCLUDED_IN_URL"),
        ({"id": ...}, "KEY_NOT_INCLUDED_IN_URL"),
        ({"attributes": ...}, "PARAM_MISSING"),
        ({"attributes": []}, "INVALID_DATA_FORMAT"),
        ({"attributes": {"user_email": "x@y.example"}}, "PARAM_NOT_ALLOWED"),
        ({"attributes": {"owner": True}}, "PARAM_NOT_ALLOWED"),
        ({"attributes": {"status": "active"}}, "PARAM_NOT_ALLOWED"),
        ({"attributes": {"test_enabled": True}}, "PARAM_NOT_ALLOWED"),
        ({"attributes": {"nonsense": 1}}, "PARAM_NOT_ALLOWED"),
        ({"relationships": {"organization": {"data": None}}}, "PARAM_NOT_ALLOWED"),
        ({"relationships": {"user": {"data": None}}}, "PARAM_NOT_ALLOWED"),
        ({"relationships": {"role": {}}}, "INVALID_LINKS_OBJECT"),
        ({"relationships": {"role": "x"}}, "INVALID_LINKS_OBJECT"),
        ({"relationships": {"role": {"data": {"type": "roles"}}}}, "INVALID_LINKS_OBJECT"),
        ({"relationships": {"role": {"data": {"type": "users", "id": "x"}}}}, "TYPE_MISMATCH"),
        ({"relationships": {"application_memberships": {"data": "x"}}}, "INVALID_LINKS_OBJECT"),
    ],
)
def test_a_document_that_can_not_be_read_is_400_and_changes_nothing(
    shop: Shop, adam: Client, change: dict, code: str
):
    before = shop.world.membership(shop.rita)
    body = document("memberships", shop.rita, role=("roles", shop.custom))
    if "data" in change:
        body = change
    else:
        body["data"] |= change
        body["data"] = {name: value for name, value in body["data"].items() if value is not ...}
    assert error(adam.patch(f"memberships/{shop.rita}", body)) == (400, code)
    assert shop.world.membership(shop.rita) == before


def test_what_is_not_json_is_400(shop: Shop, adam: Client):
    headers = {"Content-Type": "application/vnd.api+json"}
    answer = adam.call("PATCH", f"memberships/{shop.rita}", data="{", headers=headers)
    assert error(answer) == (400, "INVALID_DATA_FORMAT")
    assert error(adam.call("PATCH", f"memberships/{shop.rita}")) == (400, "INVALID_DATA_FORMAT")


def test_attributes_may_be_left_out_if_the_switch_says_so(shop: Shop, adam: Client):
    shop.world.switches.attributes_are_required = False
    body = document("memberships", shop.rita, role=("roles", shop.custom))
    del body["data"]["attributes"]
    assert adam.patch(f"memberships/{shop.rita}", body).status_code == 200


# Changing


def test_a_role_is_changed_and_answered_with_what_is_included(shop: Shop, adam: Client):
    answer = adam.set_role(shop.rita, shop.custom, include="role")
    assert answer.status_code == 200
    assert answer.json()["data"]["relationships"]["role"]["data"]["id"] == shop.custom
    assert answer.json()["included"][0]["attributes"]["name"] == "Order desk"
    assert shop.role_of(shop.rita) == "custom"


def test_a_change_is_remembered_with_who_made_it(shop: Shop, adam: Client):
    old = shop.role("read_only")
    adam.set_role(shop.rita, shop.custom)
    adam.set_role(shop.rita, shop.custom)
    (version,) = adam.get(f"memberships/{shop.rita}/versions").json()["data"]
    attributes = version["attributes"]
    assert (attributes["resource_type"], attributes["resource_id"]) == ("memberships", shop.rita)
    assert (attributes["event"], attributes["changes"]) == ("update", {"role_id": [old, shop.custom]})
    assert attributes["who"]["owner"]["id"] == shop.world.user_id(f"adam@{DOMAIN}")
    shop.world.switches.versions_show_role_id = False
    adam.set_role(shop.rita, old)
    assert adam.get(f"memberships/{shop.rita}/versions").json()["data"][1]["attributes"]["changes"] == {}


def test_updated_at_moves_with_a_change_and_not_without():
    now = [1_000_000_000.0]
    world = CommerceWorld.empty(clock=lambda: now[0])
    member = world.find(Membership, world.add_person(world.add_organization("Shop"), NEW))
    before = member.updated_at
    now[0] += 5
    world.set_role(member.id, "read_only")
    assert member.updated_at == before
    world.set_role(member.id, "admin")
    assert (member.updated_at - before).total_seconds() == 5


def test_attributes_are_changed_alone_or_together(shop: Shop, adam: Client):
    shop.world.set_attributes(shop.rita, metadata={"old": 1})
    attributes = {
        "access_scope": "test_access",
        "reference": "A",
        "reference_origin": "hr",
        "metadata": {"b": 2},
    }
    answer = adam.patch(f"memberships/{shop.rita}", document("memberships", shop.rita, attributes=attributes))
    shown = answer.json()["data"]["attributes"]
    assert {name: shown[name] for name in attributes} == attributes
    assert shown["test_enabled"] is True
    assert shop.world.membership(shop.rita)["metadata"] == {"b": 2}
    nothing = dict.fromkeys(attributes)
    adam.patch(f"memberships/{shop.rita}", document("memberships", shop.rita, attributes=nothing))
    assert shop.world.membership(shop.rita)["access_scope"] is None


def test_who_has_not_accepted_can_be_changed(shop: Shop, adam: Client):
    assert adam.set_role(shop.pia, shop.custom).status_code == 200
    assert shop.world.membership(shop.pia)["status"] == "pending"


def test_a_role_can_not_be_taken_away(shop: Shop, adam: Client):
    answer = adam.patch(f"memberships/{shop.rita}", document("memberships", shop.rita, role=None))
    assert errors(answer) == [("VALIDATION_ERROR", ROLE)]


@pytest.mark.parametrize("status", [404, 422])
def test_a_role_from_elsewhere_is_refused(shop: Shop, adam: Client, status):
    # An admin of both places sees the role, and still can't use it here.
    shop.world.add_person(shop.other_id, f"adam@{DOMAIN}", role="admin")
    shop.world.switches.foreign_reference_status = status
    for role_id in (shop.other_custom, "xxxxxxxxxx"):
        answer = adam.set_role(shop.rita, role_id)
        assert answer.status_code == status
        assert errors(answer)[0][1] == (ROLE if status == 422 else None)
    assert shop.role_of(shop.rita) == "read_only"


def test_profiles_and_apps_are_given_replaced_and_cleared(shop: Shop, adam: Client):
    profile = shop.world.add_profile(shop.id, "Team")
    kept, gone = (shop.world.give_app(shop.rita, kind) for kind in ("orders", "skus"))
    path = f"memberships/{shop.rita}"

    def send(**links) -> int:
        return adam.patch(path, document("memberships", shop.rita, **links)).status_code

    assert send(membership_profile=("membership_profiles", profile)) == 200
    assert send(application_memberships=[("application_memberships", kept)]) == 200
    held = shop.world.membership(shop.rita)
    assert (held["profile_id"], held["application_membership_ids"]) == (profile, [kept])
    assert adam.get(f"application_memberships/{gone}").status_code == 404
    assert send(application_memberships=("application_memberships", kept)) == 200
    assert send(membership_profile=None, application_memberships=[]) == 200
    held = shop.world.membership(shop.rita)
    assert (held["profile_id"], held["application_membership_ids"]) == (None, [])


def test_lists_may_not_be_replaced_and_objects_not_stand_for_them(shop: Shop, adam: Client):
    app = shop.world.give_app(shop.rita, "orders")
    path = f"memberships/{shop.rita}"
    shop.world.switches.to_many_may_be_an_object = False
    body = document("memberships", shop.rita, application_memberships=("application_memberships", app))
    assert error(adam.patch(path, body)) == (400, "INVALID_LINKS_OBJECT")
    shop.world.switches.to_many_update_allowed = False
    body = document("memberships", shop.rita, application_memberships=[])
    assert error(adam.patch(path, body)) == (400, "PARAM_NOT_ALLOWED")


def test_only_admins_change_and_nobody_from_elsewhere(shop: Shop, adam: Client, rita: Client):
    assert error(rita.set_role(shop.rita, shop.role("admin"))) == (401, "UNAUTHORIZED")
    assert error(rita.set_role(shop.cleo, shop.role("admin"))) == (404, "RECORD_NOT_FOUND")
    assert error(adam.set_role(shop.zoe, shop.custom)) == (404, "RECORD_NOT_FOUND")
    shop.world.switches.members_see_everybody = True
    assert error(rita.set_role(shop.cleo, shop.role("admin"))) == (401, "UNAUTHORIZED")
    assert shop.role_of(shop.rita) == "read_only"


def test_without_guards_real_harm_is_done(shop: Shop, adam: Client):
    assert adam.set_role(shop.olga, shop.role("read_only")).status_code == 200
    assert adam.set_role(shop.adam, shop.role("read_only")).status_code == 200
    assert adam.set_role(shop.adam, shop.role("admin")).status_code == 401
    assert {person["role_kind"] for person in shop.world.members(shop.id)} == {"read_only", "custom"}


@pytest.mark.parametrize(
    ("status", "code"), [(401, "UNAUTHORIZED"), (422, "VALIDATION_ERROR"), (423, "LOCKED")]
)
@pytest.mark.parametrize(
    "switch", ["owner_role_change_refused", "own_role_change_refused", "last_admin_demotion_refused"]
)
def test_guards_are_switches_and_so_is_their_form(shop: Shop, olga: Client, switch: str, status, code: str):
    shop.world.set_role(shop.adam, "read_only")
    setattr(shop.world.switches, switch, True)
    shop.world.switches.guard_status = status
    assert error(olga.set_role(shop.olga, shop.custom)) == (status, code)
    assert shop.role_of(shop.olga) == "admin"
    assert olga.set_role(shop.olga, shop.role("admin")).status_code == 200


def test_a_member_may_refuse_every_change(shop: Shop, adam: Client):
    shop.world.refuse(shop.rita)
    assert error(adam.set_role(shop.rita, shop.custom)) == (422, "VALIDATION_ERROR")
    assert error(adam.delete(f"memberships/{shop.rita}")) == (422, "VALIDATION_ERROR")
    shop.world.refuse(shop.rita, None)
    assert adam.set_role(shop.rita, shop.custom).status_code == 200


# Removing


def test_who_is_removed_is_gone_and_can_be_invited_again(shop: Shop, adam: Client):
    shop.world.give_app(shop.rita, "orders")
    answer = adam.delete(f"memberships/{shop.rita}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert error(adam.get(f"memberships/{shop.rita}")) == (404, "RECORD_NOT_FOUND")
    assert error(adam.delete(f"memberships/{shop.rita}")) == (404, "RECORD_NOT_FOUND")
    assert not shop.world.is_member(shop.rita)
    assert adam.get("application_memberships").json()["data"] == []
    params = {"filter[q][resource_id_eq]": shop.rita}
    (version,) = adam.get("versions", **params).json()["data"]
    assert version["attributes"]["event"] == "destroy"
    again = adam.post("memberships", shop.invitation(f"rita@{DOMAIN}")).json()["data"]
    assert (again["id"] != shop.rita, again["attributes"]["status"]) == (True, "active")


def test_who_has_not_accepted_can_be_removed(shop: Shop, adam: Client):
    assert adam.delete(f"memberships/{shop.pia}").status_code == 204


def test_others_than_admins_remove_only_themselves(shop: Shop, rita: Client):
    shop.world.switches.members_see_everybody = True
    assert error(rita.delete(f"memberships/{shop.cleo}")) == (401, "UNAUTHORIZED")
    assert rita.delete(f"memberships/{shop.rita}").status_code == 204
    assert rita.get("memberships").json()["data"] == []
    assert rita.get("user").status_code == 200


def test_the_owner_goes_only_after_the_ownership(shop: Shop, olga: Client, adam: Client):
    assert error(olga.delete(f"memberships/{shop.olga}")) == (422, "VALIDATION_ERROR")
    assert error(adam.delete(f"memberships/{shop.olga}")) == (422, "VALIDATION_ERROR")
    shop.world.switches.owner_deletion_by_others_refused = False
    shop.world.transfer(shop.adam)
    assert olga.delete(f"memberships/{shop.olga}").status_code == 204


def test_an_admin_may_remove_the_owner_if_the_switch_says_so(shop: Shop, adam: Client):
    shop.world.switches.owner_deletion_by_others_refused = False
    assert adam.delete(f"memberships/{shop.olga}").status_code == 204


def test_the_last_admin_may_go_unless_the_switch_says_no(shop: Shop, adam: Client):
    shop.world.set_role(shop.olga, "read_only")
    shop.world.switches.last_admin_deletion_refused = True
    assert error(adam.delete(f"memberships/{shop.adam}")) == (422, "VALIDATION_ERROR")
    shop.world.switches.last_admin_deletion_refused = False
    assert adam.delete(f"memberships/{shop.adam}").status_code == 204


# Sending the invitation again


@pytest.mark.parametrize("body", [None, {"data": {}}])
def test_an_invitation_is_sent_again(shop: Shop, adam: Client, body):
    answer = adam.post(f"memberships/{shop.pia}/resend", body)
    assert (answer.status_code, answer.content) == (202, b"")
    assert [email.to for email in shop.world.outbox] == [f"pia@{DOMAIN}"]


def test_who_is_in_gets_no_invitation(shop: Shop, adam: Client):
    assert error(adam.post(f"memberships/{shop.rita}/resend")) == (422, "VALIDATION_ERROR")
    shop.world.switches.resend_to_active_status = 202
    assert adam.post(f"memberships/{shop.rita}/resend").status_code == 202
    assert shop.world.outbox == []


def test_how_soon_again_is_a_switch(shop: Shop, adam: Client):
    shop.world.switches.resend_again_after_s = 60
    assert adam.post(f"memberships/{shop.pia}/resend").status_code == 202
    assert adam.post(f"memberships/{shop.pia}/resend").status_code == 429
    assert len(shop.world.outbox) == 1


def test_only_admins_send_again(shop: Shop, rita: Client):
    shop.world.switches.members_see_everybody = True
    assert error(rita.post(f"memberships/{shop.pia}/resend")) == (401, "UNAUTHORIZED")
    assert error(rita.post("memberships/xxxxxxxxxx/resend")) == (404, "RECORD_NOT_FOUND")


# What somebody else does meanwhile


def test_what_others_do_is_seen_at_once_and_remembered_as_theirs(shop: Shop, adam: Client):
    shop.world.set_role(shop.rita, "admin")
    shop.world.rename(f"rita@{DOMAIN}", None, "Renamed")
    shop.world.rename_role(shop.custom, "Desk")
    attributes = adam.get(f"memberships/{shop.rita}").json()["data"]["attributes"]
    assert (attributes["user_first_name"], attributes["user_last_name"]) == (None, "Renamed")
    assert adam.get(f"memberships/{shop.rita}/role").json()["data"]["attributes"]["kind"] == "admin"
    assert adam.get(f"roles/{shop.custom}").json()["data"]["attributes"]["name"] == "Desk"
    (version,) = adam.get(f"memberships/{shop.rita}/versions").json()["data"]
    assert version["attributes"]["who"]["owner"] is None
    shop.world.remove(shop.cleo)
    assert adam.get(f"memberships/{shop.cleo}").status_code == 404
    with pytest.raises(KeyError):
        shop.world.membership(shop.cleo)
