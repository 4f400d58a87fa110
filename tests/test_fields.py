"""Every field of a membership that Close lets an admin write: one person's on their page, and in bulk."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from memberships.models import MirroredMember, Plan
from memberships.services import roster
from sandbox.rehearsal import ORDINARY
from tests.pages import Page
from tests.steps import apply, changes, people, tick

FIELDS = [
    "Role",
    "Call recording",
    "Email open tracking",
    "Workflows may send as this person",
    "Default caller ID",
    "Voicemail drop URL",
]
READ_NUMBERS = "Read their phone numbers from Close"
URL = "https://voice.example/drop.mp3"
HTTPS = "Give an address that starts with https://."


@pytest.fixture
def sam(world, northwind, connection):
    """Somebody with a value in every field and two numbers. Their membership id."""
    pk = world.membership_id(northwind, ORDINARY)
    user_id = world.membership(pk)["user_id"]
    own = world.add_phone_number(northwind, "+442079461111", "Sam's number", [user_id])
    world.add_phone_number(northwind, "+442079462222", "Duty", [user_id], group=True)
    world.set_settings(
        pk,
        auto_record_calls="enabled",
        track_email_opens=True,
        may_workflows_impersonate=False,
        default_caller_id=own,
        hangup_recording_url="https://voice.example/sam.mp3",
    )
    roster.read(connection)
    return pk


@pytest.fixture
def form(admin, sam, close):
    close.calls.clear()
    return Page.visit(admin, f"/members/{sam}/")


def asked(close):
    return len(close.calls.matching("GET", "phone_number"))


def send(form, sam, world, work, **typed):
    apply(form.press("Review", {label.replace("_", " "): value for label, value in typed.items()}))
    work()
    return world.membership(sam)


def test_all_six_fields_show_what_the_person_has(form, close):
    labels = [label.text for label in form.all("label") if label.text in FIELDS]
    assert labels == FIELDS
    assert [form.field(label).value for label in FIELDS[:4]] == ["User", "On", "On", "Off"]
    assert form.field("Voicemail drop URL").value == "https://voice.example/sam.mp3"
    assert not close.calls, "nothing is asked for that nobody wants to see"


def test_all_fields_changed_at_once_are_one_plan_and_one_call(form, sam, world, work, close):
    form = form.follow(READ_NUMBERS)
    duty = next(o for o in form.options("Default caller ID") if "Duty" in o)
    typed = {
        "Role": "Super User",
        "Call recording": "Off",
        "Email open tracking": "Off",
        "Workflows may send as this person": "On",
        "Default caller ID": duty,
        "Voicemail drop URL": URL,
    }
    review = form.press("Review", typed)
    (row,) = review.rows("Will change")
    for label in FIELDS:
        assert f"{label}: from" in row[1]
    apply(review)
    work()
    now = world.membership(sam)
    assert (now["role_id"], now["auto_record_calls"], now["hangup_recording_url"]) == (
        "superuser",
        "disabled",
        URL,
    )
    assert (now["track_email_opens"], now["may_workflows_impersonate"]) == (False, True)
    (call,) = changes(close)
    assert set(call.body) == {
        "role_id",
        "auto_record_calls",
        "track_email_opens",
        "may_workflows_impersonate",
        "default_caller_id",
        "hangup_recording_url",
    }


@pytest.mark.parametrize(
    "text", ["http://voice.example/a.mp3", "ftp://voice.example/a", "javascript:alert(1)", "not an address"]
)
def test_a_voicemail_address_is_https_or_refused_with_a_sentence(form, text):
    answer = form.press("Review", {"Voicemail drop URL": text})
    assert answer.status == 422
    assert answer.error("Voicemail drop URL") == HTTPS
    assert answer.field("Voicemail drop URL").value == text
    assert not Plan.objects.exists()


def test_a_voicemail_address_is_text_everywhere_and_never_a_link(form, sam, work, world):
    review = form.press("Review", {"Voicemail drop URL": URL})
    assert URL in review.text
    apply(review)
    work()
    after = Page.visit(form.client, form.address)
    assert URL in after.text
    for shown in (form, review, after, Page.visit(form.client, "/audit/")):
        assert not [a for a in shown.all("a") if "voice.example" in a.attributes.get("href", "")]


def test_an_address_they_have_that_we_would_not_take_does_not_stand_in_the_way(admin, connection, sam, world):
    world.set_settings(sam, hangup_recording_url="http://old.example/a.mp3")
    roster.read(connection)
    form = Page.visit(admin, f"/members/{sam}/")
    assert form.press("Review", {"Call recording": "Off"}).heading == "Review"
    assert Plan.objects.get().wanted == {"auto_record_calls": "disabled"}


def test_an_empty_voicemail_address_and_caller_id_clear_them(form, sam, world, work, close):
    review = form.press("Review", {"Voicemail drop URL": "", "Default caller ID": "None"})
    apply(review)
    work()
    now = world.membership(sam)
    assert (now["hangup_recording_url"], now["default_caller_id"]) == (None, None)
    assert [call.body for call in changes(close)] == [
        {"hangup_recording_url": None, "default_caller_id": None}
    ]


def test_phone_numbers_are_read_when_somebody_asks_and_kept_five_minutes(form, close):
    assert len(form.options("Default caller ID")) == 2, "none, and the one they have"
    assert asked(close) == 0
    read = form.follow(READ_NUMBERS)
    shown = read.options("Default caller ID")
    assert asked(close) == 1
    assert shown[0] == "None"
    assert {"+442079461111 Sam's number", "+442079462222 Duty"} <= set(shown)
    assert READ_NUMBERS not in read.text
    again = Page.visit(form.client, form.address)
    assert again.options("Default caller ID") == shown
    assert asked(close) == 1
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        later = Page.visit(form.client, form.address)
        assert asked(close) == 1
        later.follow(READ_NUMBERS)
        assert asked(close) == 2


def test_a_number_somebody_else_has_is_not_taken(form, world, northwind, close):
    phones = world.organizations[northwind].phone_numbers
    theirs = next(pk for pk, phone in phones.items() if "Sam's" not in phone.label and phone.label != "Duty")
    answer = Page(form.client, form.client.post(form.address, {"default_caller_id": theirs}))
    assert answer.status == 422
    assert answer.error("Default caller ID") == "Choose one of the list."
    assert asked(close) == 1, "read to check the choice"


@pytest.mark.usefixtures("impatient")
def test_numbers_that_can_not_be_read_leave_the_page_as_it_was(form, close):
    close.faults.fail_next(503, path="phone_number/", times=None)
    answer = form.follow(READ_NUMBERS)
    assert answer.status == 200
    assert "Their phone numbers could not be read" in answer.text
    assert READ_NUMBERS in answer.text


def test_a_number_that_no_longer_exists_stays_until_another_is_chosen(admin, connection, sam, world):
    world.set_settings(sam, default_caller_id="phon_gone")
    roster.read(connection)
    form = Page.visit(admin, f"/members/{sam}/?numbers=1")
    assert form.field("Default caller ID").value == "phon_gone (unknown)"
    form.press("Review", {"Call recording": "Off"})
    assert Plan.objects.get().wanted == {"auto_record_calls": "disabled"}


def test_what_we_do_not_know_stands_under_more_and_is_never_sent_back(form, sam, work, close):
    (more,) = [d for d in form.all("details") if next(d.all("summary")).text == "More"]
    names = [term.text for term in more.all("dt")]
    assert "onboarding_status" in names
    assert not list(more.all("input", "select", "textarea"))
    form.client.post(form.address, {"auto_record_calls": "disabled", **dict.fromkeys(names, "x")})
    assert Plan.objects.get().wanted == {"auto_record_calls": "disabled"}


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("track_email_opens", "sometimes", "Email open tracking"),
        ("may_workflows_impersonate", None, "Workflows may send as this person"),
        ("auto_record_calls", "on_sundays", "Call recording"),
    ],
)
def test_a_value_we_do_not_know_or_that_is_missing_is_shown_and_stays(admin, sam, name, value, label):
    row = MirroredMember.objects.get(remote_id=sam)
    MirroredMember.objects.filter(pk=row.pk).update(settings=row.settings | {name: value})
    form = Page.visit(admin, f"/members/{sam}/")
    assert form.status == 200
    form.press("Review", {"Voicemail drop URL": URL})
    assert Plan.objects.get().wanted == {"hangup_recording_url": URL}


# In bulk

BULK = [
    ("track_email_opens", "Email open tracking", "Off", False),
    ("may_workflows_impersonate", "Workflows may send as this person", "On", True),
    ("hangup_recording_url", "Voicemail drop URL", URL, URL),
    ("auto_record_calls", "Call recording", "Off", "disabled"),
]


@pytest.mark.parametrize(("name", "label", "chosen", "value"), BULK)
def test_each_field_is_changed_in_bulk_and_undone(
    name, label, chosen, value, admin, connection, world, northwind, work, close
):
    ids = people(world, northwind, "user", 3)
    before = {"hangup_recording_url": "https://voice.example/old.mp3", "auto_record_calls": "enabled"}
    for pk in ids:
        world.set_settings(pk, **{name: before.get(name, not value)})
    roster.read(connection)
    form = tick(admin, ids, action=name)
    assert form.heading == f"Change {label.lower()}"
    apply(form.press("Review", {label: chosen}))
    work()
    assert [world.membership(pk)[name] for pk in ids] == [value] * 3
    assert len(changes(close)) == 1
    receipt = Page.visit(admin, f"/jobs/{Plan.objects.get().job.pk}/")
    apply(receipt.press("Undo"))
    work()
    assert [world.membership(pk)[name] for pk in ids] == [before.get(name, not value)] * 3


def test_a_voicemail_address_in_bulk_is_https_or_empty(admin, world, northwind, connection):
    ids = people(world, northwind, "user", 2)
    for pk in ids:
        world.set_settings(pk, hangup_recording_url=URL)
    roster.read(connection)
    form = tick(admin, ids, action="hangup_recording_url")
    assert (
        form.press("Review", {"Voicemail drop URL": "http://a.example"}).error("Voicemail drop URL") == HTTPS
    )
    form = tick(admin, ids, action="hangup_recording_url")
    form.press("Review", {"Voicemail drop URL": ""})
    assert Plan.objects.get().wanted == {"hangup_recording_url": None}


def test_a_caller_id_is_nothing_for_many(admin, world, northwind):
    ids = people(world, northwind, "user", 2)
    form = tick(admin, ids)
    assert "Default caller ID" not in form.buttons()
    assert {"Email open tracking", "Voicemail drop URL"} <= set(form.buttons())
    assert admin.get("/members/selection/default_caller_id/").status_code == 404
