"""Select by paste: names and addresses become ticks, and what is not found stays in the box."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memberships.domain.pasting import Known, meant
from memberships.domain.people import Status
from memberships.models import MirroredMember, Selection
from sandbox.rehearsal import ORDINARY, SECOND_ADMIN
from tests.pages import Page

ANA = Known(1, "Ana Ruiz", "ana@example.com", Status.ACTIVE)
JOSE = Known(2, "José  Söderström", "jose@example.com", Status.ACTIVE)
TWIN, OTHER_TWIN = (Known(n, "Kim Lee", f"kim{n}@example.com", Status.ACTIVE) for n in (3, 4))
LEFT = Known(5, "Ana Ruiz", "old.ana@example.com", Status.INACTIVE)
GONE = Known(6, "Gone Ly", "gone@example.com", Status.INACTIVE)
JUNIOR = Known(7, "Sam Okafor, Jr.", "sam@example.com", Status.PENDING)
PEOPLE = [ANA, JOSE, TWIN, OTHER_TWIN, LEFT, GONE, JUNIOR]


def keys(text: str) -> set[int]:
    found = meant(text, PEOPLE)
    assert (found.missing, found.ambiguous) == ((), ())
    return set(found.keys)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ana@example.com", {1}),
        ("ANA@Example.com\n", {1}),
        ("Ana Ruiz <ana@example.com>, kim3@example.com", {1, 3}),
        ("ana ruiz", {1}),
        ("Jose Soderstrom", {2}),
        ("Söderström, José", {2}),
        ("Ana Ruiz; Gone Ly\tkim4@example.com", {4}),
        ("Ana Ruiz, Gone Ly", {1, 6}),
        ("Sam Okafor, Jr.", {7}),
        ("old.ana@example.com", {5}),
        ("\n  \n,,;", set()),
    ],
)
def test_whoever_has_the_address_or_the_name_is_meant(text, found):
    assert keys(text) == found


def test_what_nobody_has_and_what_several_have_is_told_once():
    found = meant("Kim Lee\nNo One\nkim lee, No One\nAna Ruiz\nnobody@example.com", PEOPLE)
    assert found.keys == {1}
    assert found.missing == ("No One", "nobody@example.com")
    assert found.ambiguous == ("Kim Lee", "kim lee")


@given(st.text())
def test_whatever_is_pasted_ends_as_somebody_or_in_the_box(text):
    found = meant(text, PEOPLE)
    assert found.keys <= {person.key for person in PEOPLE}


def test_pasted_people_are_added_to_those_selected_already(admin, world):
    page = Page.visit(admin, "/members/")
    page = page.press("Select", {"Names or e-mail addresses": f"{ORDINARY}\nPRIYA NATARAJAN\nNo One"})
    assert "2 people were found and selected." in page.text
    assert "Not found: No One." in page.text
    assert page.field("Names or e-mail addresses").value == "No One"
    assert "2 selected" in page.text
    page = page.press("Select", {"Names or e-mail addresses": "alex morgan"})
    assert "3 selected" in page.text
    assert page.field("Names or e-mail addresses").value == ""


def test_two_people_of_one_name_are_not_guessed(admin, connection):
    two = list(MirroredMember.objects.filter(organization=connection.organization, status="active")[:2])
    for row in two:
        row.first_name, row.last_name = "Kim", "Lee"
        row.save()
    page = Page.visit(admin, "/members/").press("Select", {"Names or e-mail addresses": "Kim Lee"})
    assert "Several people are called Kim Lee: paste their e-mail addresses instead." in page.text
    assert not Selection.objects.exists()


def test_the_filter_stays_as_it_was(admin):
    page = Page.visit(admin, "/members/?q=sam").press("Select", {"Names or e-mail addresses": SECOND_ADMIN})
    assert page.field("Search").value == "sam"
    assert "1 not in this list" in page.text


@pytest.mark.parametrize(
    ("text", "sentence"), [(" \n", "Paste at least one"), ("x" * 200_001, "200,000 characters")]
)
def test_nothing_and_far_too_much_is_said_beside_the_box(text, sentence, admin):
    page = Page.visit(admin, "/members/").press("Select", {"Names or e-mail addresses": text})
    assert page.status == 422
    assert page.error("Names or e-mail addresses").startswith(sentence)


def test_people_of_another_organization_are_not_found(outsider, connection):
    page = Page.visit(outsider, "/members/").press("Select", {"Names or e-mail addresses": ORDINARY})
    assert f"Not found: {ORDINARY}." in page.text
    assert not Selection.objects.exists()


def test_reading_the_address_of_the_box_leads_to_the_list(admin):
    assert Page.visit(admin, "/members/selection/paste/?q=sam").address == "/members/?q=sam"
