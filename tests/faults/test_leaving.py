"""Somebody leaves, and at every step something goes wrong: what is on whose desk then, and is that what is told?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction

from memberships.domain.items import Kind
from memberships.models import AuditEntry, Cause, Job, Plan, PlanRow
from memberships.services import jobs, leaving, proposals
from sandbox.rehearsal import ORDINARY, PEOPLE_OPS, SECOND_ADMIN
from tests.faults.rig import Rig, hurry, when
from tests.faults.test_crashes import Killed, Steps, finish, sign_in

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody who leaves, what they have, and who takes it over."""

    leaver: str
    taker: str
    tasks: tuple[str, ...]
    deals: tuple[str, ...]
    groups: tuple[str, ...]


@pytest.fixture
def desk(rig: Rig) -> Desk:
    return furnished(rig)


def furnished(rig: Rig) -> Desk:
    """A user with five tasks of two types, three deals, and two groups; at most three tasks go in a call."""
    world, organization = rig.world, rig.world.organizations[rig.organization_id]
    taker = world.membership_id(rig.organization_id, ORDINARY)
    leaver = next(
        m
        for m in rig.people(12)
        if m != taker and world.membership(m)["full_name"] and not any(world.desk(m).values())
    )
    user_id = world.membership(leaver)["user_id"]
    for group in organization.groups.values():
        group.user_ids = [pk for pk in group.user_ids if pk != user_id]
    groups = tuple(world.add_group(rig.organization_id, name, [user_id]) for name in ("Rowers", "Readers"))
    tasks = [world.add_task(rig.organization_id, user_id, f"Task {n}", lead="Bluewater") for n in range(4)]
    tasks.append(world.add_task(rig.organization_id, user_id, "", type="missed_call"))
    deals = tuple(world.add_opportunity(rig.organization_id, user_id, f"Deal {n}") for n in range(3))
    return Desk(leaver, taker, tuple(tasks), deals, groups)


def plan_of(rig: Rig, desk: Desk, **options: Any) -> Plan:
    takers = options.pop("takers", {Kind.TASK: desk.taker, Kind.OPPORTUNITY: desk.taker})
    options = {"role_id": "restricteduser", "reason": "", "channel": "test"} | options
    return leaving.propose(rig.connection, desk.leaver, takers, **options)


def leave(rig: Rig, desk: Desk, **options: Any) -> Job:
    return rig.apply(plan_of(rig, desk, **options))


def gone(rig: Rig, desk: Desk) -> bool:
    """Is all of it as it should be in the end?"""
    member, its_desk = rig.world.membership(desk.leaver), rig.world.desk(desk.taker)
    return (
        not member["active"]
        and member["role_id"] == "restricteduser"
        and rig.world.desk(desk.leaver) == {"tasks": [], "opportunities": []}
        and set(desk.tasks) <= set(its_desk["tasks"])
        and set(desk.deals) <= set(its_desk["opportunities"])
        and not groups_of(rig, desk)
    )


def groups_of(rig: Rig, desk: Desk) -> set[str]:
    organization = rig.world.organizations[rig.organization_id]
    user_id = rig.world.membership(desk.leaver)["user_id"]
    return {group.id for group in organization.groups.values() if user_id in group.user_ids}


def lies(rig: Rig, job: Job) -> list[str]:
    """Where rows, world and audit log disagree, or a call could have reached more than the plan says."""
    found = []
    rows = list(PlanRow.objects.filter(plan=job.plan, verdict="will"))
    for row in rows:
        if row.outcome == "done" and not _shows(rig, row):
            found.append(f"{row.kind} {row.name} {row.edits} is called done and isn't")
        if row.outcome == "not attempted" and row.sent_at:
            found.append(f"{row.kind} {row.name} is called not attempted and was sent")
    settled = Counter((_about(row), row.outcome) for row in rows if row.settled_at)
    entries = AuditEntry.objects.filter(plan_id=job.plan_id).exclude(event="plan.applied")
    told = Counter((e.item_id if e.event.endswith(".moved") else e.field, e.outcome) for e in entries)
    if settled != told:
        found.append(f"the audit log tells {told - settled} too much and {settled - told} too little")
    planned = {row.item_id for row in PlanRow.objects.filter(kind="task")}
    for call in rig.close.calls.matching("PUT", "/task/"):
        ids = set(call.query.get("id__in", "").split(","))
        if not ids <= planned or call.query.get("_type") != "all" or set(call.body) != {"assigned_to"}:
            found.append(f"{call.query} {call.body} could reach more than the plan's tasks")
    return found


def _about(row: PlanRow) -> str:
    """The work that moves, or the field of the person that changes."""
    return row.item_id or (row.edits[0][0] if row.edits else "")


def _shows(rig: Rig, row: PlanRow) -> bool:
    organization = rig.world.organizations[rig.organization_id]
    if row.action == "deactivate":
        return not rig.world.membership(row.member_id)["active"]
    if row.action == "reactivate":
        return bool(rig.world.membership(row.member_id)["active"])
    ((field, _, after),) = row.edits
    match row.kind:
        case "task":
            return organization.tasks[row.item_id].assigned_to == after
        case "opportunity":
            return organization.opportunities[row.item_id].user_id == after
    member = rig.world.membership(row.member_id)
    if field == "role":
        return bool(member["role_id"] == after)
    inside = member["user_id"] in organization.groups[field.removeprefix("group:")].user_ids
    return inside is after


def outcomes(job: Job) -> dict[int, set[str]]:
    """By stage."""
    found: dict[int, set[str]] = {}
    for stage, outcome in job.plan.rows.filter(verdict="will").values_list("stage", "outcome"):
        found.setdefault(stage, set()).add(outcome)
    return found


STOPPED_EARLY = "Stopped, because an earlier step was not done. What comes after it was not attempted."

ALL_DONE = {stage: {"done"} for stage in range(4)}


# Undisturbed


def test_somebody_leaves_in_four_stages_one_after_the_other(rig, desk):
    job = rig.finish(leave(rig, desk))
    assert gone(rig, desk)
    assert lies(rig, job) == []
    sent = [
        (call.method, call.path.split("/")[3]) for call in rig.close.calls if call.method in ("PUT", "DELETE")
    ]
    assert sent == [
        *[("PUT", "opportunity")] * 3,
        *[("PUT", "task")] * 2,  # five tasks, three at a time
        ("PUT", "membership"),
        *[("DELETE", "group")] * 2,
        ("DELETE", "membership"),
    ]


# An answer is lost, a change is not made

EVERY_CHANGE = [
    ("PUT", "/task/"), ("PUT", "/opportunity/"), ("PUT", "/membership/"), ("DELETE", "/group/"),
    ("DELETE", "/membership/"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), EVERY_CHANGE)
def test_a_lost_answer_is_found_by_reading_and_nothing_is_sent_twice(rig, desk, method, path):
    job = leave(rig, desk)
    fault = rig.close.faults.drop("after", method=method, path=path)
    rig.finish(job)
    assert fault.hits == 1
    assert outcomes(job) == ALL_DONE
    assert gone(rig, desk)
    assert lies(rig, job) == []
    sent = Counter((c.method, c.path, str(c.query)) for c in rig.close.calls if c.method != "GET")
    assert max(sent.values()) == 1


@pytest.mark.parametrize(
    ("stage", "change"), [(0, "/task/"), (1, "/membership/"), (2, "/group/"), (3, "/membership/")]
)
def test_a_change_that_was_not_made_holds_up_what_comes_after_it(rig, desk, stage, change):
    job = leave(rig, desk)
    rig.close.faults.fail_next(502, method="DELETE" if stage > 1 else "PUT", path=change)
    rig.finish(job)
    found = outcomes(job)
    assert "refused" in found[stage]
    assert all(found[later] == {"not attempted"} for later in range(stage + 1, 4))
    assert all(found[earlier] == {"done"} for earlier in range(stage))
    assert rig.world.membership(desk.leaver)["active"]
    assert lies(rig, job) == []
    if stage < 3:
        assert job.note == STOPPED_EARLY
    again = rig.finish(rig.again(job))
    assert gone(rig, desk)
    assert lies(rig, again) == []


def test_a_task_that_refuses_is_found_by_halves_and_nobody_is_deactivated(rig, desk):
    rig.world.refuse_work(desk.tasks[1], "This one is locked.")
    job = rig.finish(leave(rig, desk))
    rows = {row.item_id: row for row in job.plan.rows.filter(kind="task")}
    assert [rows[pk].outcome for pk in desk.tasks] == ["done", "refused", "done", "done", "done"]
    assert rows[desk.tasks[1]].error == "This one is locked."
    assert rig.world.desk(desk.leaver)["tasks"] == [desk.tasks[1]]
    member = rig.world.membership(desk.leaver)
    assert (member["active"], member["role_id"], job.note) == (True, "user", STOPPED_EARLY)
    assert lies(rig, job) == []
    rig.world.refuse_work(desk.tasks[1], None)
    rig.finish(rig.again(job))
    assert gone(rig, desk)


def test_a_refused_deactivation_is_told_in_their_words(rig, desk):
    job = leave(rig, desk)
    rig.close.faults.fail_next(400, method="DELETE", path="/membership/", body={"error": "Not today."})
    rig.finish(job)
    assert job.plan.rows.get(action="deactivate").error == "Not today."
    assert rig.world.membership(desk.leaver)["role_id"] == "restricteduser"
    rig.finish(rig.again(job))
    assert gone(rig, desk)


# What others do meanwhile


@pytest.mark.parametrize("what", ["delete_work", "finish", "hand_over"])
@pytest.mark.parametrize("moment", ["after the review", "during the call before"])
def test_work_that_went_elsewhere_holds_nothing_up(rig, desk, what, moment):
    third = rig.world.user_id(PEOPLE_OPS)

    def act() -> None:
        for pk in (desk.tasks[0], desk.deals[2]):
            getattr(rig.world, what)(pk, *([third] if what == "hand_over" else []))

    job = leave(rig, desk)
    if moment == "after the review":
        act()
    else:
        when(rig.close, lambda request: request.method == "PUT", act)
    rig.finish(job)
    assert not rig.world.membership(desk.leaver)["active"]
    assert rig.world.desk(desk.leaver) == {"tasks": [], "opportunities": []}
    rest = (set(desk.tasks) - {desk.tasks[0]}, set(desk.deals) - {desk.deals[2]})
    its_desk = rig.world.desk(desk.taker)
    assert rest[0] <= set(its_desk["tasks"])
    assert rest[1] <= set(its_desk["opportunities"])
    rows = {row.item_id: row for row in job.plan.rows.filter(stage=0)}
    for pk in (desk.tasks[0], desk.deals[2]):
        if rows[pk].outcome != "done":
            assert (rows[pk].outcome, rows[pk].cause) == ("refused", Cause.STALE)
    if what == "delete_work" or moment == "after the review":
        assert {rows[desk.tasks[0]].outcome, rows[desk.deals[2]].outcome} == {"refused"}


def test_what_went_elsewhere_is_not_taken_from_there_by_a_retry(rig, desk):
    third = rig.world.user_id(PEOPLE_OPS)
    rig.world.refuse_work(desk.tasks[1], "Locked.")
    job = leave(rig, desk)
    rig.world.hand_over(desk.tasks[0], third)
    rig.world.finish(desk.deals[0])
    rig.finish(job)
    rig.world.refuse_work(desk.tasks[1], None)
    plan = proposals.again(job, rig.connection, reason="", channel="test")
    said = {row.item_id: (row.verdict, row.reason) for row in plan.rows.exclude(item_id="")}
    assert said == {
        desk.tasks[0]: ("already", "Is somebody else's by now: nothing is sent."),
        desk.tasks[1]: ("will", ""),
        desk.deals[0]: ("already", "Is no longer open: nothing is sent."),
    }
    rig.finish(rig.apply(plan))
    assert not rig.world.membership(desk.leaver)["active"]
    assert rig.world.organizations[rig.organization_id].tasks[desk.tasks[0]].assigned_to == third


def test_the_taker_may_leave_meanwhile(rig, desk):
    job = leave(rig, desk)
    rig.world.deactivate(desk.taker)
    rig.finish(job)
    assert rig.world.membership(desk.leaver)["active"]
    assert set(rig.world.desk(desk.leaver)["tasks"]) == set(desk.tasks)
    plan = proposals.again(job, rig.connection, reason="", channel="test")
    said = {row.reason for row in plan.rows.filter(stage=0)}
    assert said == {"Sam Okafor is not active."}


def test_who_becomes_the_last_in_charge_meanwhile_stays(rig, settings):
    settings.MINIMUM_MANAGERS = 2
    ops, second = (rig.world.membership_id(rig.organization_id, e) for e in (PEOPLE_OPS, SECOND_ADMIN))
    taker = rig.world.membership_id(rig.organization_id, ORDINARY)
    plan = leaving.propose(
        rig.connection,
        ops,
        {Kind.TASK: taker, Kind.OPPORTUNITY: taker},
        role_id="user",
        reason="",
        channel="test",
    )
    rig.world.set_role(second, "user")
    job = rig.finish(rig.apply(plan))
    lowered = job.plan.rows.get(stage=1)
    assert (lowered.outcome, lowered.cause) == ("refused", Cause.GUARD)
    assert rig.world.membership(ops)["manages"]
    assert job.note == STOPPED_EARLY


# What comes in for them after the review


def new_work(rig: Rig, desk: Desk) -> str:
    return rig.world.add_task(rig.organization_id, rig.world.membership(desk.leaver)["user_id"], "Urgent")


@pytest.mark.parametrize("moment", ["before the job", "while the groups are left"])
def test_new_work_holds_the_deactivation_up_and_a_retry_hands_it_over(rig, desk, moment):
    job, come = leave(rig, desk), []
    if moment == "before the job":
        come.append(new_work(rig, desk))
    else:
        when(rig.close, lambda r: r.method == "DELETE", lambda: come.append(new_work(rig, desk)))
    rig.finish(job)
    name = rig.world.membership(desk.leaver)["full_name"]
    assert job.note == (
        f"Stopped before {name} was deactivated: they have 1 open task, come in since the review. "
        "“Retry the rest” deals with that first."
    )
    assert rig.world.membership(desk.leaver)["active"]
    assert outcomes(job) == ALL_DONE | {3: {"not attempted"}}
    assert rig.calls("DELETE", "/membership/") == 0
    again = rig.finish(rig.again(job))
    rows = again.plan.rows.order_by("position").values_list("stage", "kind", "item_id")
    assert list(rows) == [(0, "task", come[0]), (3, "member", "")]
    assert gone(rig, desk)
    assert come[0] in rig.world.desk(desk.taker)["tasks"]
    assert lies(rig, again) == []


def test_new_work_that_nobody_was_chosen_for_asks_for_somebody(rig, desk):
    user_id = rig.world.membership(desk.leaver)["user_id"]
    for pk in desk.deals:
        rig.world.finish(pk)
    job = leave(rig, desk, takers={Kind.TASK: desk.taker})
    rig.world.add_opportunity(rig.organization_id, user_id, "A late one")
    rig.finish(job)
    assert "they have 1 active opportunity" in job.note
    with pytest.raises(proposals.Unclaimed, match="has 1 opportunity now: say who takes them over"):
        rig.again(job)


def test_work_that_is_meant_to_stay_holds_nothing_up(rig, desk):
    job = leave(rig, desk, takers={Kind.TASK: desk.leaver, Kind.OPPORTUNITY: desk.taker})
    new_work(rig, desk)
    rig.finish(job)
    assert not rig.world.membership(desk.leaver)["active"]
    assert len(rig.world.desk(desk.leaver)["tasks"]) == 6


@pytest.mark.usefixtures("impatient")
def test_while_their_work_cannot_be_read_nobody_is_deactivated(rig, desk):
    job = leave(rig, desk)
    fault = rig.close.faults.fail_next(503, method="GET", path="/opportunity/$", skip=1, times=3)
    assert rig.turn(job) == Job.State.WAITING
    assert fault.hits == 3
    assert rig.world.membership(desk.leaver)["active"]
    rig.finish(job)
    assert gone(rig, desk)
    assert lies(rig, job) == []


# Stopped, killed


def test_what_was_stopped_half_way_is_retried(rig, desk):
    job = leave(rig, desk)
    rig.close.faults.fail_next(429, method="DELETE", path="/group/", headers={"retry-after": "60"})
    assert rig.turn(job) == Job.State.WAITING
    assert jobs.stop(job)
    rig.finish(job)
    assert outcomes(job) == {0: {"done"}, 1: {"done"}, 2: {"not attempted"}, 3: {"not attempted"}}
    again = rig.finish(rig.again(job))
    assert list(again.plan.rows.order_by("position").values_list("stage", flat=True)) == [2, 2, 3]
    assert gone(rig, desk)


@pytest.fixture
def anew(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The same leaving once more from the start: one world, one database, as often as there are steps."""
    hurry(monkeypatch, (0.0,) * 4)

    @contextmanager
    def anew(*, back: bool) -> Iterator[tuple[Job, Desk]]:
        rig.world.reset()
        with transaction.atomic():
            sign_in(rig)
            desk = furnished(rig)
            job = leave(rig, desk)
            if back:
                job = rig.undo(rig.finish(job))
            rig.close.calls.clear()
            yield job, desk
            transaction.set_rollback(True)

    return anew


@pytest.mark.parametrize(
    "every",
    [
        pytest.param(1, id="every step", marks=pytest.mark.faults),
        pytest.param(31, id="some steps", marks=pytest.mark.once),
    ],
)
@pytest.mark.parametrize("back", [False, True], ids=["leaving", "undo"])
def test_a_worker_may_die_anywhere(rig, anew, every, back):
    steps = Steps(at=0)
    with anew(back=back) as (job, _), steps.counted():
        rig.finish(job)
    for at in range(1, steps.number + 1, every):
        with anew(back=back) as (job, desk):
            dying = Steps(at)
            with dying.counted(), pytest.raises(Killed):
                rig.finish(job)
            finish(rig, job)
            told = f"died at step {at} of {steps.number}, {dying.log[-1]}"
            assert {o for found in outcomes(job).values() for o in found} == {"done"}, told
            assert gone(rig, desk) is not back, told
            if back:
                assert as_before(rig, desk), told
            assert lies(rig, job) == [], told


# And back


def as_before(rig: Rig, desk: Desk) -> bool:
    member, its_desk = rig.world.membership(desk.leaver), rig.world.desk(desk.leaver)
    return (
        member["active"]
        and member["role_id"] == "user"
        and set(its_desk["tasks"]) == set(desk.tasks)
        and set(its_desk["opportunities"]) == set(desk.deals)
        and groups_of(rig, desk) == set(desk.groups)
    )


def test_undo_brings_them_back_first_and_then_all_that_was_theirs(rig, desk):
    job = rig.finish(leave(rig, desk))
    rig.close.calls.clear()
    undo = rig.finish(rig.undo(job))
    assert as_before(rig, desk)
    assert lies(rig, undo) == []
    sent = [c.path.split("/")[3] for c in rig.close.calls if c.method in ("POST", "PUT")]
    assert list(dict.fromkeys(sent)) == ["membership", "group", "opportunity", "task"]
    assert undo.plan.title.startswith("Undo of “Leaving: ")


def test_undo_leaves_alone_what_others_touched_since_and_says_so(rig, desk):
    job = rig.finish(leave(rig, desk))
    third = rig.world.user_id(PEOPLE_OPS)
    rig.world.hand_over(desk.tasks[0], third)
    rig.world.finish(desk.tasks[1])
    rig.world.delete_work(desk.tasks[2])
    rig.world.finish(desk.deals[0])
    plan = proposals.undo(job, rig.connection, reason="", channel="test")
    said = {row.item_id: row.reason for row in plan.rows.filter(stage=6).exclude(verdict="will")}
    assert said == {
        desk.tasks[0]: "Changed since by someone else: left as it is.",
        desk.tasks[1]: "Is no longer open: left with whoever finished it.",
        desk.tasks[2]: "Is no longer open: nothing is sent.",
        desk.deals[0]: "Is no longer open: left with whoever finished it.",
    }
    undo = rig.finish(rig.apply(plan))
    assert outcomes(undo) == {0: {"done"}, 2: {"done"}, 4: {"done"}, 6: {"done"}}
    back = rig.world.desk(desk.leaver)
    assert (set(back["tasks"]), set(back["opportunities"])) == (set(desk.tasks[3:]), set(desk.deals[1:]))
    assert rig.world.organizations[rig.organization_id].tasks[desk.tasks[0]].assigned_to == third


def test_who_cannot_come_back_gets_nothing_back(rig, desk):
    """Close lets nobody back in while the domain rule is off."""
    job = rig.finish(leave(rig, desk))
    rig.world.set_domain_rule(rig.organization_id, on=False)
    undo = rig.finish(rig.undo(job))
    assert outcomes(undo) == {
        0: {"refused"},
        2: {"not attempted"},
        4: {"not attempted"},
        6: {"not attempted"},
    }
    assert undo.note == STOPPED_EARLY
    assert set(desk.tasks) <= set(rig.world.desk(desk.taker)["tasks"])
    rig.world.set_domain_rule(rig.organization_id, on=True)
    rig.finish(rig.again(undo))
    assert as_before(rig, desk)


def test_without_a_way_back_the_undo_says_so_of_all_of_it(rig, desk):
    role = rig.world.add_role(rig.organization_id, "Doomed", ["calling"])
    job = rig.finish(leave(rig, desk, role_id=role))
    rig.world.unlist_role(rig.organization_id, role)
    plan = proposals.undo(job, rig.connection, reason="", channel="test")
    assert set(plan.rows.values_list("verdict", flat=True)) == {"blocked"}
    name = rig.world.membership(desk.leaver)["full_name"]
    reasons = {row.stage: row.reason for row in plan.rows.all()}
    assert reasons[0] == "Their role no longer exists: invite them with another one."
    assert reasons[6] == f"{name} is not active."


def test_a_half_made_leaving_is_undone_as_far_as_it_went(rig, desk):
    job = leave(rig, desk)
    new_work(rig, desk)
    rig.finish(job)
    undo = rig.finish(rig.undo(job))
    member = rig.world.membership(desk.leaver)
    assert (member["active"], member["role_id"]) == (True, "user")
    assert len(rig.world.desk(desk.leaver)["tasks"]) == 6
    assert lies(rig, undo) == []


@pytest.mark.parametrize("role", ["user", ""], ids=["with a lesser role", "with their role"])
def test_somebody_who_can_manage_leaves_and_comes_back_with_all_their_power(rig, role):
    ops = rig.world.membership_id(rig.organization_id, PEOPLE_OPS)
    taker = rig.world.membership_id(rig.organization_id, ORDINARY)
    held = rig.world.membership(ops)["role_id"]
    desk = Desk(ops, taker, (), (), ())
    job = rig.finish(leave(rig, desk, role_id=role))
    assert not rig.world.membership(ops)["active"]
    assert lies(rig, job) == []
    plan = proposals.undo(job, rig.connection, reason="", channel="test")
    assert (plan.brake_number, plan.brake_reasons) == (1, ["It lets 1 person manage the organization."])
    undo = rig.finish(rig.apply(plan))
    member = rig.world.membership(ops)
    assert (member["active"], member["role_id"], member["manages"]) == (True, held, True)
    assert set(undo.plan.rows.values_list("outcome", flat=True)) == {"done"}
