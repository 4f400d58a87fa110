"""The organizations one is signed in to: switch between them, give one back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from memberships.models import AuditEntry, Connection, Job, Login
from sandbox.rehearsal import ADMIN, HARBOR, NORTHWIND
from tests.conftest import signed_in
from tests.pages import Page
from tests.steps import apply, people, review_role, tick


@pytest.fixture
def harbor(connect: Callable[..., Connection]) -> Connection:
    """The admin's connection to the other organization."""
    return connect(ADMIN, HARBOR)


@pytest.fixture
def both(connection: Connection, harbor: Connection) -> Client:
    return signed_in(connection, harbor)


def connections(client: Client) -> Page:
    return Page.visit(client, "/connections/")


def test_every_connection_of_this_browser_is_listed(both):
    page = connections(both)
    assert page.heading == "Connections"
    headings = [heading.text for heading in page.all("h2")]
    assert headings == [HARBOR, f"{NORTHWIND} Current"]


def test_with_one_organization_there_is_nothing_to_switch(admin):
    assert "Switch" not in connections(admin).buttons()


def test_one_switches_on_every_page_and_sees_the_other_organization(both, world):
    page = Page.visit(both, "/members/")
    assert page.field("Switch organization").value == NORTHWIND
    after = page.press("Switch", {"Switch organization": HARBOR})
    assert after.address == "/members/"
    assert after.field("Switch organization").value == HARBOR
    assert f"{len(world.members(world.organization_id(HARBOR), active=None))} people" in after.text


def test_one_switches_on_the_connections_page_too(both):
    connections(both).press(f"Switch to {HARBOR}")
    assert f"{HARBOR} Current" in connections(both).text


def test_ticks_belong_to_their_organization(both, world, northwind):
    tick(both, people(world, northwind, "user", 3))
    other = Page.visit(both, "/members/").press("Switch", {"Switch organization": HARBOR})
    assert "0 selected" in other.text
    assert "3 selected" in other.press("Switch", {"Switch organization": NORTHWIND}).text


def test_a_plan_of_one_organization_is_nothing_in_another(both, world, northwind):
    review = review_role(both, people(world, northwind, "user", 1), "Support Lead")
    connections(both).press(f"Switch to {HARBOR}")
    assert Page.visit(both, review.address).status == 404


NOT_MINE = ["", "0", "x", "-1", "99999999999999999999", "1 OR 1=1"]


def test_only_ones_own_connections_can_be_switched_to(both, subtests):
    for organization in NOT_MINE:
        with subtests.test(organization=organization):
            assert both.post("/connections/switch/", {"organization": organization}).status_code == 404
            assert f"{NORTHWIND} Current" in connections(both).text


def test_first_it_is_said_what_stops(admin, world, northwind, close):
    job = apply(review_role(admin, people(world, northwind, "user", 1), "Support Lead"))
    close.calls.clear()
    page = connections(admin).follow(f"Disconnect {NORTHWIND}")
    assert page.heading == f"Disconnect {NORTHWIND}?"
    assert "pauses until you sign in again" in page.text
    assert job.address in [a.attributes["href"] for a in page.all("a")]
    assert len(close.calls) == 0
    assert Connection.objects.get().usable


def test_without_a_job_nothing_stops(admin):
    assert "no job of yours is open" in connections(admin).follow(f"Disconnect {NORTHWIND}").text


def disconnect(client: Client, organization: str) -> Page:
    return connections(client).follow(f"Disconnect {organization}").press("Disconnect")


def test_disconnecting_gives_the_consent_back_and_forgets_the_tokens(admin, connection, close):
    page = disconnect(admin, NORTHWIND)
    assert page.address == "/login/"
    assert f"Disconnected from {NORTHWIND}. Close was told to forget the consent." in page.text
    assert "You were signed out" not in page.text
    assert [(call.path, call.status) for call in close.calls] == [("/oauth2/revoke/", 200)]
    kept = Connection.objects.get()
    assert (kept.access_token, kept.refresh_token, kept.can_manage) == ("", "", False)
    entry = AuditEntry.objects.order_by("-number")[0]
    assert (entry.event, entry.actor_name) == ("connection.disconnected", "Alex Morgan")


def test_close_really_no_longer_accepts_the_token(admin, connection, world):
    token = connection.access_token
    disconnect(admin, NORTHWIND)
    assert world.grants.holder_of_token(token) is None


def test_where_close_cant_be_told_one_is_told_what_to_do(admin, close):
    close.faults.drop(path="/oauth2/revoke/")
    page = disconnect(admin, NORTHWIND)
    assert (
        "Close could not be told. Remove the consent in Close under Settings > Developer > OAuth Apps"
        in page.text
    )
    assert not Connection.objects.get().usable


def test_the_other_organization_stays(both):
    page = disconnect(both, NORTHWIND)
    assert page.address == "/connections/"
    assert f"{HARBOR} Current" in page.text
    assert (
        NORTHWIND not in page.text.partition("Disconnected from Northwind Rehearsal")[2].partition("told")[2]
    )
    assert Page.visit(both, "/members/").heading == "Members"


def test_other_browsers_of_the_same_person_are_signed_out_of_it_too(admin, connection):
    elsewhere = signed_in(connection)
    disconnect(admin, NORTHWIND)
    assert Page.visit(elsewhere, "/members/").address == "/login/"
    assert not Login.objects.exists()


def test_an_open_job_pauses_and_says_how_to_go_on(admin, world, northwind, connection, work):
    users = people(world, northwind, "user", 1)
    apply(review_role(admin, users, "Support Lead"))
    disconnect(admin, NORTHWIND)
    work()
    assert Job.objects.get().state == Job.State.PAUSED
    assert world.membership(users[0])["role_id"] == "user"


def test_a_connection_close_no_longer_accepts_asks_to_be_renewed(both):
    Connection.objects.filter(organization__name=HARBOR).update(access_token="", refresh_token="")
    page = connections(both)
    assert "Close no longer accepts this connection." in page.text
    assert page.link(f"Reconnect {HARBOR}") == "/login/start/"


def test_someone_elses_connection_cant_be_given_back(admin, second_admin):
    theirs = Connection.objects.exclude(email=ADMIN).get()
    assert admin.get(f"/connections/{theirs.pk}/disconnect/").status_code == 404
    assert admin.post(f"/connections/{theirs.pk}/disconnect/").status_code == 404
    assert Connection.objects.get(pk=theirs.pk).usable
