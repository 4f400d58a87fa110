"""Whoever lets somebody manage the organization shows first that it is them: a sign-in of the last ten minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from memberships.models import AuditEntry, Connection, Job, Login, Plan
from memberships.services import plans, proposals, roster
from memberships.services.plans import CannotApply, SignedIn, SignInAgain, Unattended
from sandbox.rehearsal import ADMIN, HARBOR, NORTHWIND, SECOND_ADMIN
from tests.consent import arrive, sign_in
from tests.pages import Page
from tests.steps import apply, changes, people, review_role

AGAIN = "Sign in again to apply"


@pytest.fixture
def alex(visitor: Client, consent: Any) -> Client:
    """The admin's browser, signed in some time ago."""
    sign_in(visitor, consent)
    roster.read(Connection.objects.get())
    grow_old()
    return visitor


def grow_old(minutes: float = 11) -> None:
    Login.objects.update(created_at=timezone.now() - timedelta(minutes=minutes))


def grant(client: Client, world: Any, northwind: str) -> Page:
    return review_role(client, people(world, northwind, "user", 1), "Admin")


def away(client: Client, review: Page) -> str:
    """Press the link; returns the address of the consent page."""
    address: str = client.get(review.link(AGAIN))["Location"]
    return address


def test_a_grant_of_power_asks_for_a_fresh_sign_in_by_a_link(alex, world, northwind, close):
    page = grant(alex, world, northwind)
    assert "your sign-in is more than 10 minutes old" in page.text
    assert page.link(AGAIN).startswith("/login/start/?again=")
    assert [name for name in page.buttons() if name.startswith("Apply")] == []
    assert changes(close) == []


def test_after_it_one_is_back_at_the_review_and_can_apply(alex, consent, world, northwind, work):
    before = alex.session.session_key
    (member_id,) = people(world, northwind, "user", 1)
    review = grant(alex, world, northwind)
    page = arrive(alex, consent(away(alex, review)))
    assert (page.heading, page.address) == ("Review", review.address)
    assert alex.session.session_key != before
    assert apply(page).heading == "Receipt"
    work()
    assert world.membership(member_id)["role_name"] == "Admin"


def test_a_sign_in_of_less_than_ten_minutes_ago_is_fresh(alex, world, northwind):
    grow_old(9.9)
    assert apply(grant(alex, world, northwind)).heading == "Receipt"


def test_other_changes_need_none(alex, world, northwind):
    page = review_role(alex, people(world, northwind, "user", 1), "Support Lead")
    assert apply(page).heading == "Receipt"


def test_a_review_left_open_too_long_is_refused_with_the_same_link(alex, world, northwind, close):
    grow_old(1)
    review = grant(alex, world, northwind)
    grow_old()
    page = apply(review)
    assert page.status == 422
    assert "your sign-in is more than 10 minutes old: sign in again." in page.text
    assert page.link(AGAIN)
    assert not Job.objects.exists()


@pytest.mark.parametrize(("email", "organization"), [(SECOND_ADMIN, NORTHWIND), (ADMIN, HARBOR)])
def test_another_person_or_organization_is_refused_and_the_session_stays_as_it_was(
    email,
    organization,
    alex,
    consent,
    world,
    northwind,
    close,
):
    review = grant(alex, world, northwind)
    before = (
        alex.session.session_key,
        dict(alex.session),
        list(Login.objects.values()),
        Connection.objects.count(),
    )
    kept = Connection.objects.get().refresh_token
    page = arrive(alex, consent(away(alex, review), email, organization))
    assert (page.status, page.heading) == (403, "That was somebody else")
    assert "Alex Morgan has to sign in again, to Northwind" in page.text
    assert page.link("Back to where you were") == review.address
    ignored = ("again",)
    after = {name: value for name, value in alex.session.items() if not name.startswith(("_state", *ignored))}
    assert before[0] == alex.session.session_key
    assert after == {n: v for n, v in before[1].items() if not n.startswith(("_state", *ignored))}
    assert before[2:] == (list(Login.objects.values()), Connection.objects.count())
    assert Connection.objects.get().refresh_token == kept
    # What they consented to is given back.
    assert len(close.calls.matching("POST", "/oauth2/revoke/")) == 1
    assert Page.visit(alex, review.address).link(AGAIN)


def test_whoever_denies_is_led_back_to_the_review(alex, consent, world, northwind):
    review = grant(alex, world, northwind)
    page = arrive(alex, consent(away(alex, review), decision="deny"))
    assert page.heading == "You chose not to sign in"
    assert page.link("Back to where you were") == review.address


def test_a_sign_in_to_another_organization_meanwhile_is_just_that(alex, consent, world, northwind):
    review = grant(alex, world, northwind)
    again, other = away(alex, review), alex.get("/login/start/")["Location"]
    assert arrive(alex, consent(other, ADMIN, HARBOR)).address == "/members/"
    assert arrive(alex, consent(again)).status == 404  # the review is another organization's now
    assert Page.visit(alex, "/members/").press("Switch", {"Switch organization": NORTHWIND}).status == 200
    assert apply(Page.visit(alex, review.address)).heading == "Receipt"


def test_a_sign_in_to_another_organization_is_no_fresh_one_to_this(alex, consent, world, northwind):
    review = grant(alex, world, northwind)
    sign_in(alex, consent, ADMIN, HARBOR)
    Page.visit(alex, "/members/").press("Switch", {"Switch organization": NORTHWIND})
    assert Page.visit(alex, review.address).link(AGAIN)


def test_whoever_takes_so_long_that_their_session_ended_is_signed_in_and_back_all_the_same(
    alex, consent, world, northwind
):
    review = grant(alex, world, northwind)
    address = away(alex, review)
    Login.objects.all().delete()
    assert arrive(alex, consent(address)).address == review.address


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_way_back_never_leads_elsewhere(elsewhere, alex, consent):
    pk = Connection.objects.get().pk
    address = alex.get("/login/start/", {"again": pk, "next": elsewhere})["Location"]
    assert arrive(alex, consent(address)).address == "/members/"


@pytest.mark.parametrize("again", ["0", "x", "-1", "9" * 30])
def test_a_link_for_somebody_who_is_not_signed_in_here_is_an_ordinary_sign_in(again, alex, consent):
    address = alex.get("/login/start/", {"again": again})["Location"]
    assert arrive(alex, consent(address, SECOND_ADMIN)).address == "/members/"


# In the service, whichever door a plan comes through


def granting(connection: Connection, world: Any, northwind: str) -> Plan:
    users = people(world, northwind, "user", 1)
    admin_id = next(role.id for role in roster.read(connection).roles.values() if role.name == "Admin")
    return proposals.change(connection, users, {"role": admin_id}, reason="", channel="dashboard")


def attempt(plan: Plan, connection: Connection, proof: SignedIn | Unattended, typed: str = "") -> Job:
    return plans.apply(
        plan, connection, fingerprint=plan.fingerprint, typed=typed or str(plan.brake_number), proof=proof
    )


@pytest.mark.parametrize(
    "proof",
    [SignedIn(None), SignedIn(timezone.now() - timedelta(hours=1)), Unattended.REFUSED],
    ids=["never", "an hour ago", "nobody there"],
)
def test_without_a_fresh_sign_in_no_door_applies_it(proof, connection, world, northwind):
    with pytest.raises(SignInAgain):
        attempt(granting(connection, world, northwind), connection, proof)
    assert not Job.objects.exists()


def test_where_nobody_can_sign_in_the_number_typed_may_do_and_the_log_says_so(connection, world, northwind):
    plan = granting(connection, world, northwind)
    with pytest.raises(CannotApply):
        attempt(plan, connection, Unattended.NUMBER_TYPED, typed="2")
    attempt(plan, connection, Unattended.NUMBER_TYPED, typed="1")
    told = [entry.label for entry in AuditEntry.objects.order_by("number")][-2:]
    assert told == ["Plan applied", "Number typed instead of signing in again"]


def test_an_undo_or_a_retry_that_gives_power_needs_it_too(connection, world, northwind, work):
    managers = [
        m["id"] for m in world.members(northwind) if m["role_name"] == "Admin" and m["email"] != ADMIN
    ]
    user_role = next(role.id for role in roster.read(connection).roles.values() if role.name == "User")
    plan = proposals.change(connection, managers[:1], {"role": user_role}, reason="", channel="dashboard")
    attempt(plan, connection, Unattended.REFUSED)
    work()
    undo = proposals.undo(Job.objects.get(), connection, reason="", channel="dashboard")
    with pytest.raises(SignInAgain):
        attempt(undo, connection, Unattended.REFUSED)


def test_a_role_that_was_given_power_after_the_review_is_not_handed_out(alex, world, northwind, work):
    (member_id,) = people(world, northwind, "user", 1)
    review = review_role(alex, [member_id], "Support Lead")
    role_id = world.role_id(northwind, "Support Lead")
    granted = world.role(northwind, role_id)["permissions"]
    world.set_permissions(northwind, role_id, [*granted, "manage_organization"])
    apply(review)
    work()
    assert world.membership(member_id)["role_id"] == "user"
    (job,) = Job.objects.all()
    assert job.plan.rows.get().error.startswith(
        "Blocked meanwhile. It lets somebody manage the organization now"
    )


def test_for_what_is_attached_the_person_signs_in_again(attached, commerce_admin):
    row = attached.organization.members.filter(status="active", can_manage=False, owner=False)[0]
    admin_id = attached.organization.roles.filter(can_manage=True)[0].remote_id
    plan = proposals.change(attached, [row.remote_id], {"role": admin_id}, reason="", channel="dashboard")
    address = f"/plans/{plan.pk}/"
    assert "Apply to 1 member" in Page.visit(commerce_admin, address).buttons()
    grow_old()
    link = Page.visit(commerce_admin, address).link(AGAIN)
    assert f"again={attached.actor.pk}&" in link
