"""The roster as of a date: what a read said then is what the page says of then, whoever changed what since."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memberships.domain.history import Event, Person, as_of
from memberships.models import AuditEntry, Connection, Job, Organization
from memberships.services import connections, history, plans, proposals, roster
from memberships.services.run import Run
from sandbox.rehearsal import ADMIN, SECOND_ADMIN
from tests.pages import Page
from tests.steps import just_signed_in
from tests.steps import people as found

ANA = Person("m1", "Ana Ruiz", "ana@a.example", "user", "active", {"auto_record_calls": "enabled"})


def event(name, field="", before=None, member_id="m1"):
    return Event(name, member_id, "Ana Ruiz", "ana@a.example", field, before)


@pytest.mark.parametrize(
    ("what", "then"),
    [
        (event("member.role.set", "role", "admin"), {"role_id": "admin"}),
        (event("member.auto_record_calls.set", "auto_record_calls", None), {"auto_record_calls": None}),
        (event("member.status.set", "status", "pending"), {"status": "pending"}),
        (event("member.deactivated"), {"status": "active"}),
        (event("member.deactivated", "status", "pending"), {"status": "pending"}),
        (event("member.reactivated", "role", "admin"), {"status": "inactive", "role_id": "admin"}),
        (event("member.reactivated", "role", None), {"status": "inactive"}),
        (event("member.reactivated", "status", "inactive"), {"status": "inactive"}),
        (event("member.field_of_tomorrow.set", "field_of_tomorrow", "x"), {}),
        (event("member.role.set", "role", "admin", member_id="somebody else"), {}),
    ],
)
def test_each_event_is_taken_back(what, then):
    (person,) = as_of([ANA], [what]).values()
    assert {
        "role_id": person.role_id,
        "status": person.status,
        **person.settings,
    } == {"role_id": "user", "status": "active", "auto_record_calls": "enabled"} | then


@pytest.mark.parametrize(
    "came", [event("member.joined", "role"), event("member.invited", "role", member_id="")]
)
def test_who_came_later_was_not_there(came):
    assert as_of([ANA], [came]) == {}


def test_who_is_gone_was_there_with_all_they_had():
    held = {"role": "user", "status": "active", "auto_record_calls": "enabled"}
    assert as_of([], [event("member.gone", "role", held)]) == {"m1": ANA}
    assert as_of([], [event("member.gone", "role", "user")])["m1"].role_id == "user"


def test_the_earliest_change_after_the_moment_decides():
    later = [event("member.role.set", "role", "superuser"), event("member.role.set", "role", "limited")]
    assert as_of([ANA], later)["m1"].role_id == "limited"


# What a read said then is what is told of then

ROLES = ("user", "restricteduser", "superuser", "admin")
RECORDING = ("enabled", "disabled", "unset")
WHO = st.integers(0, 2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read")),
        st.tuples(st.sampled_from(["their role", "our role"]), WHO, st.sampled_from(ROLES)),
        st.tuples(st.sampled_from(["their recording", "our recording"]), WHO, st.sampled_from(RECORDING)),
        st.tuples(
            st.sampled_from(["they leave", "they return", "we send off", "we bring back", "gone"]), WHO
        ),
        st.tuples(st.sampled_from(["joins", "we invite", "we invite back"]), WHO),
    ),
    min_size=3,
    max_size=12,
)
_number = count(1)


class Northeast:
    """A company of eight for one example, and what somebody in Close or we do in it."""

    def __init__(self, world, work):
        self.world, self.work = world, work
        self.domain = f"northeast-{next(_number)}.example"
        self.id = world.add_organization("Northeast", verified_domains=(self.domain,))
        for name in ("boss", "second"):
            world.add_person(self.id, f"{name}@{self.domain}", name.title(), role="admin")
        for name in "abcdef":
            world.add_person(self.id, f"{name}@{self.domain}", name.upper())
        token = world.grant(world.user_id(f"boss@{self.domain}"), self.id)
        self.connection = connections.sign_in(token)
        self.said: list[tuple[datetime, dict[str, tuple]]] = []

    def read(self):
        live = roster.read(Connection.objects.get(pk=self.connection.pk))
        self.said.append(
            (datetime.now(UTC), {m.id: told(m, m.status.value) for m in live.roster.members.values()})
        )

    def do(self, what, who=0, value=""):
        everyone = self.world.members(self.id, active=None)[2:]
        if what == "read" or not everyone:
            return self.read()
        one = everyone[who % len(everyone)]
        pk, email = one["id"], one["email"]
        mine = Connection.objects.get(pk=self.connection.pk)
        match what:
            case "their role":
                self.world.set_role(pk, value)
            case "their recording":
                self.world.set_settings(pk, auto_record_calls=value)
            case "they leave" if one["active"]:
                self.world.deactivate(pk)
            case "they return" if not one["active"]:
                self.world.reactivate(pk)
            case "gone":
                organization = self.world.organizations[self.id]
                gone = organization.memberships.pop(pk)
                del organization.by_user[gone.user.id]
                gone.user.memberships.remove(gone)
            case "joins":
                self.world.add_person(self.id, f"joined-{next(_number)}@{self.domain}", "Joined")
            case "our role":
                self.apply(proposals.change(mine, [pk], {"role": value}, reason="", channel="test"))
            case "our recording":
                wanted = {"auto_record_calls": value}
                self.apply(proposals.change(mine, [pk], wanted, reason="", channel="test"))
            case "we send off":
                self.apply(proposals.deactivation(mine, [pk], reason="", channel="test"))
            case "we bring back":
                self.apply(proposals.reactivation(mine, [pk], reason="", channel="test"))
            case "we invite":
                new = f"invited-{next(_number)}@{self.domain}"
                self.apply(proposals.invitations(mine, new, "user", reason="", channel="test"))
            case "we invite back":
                back = proposals.invitations(mine, email, "restricteduser", reason="", channel="test")
                self.apply(back)
        return None

    def apply(self, plan):
        if plan.rows.filter(verdict="will").exists():
            typed = str(plan.brake_number or "")
            plans.apply(
                plan, self.connection, fingerprint=plan.fingerprint, typed=typed, proof=just_signed_in()
            )
            self.work()


def told(person, status):
    return person.role_id, status, dict(person.settings)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_every_read_is_told_again_as_it_was(steps, world, close, db, work):
    northeast = Northeast(world, work)
    northeast.read()
    for step in steps:
        northeast.do(*step)
    northeast.read()
    organization = Organization.objects.get(pk=northeast.connection.organization_id)
    for moment, said in northeast.said:
        then = history.people(organization, moment)
        assert {person.id: told(person, person.status) for person in then} == said


def test_a_change_by_somebody_else_right_after_ours_is_not_taken_for_ours(connection, world, northwind, work):
    (pk,) = found(world, northwind, "user", 1)
    plan = proposals.change(connection, [pk], {"role": "superuser"}, reason="", channel="test")
    plans.apply(plan, connection, fingerprint=plan.fingerprint, typed="")
    work()
    for role in ("user", "superuser"):
        world.set_role(pk, role)
        roster.read(connection)
    entries = AuditEntry.objects.filter(member_id=pk, channel="outside").order_by("number")
    assert [e.after for e in entries] == ["user", "superuser"]


def test_what_an_answer_shows_beside_what_was_asked_is_noticed_at_the_next_read(
    connection, world, northwind, work, monkeypatch
):
    (pk,) = found(world, northwind, "user", 1)
    wanted = {
        "auto_record_calls": "disabled"
        if world.membership(pk)["auto_record_calls"] == "enabled"
        else "enabled"
    }
    plan = proposals.change(connection, [pk], wanted, reason="", channel="test")
    plans.apply(plan, connection, fingerprint=plan.fingerprint, typed="")
    send = Run.send

    def meanwhile(run, batch):
        world.set_role(pk, "superuser")
        send(run, batch)

    monkeypatch.setattr(Run, "send", meanwhile)
    work()
    assert Job.objects.get(plan=plan).plan.rows.get().outcome == "done"
    roster.read(connection)
    assert AuditEntry.objects.get(member_id=pk, channel="outside").after == "superuser"


def test_a_request_given_up_that_takes_effect_is_written_down_as_ours(
    connection, world, close, northwind, work, monkeypatch
):
    monkeypatch.setattr("memberships.services.run._LOOK_AGAIN_S", ())
    (pk,) = found(world, northwind, "user", 1)
    close.faults.fail_next(502, method="PUT")
    plan = proposals.change(connection, [pk], {"role": "superuser"}, reason="New team", channel="test")
    plans.apply(plan, connection, fingerprint=plan.fingerprint, typed="")
    work()
    before = datetime.now(UTC)
    world.set_role(pk, "superuser")
    roster.read(connection)
    entry = AuditEntry.objects.filter(member_id=pk, outcome="done").get()
    assert (entry.channel, entry.actor_name, entry.reason) == ("test", "Alex Morgan", "New team")
    (then,) = [p for p in history.people(connection.organization, before) if p.id == pk]
    assert then.role_id == "user"


# The page


def minutes(moment):
    return f"{moment:%Y-%m-%dT%H:%M}"


@pytest.fixture
def earlier(connection, world, northwind):
    """Everything was read an hour ago, and one person was made a Super User since. That moment, and the person."""
    began = datetime.now(UTC) - timedelta(hours=1)
    Organization.objects.update(first_read_at=began, roster_read_at=began)
    (pk,) = found(world, northwind, "user", 1)
    world.set_role(pk, "superuser")
    roster.read(connection)
    return began, pk


def row_of(page, world, pk):
    email = world.membership(pk)["email"]
    (table,) = page.all("table")
    return next([cell.text for cell in row.all("th", "td")] for row in table.all("tr") if email in row.text)


def shown(admin, moment, world, pk):
    number = next(
        n
        for n in (1, 2)
        if world.membership(pk)["email"]
        in Page.visit(admin, f"/members/as-of/?at={minutes(moment)}&page={n}").text
    )
    return row_of(Page.visit(admin, f"/members/as-of/?at={minutes(moment)}&page={number}"), world, pk)


def test_somebody_finds_the_page_and_asks_for_a_moment(admin, earlier, world, northwind):
    began, _ = earlier
    page = Page.visit(admin, "/members/").follow("Earlier")
    assert page.heading == "Roster as of a date"
    assert f"begins at {began:%-d %b %Y %H:%M} UTC." in page.text
    assert "known only within a window" in page.text
    assert "in UTC" in page.text
    page = page.press("Show", {"As of": minutes(began + timedelta(minutes=5))})
    everyone = len(world.members(northwind, active=None))
    assert f"{everyone} people, {len(world.members(northwind))} active" in page.text
    assert Page.visit(admin, "/audit/").follow("Roster as of a date").heading == "Roster as of a date"


def test_a_role_is_shown_as_it_was_and_that_nobody_saw_when_it_changed(admin, earlier, world):
    began, pk = earlier
    moment = began + timedelta(minutes=5)
    assert shown(admin, moment, world, pk)[1] == "User"
    page = Page.visit(admin, f"/members/as-of/?at={minutes(moment)}")
    assert "1 change may have been made by then, or only after" in page.text
    assert "from User → to Super User" in page.text


def test_a_moment_after_the_last_read_says_what_is_not_known(admin, earlier):
    Organization.objects.update(roster_read_at=datetime.now(UTC) - timedelta(minutes=4))
    page = Page.visit(admin, f"/members/as-of/?at={datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}")
    assert "what others changed after that is not known yet" in page.text
    assert "may have been made" not in page.text


def test_pages_of_fifty_keep_the_moment(admin, earlier, world, northwind):
    began, _ = earlier
    page = Page.visit(admin, f"/members/as-of/?at={minutes(began)}")
    (table,) = page.all("table")
    assert len(list(next(table.all("tbody")).all("tr"))) == 50
    rest = page.follow("Next")
    (table,) = rest.all("table")
    everyone = len(world.members(northwind, active=None))
    assert len(list(next(table.all("tbody")).all("tr"))) == everyone - 50
    assert rest.field("As of").value == minutes(began)


BAD = {
    "garbage": "Give a date and a time, such as 2026-11-01 10:00.",
    "": "Give a date and a time, such as 2026-11-01 10:00.",
    "2026-13-45T10:00": "Give a date and a time, such as 2026-11-01 10:00.",
    "\0": "Give a date and a time, such as 2026-11-01 10:00.",
    "2026-11-01T10:00" * 50: "Give a date and a time, such as 2026-11-01 10:00.",
    "0001-01-01T00:00": "Nothing is known of that time",
    "0001-01-01T00:00+14:00": "Nothing is known of that time",
    "1999-12-31": "Nothing is known of that time",
    "9999-12-31T23:59": "That is still to come",
    "9999-12-31T23:59-14:00": "That is still to come",
}


def test_a_moment_that_is_none_gets_a_sentence_beside_the_field(admin, earlier, subtests):
    for text, sentence in BAD.items():
        with subtests.test(text=text[:40]):
            page = Page(admin, admin.get("/members/as-of/", {"at": text}))
            assert page.status == 422
            assert sentence in page.error("As of")
            assert not page.all("table")
            assert Page(admin, admin.get("/members/as-of/export/", {"at": text}, follow=True)).error("As of")


def test_before_anything_was_read_there_is_no_history(admin):
    Organization.objects.update(first_read_at=None)
    page = Page.visit(admin, "/members/as-of/?at=2026-11-01T10:00")
    assert "There is no history yet" in page.text
    assert not page.all("table")


def test_the_first_read_is_the_beginning_and_stays_it(connection):
    organization = Organization.objects.get(pk=connection.organization_id)
    first = organization.first_read_at
    assert first == organization.roster_read_at
    roster.read(connection)
    organization.refresh_from_db()
    assert first == organization.first_read_at != organization.roster_read_at


def test_the_export_holds_everyone_of_that_moment(admin, earlier, world, northwind):
    began, pk = earlier
    page = Page.visit(admin, f"/members/as-of/?at={minutes(began)}")
    response = admin.get(page.link("Export CSV"))
    text = b"".join(response.streaming_content).decode().removeprefix("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(world.members(northwind, active=None))
    (mine,) = [row for row in rows if row["id"] == pk]
    assert (mine["Role"], mine["status"], mine["as of (UTC)"][:16]) == (
        "User",
        "active",
        f"{began:%Y-%m-%d %H:%M}",
    )


def test_the_export_brought_back_is_a_plan_to_what_was_then(admin, earlier, world):
    began, pk = earlier
    page = Page.visit(admin, f"/members/as-of/?at={minutes(began)}")
    data = b"".join(admin.get(page.link("Export CSV")).streaming_content)
    file = SimpleUploadedFile("then.csv", data)
    review = Page(admin, admin.post("/members/import/", {"file": file}, follow=True))
    email = world.membership(pk)["email"]
    assert [row[0].rpartition(" ")[2] for row in review.rows("Will change")] == [email]
    assert "The column “as of (UTC)” is nothing that can be set here" in review.text


def test_nobody_elses_past_is_shown(outsider, earlier, world):
    began, _ = earlier
    page = Page.visit(outsider, f"/members/as-of/?at={minutes(began)}")
    assert "priya" not in page.html.lower()
    assert world.membership(earlier[1])["email"] not in page.html


def test_the_page_asks_close_nothing_and_the_database_little(
    admin, earlier, close, django_assert_max_num_queries
):
    began, _ = earlier
    close.calls.clear()
    with django_assert_max_num_queries(12):
        admin.get(f"/members/as-of/?at={minutes(began)}")
    assert not close.calls


def test_a_leaver_and_a_returner_are_shown_as_they_were(admin, connection, world, northwind, work):
    second = world.membership_id(northwind, SECOND_ADMIN)
    moment = datetime.now(UTC)

    def then():
        return {p.id: p for p in history.people(connection.organization, moment)}[second]

    for propose in (proposals.deactivation, proposals.reactivation):
        plan = propose(connection, [second], reason="", channel="test")
        plans.apply(
            plan,
            connection,
            fingerprint=plan.fingerprint,
            typed=str(plan.brake_number or ""),
            proof=just_signed_in(),
        )
        work()
        assert (then().role_id, then().status) == ("admin", "active")
    assert ADMIN in {p.email for p in history.people(connection.organization, moment)}
