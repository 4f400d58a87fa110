"""Somebody is named in a form: what is typed, who is suggested, and what is said when nobody or several are meant."""

from __future__ import annotations

from functools import partial

import pytest
from django import forms

from memberships.forms.person import PersonField, typed
from memberships.models import Connection, MirroredMember
from memberships.services import people, roster
from sandbox.rehearsal import HARBOR_DOMAIN, NORTHWIND_DOMAIN, ORDINARY
from tests.pages import Page, read


class Form(forms.Form):
    def __init__(self, text, organization, *, active=False):
        super().__init__({"who": text})
        find = partial(people.find, organization, active=active)
        self.fields["who"] = PersonField(label="Who", find=find, active=active)

    @property
    def found(self):
        assert self.is_valid(), self.errors
        return self.cleaned_data["who"].email


@pytest.fixture
def form(connection: Connection):
    def form(text: str, **options) -> Form:
        return Form(text, connection.organization, **options)

    return form


@pytest.mark.parametrize(
    "text",
    [
        ORDINARY,
        ORDINARY.upper(),
        f" {ORDINARY} ",
        "Sam Okafor",
        "sam okafor",
        f"Sam Okafor <{ORDINARY}>",
        f"<{ORDINARY}>",
    ],
)
def test_an_address_a_name_or_both_name_somebody(form, text):
    assert form(text).found == ORDINARY


def test_whatever_is_suggested_is_found_again(form, connection):
    for member in MirroredMember.objects.filter(organization=connection.organization):
        found = form(typed(member))
        assert found.is_valid(), typed(member)
        assert found.cleaned_data["who"] == member


def test_somebody_without_address_and_name_is_found_by_their_id(form, connection):
    MirroredMember.objects.filter(email=ORDINARY).update(email="", first_name="", last_name="", sort_name="")
    nameless = MirroredMember.objects.get(email="", organization=connection.organization)
    assert typed(nameless) == nameless.remote_id
    answered = form(typed(nameless))
    assert answered.is_valid()
    assert answered.cleaned_data["who"] == nameless


@pytest.fixture
def namesakes(world, northwind, connection) -> list[dict]:
    """Two active people of the same name."""
    found = [m for m in world.members(northwind, active=None) if m["full_name"] == "Jordan Lee"]
    for member in found:
        world.reactivate(member["id"])
    roster.read(connection)
    assert len(found) == 2
    return found


def test_several_people_of_one_name_are_listed_with_their_addresses(form, namesakes):
    answered = form("jordan lee")
    assert not answered.is_valid()
    (error,) = answered.errors["who"]
    assert error.startswith("2 people are called jordan lee: Jordan Lee <")
    assert all(m["email"].lower() in error for m in namesakes)
    suggested = [o.attributes["value"] for o in read(str(answered["who"])).all("option")]
    assert sorted(suggested) == sorted(f"Jordan Lee <{m['email'].lower()}>" for m in namesakes)


def test_who_has_left_counts_only_where_nobody_here_has_the_name(form, namesakes, world, connection):
    world.deactivate(namesakes[0]["id"])
    roster.read(connection)
    assert form("Jordan Lee").found == namesakes[1]["email"].lower()
    world.deactivate(namesakes[1]["id"])
    roster.read(connection)
    assert not form("Jordan Lee").is_valid()
    assert form(namesakes[0]["email"]).found == namesakes[0]["email"].lower()


def test_where_only_active_people_count_nobody_else_is_meant(form, world, northwind, connection):
    world.deactivate(world.membership_id(northwind, ORDINARY))
    roster.read(connection)
    assert form(ORDINARY).found == ORDINARY
    assert form(ORDINARY, active=True).errors["who"] == [f"Nobody active here has the address {ORDINARY}."]


def test_who_may_be_meant_is_offered(form):
    answered = form("okaf")
    assert answered.errors["who"] == [f"Nobody here is called okaf. Did you mean Sam Okafor <{ORDINARY}>?"]
    assert f"Sam Okafor &lt;{ORDINARY}&gt;" in str(answered["who"])


@pytest.mark.parametrize(
    "text", ["", "   ", "\0", "x" * 601, "nobody@nowhere.example", "%", "_", "<>", "<script>"]
)
def test_nonsense_is_answered_and_never_an_error_of_ours(form, text):
    answered = form(text)
    assert not answered.is_valid()
    assert "<script" not in str(answered["who"])


def test_nobody_of_another_organization_is_found(form):
    assert not form(f"robin.castellano@{HARBOR_DOMAIN}").is_valid()


# Suggestions


def suggestions(client, text: str, **more: str) -> list[str]:
    page = Page(client, client.get("/members/find/", {"field": "who", "who": text, **more}))
    assert page.status == 200
    return [option.attributes["value"] for option in page.all("option")]


def test_a_few_people_are_suggested_by_part_of_name_or_address(admin, close):
    assert suggestions(admin, "sam ok") == [f"Sam Okafor <{ORDINARY}>"]
    assert len(suggestions(admin, NORTHWIND_DOMAIN)) == people.MOST
    assert len(close.calls) == 0


def test_inactive_people_are_marked_or_left_out(admin, connection, world, northwind):
    world.deactivate(world.membership_id(northwind, ORDINARY))
    roster.read(connection)
    page = Page.visit(admin, f"/members/find/?field=who&who={ORDINARY}")
    assert [option.text for option in page.all("option")] == ["Inactive"]
    assert suggestions(admin, ORDINARY, active="1") == []


@pytest.mark.parametrize(
    "query", ["", "?field=who", "?field=", "?field=who&who=", "?field=who&who=%00", "?who=sam"]
)
def test_where_nothing_is_typed_nobody_is_suggested(admin, query):
    page = Page.visit(admin, f"/members/find/{query}")
    assert page.status == 200
    assert page.all("option") == []


def test_an_admin_elsewhere_is_suggested_nobody_from_here(outsider, nobody, member):
    assert suggestions(outsider, "sam.okafor") == []
    assert Page.visit(nobody, "/members/find/?field=who&who=sam").all("option") == []
    assert Page.visit(member, "/members/find/?field=who&who=sam").status == 403


def test_a_suggestion_costs_few_queries(admin, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        suggestions(admin, "a")
