"""Personal tokens: made, shown once, listed, revoked; and whether a connection outlives the last sign-out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from memberships.models import AuditEntry, Connection, Scope, Token
from sandbox.rehearsal import HARBOR, NORTHWIND, SECOND_ADMIN
from tests.api import Script, token
from tests.conftest import signed_in
from tests.pages import Page

GOOD: dict[str, str | bool] = {
    "Name": "Nightly  sync",
    "It may": "Propose: that, and make plans, which wait for somebody to apply them here",
    "Good for": "90 days",
}


def make(client: Client, **typed: str | bool) -> Page:
    page = Page.visit(client, "/connections/").follow("Tokens").follow("New token")
    return page.press("Make token", GOOD | typed)


def test_a_token_is_made_and_works(admin, connection):
    page = make(admin)
    assert page.heading == "Nightly sync is made"
    assert "Copy it now." in page.text
    script = Script(page.field("Token").value)
    assert script.get("/members").status == 200
    kept = Token.objects.get()
    assert (kept.name, kept.scope, kept.connection) == ("Nightly sync", Scope.PROPOSE, connection)
    assert kept.expires_at - kept.made_at == timedelta(days=90)
    entry = AuditEntry.objects.get(event="token.made")
    assert (entry.actor_name, entry.item_name) == ("Alex Morgan", "Nightly sync")
    assert entry.after_text.startswith("Propose, until ")


def test_it_is_shown_once_and_kept_nowhere(admin):
    page = make(admin)
    text = page.field("Token").value
    assert page.response.headers["Cache-Control"] == "no-store"
    assert text not in page.address
    for address in ("/tokens/", "/tokens/new/", "/audit/", "/connections/"):
        assert text not in Page.visit(admin, address).html
    for session in Session.objects.all():
        assert text[20:] not in repr(session.get_decoded())


def test_the_list_tells_what_a_token_may_and_when_it_was_used(admin):
    text = make(admin).field("Token").value
    (row,) = Page.visit(admin, "/tokens/").rows("Tokens")
    assert row[0] == f"Nightly sync {text[:19]}…"
    assert (row[1], row[3]) == ("Propose", "Never")
    Script(text).get("/members")
    (row,) = Page.visit(admin, "/tokens/").rows("Tokens")
    assert row[3] != "Never"


def test_pressed_twice_it_is_one_token_and_says_so(admin):
    make(admin)
    again = make(admin)
    assert again.status == 422
    assert "You have a token of this name already" in again.error("Name")
    assert Token.objects.count() == 1


WRONG = [
    ({"Name": ""}, "Name", "Give the token a name."),
    ({"Name": "x" * 101}, "Name", "A name can be 100 characters at most; yours has 101."),
    ({"It may": "Choose"}, "It may", "Choose what it may do."),
    ({"Good for": "Choose"}, "Good for", "Choose how long it is good for."),
]


@pytest.mark.parametrize(("typed", "label", "sentence"), WRONG)
def test_what_is_missing_is_said_beside_its_field(admin, typed, label, sentence):
    page = make(admin, **typed)
    assert page.status == 422
    assert page.error(label) == sentence
    assert not Token.objects.exists()


def test_no_token_is_good_for_longer_than_a_year(admin):
    posted = {"name": "For ever", "scope": "read", "days": "36500"}
    assert admin.post("/tokens/new/", posted).status_code == 422
    assert admin.post("/tokens/new/", posted | {"days": "365", "scope": "everything"}).status_code == 422
    assert admin.post("/tokens/new/", posted | {"days": "30", "name": "\0"}).status_code == 422
    assert not Token.objects.exists()


def test_a_revoked_token_is_gone_and_its_name_is_free(admin, connection):
    text = make(admin).field("Token").value
    page = Page.visit(admin, "/tokens/").follow("Revoke Nightly sync")
    assert page.heading == "Revoke Nightly sync?"
    after = page.press("Revoke")
    assert "Nightly sync is revoked." in after.text
    assert "No tokens yet" in after.text
    assert Script(text).get("/members").status == 401
    assert AuditEntry.objects.filter(event="token.revoked", item_name="Nightly sync").count() == 1
    assert make(admin).heading == "Nightly sync is made"


def test_other_peoples_tokens_are_not_there(admin, second_admin, connection):
    token(connection)
    key = Token.objects.get().key
    assert "No tokens yet" in Page.visit(second_admin, "/tokens/").text
    assert second_admin.get(f"/tokens/{key}/revoke/").status_code == 404
    assert second_admin.post(f"/tokens/{key}/revoke/").status_code == 404
    assert Token.objects.get().revoked_at is None


def test_the_tokens_of_another_organization_are_not_there(connection, connect):
    harbor = connect(organization=HARBOR)
    token(harbor)
    here, there = signed_in(connection, harbor), signed_in(harbor, connection)
    assert "No tokens yet" in Page.visit(here, "/tokens/").text
    assert Page.visit(there, "/tokens/").rows("Tokens")
    assert here.get(f"/tokens/{Token.objects.get().key}/revoke/").status_code == 404


def test_for_an_attached_organization_it_belongs_to_the_person(commerce_admin, attached):
    page = make(commerce_admin)
    assert "For Bluefin Rehearsal" in page.text
    kept = Token.objects.get()
    assert (kept.person, kept.connection) == (attached.actor, attached)
    assert Script(page.field("Token").value).get("/members").status == 200


def test_an_expired_token_is_listed_as_that(admin, connection):
    token(connection, days=30)
    Token.objects.update(expires_at=timezone.now() - timedelta(days=1))
    (row,) = Page.visit(admin, "/tokens/").rows("Tokens")
    assert row[4] == "Expired"


# Keeping the connection


def test_making_a_token_offers_to_keep_the_connection(admin, connection):
    assert "rest when you sign out" in Page.visit(admin, "/tokens/new/").text
    page = make(admin, **{"Keep connected when I sign out, for tokens and schedules": True})
    assert "When you sign out goes on working" in page.text
    connection.refresh_from_db()
    assert connection.kept
    admin.post("/logout/")
    assert Script(page.field("Token").value).get("/members").status == 200


def test_without_it_tokens_rest_and_the_list_says_so(admin, connection):
    page = make(admin)
    assert "When you sign out rests until you sign in again" in page.text
    assert "They rest when you sign out" in Page.visit(admin, "/tokens/").text
    admin.post("/logout/")
    assert not Connection.objects.get().usable


def test_the_connections_page_has_the_tick_too(admin, connection, close):
    label = "Keep connected when I sign out, for tokens and schedules"
    page = Page.visit(admin, "/connections/")
    assert not page.field(label).checked
    page = page.press(f"Save for {NORTHWIND}", {label: True})
    assert f"Roster stays connected to {NORTHWIND} when you sign out." in page.text
    assert page.field(label).checked
    page.press(f"Save for {NORTHWIND}", {label: False})
    assert not Connection.objects.get().kept


def test_a_kept_connection_outlives_the_last_sign_out(admin, connection, close):
    Connection.objects.update(kept=True)
    admin.post("/logout/")
    assert Connection.objects.get().usable
    assert "/oauth2/revoke/" not in [call.path for call in close.calls]
    assert Page.visit(admin, "/members/").address == "/login/"


def test_nobody_keeps_somebody_elses_connection(second_admin, connection):
    assert second_admin.post(f"/connections/{connection.pk}/keep/", {"kept": "on"}).status_code == 404
    assert not Connection.objects.get(pk=connection.pk).kept


def test_an_attached_connection_has_no_tick_of_its_own(commerce_admin, attached):
    assert commerce_admin.post(f"/connections/{attached.pk}/keep/", {"kept": "on"}).status_code == 404


def test_disconnecting_says_which_tokens_stop(admin, connection):
    token(connection, name="Nightly sync")
    Connection.objects.update(kept=True)
    page = Page.visit(admin, f"/connections/{connection.pk}/disconnect/")
    assert "Token Nightly sync is revoked for good" in page.text
    page.press("Disconnect")
    assert Token.objects.get().revoked_at is not None
    assert not Connection.objects.get().kept
    events = AuditEntry.objects.order_by("-number").values_list("event", flat=True)[:2]
    assert list(events) == ["connection.disconnected", "token.revoked"]


def test_disconnecting_what_is_attached_ends_everybodys_tokens_for_it(commerce_admin, attached, connect):
    second = connect(SECOND_ADMIN)
    attached.person = second
    text = token(attached, name="Theirs")
    attached.person = None
    page = Page.visit(commerce_admin, f"/connections/{attached.pk}/disconnect/")
    assert "Token Theirs of Priya Natarajan is revoked for good" in page.text
    page.press("Disconnect")
    assert Script(text).get("/members").status == 401
    entry = AuditEntry.objects.get(event="token.revoked")
    assert (entry.organization, entry.member_name) == (attached.organization, "Priya Natarajan")
