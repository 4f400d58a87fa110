"""Wishes as one plan: invited, changed, taken out and brought back together, and taken back again."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from django.db.models import QuerySet

from memberships.domain.people import Status, Value
from memberships.domain.plan import Verdict
from memberships.domain.rails import Rails
from memberships.domain.wishes import Fault, Wish
from memberships.models import Connection, Job, Organization, Outcome, Plan, PlanRow
from memberships.services import details, jobs, plans, proposals, storing
from sandbox.rehearsal import GROUPS, NORTHWIND_DOMAIN, SUPPORT_LEAD
from tests.pages import Page
from tests.steps import just_signed_in, people

NEW = f"new.person@{NORTHWIND_DOMAIN}"
SETTINGS = ("auto_record_calls", "track_email_opens", "may_workflows_impersonate", "hangup_recording_url")


@pytest.fixture
def propose(connection: Connection):
    def propose(*wishes: Wish, **more: Any) -> Plan:
        return proposals.wishes(connection, wishes, reason="", channel="test", **more)

    return propose


@pytest.fixture
def run(connection: Connection, work):
    """Apply a plan as the admin and be the worker; the job."""

    def run(plan: Plan) -> Job:
        me = Connection.objects.get(pk=connection.pk)
        typed = str(plan.brake_number or "")
        job = plans.apply(plan, me, fingerprint=plan.fingerprint, typed=typed, proof=just_signed_in())
        work()
        job.refresh_from_db()
        return job

    return run


@pytest.fixture
def users(world, northwind) -> list[str]:
    return people(world, northwind, "user", 6)


@pytest.fixture
def gone(world, northwind, connection) -> str:
    """Somebody who left and was a user."""
    email = f"was.here@{NORTHWIND_DOMAIN}"
    world.add_person(northwind, email, "Was", "Here", active=False)
    return str(world.membership_id(northwind, email))


@pytest.fixture
def roles(world, northwind) -> dict[str, str]:
    """Role ids by name."""
    return {name: world.role_id(northwind, name) for name in ("Admin", "User", SUPPORT_LEAD)}


def wish(line: int, pk: str = "", email: str = "", status: Status | None = None, **fields: Value) -> Wish:
    return Wish(line, email, pk, fields=fields, status=status)


def left(job: Job) -> list[PlanRow]:
    return list(job.plan.rows.filter(verdict=Verdict.WILL).exclude(outcome=Outcome.DONE))


def told(plan: Plan) -> list[tuple[str, str, str]]:
    return [(row.action, row.outcome, row.error) for row in plan.rows.order_by("position")]


def snapshot(world, organization: str, ids: list[str]) -> dict[str, Any]:
    """What these people have that can be written."""
    people = {pk: world.membership(pk) for pk in ids}
    return {
        pk: {name: m[name] for name in ("role_id", "active", "pinned_views", *SETTINGS)}
        for pk, m in people.items()
    }


def by_email(world, organization: str) -> dict[str, Any]:
    return {m["email"]: m for m in world.members(organization)}


def everything(users, gone, roles, groups_id) -> list[Wish]:
    """A change, an invitation, a deactivation and a return, each with as much as there is."""
    group = {f"group:{groups_id}": True}
    return [
        Wish(
            2,
            member_id=users[0],
            fields={"role": roles[SUPPORT_LEAD], "auto_record_calls": "enabled", **group},
        ),
        Wish(3, NEW, fields={"role": roles["User"], "auto_record_calls": "enabled", **group}),
        Wish(4, member_id=users[1], status=Status.INACTIVE),
        Wish(
            5,
            member_id=gone,
            status=Status.ACTIVE,
            fields={"role": roles[SUPPORT_LEAD], "track_email_opens": True, **group},
        ),
    ]


def test_one_plan_changes_invites_deactivates_and_brings_back(
    propose, run, users, gone, world, northwind, roles
):
    group_id = world.group_id(northwind, GROUPS[0])
    plan = propose(*everything(users, gone, roles, group_id), source="people.csv")
    assert plan.title == "Change 1 person, invite 1, reactivate 1 and deactivate 1, as in people.csv."
    job = run(plan)
    assert left(job) == []
    here = by_email(world, northwind)
    assert here[NEW]["auto_record_calls"] == "enabled"
    assert world.membership(gone)["active"]
    assert world.membership(gone)["track_email_opens"] is True
    assert not world.membership(users[1])["active"]
    inside = world.groups(northwind)[GROUPS[0]]
    assert {
        here[NEW]["user_id"],
        world.membership(users[0])["user_id"],
        world.membership(gone)["user_id"],
    } <= set(inside)


def test_applied_once_the_same_wishes_change_nothing_and_undone_all_is_as_before(
    propose, run, users, gone, connection, world, northwind, roles
):
    wishes = everything(users, gone, roles, world.group_id(northwind, GROUPS[0]))
    ids = [*users, gone]
    before, groups = snapshot(world, northwind, ids), world.groups(northwind)
    job = run(propose(*wishes))
    assert plans.counts(propose(*wishes))[Verdict.WILL] == 0
    me = Connection.objects.get(pk=connection.pk)
    undone = run(proposals.undo(job, me, reason="", channel="test"))
    assert left(undone) == []
    assert snapshot(world, northwind, ids) == before
    assert NEW not in by_email(world, northwind)
    new = world.user_id(NEW)
    assert {name: set(u) - {new} for name, u in world.groups(northwind).items()} == {
        name: set(u) for name, u in groups.items()
    }


def test_a_refused_invitation_holds_up_nobody_else(propose, run, world, northwind, roles, gone):
    """What the two of them were to get afterwards waits for each of them alone."""
    stranger = "somebody@elsewhere.example"
    plan = propose(
        Wish(2, stranger, fields={"role": roles["User"], "auto_record_calls": "enabled"}),
        Wish(3, NEW, fields={"role": roles["User"], "auto_record_calls": "enabled"}),
    )
    job = run(plan)
    said = told(plan)
    assert [(action, outcome) for action, outcome, _ in said] == [
        ("invite", "refused"),
        ("change", "not attempted"),
        ("invite", "done"),
        ("change", "done"),
    ]
    assert said[1][2] == "Nothing was sent, because what comes before it was not done."
    assert by_email(world, northwind)[NEW]["auto_record_calls"] == "enabled"
    assert job.note == ""


def test_sentences_and_buttons_count_people_and_tables_say_that_they_count_changes(
    propose, run, admin, users, world, northwind, roles
):
    new = {"role": roles["User"], "auto_record_calls": "enabled"}
    plan = propose(
        Wish(2, "somebody@elsewhere.example", fields=new),
        Wish(3, NEW, fields=new),
        Wish(4, member_id=users[0], fields={"role": roles[SUPPORT_LEAD]}),
    )
    review = Page.visit(admin, f"/plans/{plan.pk}/")
    assert "Change 1 person and invite 2." in review.text
    assert "Apply to 3 members" in review.buttons()
    assert [e.text for e in review.all("h2") if "Will change" in e.text] == ["~Will change5 changes"]
    job = run(plan)
    receipt = Page.visit(admin, f"/jobs/{job.pk}/")
    assert "Done for 2 of them." in receipt.text
    assert "5 changes for 3 people: 3 done 1 refused 0 unknown 1 not attempted" in receipt.text
    assert [e.text for e in receipt.all("h2")] == [
        "Refused1 change",
        "Not attempted1 change",
        "Done3 changes",
    ]
    undo = receipt.press("Undo")
    assert "Apply to 2 members" in undo.buttons()


def test_somebody_with_one_change_of_two_done_is_not_done(propose, run, admin, users, world, northwind):
    plan = propose(Wish(2, member_id=users[0], fields={"auto_record_calls": "enabled"}))
    job = run(plan)
    first = plan.rows.get()
    other = PlanRow.of(plan, 1, first.row())
    other.outcome = Outcome.REFUSED
    other.save()
    receipt = Page.visit(admin, f"/jobs/{job.pk}/")
    assert "1 of 2 changes is made." in receipt.text
    assert "2 changes for 1 person:" in receipt.text


def test_what_was_held_up_is_planned_again_with_what_held_it_up(
    propose, run, connection, world, northwind, roles
):
    stranger = "somebody@elsewhere.example"
    job = run(propose(Wish(2, stranger, fields={"role": roles["User"], "auto_record_calls": "enabled"})))
    assert job.note.startswith("Stopped, because an earlier step was not done.")
    world.set_domain_rule(northwind, on=True, domains=("elsewhere.example",))
    me = Connection.objects.get(pk=connection.pk)
    again = run(proposals.again(job, me, reason="", channel="test"))
    assert left(again) == []
    assert by_email(world, northwind)[stranger]["auto_record_calls"] == "enabled"


def test_somebody_new_who_is_to_manage_comes_with_another_role_first(propose, run, world, northwind, roles):
    plan = propose(Wish(2, NEW, fields={"role": roles["Admin"], "auto_record_calls": "enabled"}))
    assert plan.gives_power
    assert plan.brake_number == 1
    assert left(run(plan)) == []
    assert by_email(world, northwind)[NEW]["role_name"] == "Admin"
    assert by_email(world, northwind)[NEW]["auto_record_calls"] == "enabled"


def test_faults_are_kept_with_the_plan_and_the_rest_can_be_applied(propose, run, users, roles):
    plan = propose(wish(2, users[0], role=roles[SUPPORT_LEAD]), faults=[Fault(3, "Bo", "No such role.")])
    assert plan.rows.get(verdict=Verdict.BLOCKED).reason == "Line 3: No such role."
    assert left(run(plan)) == []


def test_pinned_views_of_somebody_new_are_set_once_they_are_here(
    propose, run, world, northwind, roles, connection
):
    views = [view.id for view in details.views(connection)][:2]
    plan = propose(Wish(2, NEW, fields={"role": roles["User"], "pinned_views": tuple(views)}))
    assert left(run(plan)) == []
    assert by_email(world, northwind)[NEW]["pinned_views"] == views


@pytest.mark.parametrize("crash", range(8))
def test_a_worker_that_dies_between_coming_and_the_rest_is_taken_up(
    crash, propose, connection, world, northwind, roles, close, monkeypatch, work
):
    """However far it came: nobody is invited twice, and everybody gets all."""
    plan = propose(Wish(2, NEW, fields={"role": roles["Admin"], "auto_record_calls": "enabled"}))
    me = Connection.objects.get(pk=connection.pk)
    job = plans.apply(plan, me, fingerprint=plan.fingerprint, typed="1", proof=just_signed_in())
    writes = 0

    def dying(query: QuerySet, **fields: Any) -> int:
        nonlocal writes
        writes += query.model is PlanRow
        if query.model is PlanRow and writes == crash + 1:
            raise SystemExit
        return update(query, **fields)

    update = QuerySet.update
    monkeypatch.setattr(QuerySet, "update", dying)
    with contextlib.suppress(SystemExit):
        jobs.run(job.pk)
    monkeypatch.undo()
    Organization.objects.update(writer_token="", writer_until=None)
    monkeypatch.setattr("memberships.services.run._LOOK_AGAIN_S", (0.01,))
    Job.objects.update(not_before=None)
    work()
    job.refresh_from_db()
    invited = [call for call in close.calls if call.method == "POST" and call.path.endswith("/membership/")]
    found = by_email(world, northwind).get(NEW)
    assert len(invited) <= 1
    assert bool(found) == bool(invited)
    if found and not left(job):
        assert (found["role_name"], found["auto_record_calls"]) == ("Admin", "enabled")
    assert job.finished


def test_what_comes_without_a_file_is_not_sent_back_to_one(propose, users, admin):
    plan = propose(
        Wish(1, member_id=users[0], fields={"role": "restricteduser"}), faults=[Fault(2, "", "No.")]
    )
    text = Page.visit(admin, f"/plans/{plan.pk}/").text
    assert "1 entry is skipped." in text
    assert "import it again" not in text


def test_of_the_many_who_are_as_a_file_wants_them_some_are_listed_and_all_are_counted(
    propose, world, northwind, admin, monkeypatch
):
    monkeypatch.setattr(storing, "_ALREADY_LISTED", 3)
    everyone = world.members(northwind)
    plan = propose(*(wish(n, m["id"], role=m["role_id"]) for n, m in enumerate(everyone)))
    assert (plan.rows.count(), plan.unlisted) == (3, len(everyone) - 3)
    page = Page.visit(admin, f"/plans/{plan.pk}/")
    assert f"{len(everyone)} already so" in page.text
    assert f"{len(everyone) - 3} more are as wanted and not listed" in page.text


def test_a_retry_keeps_to_the_rail_of_its_file(propose, run, connection, world, users):
    plan = propose(Wish(2, member_id=users[0], fields={"role": "restricteduser"}), rails=Rails(2))
    world.set_role(users[0], "superuser")
    job = run(plan)
    again = proposals.again(job, connection, reason="", channel="test")
    assert again.minimum_managers == 2
