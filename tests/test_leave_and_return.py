"""Deactivate and reactivate, in bulk, through the pages: who goes, who comes back, in how many steps."""

import pytest

from memberships.domain import proposals as domain
from memberships.domain.people import Member, Role, Status
from memberships.models import AuditEntry, Connection, Job
from memberships.services import plans, proposals, roster
from sandbox.rehearsal import ADMIN, SECOND_ADMIN
from tests.steps import apply, just_signed_in, tick


@pytest.fixture
def users(world, northwind):
    return [m["id"] for m in world.members(northwind) if m["role_id"] == "user"]


@pytest.fixture
def second(world, northwind):
    return world.membership_id(northwind, SECOND_ADMIN)


@pytest.fixture
def run(connection, work):
    """Apply a plan as the admin and be the worker; its rows afterwards by member id."""

    def run(plan):
        plans.apply(
            plan,
            Connection.objects.get(pk=connection.pk),
            fingerprint=plan.fingerprint,
            typed=str(plan.brake_number or ""),
            proof=just_signed_in(),
        )
        work()
        return {row.member_id: row for row in plan.rows.all()}

    return run


def leave(connection, *ids):
    return proposals.deactivation(connection, ids, reason="", channel="test")


def come_back(connection, *ids):
    return proposals.reactivation(connection, ids, reason="", channel="test")


def test_people_are_deactivated_through_the_pages_and_told_what_that_means(admin, users, world, work):
    page = tick(admin, users[:2], action="deactivate")
    assert page.heading == "Deactivate"
    assert "tasks, opportunities and leads stay with them" in page.text
    assert "deactivate before you invite" in page.text
    apply(page.press("Review", {"Reason": "Left in November"}))
    work()
    assert not any(world.membership(pk)["active"] for pk in users[:2])
    entries = AuditEntry.objects.filter(event="member.deactivated")
    assert [(e.outcome, e.reason) for e in entries] == [("done", "Left in November")] * 2


def test_nobody_deactivates_themselves(connection, world, northwind, run):
    me = world.membership_id(northwind, ADMIN)
    row = leave(connection, me).rows.get()
    assert (row.verdict, row.reason) == ("blocked", "That is you: someone else has to deactivate you.")


def test_people_who_can_manage_go_last(connection, users, second, run, close):
    rows = run(leave(connection, second, *users[:3]))
    assert {row.outcome for row in rows.values()} == {"done"}
    gone = [call.path.split("/")[-2] for call in close.calls.matching("DELETE")]
    assert gone[-1] == second


def test_reactivated_people_have_the_role_they_had(connection, users, world, run):
    world.set_role(users[0], "superuser")
    world.deactivate(users[0])
    rows = run(come_back(connection, users[0], users[1]))
    assert world.membership(users[0])["role_id"] == "superuser"
    assert (rows[users[0]].outcome, rows[users[1]].verdict) == ("done", "already")


def test_power_comes_back_in_a_second_step_and_needs_the_number_typed(connection, second, world, run, close):
    world.deactivate(second)
    plan = come_back(connection, second)
    assert plan.brake_number == 1
    assert "Comes back as Super User first, then becomes Admin." in plan.rows.get().reason
    row = run(plan)[second]
    assert (row.outcome, world.membership(second)["role_id"]) == ("done", "admin")
    assert [call.method for call in close.calls if call.method != "GET"] == ["POST", "PUT"]
    entries = AuditEntry.objects.filter(member_id=second, channel="test").order_by("number")
    assert [(e.event, e.after_text, e.outcome) for e in entries] == [
        ("member.reactivated", "Super User", "done"),
        ("member.role.set", "Admin", "done"),
    ]


@pytest.mark.parametrize(
    ("fault", "outcome", "role"),
    [
        ({"status": 403, "method": "PUT"}, "refused", "superuser"),
        ({"status": 502, "method": "PUT"}, "refused", "superuser"),
        ({"status": 403, "method": "POST"}, "refused", None),
    ],
)
def test_a_return_that_ends_halfway_says_so(
    connection, second, world, run, close, monkeypatch, fault, outcome, role
):
    monkeypatch.setattr("memberships.services.run._LOOK_AGAIN_S", (0.01,))
    world.deactivate(second)
    plan = come_back(connection, second)
    close.faults.fail_next(fault["status"], method=fault["method"], times=None)
    row = run(plan)[second]
    held = world.membership(second)
    assert row.outcome == outcome
    if role:
        assert (held["active"], held["role_id"]) == (True, role)
        assert row.error.startswith("Is back, as Super User.")
    else:
        assert not held["active"]


def test_a_lost_answer_to_the_first_step_is_found_by_reading(connection, second, world, run, close):
    world.deactivate(second)
    plan = come_back(connection, second)
    close.faults.drop("after", method="POST")
    row = run(plan)[second]
    assert (row.outcome, world.membership(second)["role_id"]) == ("done", "admin")
    assert len(close.calls.matching("POST", "membership")) == 1


def test_who_comes_back_with_their_old_role_is_given_the_one_asked_for(connection, users, world, run):
    world.switches.reactivation_takes_role = False
    world.deactivate(users[0])
    email = roster.read(connection).roster.members[users[0]].email
    plan = proposals.invitations(connection, email, "restricteduser", reason="", channel="test")
    row = run(plan)[users[0]]
    assert (row.outcome, world.membership(users[0])["role_id"]) == ("done", "restricteduser")


def test_what_came_back_differently_is_said(connection, users, world, run):
    world.set_settings(users[0], auto_record_calls="enabled")
    world.deactivate(users[0])
    plan = come_back(connection, users[0])
    world.set_settings(users[0], auto_record_calls="disabled")
    assert run(plan)[users[0]].advice == "Came back differently: Call recording was On, is Off."


def test_undo_brings_everyone_back_as_they_were(connection, users, second, world, run):
    plan = leave(connection, second, users[0])
    run(plan)
    undo = proposals.undo(Job.objects.get(plan=plan), connection, reason="", channel="test")
    rows = run(undo)
    assert {row.outcome for row in rows.values()} == {"done"}
    assert (world.membership(second)["role_id"], world.membership(second)["active"]) == ("admin", True)
    assert world.membership(users[0])["active"]


def test_who_was_given_another_role_since_is_not_taken_back(connection, users, world, run):
    for pk in users[:2]:
        world.deactivate(pk)
    plan = come_back(connection, *users[:2])
    run(plan)
    world.set_role(users[0], "superuser")
    undo = proposals.undo(Job.objects.get(plan=plan), connection, reason="", channel="test")
    found = {row.member_id: (row.verdict, row.reason) for row in undo.rows.all()}
    assert found[users[0]] == ("blocked", "Changed since by someone else: left as it is.")
    assert found[users[1]][0] == "will"


def test_without_the_role_they_had_nobody_comes_back():
    gone = Member("memb_1", "user_1", "ana@a.example", "Ana", "Ruiz", "role_gone", Status.INACTIVE)
    (row,) = domain.reactivations([gone], {"user": Role("user", "User", frozenset(), can_manage=False)})
    assert (row.verdict, "no longer exists" in row.reason) == ("blocked", True)
