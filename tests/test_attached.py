"""An organization of the second provider: connected with somebody's own credentials, used by all managers."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.test import Client

from memberships.models import AuditEntry, Connection, Organization
from memberships.services import audit, jobs, plans, proposals, roster
from sandbox.commercelayer.rehearsal import ADMIN, BLUEFIN, CLIENT_ID, CLIENT_SECRET, READER, TERN
from sandbox.rehearsal import SECOND_ADMIN
from tests.conftest import signed_in
from tests.pages import Page


def connect_page(client: Client, client_id: str = CLIENT_ID, secret: str = CLIENT_SECRET) -> Page:
    page = Page.visit(client, "/connections/attach/")
    return page.press("Connect", {"Client ID": client_id, "Client secret": secret})


@pytest.fixture
def reader_id(attached: Connection, commerce) -> str:
    """A membership that may be changed."""
    members = commerce.members(attached.organization.remote_id)
    return str(next(m["id"] for m in members if m["role_kind"] == "read_only"))


def test_a_manager_connects_and_chooses_the_organization(admin, commercelayer):
    page = Page.visit(admin, "/connections/").follow("Connect Commerce Layer")
    assert page.heading == "Connect Commerce Layer"
    page = connect_page(admin)
    assert page.heading == "Choose an organization"
    page = page.press("Choose", {"Organization": BLUEFIN})
    assert page.heading == "Members"
    connection = Connection.objects.get(organization__name=BLUEFIN)
    assert connection.added_by is not None
    assert (connection.client_id, connection.client_secret) == (CLIENT_ID, CLIENT_SECRET)
    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM memberships_connection")
        assert CLIENT_SECRET not in str(cursor.fetchall())


def test_the_secret_is_never_shown_again(admin, commercelayer):
    page = connect_page(admin, secret="not-the-right-one")
    assert page.status == 422
    assert "doesn't know this client id and secret" in page.text
    assert "not-the-right-one" not in page.html
    page = connect_page(admin)
    assert CLIENT_SECRET not in page.html
    assert CLIENT_SECRET not in str(dict(admin.session))


@pytest.mark.parametrize("around", [" {} ", "{}\n", "\t{}"])
def test_credentials_pasted_with_spaces_are_good(admin, commercelayer, around):
    page = connect_page(admin, around.format(CLIENT_ID), around.format(CLIENT_SECRET))
    assert page.heading == "Choose an organization"


def test_credentials_of_somebody_who_is_no_admin_are_explained(admin, commercelayer, commerce):
    commerce.set_credentials(READER, "reader-id", "reader-secret")
    assert "an Admin of no organization" in connect_page(admin, "reader-id", "reader-secret").text


def test_credentials_of_another_api_are_explained(admin, commercelayer, commerce):
    commerce.set_credentials(ADMIN, "metrics-id", "metrics-secret", scope="metrics-api")
    assert "are for another API" in connect_page(admin, "metrics-id", "metrics-secret").text


def test_out_of_reach_is_a_sentence_and_keeps_the_id_that_was_typed(admin, commercelayer):
    commercelayer.faults.fail_next(500, path="/oauth/token", times=3)
    page = connect_page(admin)
    assert page.status == 422
    assert page.field("Client ID").value == CLIENT_ID
    assert CLIENT_SECRET not in page.html


def test_an_organization_that_was_not_offered_can_not_be_chosen(admin, commercelayer, commerce):
    connect_page(admin)
    answer = admin.post("/connections/attach/organization/", {"organization": commerce.organization_id(TERN)})
    assert answer.status_code == 422
    assert not Organization.objects.filter(name=TERN).exists()


def test_choosing_without_credentials_leads_to_the_form(admin, commercelayer):
    answer = admin.get("/connections/attach/organization/")
    assert (answer.status_code, answer["Location"]) == (302, "/connections/attach/")


def test_all_managers_of_the_organization_may_use_it_and_nobody_else(
    attached, second_admin, outsider, nobody
):
    for client, sees in ((second_admin, True), (outsider, False), (nobody, False)):
        page = client.get("/connections/", follow=True).content.decode()
        assert (BLUEFIN in page) is sees
    assert second_admin.post("/connections/switch/", {"organization": attached.pk}).status_code == 302
    assert outsider.post("/connections/switch/", {"organization": attached.pk}).status_code == 404


def test_the_audit_log_names_who_did_it_and_through_whose_connection(
    attached, connect, commerce, reader_id, work
):
    attached.person = connect(SECOND_ADMIN)
    plan = proposals.change(attached, [reader_id], {"reference": "HR-1"}, reason="", channel="test")
    plans.apply(plan, attached, fingerprint=plan.fingerprint, typed="")
    work()
    assert commerce.membership(reader_id)["reference"] == "HR-1"
    entry = AuditEntry.objects.get(event="member.reference.set")
    assert (entry.actor_name, entry.through) == ("Priya Natarajan", "Marta Lindqvist")
    assert audit.verify(attached.organization) == []


def test_it_rests_once_whoever_added_it_may_no_longer_manage(attached, connect, world, northwind):
    colleague = connect(SECOND_ADMIN)
    world.set_role(world.membership_id(northwind, attached.added_by.email), "user")
    roster.read(colleague)
    client = signed_in(colleague)
    client.post("/connections/switch/", {"organization": attached.pk})
    page = Page.visit(client, "/members/")
    assert page.status == 401
    assert "may no longer manage" in page.text
    assert page.follow("Connect").heading == "Connect Commerce Layer"


def test_a_job_pauses_while_nobody_backs_it_and_goes_on_with_a_colleagues_credentials(
    attached, connect, world, northwind, commerce, reader_id, work
):
    colleague = connect(SECOND_ADMIN)
    attached.person = colleague
    plan = proposals.change(attached, [reader_id], {"reference": "HR-1"}, reason="", channel="test")
    job = plans.apply(plan, attached, fingerprint=plan.fingerprint, typed="")
    world.set_role(world.membership_id(northwind, attached.added_by.email), "user")
    roster.read(colleague)
    work()
    job.refresh_from_db()
    assert job.state == "paused"
    assert "may no longer manage" in job.note
    assert commerce.membership(reader_id)["reference"] != "HR-1"
    connect_page(signed_in(colleague)).press("Choose", {"Organization": BLUEFIN})
    work()
    job.refresh_from_db()
    assert job.state == "finished"
    assert commerce.membership(reader_id)["reference"] == "HR-1"
    assert jobs.progress(job).done == 1


def test_a_job_of_somebody_who_lost_the_permission_sends_nothing(
    attached, connect, world, northwind, commerce, reader_id, work
):
    colleague = connect(SECOND_ADMIN)
    attached.person = colleague
    plan = proposals.change(attached, [reader_id], {"reference": "HR-1"}, reason="", channel="test")
    plans.apply(plan, attached, fingerprint=plan.fingerprint, typed="")
    world.set_role(world.membership_id(northwind, SECOND_ADMIN), "user")
    Connection.objects.filter(pk=colleague.pk).update(checked_at=None)
    work()
    assert plan.rows.get().outcome == "refused"
    assert commerce.membership(reader_id)["reference"] != "HR-1"


def test_it_is_backed_before_anybody_was_read(attached, commerce_admin):
    Organization.objects.filter(pk=attached.added_by.organization_id).update(roster_read_at=None)
    attached.added_by.organization.members.all().delete()
    assert Page.visit(commerce_admin, "/members/").status == 200


def test_revoked_credentials_are_a_page_with_a_way_on(commerce_admin, commerce, attached):
    commerce.revoke_tokens(attached.email)
    commerce.set_credentials(attached.email, CLIENT_ID, "rotated")
    Connection.objects.filter(pk=attached.pk).update(checked_at=None)
    page = Page.visit(commerce_admin, "/members/")
    assert (page.status, page.heading) == (401, "Connect it again")


def test_the_installations_credentials_are_for_one_organization(
    admin, outsider, commercelayer, settings, northwind
):
    settings.COMMERCELAYER_CLIENT_ID, settings.COMMERCELAYER_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
    assert "Use those" not in Page.visit(admin, "/connections/attach/").buttons()
    settings.COMMERCELAYER_FOR_CLOSE_ORGANIZATION = northwind
    assert "Use those" not in Page.visit(outsider, "/connections/attach/").buttons()
    page = Page.visit(admin, "/connections/attach/").press("Use those")
    assert page.heading == "Choose an organization"


def test_disconnecting_forgets_the_credentials_for_everyone(commerce_admin, attached):
    page = Page.visit(commerce_admin, f"/connections/{attached.pk}/disconnect/").press("Disconnect")
    assert "forgotten here" in page.text
    attached.refresh_from_db()
    assert (attached.client_secret, attached.access_token) == ("", "")
