"""One person: edited through the same plan as many, with everything that was done to them."""

from __future__ import annotations

import pytest
from django.test import Client

from memberships.models import MirroredMember, Plan
from memberships.services import groups, roster
from memberships.services.connections import provider_for
from sandbox.rehearsal import NORTHWIND_DOMAIN, ORDINARY
from sandbox.world import World
from tests.pages import Page
from tests.steps import apply, changes, review_invitations, review_role


@pytest.fixture
def sam(world: World, northwind: str) -> str:
    """A membership of somebody with the role User, whose calls are not recorded by any setting."""
    pk = world.membership_id(northwind, ORDINARY)
    world.set_settings(pk, auto_record_calls="unset")
    return pk


@pytest.fixture
def form(admin: Client, sam: str) -> Page:
    """Sam's page."""
    MirroredMember.objects.filter(remote_id=sam).update(settings={"auto_record_calls": "unset"})
    return Page.visit(admin, f"/members/{sam}/")


def test_the_page_shows_the_person_and_what_can_be_edited(form):
    assert form.heading == "Sam Okafor"
    assert ORDINARY in form.text
    assert (form.field("Role").value, form.field("Call recording").value) == ("User", "Not set")
    assert form.options("Call recording") == ["On", "Off", "Not set"]


def test_one_person_changed_is_a_plan_of_one(form, sam, world, work, close):
    review = form.press("Review", {"Role": "Support Lead", "Call recording": "Off", "Reason": "New team"})
    assert review.heading == "Review"
    (row,) = review.rows("Will change")
    assert "Role: from User → to Support Lead" in row[1]
    assert "Call recording: from Not set → to Off" in row[1]
    assert changes(close) == []
    apply(review)
    work()
    now = world.membership(sam)
    assert (now["role_name"], now["auto_record_calls"]) == ("Support Lead", "disabled")
    assert len(changes(close)) == 1


def test_only_what_was_changed_on_the_form_is_sent(form, sam, work, close):
    apply(form.press("Review", {"Call recording": "On"}))
    work()
    assert [call.body for call in changes(close)] == [{"auto_record_calls": "enabled"}]


def test_a_form_without_a_change_says_so_and_keeps_the_reason(form, close):
    answer = form.press("Review", {"Reason": "Just looking"})
    assert answer.status == 422
    assert "Nothing is changed yet: choose another value first." in answer.text
    assert answer.field("Reason").value == "Just looking"
    assert not Plan.objects.exists()


@pytest.mark.parametrize(
    ("sent", "label"),
    [({"role": "made-up"}, "Role"), ({"auto_record_calls": "always"}, "Call recording")],
)
def test_a_value_that_is_not_on_the_list_is_said_beside_its_field(sent, label, form, close):
    answer = Page(form.client, form.client.post(form.address, sent | {"reason": "Because"}))
    assert answer.status == 422
    assert answer.error(label) == "Choose one of the list."
    assert answer.field("Reason").value == "Because"
    assert not Plan.objects.exists()


def test_a_field_nobody_may_write_is_not_sent(form, sam, work, close):
    form.client.post(form.address, {"role": "superuser", "email": "x@example.com", "user_id": "u"})
    assert Plan.objects.get().wanted == {"role": "superuser"}


def test_a_value_nobody_knows_stays_as_it_is(admin, sam, close, work):
    MirroredMember.objects.filter(remote_id=sam).update(
        role_id="role_from_tomorrow", settings={"auto_record_calls": "sometimes"}
    )
    page = Page.visit(admin, f"/members/{sam}/")
    assert page.field("Role").value == "role_from_tomorrow (unknown)"
    assert page.field("Call recording").value == "sometimes (unknown)"
    page.press("Review", {"Call recording": "On"})
    assert Plan.objects.get().wanted == {"auto_record_calls": "enabled"}


@pytest.mark.usefixtures("impatient")
def test_close_being_down_loses_nothing(form, close):
    close.faults.drop(times=None)
    answer = form.press("Review", {"Role": "Support Lead", "Reason": "New team"})
    assert answer.status == 422
    assert "Nothing was sent; try again." in answer.text
    assert (answer.field("Role").value, answer.field("Reason").value) == ("Support Lead", "New team")


def history(form: Page) -> str:
    """All that stands under the heading."""
    assert "History" in [heading.text for heading in form.all("h2")]
    return form.text.partition("History")[2]


def test_the_history_holds_everything_done_to_this_person_and_nobody_else(admin, sam, world, northwind, work):
    other = world.members(northwind)[20]["id"]
    apply(review_role(admin, [sam], "Support Lead", "New team"))
    apply(review_role(admin, [other], "Super User", "Another story"))
    work()
    told = history(Page.visit(admin, f"/members/{sam}/"))
    for word in ("Role", "from User", "to Support Lead", "Alex Morgan", "New team"):
        assert word in told
    assert "Another story" not in told


def test_a_person_nothing_was_done_to_has_an_empty_history(form):
    assert "No change of Sam Okafor has been made here yet." in history(form)


def test_someone_invited_here_has_their_invitation_in_their_history(
    admin, connection, world, northwind, work
):
    email = f"new.person@{NORTHWIND_DOMAIN}"
    apply(review_invitations(admin, email, reason="Starter"))
    work()
    roster.read(connection)
    told = history(Page.visit(admin, f"/members/{world.membership_id(northwind, email)}/"))
    assert "Invitation" in told
    assert "Starter" in told


def test_a_refusal_stands_in_the_history_with_closes_words(admin, sam, world, work):
    world.refuse(sam, "This person is on a special plan.")
    apply(review_role(admin, [sam], "Support Lead"))
    work()
    told = history(Page.visit(admin, f"/members/{sam}/"))
    assert "Refused" in told
    assert "This person is on a special plan." in told


NOBODYS = ["memb_made_up", "..", "%00", "a" * 300, "<script>"]


def test_nobody_with_that_id_is_a_page_that_says_so(admin, subtests):
    for member_id in NOBODYS:
        with subtests.test(member_id=member_id):
            page = Page.visit(admin, f"/members/{member_id}/")
            assert page.status == 404
            assert page.heading == "Nothing is here"


def test_someone_inactive_is_marked_and_the_plan_is_blocked(admin, connection, sam, world):
    world.deactivate(sam)
    roster.read(connection)
    page = Page.visit(admin, f"/members/{sam}/")
    assert "Inactive" in page.text
    review = page.press("Review", {"Role": "Support Lead"})
    assert [row[1] for row in review.rows("Blocked")] == ["Inactive: reactivate them first."]


NAMES = ["script.tag", "attribute", "template", "no.name", "long.name", "right.to.left"]


def test_names_that_break_careless_pages_are_shown_as_they_are(admin, world, northwind, subtests):
    for email in NAMES:
        with subtests.test(email=email):
            person = next(
                m for m in world.members(northwind, active=None) if m["email"].startswith(f"{email}@")
            )
            page = Page.visit(admin, f"/members/{person['id']}/")
            assert page.heading == " ".join((person["full_name"] or person["email"]).split())
            assert not [s for s in page.all("script") if "src" not in s.attributes]


def test_the_role_and_the_groups_somebody_has_are_a_click_away(admin, sam, world, northwind, connection):
    team = world.add_group(northwind, "Night owls", [world.membership(sam)["user_id"]])
    groups.read(provider_for(connection), connection.organization)
    page = Page.visit(admin, f"/members/{sam}/")
    assert page.link("User") == "/roles/user/"
    assert page.link("Night owls") == f"/groups/{team}/"


def test_a_role_that_is_not_listed_leads_nowhere(admin, sam):
    MirroredMember.objects.filter(remote_id=sam).update(role_id="role_gone")
    page = Page.visit(admin, f"/members/{sam}/")
    assert "role_gone" in page.text
    assert not [a for a in page.all("a") if "role_gone" in a.attributes.get("href", "")]


@pytest.mark.parametrize("address", ["/members/{}/", "/members/{}/leave/", "/members/invite/"])
def test_wherever_a_role_is_chosen_it_is_said_what_it_allows_and_whom_it_reaches(address, admin, sam):
    page = Page.visit(admin, address.format(sam))
    assert "What the roles may do" in [h.text for h in page.all("h2")]
    told = {e.text.split(" can manage,")[0]: e.text for e in page.all("summary")}
    assert told["Admin"].endswith("can manage, 2 people have it now")


def test_a_receipt_of_one_persons_leaving_leads_to_them_and_its_review_to_the_choices(
    admin, sam, work, connection
):
    page = Page.visit(admin, f"/members/{sam}/leave/")
    stay = {box.text: True for box in page.all("label") if box.text.startswith("Leave their")}
    review = page.press("Review", stay)
    assert review.link("Cancel") == review.link("Leaving: Sam Okafor") == f"/members/{sam}/leave/"
    started = apply(review)
    work()
    assert Page.visit(admin, started.address).link("Sam Okafor") == f"/members/{sam}/"
