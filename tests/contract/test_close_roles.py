"""Roles at Close, written: which leads their people see, and what Close refuses."""

import pytest
import responses

from memberships.domain.items import NAME, PERMISSIONS, Kind
from memberships.domain.people import Value
from memberships.providers import Creation, Deletion, ItemChange
from memberships.providers.close import CloseProvider
from memberships.providers.close.capabilities import VISIBILITY_BEHAVIOR, VISIBILITY_FIELDS
from memberships.providers.errors import Refused, Unavailable
from sandbox.rehearsal import ACCOUNT_TEAM, LEAD_OWNER, SUPPORT_CONTACT, SUPPORT_LEAD

from .conftest import Token

FIELDS = "https://close.example/api/v1/custom_field/lead/"


@pytest.fixture
def answered() -> CloseProvider:
    """A client whose calls are answered by `responses`."""
    return CloseProvider("https://close.example", Token("t"), "orga_1", deadline_s=2.0)


def test_only_lead_fields_that_hold_users_are_offered(make, world, northwind):
    offered = dict(make().role_choices()[VISIBILITY_FIELDS])
    assert set(offered) == {
        f.id for f in world.organizations[northwind].lead_fields.values() if f.type == "user"
    }
    assert {LEAD_OWNER, ACCOUNT_TEAM, SUPPORT_CONTACT} < set(offered.values())


@responses.activate
def test_lead_fields_are_read_page_by_page_and_may_lack_everything_but_their_id(answered):
    responses.get(FIELDS, json={"data": [{"id": "cf_1", "type": "user"}, {"id": "cf_2"}], "has_more": True})
    responses.get(FIELDS, json={"data": [{"id": "cf_3", "name": "Owner", "type": "user"}], "has_more": False})
    assert answered.role_choices() == {VISIBILITY_FIELDS: [("cf_1", "cf_1"), ("cf_3", "Owner")]}
    assert "_skip=2" in str(responses.calls[1].request.url)


@responses.activate
def test_lead_fields_of_the_wrong_shape_are_no_answer(answered):
    responses.get(FIELDS, json={"data": [{"id": 7}], "has_more": False})
    with pytest.raises(Unavailable, match="can't be understood"):
        answered.role_choices()


def test_which_leads_its_people_see_is_written_and_cleared(make, world, northwind):
    provider = make()
    choices = sorted(pk for pk, _ in provider.role_choices()[VISIBILITY_FIELDS])[:2]
    values: dict[str, Value] = {
        NAME: "Limited",
        PERMISSIONS: ("calling",),
        VISIBILITY_FIELDS: tuple(choices),
        VISIBILITY_BEHAVIOR: "allow_unassigned",
    }
    role = provider.apply(Creation(Kind.ROLE, values))
    assert dict(role.values) == values
    cleared: dict[str, Value] = {
        PERMISSIONS: ("calling", "view_all_leads"),
        VISIBILITY_FIELDS: (),
        VISIBILITY_BEHAVIOR: None,
    }
    assert provider.apply(ItemChange(Kind.ROLE, cleared, (role.id,))).values == {NAME: "Limited"} | cleared
    true = world.role(northwind, role.id)
    assert (true["visibility_user_lcf_ids"], true["visibility_user_lcf_behavior"]) == ([], None)


@responses.activate
def test_fields_in_another_order_are_the_same_fields(answered):
    """Which fields they are is what counts; else a change that was made would not show."""
    role = {"id": "role_1", "name": "Limited", "permissions": [], "visibility_user_lcf_ids": ["cf_2", "cf_1"]}
    responses.post("https://close.example/api/v1/role/", json=role, status=201)
    values: dict[str, Value] = {NAME: "Limited", PERMISSIONS: (), VISIBILITY_FIELDS: ("cf_1", "cf_2")}
    made = answered.apply(Creation(Kind.ROLE, values))
    assert made.value(VISIBILITY_FIELDS) == ("cf_1", "cf_2")


def test_a_plan_without_custom_roles_is_explained(make, world):
    world.switches.plan_has_custom_roles = False
    with pytest.raises(Refused) as caught:
        make().apply(Creation(Kind.ROLE, {NAME: "Closer", PERMISSIONS: ()}))
    assert caught.value.status == 402
    assert str(caught.value) == "Custom roles are not available on your plan."
    assert "largest plan" in caught.value.advice


def test_a_role_in_use_is_refused_with_closes_words_and_no_advice_of_ours(make, world, northwind):
    role_id = world.role_id(northwind, SUPPORT_LEAD)
    with pytest.raises(Refused, match="still assigned to users") as caught:
        make().apply(Deletion(Kind.ROLE, role_id))
    assert caught.value.advice == ""
    assert world.role(northwind, role_id)


def test_a_role_that_is_gone_is_a_refusal(make):
    with pytest.raises(Refused) as caught:
        make().apply(ItemChange(Kind.ROLE, {NAME: "New"}, ("role_gone",)))
    assert caught.value.status == 404


def test_an_answer_to_a_deletion_may_be_empty(make, world, northwind):
    world.switches.delete_answers_json = False
    role_id = world.add_role(northwind, "Nobody's", [])
    assert make().apply(Deletion(Kind.ROLE, role_id)) is None
    assert world.role(northwind, role_id) is None
