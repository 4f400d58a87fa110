"""Rules of memberships, as a client of the API meets them."""

import pytest

from sandbox.records import PERMISSIONS
from tests.sandbox.company import DOMAIN, Client, Company

NEW = {"email": f"new@{DOMAIN}", "role_id": "user"}
UNAUTHORIZED = {"error": "Unauthorized"}


# Creating


def test_creating_provisions_an_unknown_person_and_answers_200(company: Company, ada: Client):
    answer = ada.post("membership/", NEW)
    assert answer.status_code == 200
    body = answer.json()
    assert body["role"] == body["role_id"] == "user"
    assert body["auto_record_calls"] == "unset"
    assert body["onboarding_status"] == "in-progress"
    assert body["organization_id"] == company.id
    assert "view_all_leads" in body["permissions_granted"]
    assert company.world.membership(body["id"])["email"] == NEW["email"]


def test_creating_twice_gives_the_same_membership_and_leaves_the_role(company: Company, ada: Client):
    first = ada.post("membership/", NEW).json()["id"]
    second = ada.post("membership/", {**NEW, "role_id": "superuser", "email": NEW["email"].upper()}).json()
    assert second["id"] == first
    assert second["role_id"] == "user"


def test_creating_somebody_active_overwrites_the_role_if_the_switch_says_so(company: Company, ada: Client):
    company.world.switches.create_overwrites_role = True
    ada.post("membership/", {"email": f"bob@{DOMAIN}", "role_id": "superuser"})
    assert company.role_of(company.bob) == "superuser"


def test_creating_brings_a_person_back_with_the_role_asked_for(company: Company, ada: Client):
    answer = ada.post("membership/", {"email": f"dora@{DOMAIN}", "role_id": "user"}).json()
    assert answer["id"] == company.dora
    assert company.world.membership(company.dora)["active"]
    assert company.role_of(company.dora) == "user"


def test_creating_brings_a_person_back_with_the_old_role_if_the_switch_says_so(company: Company, ada: Client):
    company.world.switches.reactivation_takes_role = False
    ada.post("membership/", {"email": f"dora@{DOMAIN}", "role_id": "user"})
    assert company.role_of(company.dora) == "superuser"


def test_creating_never_brings_back_somebody_who_could_manage(company: Company, ada: Client):
    company.world.switches.reactivation_takes_role = False
    company.world.set_role(company.dora, "admin")
    assert ada.post("membership/", {"email": f"dora@{DOMAIN}", "role_id": "user"}).status_code == 403
    assert not company.world.membership(company.dora)["active"]


def test_creating_adds_a_person_known_from_another_organization(company: Company, ada: Client):
    company.world.set_domain_rule(company.id, True, (DOMAIN, "other.example"))
    body = ada.post("membership/", {"email": "zoe@other.example", "role_id": "user"}).json()
    assert body["user_id"] == company.user_id(company.zoe)
    assert body["id"] != company.zoe


def test_creating_without_the_domain_rule_is_403(company: Company, ada: Client):
    company.world.set_domain_rule(company.id, False)
    assert ada.post("membership/", NEW).status_code == 403


def test_creating_without_manage_organization_is_403(bob: Client):
    assert bob.post("membership/", NEW).status_code == 403


def test_creating_with_a_role_that_manages_is_403(company: Company, ada: Client):
    powerful = company.world.add_role(company.id, "People Ops", ["manage_organization"])
    for role_id in ("admin", powerful):
        assert ada.post("membership/", {**NEW, "role_id": role_id}).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role_id": "user"}, "email"),
        ({"email": "", "role_id": "user"}, "email"),
        ({"email": "no-at-sign", "role_id": "user"}, "email"),
        ({"email": 7, "role_id": "user"}, "email"),
        ({"email": "new@elsewhere.example", "role_id": "user"}, "email"),
        ({"email": NEW["email"]}, "role_id"),
        ({"email": NEW["email"], "role_id": "role_unknown"}, "role_id"),
        ({**NEW, "name": "New"}, "name"),
    ],
)
def test_creating_with_bad_data_is_400_and_names_the_field(ada: Client, body: dict, field: str):
    answer = ada.post("membership/", body)
    assert answer.status_code == 400
    assert field in answer.json()["field-errors"]
    assert answer.json()["errors"] == []


# One


def test_updating_changes_what_is_named_and_nothing_else(company: Company, ada: Client):
    before = company.world.membership(company.bob)
    answer = ada.put(f"membership/{company.bob}/", {"role_id": "superuser", "track_email_opens": False})
    assert answer.status_code == 200
    assert answer.json()["role_id"] == "superuser"
    assert answer.json()["track_email_opens"] is False
    after = company.world.membership(company.bob)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"role_id", "role_name", "permissions", "track_email_opens"}


def test_every_documented_setting_can_be_written(company: Company, ada: Client):
    phone = company.world.add_phone_number(company.id, "+442079460000", "Main", [], group=True)
    settings = {
        "auto_record_calls": "disabled",
        "default_caller_id": phone,
        "hangup_recording_url": "https://voice.example/bye.mp3",
        "may_workflows_impersonate": True,
        "track_email_opens": False,
    }
    assert settings.items() <= ada.put(f"membership/{company.bob}/", settings).json().items()
    assert settings.items() <= company.world.membership(company.bob).items()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role_id", "nonsense"),
        ("role_id", None),
        ("role_id", 3),
        ("auto_record_calls", "maybe"),
        ("auto_record_calls", None),
        ("track_email_opens", "yes"),
        ("may_workflows_impersonate", 1),
        ("default_caller_id", "phon_unknown"),
        ("hangup_recording_url", "ftp://voice.example"),
        ("user_id", "user_other"),
    ],
)
def test_a_bad_value_is_refused_and_nothing_is_changed(
    company: Company, ada: Client, field: str, value: object
):
    before = company.world.membership(company.bob)
    answer = ada.put(f"membership/{company.bob}/", {"track_email_opens": False, field: value})
    assert answer.status_code == 400
    assert list(answer.json()["field-errors"]) == [field]
    assert company.world.membership(company.bob) == before


def test_unknown_keys_are_ignored_if_the_switch_says_so(company: Company, ada: Client):
    company.world.switches.unknown_keys_refused = False
    assert ada.put(f"membership/{company.bob}/", {"nonsense": 1, "role_id": "admin"}).status_code == 200


def test_errors_about_roles_may_carry_the_internal_name(company: Company, ada: Client):
    company.world.switches.role_errors_say_role = True
    answer = ada.put(f"membership/{company.bob}/", {"role_id": "nonsense"})
    assert list(answer.json()["field-errors"]) == ["role"]


def test_the_example_answer_has_the_documented_keys_only(company: Company, ada: Client):
    company.world.switches.update_answers_example_keys = True
    body = ada.put(f"membership/{company.bob}/", {"track_email_opens": False}).json()
    assert set(body) == {
        "id",
        "organization_id",
        "user_id",
        "role_id",
        "auto_record_calls",
        "permissions_granted",
        "primary_personal_number",
        "plan_type",
    }


def test_a_member_may_change_own_settings_but_not_the_own_role(company: Company, bob: Client):
    assert bob.put(f"membership/{company.bob}/", {"auto_record_calls": "enabled"}).status_code == 200
    refused = bob.put(f"membership/{company.bob}/", {"role_id": "admin"})
    assert (refused.status_code, refused.json()) == (401, UNAUTHORIZED)
    assert company.role_of(company.bob) == "user"


def test_a_member_may_not_change_others(company: Company, bob: Client):
    refused = bob.put(f"membership/{company.cleo}/", {"track_email_opens": False})
    assert (refused.status_code, refused.json()) == (401, UNAUTHORIZED)


def test_permission_refusals_are_403_if_the_switch_says_so(company: Company, bob: Client):
    company.world.switches.permission_refusal_status = 403
    assert bob.delete(f"membership/{company.cleo}/").status_code == 403


def test_other_organizations_and_unknown_and_inactive_members_are_404(company: Company, ada: Client):
    for membership_id in (company.zoe, company.dora, "memb_unknown"):
        answer = ada.put(f"membership/{membership_id}/", {"role_id": "user"})
        assert answer.status_code == 404
        assert answer.json() == {"error": "Empty query: Membership matching query does not exist."}


def test_inactive_members_can_be_updated_if_the_switch_says_so(company: Company, ada: Client):
    company.world.switches.inactive_is_not_found = False
    assert ada.put(f"membership/{company.dora}/", {"role_id": "user"}).status_code == 200


def test_without_guards_the_last_admin_can_demote_themselves(company: Company, ada: Client):
    assert ada.put(f"membership/{company.ada}/", {"role_id": "user"}).status_code == 200
    assert ada.put(f"membership/{company.ada}/", {"role_id": "admin"}).status_code == 401


@pytest.mark.parametrize("switch", ["own_role_change_refused", "last_manager_demotion_refused"])
def test_guards_refuse_it_if_the_switch_says_so(company: Company, ada: Client, switch: str):
    setattr(company.world.switches, switch, True)
    assert ada.put(f"membership/{company.ada}/", {"role_id": "user"}).status_code == 400
    assert company.role_of(company.ada) == "admin"


def test_admin_can_be_granted_unless_the_switch_says_otherwise(company: Company, ada: Client):
    assert ada.put(f"membership/{company.bob}/", {"role_id": "admin"}).status_code == 200
    company.world.switches.admin_can_be_granted = False
    assert ada.put(f"membership/{company.cleo}/", {"role_id": "admin"}).status_code == 400


def test_unset_can_be_written_back_unless_the_switch_says_otherwise(company: Company, ada: Client):
    assert ada.put(f"membership/{company.bob}/", {"auto_record_calls": "unset"}).status_code == 200
    company.world.switches.unset_can_be_written_back = False
    assert ada.put(f"membership/{company.bob}/", {"auto_record_calls": "unset"}).status_code == 400


# Many


def test_a_bulk_update_answers_a_count_and_no_members(company: Company, ada: Client):
    answer = ada.bulk([company.bob, company.cleo], role_id="superuser")
    assert (answer.status_code, answer.json()) == (200, {"count": 2})
    assert company.role_of(company.bob) == company.role_of(company.cleo) == "superuser"
    assert company.role_of(company.ada) == "admin"


def test_a_bulk_update_takes_its_filter_from_the_query_too(company: Company, ada: Client):
    answer = ada.call("PUT", "membership/", params={"id__in": company.bob}, json={"role_id": "superuser"})
    assert answer.json() == {"count": 1}
    assert company.role_of(company.cleo) == "user"


def test_params_in_the_body_hide_the_query(company: Company, ada: Client):
    ada.call(
        "PUT",
        "membership/",
        params={"id__in": company.bob},
        json={"_params": {"id__in": company.cleo}, "role_id": "superuser"},
    )
    assert (company.role_of(company.bob), company.role_of(company.cleo)) == ("user", "superuser")


@pytest.mark.parametrize("body", [{}, {"_params": {}}, {"_params": {"id_in": "memb_1"}}])
def test_a_bulk_update_without_a_filter_close_knows_hits_everyone(company: Company, ada: Client, body: dict):
    assert ada.put("membership/", {**body, "auto_record_calls": "enabled"}).json() == {"count": 3}
    everyone = company.world.members(company.id)
    assert {member["auto_record_calls"] for member in everyone} == {"enabled"}
    assert company.world.membership(company.dora)["auto_record_calls"] == "unset"
    assert company.world.membership(company.zoe)["auto_record_calls"] == "unset"


def test_a_bulk_update_with_an_empty_filter_hits_nobody(company: Company, ada: Client):
    assert ada.put("membership/", {"_params": {"id__in": ""}, "role_id": "admin"}).json() == {"count": 0}


def test_a_list_instead_of_a_comma_list_is_refused(company: Company, ada: Client):
    answer = ada.put("membership/", {"_params": {"id__in": [company.bob]}, "role_id": "admin"})
    assert answer.status_code == 400
    assert company.role_of(company.bob) == "user"


def test_a_bulk_update_skips_unknown_inactive_and_foreign_ids(company: Company, ada: Client):
    ids = [company.bob, "memb_unknown", company.dora, company.zoe]
    assert ada.bulk(ids, role_id="superuser").json() == {"count": 1}
    assert company.role_of(company.zoe) == "admin"


def test_a_bulk_update_stops_at_the_first_refusal_and_counts_what_was_done(company: Company, ada: Client):
    company.world.refuse(company.bob, "This user can not be changed.")
    answer = ada.bulk([company.cleo, company.bob, company.ada], auto_record_calls="enabled")
    assert answer.status_code == 400
    # One after another as they were created, whatever the order of the ids.
    assert answer.json() == {
        "errors": [],
        "field-errors": {"auto_record_calls": "This user can not be changed."},
        "count": 1,
    }
    settings = [
        company.world.membership(who)["auto_record_calls"] for who in (company.ada, company.bob, company.cleo)
    ]
    assert settings == ["enabled", "unset", "unset"]


def test_a_refused_bulk_update_changes_nobody_if_the_switch_says_so(company: Company, ada: Client):
    company.world.switches.bulk_is_atomic = True
    company.world.refuse(company.bob)
    assert ada.bulk([company.ada, company.bob], auto_record_calls="enabled").json()["count"] == 0
    assert company.world.membership(company.ada)["auto_record_calls"] == "unset"


def test_a_thousand_at_once_are_refused(company: Company, ada: Client):
    for number in range(997):
        company.world.add_person(company.id, f"p{number}@{DOMAIN}")
    answer = ada.put("membership/", {"role_id": "admin"})
    assert answer.status_code == 400
    assert answer.json() == {"errors": ["It's not allowed to update more than 1000 objects at once"]}
    everyone = [member["id"] for member in company.world.members(company.id)]
    assert ada.bulk(everyone[:999], role_id="admin").json() == {"count": 999}


def test_a_bulk_update_without_permission_is_401(company: Company, bob: Client):
    assert bob.bulk([company.cleo], role_id="admin").status_code == 401
    assert company.role_of(company.cleo) == "user"


# Leaving


def test_deactivating_moves_a_member_to_the_inactive_ones_and_answers_an_empty_object(
    company: Company, ada: Client
):
    group = company.world.add_group(company.id, "Bakers", [company.user_id(company.bob)])
    answer = ada.delete(f"membership/{company.bob}/")
    assert (answer.status_code, answer.json()) == (200, {})
    organization = ada.get(f"organization/{company.id}/").json()
    assert company.bob not in [row["id"] for row in organization["memberships"]]
    left = next(row for row in organization["inactive_memberships"] if row["id"] == company.bob)
    assert left["role_id"] == "user"
    members = ada.get(f"group/{group}/", _fields="members").json()["members"]
    assert members == [{"user_id": company.user_id(company.bob)}]


def test_deactivating_answers_nothing_if_the_switch_says_so(company: Company, ada: Client):
    company.world.switches.delete_answers_json = False
    answer = ada.delete(f"membership/{company.bob}/")
    assert (answer.status_code, answer.content) == (200, b"")


def test_deactivating_somebody_inactive_is_404_unless_the_switch_says_otherwise(
    company: Company, ada: Client
):
    assert ada.delete(f"membership/{company.dora}/").status_code == 404
    company.world.switches.inactive_is_not_found = False
    assert ada.delete(f"membership/{company.dora}/").status_code == 200


def test_deactivating_oneself_is_400_unless_the_switch_says_otherwise(company: Company, ada: Client):
    company.world.set_role(company.bob, "admin")
    assert ada.delete(f"membership/{company.ada}/").status_code == 400
    company.world.switches.self_deactivation_refused = False
    assert ada.delete(f"membership/{company.ada}/").status_code == 200


def test_deactivating_the_last_manager_is_400_unless_the_switch_says_otherwise(company: Company, ada: Client):
    company.world.switches.self_deactivation_refused = False
    assert ada.delete(f"membership/{company.ada}/").status_code == 400
    company.world.switches.last_manager_deactivation_refused = False
    assert ada.delete(f"membership/{company.ada}/").status_code == 200


def test_who_was_deactivated_is_signed_out(company: Company, ada: Client, bob: Client):
    ada.delete(f"membership/{company.bob}/")
    assert bob.get("me/").status_code == 401
    company.world.reactivate(company.bob)
    assert bob.get("me/").status_code == 401


def test_tokens_sleep_until_reactivation_if_the_switch_says_so(company: Company, ada: Client, bob: Client):
    company.world.switches.deactivation_revokes_tokens = False
    ada.delete(f"membership/{company.bob}/")
    assert bob.get("me/").status_code == 401
    company.world.reactivate(company.bob)
    assert bob.get("me/").status_code == 200


# Pinned views


def test_pinned_views_are_overwritten_as_one_ordered_list(company: Company, ada: Client):
    views = [company.world.add_smart_view(company.id, name) for name in ("One", "Two", "Three")]
    path = f"membership/{company.bob}/pinned_views/"
    assert ada.get(path).json() == {"saved_view_ids": []}
    wanted = {"saved_view_ids": [views[2], views[0]]}
    assert ada.put(path, wanted).json() == wanted
    assert ada.get(path).json() == wanted


@pytest.mark.parametrize(
    "body",
    [{}, {"saved_view_ids": "save_1"}, {"saved_view_ids": ["save_unknown"]}, {"saved_view_ids": [], "x": 1}],
)
def test_pinned_views_that_can_not_be_are_refused(company: Company, ada: Client, body: dict):
    assert ada.put(f"membership/{company.bob}/pinned_views/", body).status_code == 400


def test_others_pinned_views_need_manage_organization(company: Company, bob: Client):
    assert bob.get(f"membership/{company.bob}/pinned_views/").status_code == 200
    assert bob.get(f"membership/{company.cleo}/pinned_views/").status_code == 401
    assert bob.put(f"membership/{company.cleo}/pinned_views/", {"saved_view_ids": []}).status_code == 401


def test_there_is_no_way_to_read_memberships_but_the_organization(company: Company, ada: Client):
    assert ada.get("membership/").status_code == 405
    assert ada.get(f"membership/{company.bob}/").status_code == 405


def test_the_admin_role_grants_every_known_permission(company: Company, ada: Client):
    granted = ada.put(f"membership/{company.bob}/", {"role_id": "admin"}).json()["permissions_granted"]
    assert sorted(granted) == sorted(PERMISSIONS)
    assert len(granted) == 24
