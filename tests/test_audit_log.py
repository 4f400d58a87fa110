"""The audit log: who did what to whom, when and why, for good."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, models, transaction
from django.test import Client
from django.utils import timezone

from memberships.models import AuditEntry, Connection, Plan
from memberships.services import audit, roster
from sandbox.rehearsal import NORTHWIND_DOMAIN
from sandbox.world import World
from tests.pages import Page
from tests.steps import apply, people, review_invitations, review_role


@pytest.fixture
def users(world: World, northwind: str) -> list[str]:
    return people(world, northwind, "user", 3)


@pytest.fixture
def done(admin: Client, users: list[str], work) -> Page:
    """Two people were given another role."""
    receipt = apply(review_role(admin, users[:2], "Support Lead", "Ticket 4711"))
    work()
    return receipt


def log(client: Client, query: str = "") -> Page:
    return Page.visit(client, f"/audit/{query}")


def rows(page: Page) -> list[list[str]]:
    return page.rows("Audit log")


def test_each_change_says_who_whom_what_before_after_why_when_how_and_in_which_plan(
    admin, done, users, world
):
    person = world.membership(users[1])
    ((when, who, whom, what, outcome, reason, channel, plan),) = rows(log(admin, f"?q={person['email']}"))
    assert re.fullmatch(r"\d+ \w+ \d{4} \d\d:\d\d:\d\d UTC", when)
    assert who == "Alex Morgan"
    assert person["full_name"] in whom
    assert person["email"] in whom
    assert what == "Role from User → to Support Lead"
    assert (outcome, reason, channel) == ("Done", "Ticket 4711", "Dashboard")
    assert str(Plan.objects.get().pk).startswith(plan)


def test_the_time_can_be_shown_in_the_readers_own_zone(admin, done):
    page = log(admin)
    moments = [datetime.fromisoformat(t.attributes["datetime"]) for t in page.all("table")[0].all("time")]
    assert len(moments) == len(rows(page))
    assert {moment.utcoffset() for moment in moments} == {timedelta(0)}


def test_signing_in_and_applying_are_on_record_too(admin, done):
    said = {row[3] for row in rows(log(admin))}
    assert {"Signed in", "Plan applied"} <= said


def test_a_refusal_is_on_record_with_closes_words(admin, users, world, work):
    world.refuse(users[0], "Special plan.")
    apply(review_role(admin, users[:1], "Support Lead"))
    work()
    outcome = rows(log(admin))[0][4]
    assert outcome.startswith("Refused")
    assert "Special plan." in outcome


def test_the_newest_entry_stands_first(admin, done):
    numbers = list(AuditEntry.objects.order_by("-number").values_list("event", flat=True))
    assert [row[3].partition(" from ")[0] for row in rows(log(admin))] == [
        {"member.role.set": "Role", "plan.applied": "Plan applied", "session.signed_in": "Signed in"}[event]
        for event in numbers
    ]


def test_the_name_stays_as_it_was_when_the_person_is_renamed(admin, done, users, world, connection):
    before = world.membership(users[0])
    world.rename(before["user_id"], "Brand", "New")
    roster.read(connection)
    assert before["full_name"] in log(admin).text
    assert "Brand New" not in log(admin).text


# Finding


def test_it_is_filtered_by_person_in_either_part(admin, done, users, world):
    email = world.membership(users[0])["email"]
    assert len(rows(log(admin, f"?q={email}"))) == 1
    assert len(rows(log(admin, "?q=alex"))) == AuditEntry.objects.count()
    assert "Nothing matches" in log(admin, "?q=nobody-here").text


def test_it_is_filtered_by_what_happened_and_how_it_ended(admin, done):
    page = log(admin).press("Filter", {"What": "Role", "Outcome": "Done"})
    assert len(rows(page)) == 2
    assert page.field("What").value == "Role"
    assert rows(log(admin).press("Filter", {"What": "Role", "Outcome": "Refused"})) == []


def test_it_is_filtered_by_whole_days(admin, connection):
    with (
        time_machine.travel(datetime(2026, 12, 24, 23, 59, 59, tzinfo=UTC), tick=False),
        transaction.atomic(),
    ):
        audit.record(connection.organization, [audit.disconnected(connection)])
    for query, number in [
        ("since=2026-12-24&until=2026-12-24", 1),
        ("since=2026-12-25", 0),
        ("since=2026-12-01&until=2026-12-23", 0),
        ("until=9999-12-31&event=connection.disconnected", 1),
        ("since=0001-01-01&event=connection.disconnected", 1),
    ]:
        assert len(rows(log(admin, f"?{query}"))) == number, query


GARBAGE = ["?since=yesterday", "?until=2026-13-45", "?event=x", "?page=x", "?q=%00", "?outcome=x"]


def test_garbage_in_the_address_is_left_out(admin, done, subtests):
    for query in GARBAGE:
        with subtests.test(query=query):
            page = log(admin, query)
            assert page.status == 200
            assert len(rows(page)) == AuditEntry.objects.count()


def test_fifty_are_on_a_page_and_paging_keeps_the_filter(admin, connection):
    with transaction.atomic():
        audit.record(connection.organization, [audit.disconnected(connection) for _ in range(60)])
    page = log(admin, "?event=connection.disconnected")
    assert len(rows(page)) == 50
    assert len(rows(page.follow("Next"))) == 10


# Keeping


def exported(client: Client, query: str = "") -> list[list[str]]:
    response: Any = client.get(f"/audit/export/{query}")
    text = b"".join(response.streaming_content).decode()
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_the_export_holds_everything_the_log_does(admin, done, users, world):
    header, *lines = exported(admin)
    entries = [dict(zip(header, line, strict=False)) for line in lines if line[0] != "head"]
    assert len(entries) == AuditEntry.objects.count()
    person = world.membership(users[1])
    last = next(entry for entry in entries if entry["member_email"] == person["email"])
    assert (last["actor_name"], last["member_name"]) == ("Alex Morgan", person["full_name"])
    assert (last["event"], last["before_text"], last["after_text"]) == (
        "member.role.set",
        "User",
        "Support Lead",
    )
    assert (last["outcome"], last["reason"], last["channel"]) == ("done", "Ticket 4711", "dashboard")
    assert last["plan_id"] == str(Plan.objects.get().pk)
    assert timezone.now() - datetime.fromisoformat(last["at"]) < timedelta(minutes=1)


def test_the_export_follows_the_filter_and_names_what_it_leaves_out_by_number_alone(admin, done):
    page = log(admin, "?event=member.role.set")
    _, *lines = exported(admin, "?event=member.role.set")
    assert page.link("Export") == "/audit/export/?event=member.role.set"
    assert lines.pop()[0] == "head"
    kept = [line for line in lines if line[2] == "member.role.set"]
    left_out = [line for line in lines if line[2] == "left out"]
    assert (len(kept), len(left_out)) == (2, AuditEntry.objects.count() - 2)
    assert all(set(line[3:-1]) == {""} for line in left_out)


def test_a_reason_that_is_a_formula_is_not_run_by_a_spreadsheet(admin, users, work):
    apply(review_role(admin, users[:1], "Support Lead", '=HYPERLINK("http://x")'))
    work()
    assert any('\'=HYPERLINK("http://x")' in line for line in exported(admin))


# For good


CHANGES = [
    lambda entry: entry.save(),
    lambda entry: entry.save(update_fields=["reason"]),
    lambda entry: entry.delete(),
    lambda entry: AuditEntry.objects.update(reason="x"),
    lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(reason="x"),
    lambda entry: AuditEntry.objects.all().delete(),
    lambda entry: AuditEntry.objects.bulk_update([entry], ["reason"]),
    lambda entry: AuditEntry.objects.update_or_create({"reason": "x"}, pk=entry.pk),
    lambda entry: entry.organization.audit.all().delete(),
    lambda entry: entry.organization.audit.update(reason="x"),
]


def test_an_entry_is_never_changed_or_deleted(done, subtests):
    for change in CHANGES:
        with subtests.test(change=change):
            before = list(AuditEntry.objects.order_by("number").values())
            with pytest.raises(TypeError, match="never"), transaction.atomic():
                change(AuditEntry.objects.order_by("-number")[0])
            assert list(AuditEntry.objects.order_by("number").values()) == before


def test_nothing_an_entry_belongs_to_can_be_deleted_with_it(connection):
    with pytest.raises(models.ProtectedError):
        connection.organization.delete()
    assert AuditEntry.objects.exists()


def test_an_entry_cant_be_slipped_in_under_a_number_that_is_taken(done):
    entry = AuditEntry.objects.order_by("-number")[0]
    entry.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.save()


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_the_transaction_of_its_change_is_refused(connection):
    with pytest.raises(RuntimeError):
        audit.record(connection.organization, [audit.disconnected(connection)])


def test_every_entry_names_the_one_before_it_and_a_change_shows(done, connection):
    organization = connection.organization
    assert audit.verify(organization) == []
    entry = AuditEntry.objects.order_by("number")[1]
    models.QuerySet(AuditEntry).filter(pk=entry.pk).update(reason="Another story")
    assert audit.verify(organization) == [f"Entry {entry.number} was changed."]


def test_each_organization_has_its_own_log(admin, outsider, done):
    assert [row[1] for row in rows(log(outsider))] == ["Robin Castellano"]
    assert NORTHWIND_DOMAIN not in "".join(row[2] for row in rows(log(outsider)))
    assert {e.number for e in AuditEntry.objects.filter(organization__name="Harbor Lights")} == {1}


def test_the_number_of_queries_does_not_depend_on_the_number_of_entries(
    admin, connection: Connection, django_assert_num_queries
):
    for number in (1, 80):
        with transaction.atomic():
            audit.record(connection.organization, [audit.disconnected(connection) for _ in range(number)])
        with django_assert_num_queries(4):
            log(admin)


def test_invitations_are_found_by_the_address(admin, work):
    apply(review_invitations(admin, f"new.person@{NORTHWIND_DOMAIN}", reason="Starter"))
    work()
    (row,) = rows(log(admin, "?q=new.person"))
    assert row[3].startswith("Invitation as User")
