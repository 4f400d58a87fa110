"""An organization of the second provider: connected with somebody's own credentials, used by all managers."""

from __future__ import annotations

import time

import pytest
from django.db import connection as database
from django.test import Client

from memberships.models import AuditEntry, Connection, Job, Organization
from memberships.services import audit, jobs, plans, proposals, roster
from sandbox.commercelayer.rehearsal import ADMIN, BLUEFIN, CLIENT_ID, CLIENT_SECRET, READER, TERN
from sandbox.rehearsal import ADMIN as SIGNED_IN
from sandbox.rehearsal import HARBOR, NORTHWIND, SECOND_ADMIN
from tests.conftest import signed_in
from tests.consent import Close, arrive, sign_in
from tests.pages import Page
from tests.steps import apply


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


@pytest.fixture
def under_way(commerce_admin, attached, reader_id) -> Job:
    """A job in the attached organization, in the name of the admin."""
    plan = proposals.change(attached, [reader_id], {"reference": "HR-1"}, reason="", channel="test")
    return plans.apply(plan, attached, fingerprint=plan.fingerprint, typed="")


def test_signing_out_for_the_last_time_leaves_a_job_there_its_consent(
    commerce_admin, under_way, connection, work
):
    Page.visit(commerce_admin, "/members/").press("Sign out")
    connection.refresh_from_db()
    assert connection.usable
    work()
    assert jobs.progress(under_way).done == 1


def test_disconnecting_says_of_a_job_there_that_it_pauses_and_signing_in_lets_it_go_on(
    commerce_admin, under_way, connection, visitor, consent, work
):
    page = Page.visit(commerce_admin, f"/connections/{connection.pk}/disconnect/")
    assert f"in {BLUEFIN} pauses until you sign in again" in page.text
    its_receipt = f"/jobs/{under_way.pk}/"
    assert its_receipt in page.html
    commerce_admin.post("/connections/switch/", {"organization": connection.pk})
    page = Page.visit(commerce_admin, page.address)
    assert its_receipt not in page.html  # it would not be found from there
    page.press("Disconnect")
    work()
    under_way.refresh_from_db()
    assert under_way.state == "paused"
    sign_in(visitor, consent)
    work()
    under_way.refresh_from_db()
    assert under_way.state == "finished"
    assert jobs.progress(under_way).done == 1


def test_nobody_removes_themselves_with_a_plan_that_a_colleague_made(attached, connect):
    colleague = connect(SECOND_ADMIN)
    own = attached.organization.members.filter(status="active", can_manage=False, owner=False)[0]
    plan = proposals.deactivation(attached, [own.remote_id], reason="", channel="test")
    attached.organization.members.filter(pk=own.pk).update(email=SECOND_ADMIN)
    attached.person = colleague
    with pytest.raises(plans.CannotApply, match="your own membership"):
        plans.apply(plan, attached, fingerprint=plan.fingerprint, typed="")


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


# By itself, from the environment


@pytest.fixture
def installed(settings, northwind, commercelayer) -> None:
    """Credentials in the environment, for Northwind."""
    settings.COMMERCELAYER_CLIENT_ID, settings.COMMERCELAYER_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
    settings.COMMERCELAYER_FOR_CLOSE_ORGANIZATION = northwind


@pytest.fixture
def come_in(world, close, db):
    """Somebody signs in with Close, through the whole round trip; the page they arrive at."""

    def come_in(email: str = SIGNED_IN, organization: str = NORTHWIND) -> Page:
        browser = Client(headers={"host": "localhost:8000"})
        target = browser.get(Page.visit(browser, "/login/").link("Sign in with Close"))["Location"]
        return arrive(browser, Close(world, close).consent(target, email, organization))

    return come_in


def test_what_the_installation_has_credentials_for_is_there_after_the_sign_in(come_in, installed):
    page = come_in()
    assert page.heading == "Members"
    assert "Bluefin Rehearsal at Commerce Layer is connected too" in page.text
    assert set(page.options("Switch organization")) == {BLUEFIN, NORTHWIND}
    assert page.field("Switch organization").value == NORTHWIND
    made = Connection.objects.get(organization__name=BLUEFIN)
    assert made.added_by
    assert made.added_by.email == SIGNED_IN
    (entry,) = made.organization.audit.filter(event="connection.attached")
    assert entry.actor_name == made.added_by.name


def test_later_sign_ins_do_not_ask_for_it_again(come_in, installed, commercelayer):
    come_in()
    commercelayer.calls.clear()
    for email in (SIGNED_IN, SECOND_ADMIN):
        page = come_in(email)
        assert "Commerce Layer" not in next(e.text for e in page.all("main"))
        assert BLUEFIN in page.options("Switch organization")
    assert len(commercelayer.calls) == 0


def test_what_somebody_disconnected_does_not_come_back_by_itself(come_in, installed, commercelayer):
    come_in()
    Connection.objects.filter(organization__name=BLUEFIN).update(access_token="", client_secret="")
    commercelayer.calls.clear()
    assert "connected too" not in come_in().text
    assert len(commercelayer.calls) == 0


def test_another_organization_gets_nothing_of_it(come_in, installed, commercelayer):
    page = come_in(SIGNED_IN, HARBOR)
    assert page.heading == "Members"
    assert "Commerce Layer" not in page.text
    assert len(commercelayer.calls) == 0


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("wrong", "doesn't know this client id and secret"),
        ("reader", "an Admin's of no organization"),
        ("several", "an Admin's of 2 organizations"),
        ("down", "Commerce Layer had an internal problem (status 500)."),
        ("away", "Commerce Layer can't be reached"),
        ("busy", "asks to wait a minute"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_trouble_with_it_is_a_sentence_and_never_a_failed_sign_in(
    come_in, installed, commercelayer, commerce, settings, trouble, sentence
):
    match trouble:
        case "wrong":
            settings.COMMERCELAYER_CLIENT_SECRET = "rotated"
        case "reader":
            commerce.set_credentials(READER, CLIENT_ID, CLIENT_SECRET)
        case "several":
            commerce.set_credentials(ADMIN, CLIENT_ID, CLIENT_SECRET)
        case "down":
            commercelayer.faults.fail_next(500, path="/api/", times=None)
        case "away":
            commercelayer.faults.drop(times=None)
        case "busy":
            commercelayer.limits.set({"tokens": 0})
    page = come_in()
    assert (page.status, page.heading) == (200, "Members")
    assert "Commerce Layer is not connected." in page.text
    assert sentence in page.text
    assert "rotated" not in page.html
    assert not Organization.objects.filter(name=BLUEFIN).exists()
    # Whoever comes next does not wait for it again.
    commercelayer.calls.clear()
    assert "is not connected" not in come_in(SECOND_ADMIN).text
    assert len(commercelayer.calls) == 0


def test_a_slow_provider_holds_a_sign_in_up_for_one_call_only(come_in, installed, commercelayer, monkeypatch):
    monkeypatch.setattr("memberships.services.attached._INSTALL_CALL_S", 0.3)
    commercelayer.faults.delay(6, path="/oauth/token", times=None)
    began = time.monotonic()
    page = come_in()
    assert time.monotonic() - began < 5
    assert "Commerce Layer did not answer within 0 s." in page.text


# Whose name stands where


def test_pages_name_whoever_is_signed_in_and_whose_connection_it_is(
    attached, connect, commerce, reader_id, work
):
    colleague = connect(SECOND_ADMIN)
    client = signed_in(colleague)
    client.post("/connections/switch/", {"organization": attached.pk})
    page = Page.visit(client, f"/members/{reader_id}/")
    assert next(page.root.all("header")).text.endswith("Priya Natarajan Sign out")
    review = page.press("Review", {"Reference": "HR-1"})
    assert "Made by Priya Natarajan through the connection of Marta Lindqvist" in review.text
    receipt = apply(review)
    work()
    receipt = Page.visit(client, receipt.address)
    assert "Applied by Priya Natarajan through the connection of Marta Lindqvist" in receipt.text
    assert Page.visit(client, "/audit/").rows("Audit log")[0][1] == "Priya Natarajan through Marta Lindqvist"


def test_a_practice_copy_says_what_it_plays(commerce_admin, admin, commercelayer, close):
    for client, server, name in ((commerce_admin, commercelayer, "Commerce Layer"), (admin, close, "Close")):
        address = server.url.removeprefix("http://")
        assert f"practice copy at {address}, not {name}." in Page.visit(client, "/members/").text
