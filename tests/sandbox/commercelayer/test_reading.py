"""Reading: lists and their pages, one record, what is included, sparse fields, sorting, filters, who sees what."""

from datetime import UTC, datetime

import pytest

from sandbox.commercelayer.schema import SCHEMA
from tests.sandbox.commercelayer.shop import DOMAIN, JSON_API, Client, Shop, emails, error

MEMBERS = "organizations/{}/memberships"


def test_a_member_is_a_resource_object_with_links_and_no_linkage(shop: Shop, adam: Client):
    answer = adam.get(f"memberships/{shop.rita}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON_API)
    data = answer.json()["data"]
    address = f"{shop.server.url}/api/memberships/{shop.rita}"
    assert (data["id"], data["type"], data["links"]) == (shop.rita, "memberships", {"self": address})
    attributes = data["attributes"]
    assert set(attributes) == set(SCHEMA["memberships"].attributes)
    assert attributes["user_email"] == f"rita@{DOMAIN}"
    assert (attributes["user_first_name"], attributes["user_last_name"]) == ("Rita", "Reader")
    assert (attributes["status"], attributes["owner"]) == ("active", False)
    assert (attributes["access_scope"], attributes["test_enabled"]) == ("live_access", False)
    assert attributes["created_at"].endswith("Z")
    assert len(attributes["created_at"]) == len("2018-01-01T12:00:00.000Z")
    assert set(data["relationships"]) == set(SCHEMA["memberships"].relationships)
    assert data["relationships"]["role"] == {
        "links": {"self": f"{address}/relationships/role", "related": f"{address}/role"}
    }
    assert "included" not in answer.json()


def test_ids_are_ten_letters(shop: Shop):
    assert all(len(one["id"]) == 10 and one["id"].isalpha() for one in shop.world.everybody())


def test_include_shows_linkage_and_brings_the_record_along(shop: Shop, adam: Client):
    body = adam.get(f"memberships/{shop.cleo}", include="role,membership_profile").json()
    links = body["data"]["relationships"]
    assert links["role"]["data"] == {"type": "roles", "id": shop.custom}
    assert links["membership_profile"]["data"] is None
    assert "data" not in links["organization"]
    (role,) = body["included"]
    assert (role["id"], role["attributes"]["name"], role["attributes"]["kind"]) == (
        shop.custom,
        "Order desk",
        "custom",
    )


def test_a_record_is_included_once(shop: Shop, adam: Client):
    body = adam.get(MEMBERS.format(shop.id), include="role").json()
    assert len(body["data"]) == 5
    assert len(body["included"]) == 3


def test_include_goes_along_several_relationships(shop: Shop, adam: Client):
    shop.world.give_app(shop.rita, "orders")
    path = "application_memberships.role,application_memberships.api_credential"
    params = {"include": path, "fields[api_credentials]": "name,kind,mode", "fields[roles]": "name,kind"}
    body = adam.get(f"memberships/{shop.rita}", **params).json()
    found = {one["type"]: one for one in body["included"]}
    assert set(found) == {"application_memberships", "roles", "api_credentials"}
    assert found["api_credentials"]["attributes"] == {"name": "Orders", "kind": "orders", "mode": "live"}
    assert found["roles"]["attributes"] == {"name": "Read-only", "kind": "read_only"}
    assert "relationships" not in found["roles"]
    assert found["application_memberships"]["relationships"]["role"]["data"]["id"] == found["roles"]["id"]


def test_what_the_caller_may_not_see_is_not_included(shop: Shop, rita: Client):
    body = rita.get(f"organizations/{shop.id}", include="memberships").json()
    assert [one["id"] for one in body["included"]] == [shop.rita]


def test_included_roles_may_be_missing_or_null(shop: Shop, adam: Client):
    shop.world.switches.left_out_of_included = ("roles",)
    body = adam.get(f"memberships/{shop.rita}", include="role").json()
    assert body["included"] == []
    assert body["data"]["relationships"]["role"]["data"]["type"] == "roles"
    shop.world.switches.reset()
    shop.world.switches.null_linkage = ("role",)
    body = adam.get(f"memberships/{shop.rita}", include="role").json()
    assert body["included"] == []
    assert body["data"]["relationships"]["role"]["data"] is None


def test_only_the_fields_asked_for_and_relationships_count_as_fields(shop: Shop, adam: Client):
    params = {"fields[memberships]": "user_email,role", "include": "role"}
    data = adam.get(f"memberships/{shop.rita}", **params).json()["data"]
    assert data["attributes"] == {"user_email": f"rita@{DOMAIN}"}
    assert set(data["relationships"]) == {"role"}
    without = adam.get(f"memberships/{shop.rita}", **{"fields[memberships]": "status", "include": "role"})
    assert "relationships" not in without.json()["data"]
    assert len(without.json()["included"]) == 1


# Pages


def test_ten_a_page_unless_asked_and_25_at_most(shop: Shop, adam: Client):
    for number in range(30):
        shop.world.add_person(shop.id, f"p{number:02}@{DOMAIN}")
    body = adam.get("memberships").json()
    assert len(body["data"]) == 10
    assert body["meta"] == {"record_count": 35, "page_count": 4}
    assert "prev" not in body["links"]
    assert set(body["links"]) == {"first", "next", "last"}
    last = adam.session.get(body["links"]["last"], timeout=5).json()
    assert len(last["data"]) == 5
    assert "next" not in last["links"]
    assert "prev" in last["links"]
    assert len(adam.get("memberships", **{"page[size]": 25}).json()["data"]) == 25
    everybody = adam.everything("memberships")
    assert len({one["id"] for one in everybody}) == 35


def test_links_keep_the_rest_of_the_question(shop: Shop, adam: Client):
    params = {"page[size]": 2, "filter[q][role_kind_eq]": "admin", "sort": "-created_at", "include": "role"}
    first = adam.get("memberships", **{**params, "page[size]": 1}).json()
    second = adam.session.get(first["links"]["next"], timeout=5).json()
    assert second["meta"] == first["meta"] == {"record_count": 2, "page_count": 2}
    assert second["included"]


def test_past_the_end_is_an_empty_page(adam: Client):
    answer = adam.get("memberships", **{"page[number]": 9})
    assert (answer.status_code, answer.json()["data"]) == (200, [])
    assert answer.json()["meta"]["record_count"] == 5


def test_nothing_is_no_page_or_one(shop: Shop, adam: Client):
    params = {"filter[q][user_email_eq]": "nobody"}
    assert adam.get("memberships", **params).json()["meta"] == {"record_count": 0, "page_count": 0}
    shop.world.switches.pages_of_nothing = 1
    assert adam.get("memberships", **params).json()["meta"]["page_count"] == 1


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"page[size]": "26"}, "INVALID_PAGE_VALUE"),
        ({"page[size]": "0"}, "INVALID_PAGE_VALUE"),
        ({"page[number]": "x"}, "INVALID_PAGE_VALUE"),
        ({"page[offset]": "1"}, "PARAM_NOT_ALLOWED"),
        ({"nonsense": "1"}, "PARAM_NOT_ALLOWED"),
        ({"sort": "user_email"}, "INVALID_SORT_CRITERIA"),
        ({"sort": "-nonsense"}, "INVALID_SORT_CRITERIA"),
        ({"include": "user"}, "INVALID_INCLUDE"),
        ({"include": "role.nonsense"}, "INVALID_INCLUDE"),
        ({"fields[memberships]": "email"}, "INVALID_FIELD"),
        ({"fields[nonsense]": "name"}, "INVALID_RESOURCE"),
        ({"filter[q][user_first_name_eq]": "Rita"}, "FILTER_NOT_ALLOWED"),
        ({"filter[q][nonsense_eq]": "1"}, "FILTER_NOT_ALLOWED"),
        ({"filter[q][role_nonsense_eq]": "1"}, "FILTER_NOT_ALLOWED"),
        ({"filter[q][versions_id_eq]": "1"}, "FILTER_NOT_ALLOWED"),
        ({"filter[q][metadata_eq]": "{}"}, "FILTER_NOT_ALLOWED"),
        ({"filter[q][status]": "active"}, "INVALID_FILTERS_SYNTAX"),
        ({"filter[q][owner_true]": "maybe"}, "INVALID_FILTER_VALUE"),
        ({"filter[q][created_at_gt]": "yesterday"}, "INVALID_FILTER_VALUE"),
        ({"filter[q][metadata_jcont]": "x"}, "INVALID_FILTER_VALUE"),
        ({"filter[user_first_name]": "Rita"}, "FILTER_NOT_ALLOWED"),
        ({"filter[nonsense_id]": "1"}, "FILTER_NOT_ALLOWED"),
        ({"filter[versions_id]": "1"}, "FILTER_NOT_ALLOWED"),
        ({"filter[q]": "1"}, "PARAM_NOT_ALLOWED"),
    ],
)
def test_a_question_nobody_can_answer_is_400(adam: Client, params: dict, code: str):
    assert error(adam.get("memberships", **params)) == (400, code)


def test_a_single_record_has_no_pages_sorts_or_filters(shop: Shop, adam: Client):
    for params in ({"page[size]": 5}, {"sort": "id"}, {"filter[q][id_eq]": "x"}):
        assert error(adam.get(f"memberships/{shop.rita}", **params)) == (400, "PARAM_NOT_ALLOWED")


def test_how_deep_an_include_may_go_is_a_switch(shop: Shop, adam: Client):
    shop.world.switches.include_depth = 1
    assert adam.get("memberships", include="role.permissions").status_code == 200
    deeper = adam.get("memberships", include="role.permissions.role")
    assert error(deeper) == (400, "INVALID_INCLUDE")


# Sorting and filters


def test_without_a_sort_as_they_were_made_and_otherwise_as_asked(shop: Shop, adam: Client):
    assert emails(adam.get("memberships")) == ["olga", "adam", "rita", "cleo", "pia"]
    for number, who in enumerate((shop.rita, shop.olga, shop.pia)):
        shop.world.set_attributes(who, reference=f"R{number}")
    assert emails(adam.get("memberships", sort="reference"))[:3] == ["rita", "olga", "pia"]
    assert emails(adam.get("memberships", sort="-reference"))[2:] == ["pia", "olga", "rita"]
    assert emails(adam.get("memberships", sort="-status,reference"))[0] == "pia"


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("user_email_eq", f"rita@{DOMAIN}", ["rita"]),
        ("user_email_not_eq", f"rita@{DOMAIN}", ["olga", "adam", "cleo", "pia"]),
        ("user_email_in", f"rita@{DOMAIN},pia@{DOMAIN}", ["rita", "pia"]),
        ("user_email_not_in", f"rita@{DOMAIN},pia@{DOMAIN}", ["olga", "adam", "cleo"]),
        ("user_email_cont", "A@CORNER", ["olga", "rita", "pia"]),
        ("user_email_not_cont", "a@corner", ["adam", "cleo"]),
        ("user_email_cont_any", "olga,adam", ["olga", "adam"]),
        ("user_email_cont_all", "a@,ri", ["rita"]),
        ("user_email_start", "p", ["pia"]),
        ("user_email_not_start", "p", ["olga", "adam", "rita", "cleo"]),
        ("user_email_end", "example", ["olga", "adam", "rita", "cleo", "pia"]),
        ("user_email_matches", "_i%", ["rita", "pia"]),
        ("user_email_does_not_match", "_i%", ["olga", "adam", "cleo"]),
        ("user_email_or_reference_cont", "hr", ["adam"]),
        ("status_eq", "pending", ["pia"]),
        ("owner_true", "true", ["olga"]),
        ("owner_true", "false", ["adam", "rita", "cleo", "pia"]),
        ("owner_false", "1", ["adam", "rita", "cleo", "pia"]),
        ("owner_eq", "true", ["olga"]),
        ("reference_null", "true", ["olga", "rita", "cleo", "pia"]),
        ("reference_not_null", "true", ["adam"]),
        ("reference_present", "true", ["adam"]),
        ("reference_blank", "true", ["olga", "rita", "cleo", "pia"]),
        ("reference_not_eq", "x", ["adam"]),
        ("reference_not_eq_or_null", "HR-1", ["olga", "rita", "cleo", "pia"]),
        ("reference_eq_or_null", "HR-1", ["olga", "adam", "rita", "cleo", "pia"]),
        ("reference_not_in_or_null", "HR-1,HR-2", ["olga", "rita", "cleo", "pia"]),
        ("created_at_gt", "2020-01-01T00:00:00.000Z", ["olga", "adam", "cleo", "pia"]),
        ("created_at_lteq", "2019-05-05T00:00:00Z", ["rita"]),
        ("created_at_lt", "2019-05-05", []),
        ("role_kind_eq", "admin", ["olga", "adam"]),
        ("role_name_start", "read", ["rita", "pia"]),
        ("organization_name_eq", "Corner Shop", ["olga", "adam", "rita", "cleo", "pia"]),
        ("membership_profile_id_null", "true", ["olga", "adam", "rita", "cleo", "pia"]),
        ("application_memberships_id_present", "true", ["cleo"]),
        ("metadata_jcont", '{"team": "north"}', ["rita"]),
        ("metadata_present", "true", ["rita"]),
    ],
)
def test_predicates(shop: Shop, adam: Client, name: str, value: str, found: list[str]):
    shop.world.set_attributes(shop.adam, reference="HR-1")
    shop.world.set_attributes(
        shop.rita, metadata={"team": "north", "floor": 2}, created_at=datetime(2019, 5, 5, tzinfo=UTC)
    )
    shop.world.give_app(shop.cleo, "orders")
    assert emails(adam.get("memberships", **{f"filter[q][{name}]": value})) == found


def test_predicates_go_together_and_know_ids(shop: Shop, adam: Client):
    params = {
        "filter[q][role_id_in]": f"{shop.role('admin')},{shop.custom}",
        "filter[q][organization_id_eq]": shop.id,
        "filter[q][id_not_eq]": shop.olga,
    }
    assert emails(adam.get("memberships", **params)) == ["adam", "cleo"]


def test_numbers_are_compared_as_numbers(shop: Shop, adam: Client):
    path = f"organizations/{shop.id}/api_credentials"
    found = adam.get(path, **{"filter[q][expires_in_gt]": "900", "filter[q][mode_eq]": "live"}).json()
    assert found["meta"]["record_count"] == 18
    assert error(adam.get(path, **{"filter[q][expires_in_eq]": "long"})) == (400, "INVALID_FILTER_VALUE")


def test_plain_filters(shop: Shop, adam: Client):
    for name, value, found in (
        ("status", "pending", ["pia"]),
        ("owner", "true", ["olga"]),
        ("role_id", f"{shop.custom},{shop.role('admin')}", ["olga", "adam", "cleo"]),
        ("ids", f"{shop.rita},{shop.zoe}", ["rita"]),
        ("id", shop.pia, ["pia"]),
        ("created_at_from", "2999-01-01T00:00:00Z", []),
        ("updated_at_to", "2999-01-01T00:00:00Z", ["olga", "adam", "rita", "cleo", "pia"]),
    ):
        assert emails(adam.get("memberships", **{f"filter[{name}]": value})) == found
    assert error(adam.get("memberships", **{"filter[metadata]": "x"})) == (501, "NOT_IMPLEMENTED")


# Other resources


@pytest.mark.parametrize("type_", sorted(set(SCHEMA) - {"users"}))
def test_everything_can_be_listed_read_alone_and_from_the_other_end(shop: Shop, adam: Client, type_: str):
    shop.world.give_app(shop.rita, "orders")
    shop.world.set_profile(shop.rita, shop.world.add_profile(shop.id, "Team", ("orders", "skus")))
    shop.world.set_role(shop.cleo, "read_only")
    listed = adam.get(type_).json()["data"]
    assert listed
    record = adam.get(f"{type_}/{listed[0]['id']}").json()["data"]
    assert record == listed[0]
    assert set(record["attributes"]) == set(SCHEMA[type_].attributes)
    for name, relationship in SCHEMA[type_].relationships.items():
        answer = adam.get(f"{type_}/{record['id']}/{name}")
        assert answer.status_code == 200
        found = answer.json()["data"]
        assert isinstance(found, list) is relationship.many
        for one in found if isinstance(found, list) else [found] if found else []:
            assert one["type"] == relationship.type


def test_lists_from_the_other_end_are_lists(shop: Shop, adam: Client):
    of_role = adam.get(f"roles/{shop.role('admin')}/memberships", sort="-id", **{"page[size]": 1}).json()
    assert of_role["meta"] == {"record_count": 2, "page_count": 2}
    path = MEMBERS.format(shop.id)
    assert emails(adam.get(path, **{"filter[q][role_kind_eq]": "custom"})) == ["cleo"]
    roles = adam.get(f"organizations/{shop.id}/roles", **{"page[size]": 25}).json()["data"]
    assert [(role["attributes"]["name"], role["attributes"]["kind"]) for role in roles] == [
        ("Admin", "admin"),
        ("Read-only", "read_only"),
        ("Order desk", "custom"),
    ]
    assert adam.get(f"memberships/{shop.rita}/membership_profile").json() == {"data": None}
    assert adam.get(f"memberships/{shop.rita}/role").json()["data"]["id"] == shop.role("read_only")


def test_an_organization_says_what_its_plan_allows(shop: Shop, adam: Client):
    attributes = adam.get(f"organizations/{shop.id}").json()["data"]["attributes"]
    assert attributes["name"] == "Corner Shop"
    assert attributes["slug"] == "corner-shop"
    assert attributes["subscription_info"]["plan_type"] == "enterprise"
    assert attributes["subscription_info"]["limits"]["memberships"] == 20
    assert attributes["subscription_info"]["totals"]["memberships"] == 5


def test_built_in_roles_list_no_permissions_and_custom_ones_do(shop: Shop, adam: Client):
    assert adam.get(f"roles/{shop.role('admin')}/permissions").json()["data"] == []
    params = {"filter[q][subject_eq]": "orders"}
    (orders,) = adam.get(f"roles/{shop.custom}/permissions", **params).json()["data"]
    flags = {name: orders["attributes"][name] for name in orders["attributes"] if name.startswith("can_")}
    assert flags == {"can_create": True, "can_read": True, "can_update": True, "can_destroy": False}


def test_secrets_of_apps_are_masked_unless_the_switch_says_so(shop: Shop, adam: Client):
    secret = adam.get("api_credentials").json()["data"][0]["attributes"]["client_secret"]
    assert set(secret) == {"*"}
    shop.world.switches.client_secrets_are_shown = True
    assert adam.get("api_credentials").json()["data"][0]["attributes"]["client_secret"].isalpha()


def test_there_is_an_app_of_every_kind_and_mode(shop: Shop, adam: Client):
    apps = adam.everything(f"organizations/{shop.id}/api_credentials")
    kinds = [(app["attributes"]["kind"], app["attributes"]["mode"]) for app in apps]
    assert len(set(kinds)) == len(kinds) == 36
    assert {("resources", "test"), ("resources", "live"), ("orders", "live")} <= set(kinds)


def test_the_user_is_whom_the_token_stands_for(shop: Shop, adam: Client):
    data = adam.get("user").json()["data"]
    assert data["type"] == "users"
    assert data["links"] == {"self": f"{shop.server.url}/api/user"}
    assert data["attributes"]["email"] == f"adam@{DOMAIN}"
    assert set(data["attributes"]) == set(SCHEMA["users"].attributes)


def test_who_is_invited_has_no_name_yet(shop: Shop, adam: Client):
    path = f"memberships/{shop.pia}"
    attributes = adam.get(path).json()["data"]["attributes"]
    assert (attributes["status"], attributes["user_first_name"], attributes["user_last_name"]) == (
        "pending",
        None,
        None,
    )
    shop.world.switches.pending_names_are_empty = True
    assert adam.get(path).json()["data"]["attributes"]["user_first_name"] == ""


# Who sees what


def test_admins_see_everybody_of_theirs_and_others_themselves(shop: Shop, adam: Client, rita: Client):
    assert emails(adam.get("memberships")) == ["olga", "adam", "rita", "cleo", "pia"]
    assert emails(rita.get("memberships")) == ["rita"]
    assert emails(rita.get(MEMBERS.format(shop.id))) == ["rita"]
    assert emails(shop.client(shop.zoe).get("memberships")) == ["zoe"]
    shop.world.switches.members_see_everybody = True
    assert len(emails(rita.get("memberships"))) == 5


def test_one_token_reaches_every_organization_of_the_person(shop: Shop, adam: Client):
    shop.world.add_person(shop.other_id, f"adam@{DOMAIN}", role="read_only")
    assert len(adam.get("organizations").json()["data"]) == 2
    assert emails(adam.get(MEMBERS.format(shop.other_id))) == ["adam"]
    assert len(emails(adam.get("memberships"))) == 6


@pytest.mark.parametrize("path", ["memberships/{zoe}", "organizations/{other_id}", "roles/{other_custom}"])
def test_what_is_elsewhere_does_not_exist(shop: Shop, adam: Client, path: str):
    path = path.format(zoe=shop.zoe, other_id=shop.other_id, other_custom=shop.other_custom)
    assert error(adam.get(path)) == (404, "RECORD_NOT_FOUND")
    assert error(adam.patch(path, {})) == (404, "RECORD_NOT_FOUND")


def test_members_see_their_own_profile_and_apps_only(shop: Shop, adam: Client, rita: Client):
    team, others = (shop.world.add_profile(shop.id, name, ("orders",)) for name in ("Team", "Others"))
    shop.world.set_profile(shop.rita, team)
    own, foreign = shop.world.give_app(shop.rita, "skus"), shop.world.give_app(shop.cleo, "skus")
    assert [one["id"] for one in rita.get("membership_profiles").json()["data"]] == [team]
    assert rita.get(f"membership_profiles/{others}").status_code == 404
    seen = {one["id"] for one in rita.get("application_memberships").json()["data"]}
    assert own in seen
    assert foreign not in seen
    assert len(seen) == 2
    assert len(adam.get("application_memberships").json()["data"]) == 4
    assert rita.get("versions").json()["data"] == []


# Paths and headers


@pytest.mark.parametrize("path", ["nonsense", "memberships/x/nonsense", "user/x", "memberships/"])
def test_unknown_paths_are_404(adam: Client, path: str):
    assert error(adam.get(path)) == (404, "NOT_FOUND")


def test_ids_nobody_has_are_404(adam: Client):
    answer = adam.get("memberships/xxxxxxxxxx")
    assert error(answer) == (404, "RECORD_NOT_FOUND")
    assert answer.json()["errors"][0]["title"] == "Record not found"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "memberships"),
        ("DELETE", "roles/x"),
        ("DELETE", "permissions/x"),
        ("DELETE", "organizations/x"),
        ("POST", "versions"),
        ("POST", "user"),
        ("GET", "memberships/x/resend"),
    ],
)
def test_methods_that_are_not_there_are_405(adam: Client, method: str, path: str):
    assert error(adam.call(method, path)) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "identity_providers"),
        ("POST", "api_credentials"),
        ("DELETE", "api_credentials/x"),
        ("GET", "memberships/x/relationships/role"),
        ("PATCH", "memberships/x/relationships/role"),
        ("PATCH", "memberships/x/relationships/application_memberships"),
    ],
)
def test_what_is_not_rehearsed_is_501(adam: Client, method: str, path: str):
    assert error(adam.call(method, path)) == (501, "NOT_IMPLEMENTED")


@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*"])
def test_accept_has_to_name_json_api(shop: Shop, adam: Client, accept: str):
    headers = {"Accept": accept}
    assert error(adam.call("GET", "user", headers=headers)) == (406, "NOT_ACCEPTABLE")
    shop.world.switches.accept_must_be_named = False
    assert (adam.call("GET", "user", headers=headers).status_code == 200) is (accept == "*/*")


def test_one_of_several_accepted_types_will_do(adam: Client):
    assert adam.call("GET", "user", headers={"Accept": f"{JSON_API};q=0.9, */*"}).status_code == 200


def test_a_body_has_to_be_called_json_api(shop: Shop, adam: Client):
    path, headers = f"memberships/{shop.rita}", {"Content-Type": "application/json"}
    answer = adam.call("PATCH", path, data="{}", headers=headers)
    assert error(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert adam.call("GET", path, headers=headers).status_code == 200


def test_the_version_header_is_optional(adam: Client):
    assert adam.call("GET", "user", headers={"Accept-Version": "v1"}).status_code == 200
