"""What no plan may do: leave nobody in charge, throw its own author out, or change many by a slip."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memberships.domain import guards
from memberships.domain.guards import Situation
from memberships.domain.people import Member, Roster, Status
from memberships.domain.plan import Action, Edit, Row, Verdict
from tests.people import ADMIN, ROLES, deactivation, member, role_change, situation

_STATUS = st.sampled_from([Status.ACTIVE, Status.ACTIVE, Status.INACTIVE, Status.PENDING])


@st.composite
def plans(draw) -> tuple[list[Row], Situation]:
    """Some people, and a plan that changes, deactivates or touches any of them, each at most once."""
    people = [
        member(f"m{number}", draw(st.sampled_from([*ROLES, "gone-role"])), draw(_STATUS))
        for number in range(draw(st.integers(1, 7)))
    ]
    now = situation(*people, actor=draw(st.sampled_from(people)).id, minimum=draw(st.integers(1, 3)))
    rows = []
    for person in people:
        match draw(st.sampled_from(["leave", "deactivate", "record", *ROLES, "unknown-role"])):
            case "leave":
                continue
            case "deactivate":
                rows.append(deactivation(person))
            case "record":
                rows.append(
                    replace(role_change(person, ""), edits=(Edit("auto_record_calls", "unset", "enabled"),))
                )
            case role:
                rows.append(role_change(person, role))
    return draw(st.permutations(rows)), now


def afterwards(person: Member, row: Row) -> Member:
    """The person once the row has run, whoever decides what their new role grants."""
    if row.action is Action.DEACTIVATE:
        return replace(person, status=Status.INACTIVE, can_manage=False)
    role = row.wanted.get("role")
    if role is None:
        return person
    manages = person.active and role in ROLES and ROLES[str(role)].can_manage
    return replace(person, role_id=str(role), can_manage=manages)


def left_by(rows: list[Row], roster: Roster) -> set[str]:
    """Who can manage the organization after all rows that will run have."""
    people = dict(roster.members)
    for row in rows:
        if row.verdict is Verdict.WILL:
            people[row.member_id] = afterwards(people[row.member_id], row)
    return replace(roster, members=people).managers()


@given(plans())
def test_no_reviewed_plan_leaves_fewer_in_charge_than_the_minimum(plan):
    rows, now = plan
    before, after = now.roster.managers(), left_by(guards.review(rows, now), now.roster)
    # Where there were too few before, it may stay so, but never get worse.
    assert len(after) >= min(now.minimum_managers, len(before))


@given(plans())
def test_a_plan_that_leaves_enough_in_charge_is_not_held_up(plan):
    rows, now = plan
    if not any(row.action is Action.DEACTIVATE for row in rows) and len(left_by(rows, now.roster)) >= 3:
        assert guards.review(rows, now) == rows


@given(plans())
def test_nobody_deactivates_themselves(plan):
    rows, now = plan
    for row in guards.review(rows, now):
        if row.action is Action.DEACTIVATE and now.is_me(row.member_id):
            assert row.verdict is Verdict.BLOCKED
            assert "someone else has to" in row.reason


@given(plans())
def test_the_review_blocks_rows_and_changes_nothing_else(plan):
    rows, now = plan
    reviewed = guards.review(rows, now)
    assert [replace(row, verdict=Verdict.WILL, reason="") for row in reviewed] == rows
    assert all(row.reason for row in reviewed if row.verdict is Verdict.BLOCKED)


@given(plans())
def test_every_row_that_gives_or_takes_ones_own_power_needs_a_typed_number(plan):
    rows, now = plan
    reviewed = guards.review(rows, now)
    will = [row for row in reviewed if row.verdict is Verdict.WILL]
    brake = guards.brake(reviewed, now)
    if any(now.gainers(row) or now.takes_my_power(row) for row in will):
        assert brake
    if brake:
        assert brake.number == len(will)
        assert brake.reasons


def test_the_last_admin_can_be_replaced_in_one_plan():
    ana, bo = member("ana", "admin"), member("bo")
    rows = [role_change(ana, "user"), role_change(bo, "admin")]
    assert guards.review(rows, situation(ana, bo)) == rows


def test_a_successor_who_is_not_active_does_not_count():
    ana, bo = member("ana", "admin"), member("bo", status=Status.PENDING)
    reviewed = guards.review([role_change(ana, "user"), role_change(bo, "admin")], situation(ana, bo))
    assert reviewed[0].verdict is Verdict.BLOCKED


def test_the_reason_says_how_many_have_to_stay():
    ana, bo = member("ana", "admin"), member("bo", "ops")
    reviewed = guards.review([role_change(ana, "user")], situation(ana, bo, minimum=2))
    assert reviewed[0].reason.startswith("At least 2 active people must be able to manage the organization")


def test_a_role_nobody_knows_counts_as_powerless():
    ana = member("ana", "admin")
    assert guards.review([role_change(ana, "made-up")], situation(ana))[0].verdict is Verdict.BLOCKED


def test_before_each_call_the_guard_is_judged_on_what_was_just_read():
    ana, bo = member("ana", "admin"), member("bo", "admin")
    rows = [role_change(ana, "user")]
    assert not guards.leaves_too_few(rows, situation(ana, bo))
    assert guards.leaves_too_few(rows, situation(ana, replace(bo, role_id="user", can_manage=False)))
    assert not guards.leaves_too_few([role_change(bo, "ops")], situation(bo))


@pytest.mark.parametrize(
    ("changed", "people", "braked"), [(1, 4, False), (2, 4, True), (25, 100, False), (26, 100, True)]
)
def test_more_than_a_quarter_of_the_active_people_needs_the_number_typed(changed, people, braked):
    everyone = [member(f"m{number}") for number in range(people)]
    absent = [member(f"x{number}", status=Status.INACTIVE) for number in range(50)]
    rows = [role_change(person, "limited") for person in everyone[:changed]]
    brake = guards.brake(rows, situation(*everyone, *absent))
    assert bool(brake) is braked
    if brake:
        assert brake.number == changed
        assert brake.reasons == (f"It changes {changed} of the {people} active people.",)


def test_rows_that_do_not_run_do_not_count_for_the_brake():
    everyone = [member(f"m{number}") for number in range(4)]
    rows = [role_change(person, "limited") for person in everyone]
    rows[1:] = [row.blocked("no") for row in rows[1:]]
    assert guards.brake(rows, situation(*everyone)) is None


def test_people_who_are_invited_are_no_change_of_those_who_are_there():
    rows = [
        Row(Action.INVITE, Verdict.WILL, email=f"n{n}@b.com", edits=(Edit("role", None, "user"),))
        for n in range(9)
    ]
    assert guards.brake(rows, situation(member("ana", "admin"))) is None


def test_the_brake_says_in_words_what_is_given_and_taken():
    ana, bo = member("ana", "admin"), member("bo", "ops")
    others = [member(f"m{number}") for number in range(20)]
    rows = [role_change(ana, "user"), role_change(others[0], ADMIN.id)]
    brake = guards.brake(rows, situation(ana, bo, *others, actor="ana"))
    assert brake is not None
    assert brake.reasons == (
        "It lets 1 person manage the organization.",
        "It takes the permission to manage the organization from Ana Example. It is sent last.",
    )
