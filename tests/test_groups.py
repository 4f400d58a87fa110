"""Plans about groups, applied and taken back: who comes in and who goes, groups made, renamed and deleted."""

from __future__ import annotations

import pytest
from django.utils import timezone

from memberships.domain.guards import brake
from memberships.domain.items import MEMBERS, Item, Kind
from memberships.domain.people import Status, Value, group_field
from memberships.domain.plan import Action, Edit, Row, Verdict
from memberships.domain.proposals import again, changes, creation, joining, undo
from memberships.models import AuditEntry, Connection, Job, MirroredGroup
from memberships.services import audit, groups, plans, proposals, roster
from memberships.services.connections import provider_for
from tests.people import member, situation
from tests.people import roster as roster_of
from tests.steps import changes as sent
from tests.steps import just_signed_in, people

NOTE = {"reason": "", "channel": "test"}


@pytest.fixture
def users(world, northwind) -> list[str]:
    """Memberships of active people who are in no group that a test makes."""
    return people(world, northwind, "user", 6)


@pytest.fixture
def user_id(world):
    return lambda member_id: world.membership(member_id)["user_id"]


@pytest.fixture
def bakers(world, northwind, connection, users, user_id) -> str:
    """The first two users are in it; the mirror knows all groups."""
    pk = world.add_group(northwind, "Bakers", [user_id(users[0]), user_id(users[1])])
    read(connection)
    return pk


def read(connection) -> None:
    groups.read(provider_for(connection), Connection.objects.get(pk=connection.pk).organization)


@pytest.fixture
def run(connection, work):
    """Apply a plan as the admin and be the worker; the job."""

    def run(plan) -> Job:
        by = Connection.objects.get(pk=connection.pk)
        job = plans.apply(
            plan, by, fingerprint=plan.fingerprint, typed=str(plan.brake_number or ""), proof=just_signed_in()
        )
        work()
        job.refresh_from_db()
        return job

    return run


@pytest.fixture
def inside(world, northwind, users, user_id):
    """Which of the users, by their place, are in a group of that name."""

    def inside(name: str) -> set[int]:
        found = world.groups(northwind)[name]
        return {n for n, pk in enumerate(users) if user_id(pk) in found}

    return inside


def outcomes(plan) -> list[tuple[str, str]]:
    return list(plan.rows.order_by("position").values_list("verdict", "outcome"))


def taken_back(job, connection):
    return proposals.undo(job, connection, **NOTE)


# Into a group and out of it


def test_people_are_put_into_a_group_one_call_each_and_read_back_together(
    connection, bakers, users, run, inside, close
):
    plan = proposals.change(connection, users[:4], {group_field(bakers): True}, **NOTE)
    assert [row.verdict for row in plan.rows.order_by("position")] == ["already", "already", "will", "will"]
    close.calls.clear()
    run(plan)
    assert inside("Bakers") == {0, 1, 2, 3}
    assert [call.method for call in sent(close)] == ["POST", "POST"]
    # Once before and once after, however many people.
    assert len(close.calls.matching("GET", f"/api/v1/group/{bakers}/")) == 2
    assert MirroredGroup.objects.get(remote_id=bakers).user_ids == sorted(
        connection.organization.members.get(remote_id=pk).user_id for pk in users[:4]
    )
    entries = AuditEntry.objects.filter(event="member.group.set").order_by("number")
    assert [(e.item_name, e.before_text, e.after_text, e.outcome) for e in entries] == [
        ("Bakers", "Not in", "In", "done")
    ] * 2


def test_taking_out_can_be_undone(connection, bakers, users, run, inside, world, northwind):
    job = run(proposals.change(connection, users[:3], {group_field(bakers): False}, **NOTE))
    assert inside("Bakers") == set()
    undo_plan = taken_back(job, connection)
    run(undo_plan)
    assert inside("Bakers") == {0, 1}
    assert outcomes(undo_plan) == [("will", "done")] * 2


def test_several_groups_of_one_person_are_a_row_each(
    connection, bakers, users, run, inside, world, northwind
):
    cooks = world.add_group(northwind, "Cooks", [])
    wanted: dict[str, Value] = {"role": "superuser", group_field(bakers): False, group_field(cooks): True}
    plan = proposals.change(connection, users[:1], wanted, **NOTE)
    assert [row.row().wanted for row in plan.rows.order_by("position")] == [
        {name: value} for name, value in wanted.items()
    ]
    job = run(plan)
    assert (inside("Bakers"), inside("Cooks")) == ({1}, {0})
    run(taken_back(job, connection))
    assert (inside("Bakers"), inside("Cooks")) == ({0, 1}, set())


def test_inactive_people_are_taken_out_and_never_put_in(connection, bakers, users, run, inside, world):
    world.deactivate(users[0])
    world.deactivate(users[2])
    plan = proposals.change(connection, [users[2]], {group_field(bakers): True}, **NOTE)
    assert plan.rows.get().reason == "Inactive: reactivate them first."
    job = run(proposals.change(connection, [users[0]], {group_field(bakers): False}, **NOTE))
    assert inside("Bakers") == {1}
    back = taken_back(job, connection).rows.get()
    assert (back.verdict, back.reason) == ("blocked", "Inactive: reactivate them first.")


def test_a_group_that_is_gone_takes_nobody(connection, bakers, users, world, northwind):
    world.drop_group(northwind, bakers)
    plan = proposals.change(connection, users[:2], {group_field(bakers): True}, **NOTE)
    assert {row.reason for row in plan.rows.all()} == {"There is no such group any more."}


def test_a_group_deleted_after_the_review_is_refused_and_nothing_sent(
    connection, bakers, users, run, world, northwind, close
):
    plan = proposals.change(connection, users[2:4], {group_field(bakers): True}, **NOTE)
    world.drop_group(northwind, bakers)
    run(plan)
    said = "The group Bakers is no longer there. Nothing was sent."
    assert {(row.outcome, row.cause, row.error) for row in plan.rows.all()} == {("refused", "stale", said)}
    assert sent(close) == []


def test_who_was_put_in_by_somebody_else_meanwhile_is_left_alone(
    connection, bakers, users, run, world, northwind, user_id, close
):
    plan = proposals.change(connection, users[2:4], {group_field(bakers): True}, **NOTE)
    world.set_group(northwind, bakers, [user_id(users[2])])
    run(plan)
    first, second = plan.rows.order_by("position")
    assert (first.outcome, first.cause, second.outcome) == ("refused", "stale", "done")
    assert "Group Bakers was Not in at the review and is now In." in first.error
    assert len(sent(close)) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_answer_that_is_lost_is_settled_by_reading(
    moment, connection, bakers, users, run, inside, close, monkeypatch
):
    monkeypatch.setattr("memberships.services.run._LOOK_AGAIN_S", (0.01,))
    plan = proposals.change(connection, users[2:5], {group_field(bakers): True}, **NOTE)
    close.faults.drop(moment, method="POST", skip=1)
    run(plan)
    found = [row.outcome for row in plan.rows.order_by("position")]
    assert found == ["done", "done" if moment == "after" else "refused", "done"]
    assert inside("Bakers") == ({0, 1, 2, 3, 4} if moment == "after" else {0, 1, 2, 4})


def test_a_worker_killed_after_its_call_reads_first_and_sends_the_rest(
    connection, bakers, users, inside, close, monkeypatch, work
):
    from memberships.services.run import Run

    plan = proposals.change(connection, users[2:5], {group_field(bakers): True}, **NOTE)
    plans.apply(plan, connection, fingerprint=plan.fingerprint, typed="")
    answered, calls = Run.answered, []

    def killed(self, keys, answer):
        calls.append(keys)
        if len(calls) == 2:
            raise KeyboardInterrupt
        answered(self, keys, answer)

    monkeypatch.setattr(Run, "answered", killed)
    with pytest.raises(KeyboardInterrupt):
        work()
    monkeypatch.setattr(Run, "answered", answered)
    connection.organization.__class__.objects.update(writer_until=None, writer_token="")
    work()
    assert outcomes(plan) == [("will", "done")] * 3
    assert inside("Bakers") == {0, 1, 2, 3, 4}
    assert len(sent(close)) == 3


def test_the_brake_counts_people_and_only_active_ones():
    left = [member(f"old{n}", status=Status.INACTIVE) for n in range(9)]
    active = [member(f"m{n}") for n in range(4)]
    now = situation(*left, *active)
    out = [
        Row(Action.CHANGE, Verdict.WILL, m.id, edits=(Edit(group_field(g), True, False),))
        for m in left
        for g in ("a", "b")
    ]
    assert brake(out, now) is None
    moved = [
        Row(Action.CHANGE, Verdict.WILL, m.id, edits=(Edit(group_field(g), True, False),))
        for m in active[:2]
        for g in ("a", "b", "c")
    ]
    found = brake(moved, now)
    assert found
    assert found.number == 2
    assert found.reasons == ("It changes 2 of the 4 active people.",)


# Groups themselves


def test_a_group_is_made_with_people_in_it_and_undone(connection, users, run, inside, world, northwind):
    plan = proposals.new_group(connection, "Cooks", users[:3], **NOTE)
    job = run(plan)
    assert outcomes(plan) == [("will", "done")] * 4
    assert inside("Cooks") == {0, 1, 2}
    assert groups.find(connection.organization, world.group_id(northwind, "Cooks"))
    run(taken_back(job, connection))
    assert "Cooks" not in world.groups(northwind)


def test_undo_of_a_new_group_says_when_others_are_in_it_by_now(
    connection, users, run, world, northwind, user_id
):
    job = run(proposals.new_group(connection, "Cooks", users[:1], **NOTE))
    world.set_group(northwind, world.group_id(northwind, "Cooks"), [user_id(users[0]), user_id(users[1])])
    plan = taken_back(job, connection)
    deleted = plan.rows.get(action="delete")
    assert deleted.reason == "Others were put into it since: they lose it too."
    again_back = taken_back(run(plan), connection)
    assert world.groups(northwind).get("Cooks") is None
    run(again_back)
    assert set(world.groups(northwind)["Cooks"]) == {user_id(users[0]), user_id(users[1])}


def test_a_name_that_is_taken_makes_no_group_and_puts_nobody_anywhere(connection, bakers, users):
    plan = proposals.new_group(connection, "Bakers", users[:2], **NOTE)
    assert [row.reason for row in plan.rows.order_by("position")] == [
        "There is a group named Bakers already.",
        *["The group is not made, so nobody is put into it."] * 2,
    ]


def test_a_name_taken_after_the_review_stops_before_anybody_is_moved(
    connection, users, run, world, northwind, close
):
    plan = proposals.new_group(connection, "Cooks", users[:2], **NOTE)
    world.add_group(northwind, "Cooks", [])
    job = run(plan)
    assert [row.outcome for row in plan.rows.order_by("position")] == ["refused", *["not attempted"] * 2]
    assert "A group of this name has been made since the review." in plan.rows.get(action="create").error
    assert job.note.startswith("Stopped, because an earlier step was not done.")
    assert sent(close) == []
    rest = proposals.again(job, connection, reason="", channel="test")
    assert {row.verdict for row in rest.rows.all()} == {"blocked"}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_group_whose_making_got_no_answer_is_never_made_twice(
    moment, connection, users, run, world, northwind, close, monkeypatch
):
    monkeypatch.setattr("memberships.services.run._LOOK_AGAIN_S", (0.01,))
    plan = proposals.new_group(connection, "Cooks", users[:2], **NOTE)
    close.faults.drop(moment, method="POST")
    job = run(plan)
    made = [call for call in sent(close) if call.path.endswith("/group/")]
    assert len(made) == 1
    if moment == "after":
        assert outcomes(plan) == [("will", "done")] * 3
    else:
        assert [row.outcome for row in plan.rows.order_by("position")] == ["refused", *["not attempted"] * 2]
        run(proposals.again(job, connection, reason="", channel="test"))
    assert len(world.groups(northwind)["Cooks"]) == 2


def test_a_group_is_renamed_and_renamed_back(connection, bakers, run, world, northwind):
    job = run(proposals.renamed_group(connection, bakers, "Cooks", **NOTE))
    assert "Cooks" in world.groups(northwind)
    assert MirroredGroup.objects.get(remote_id=bakers).name == "Cooks"
    run(taken_back(job, connection))
    assert "Bakers" in world.groups(northwind)


def test_a_deleted_group_is_made_anew_with_its_people(
    connection, bakers, users, run, inside, world, northwind
):
    world.deactivate(users[1])
    plan = proposals.deleted_group(connection, bakers, **NOTE)
    assert plan.rows.get().reason.startswith("2 people are in it and lose it: ")
    job = run(plan)
    assert "Bakers" not in world.groups(northwind)
    assert groups.find(connection.organization, bakers) is None
    back = taken_back(job, connection)
    assert back.title == "Undo of “Delete the group Bakers”."
    assert {row.member_id: (row.verdict, row.reason) for row in back.rows.all()} == {
        "": ("will", "Is made anew: the group gets a new id."),
        users[0]: ("will", ""),
        users[1]: ("blocked", "Inactive: reactivate them first."),
    }
    run(back)
    assert inside("Bakers") == {0}
    assert world.group_id(northwind, "Bakers") != bakers
    assert audit.verify(connection.organization) == []


def test_who_is_put_in_after_the_review_keeps_a_group_from_being_deleted(
    connection, bakers, users, run, world, northwind, user_id
):
    plan = proposals.deleted_group(connection, bakers, **NOTE)
    world.set_group(northwind, bakers, [user_id(pk) for pk in users[:3]])
    run(plan)
    row = plan.rows.get()
    assert (row.outcome, row.cause) == ("refused", "stale")
    assert "Other people are in it now than at the review." in row.error
    assert "Bakers" in world.groups(northwind)


def test_a_group_that_views_are_shared_with_stays_and_close_says_why(
    connection, bakers, run, world, northwind
):
    world.add_smart_view(northwind, "For bakers", groups=(bakers,))
    plan = proposals.deleted_group(connection, bakers, **NOTE)
    run(plan)
    assert plan.rows.get().error.startswith("This group is referenced by Smart Views or reports")
    assert groups.find(connection.organization, bakers)


def test_undo_of_a_deleted_group_whose_name_is_taken_puts_nobody_anywhere(
    connection, bakers, run, world, northwind
):
    job = run(proposals.deleted_group(connection, bakers, **NOTE))
    world.add_group(northwind, "Bakers", [])
    assert {row.verdict for row in taken_back(job, connection).rows.all()} == {"blocked"}


def test_somebody_of_a_deleted_group_who_is_gone_is_said():
    kept: dict[str, Value] = {"name": "Bakers", MEMBERS: ("u-gone",)}
    row = Row(Action.DELETE, Verdict.WILL, name="Bakers", kind=Kind.GROUP, item_id="g1", kept=kept)
    made, gone = undo([row], roster_of(member("m1")), {}, {})
    assert (made.verdict, gone.verdict) == (Verdict.WILL, Verdict.BLOCKED)
    assert (gone.name, gone.reason) == ("u-gone", "Is no longer in the organization.")


def test_who_waits_for_a_group_waits_again_for_the_same():
    made = creation(Kind.GROUP, {"name": "Cooks"}, {})
    waiting = joining(made, [member("m1")])
    planned = again([made, *waiting], roster_of(member("m1")), {}, {})
    assert [row.verdict for row in planned] == [Verdict.WILL] * 2
    assert planned[1].edits == waiting[0].edits
    taken = {(Kind.GROUP, "g1"): Item(Kind.GROUP, "g1", "Cooks", {"name": "Cooks"})}
    assert [row.verdict for row in again([made, *waiting], roster_of(member("m1")), {}, taken)] == [
        Verdict.BLOCKED
    ] * 2


def test_a_group_nobody_has_read_puts_nobody_anywhere():
    (row,) = changes([member("m1")], {group_field("g1"): True})
    assert (row.verdict, row.reason) == (Verdict.BLOCKED, "There is no such group any more.")


# Coming back


def come_back(connection, *ids):
    return proposals.reactivation(connection, ids, **NOTE)


def test_who_comes_back_without_their_groups_is_told(connection, bakers, users, run, world, inside):
    world.deactivate(users[0])
    roster.read(connection)
    world.switches.reactivation_keeps_groups = False
    plan = come_back(connection, users[0])
    run(plan)
    row = plan.rows.get()
    assert (row.outcome, inside("Bakers")) == ("done", {1})
    assert "Came back differently:" in row.advice
    assert "Group Bakers was In, is Not in." in row.advice
    # It is written down, and to our own plan's account.
    entry = AuditEntry.objects.get(event="member.group.set", item_id=bakers)
    assert (entry.channel, entry.plan_id, entry.member_id) == ("test", plan.pk, users[0])
    assert not AuditEntry.objects.filter(channel="outside", event="member.group.set").exists()


def test_who_comes_back_to_their_groups_hears_nothing(connection, bakers, users, run, world, inside):
    world.deactivate(users[0])
    roster.read(connection)
    plan = come_back(connection, users[0])
    run(plan)
    assert (plan.rows.get().outcome, plan.rows.get().advice) == ("done", "")
    assert inside("Bakers") == {0, 1}


def test_groups_that_can_not_be_read_afterwards_spoil_nothing(connection, bakers, users, run, world, close):
    world.deactivate(users[0])
    roster.read(connection)
    plan = come_back(connection, users[0])
    close.faults.fail_next(403, method="GET", path="/api/v1/group/", times=None)
    run(plan)
    row = plan.rows.get()
    assert (
        row.outcome,
        row.advice.startswith("Whether they are in their groups again could not be read"),
    ) == (
        "done",
        True,
    )


# What others did


FIELDS = ("event", "item_name", "before_text", "after_text", "member_id")


@pytest.fixture
def noticed(connection):
    """Read the groups again; what was found outside, as tuples of FIELDS."""

    def noticed():
        read(connection)
        return list(AuditEntry.objects.filter(channel="outside").order_by("number").values_list(*FIELDS))

    return noticed


def test_the_first_read_notices_nothing(noticed):
    assert noticed() == []


def test_who_others_put_in_and_took_out_is_noticed_once_with_its_window(
    noticed, bakers, users, world, northwind, user_id, connection
):
    before = MirroredGroup.objects.get(remote_id=bakers).members_read_at
    assert before
    world.set_group(northwind, bakers, [user_id(users[1]), user_id(users[2])])
    expected = [
        ("member.group.set", "Bakers", "In", "Not in", users[0]),
        ("member.group.set", "Bakers", "Not in", "In", users[2]),
    ]
    assert sorted(noticed()) == sorted(expected)
    assert sorted(noticed()) == sorted(expected)
    for entry in AuditEntry.objects.filter(channel="outside"):
        assert entry.since == before
        assert before < entry.at
    assert audit.verify(connection.organization) == []


def test_one_event_tells_when_it_was(noticed, bakers, users, world, northwind, user_id, close):
    world.set_group(northwind, bakers, [user_id(users[0])])
    noticed()
    entry = AuditEntry.objects.get(channel="outside")
    assert entry.since
    assert entry.happened_at
    assert entry.since < entry.happened_at < entry.at
    asked = len(close.calls.matching("GET", "/api/v1/event/"))
    assert asked == 3
    noticed()
    assert len(close.calls.matching("GET", "/api/v1/event/")) == asked


def test_groups_made_renamed_and_deleted_by_others_are_noticed(
    noticed, bakers, users, world, northwind, user_id
):
    cooks = world.add_group(northwind, "Cooks", [])
    assert noticed() == [("group.created", "Cooks", "–", "Cooks", "")]
    world.set_group(northwind, cooks, [], "Chefs")
    assert noticed()[1:] == [("group.changed", "Cooks", "Cooks", "Chefs", "")]
    world.drop_group(northwind, bakers)
    assert noticed()[2:] == [("group.deleted", "Bakers", "Bakers", "–", "")]
    entry = AuditEntry.objects.get(event="group.deleted")
    assert entry.before
    assert set(entry.before[MEMBERS]) == {user_id(users[0]), user_id(users[1])}


def test_what_plans_of_ours_do_to_groups_is_no_outside_change(
    noticed, connection, bakers, users, run, world, northwind
):
    run(proposals.change(connection, users[:3], {group_field(bakers): True}, **NOTE))
    job = run(proposals.new_group(connection, "Cooks", users[:2], **NOTE))
    run(proposals.renamed_group(connection, bakers, "Chefs", **NOTE))
    assert noticed() == []
    run(taken_back(job, connection))
    run(proposals.deleted_group(connection, bakers, **NOTE))
    assert noticed() == []


@pytest.mark.parametrize("what", ["joined", "renamed", "made", "deleted"])
def test_a_request_without_an_answer_is_ours_when_it_shows(
    what, noticed, connection, bakers, users, run, world, northwind, close, user_id, monkeypatch
):
    monkeypatch.setattr("memberships.services.run._LOOK_AGAIN_S", ())
    makes = {
        "joined": lambda: proposals.change(connection, users[2:3], {group_field(bakers): True}, **NOTE),
        "renamed": lambda: proposals.renamed_group(connection, bakers, "Chefs", **NOTE),
        "made": lambda: proposals.new_group(connection, "Cooks", [], **NOTE),
        "deleted": lambda: proposals.deleted_group(connection, bakers, **NOTE),
    }
    plan = makes[what]()
    close.faults.fail_next(502, method={"renamed": "PUT", "deleted": "DELETE"}.get(what, "POST"))
    run(plan)
    row = plan.rows.get()
    assert (row.outcome, row.cause) == ("refused", "lost")
    # The lost request takes effect after all.
    match what:
        case "joined":
            world.set_group(northwind, bakers, [user_id(pk) for pk in users[:3]])
        case "renamed":
            world.set_group(northwind, bakers, [user_id(pk) for pk in users[:2]], "Chefs")
        case "made":
            world.add_group(northwind, "Cooks", [])
        case "deleted":
            world.drop_group(northwind, bakers)
    assert noticed() == []
    late = AuditEntry.objects.filter(plan_id=plan.pk, outcome="done").exclude(since=None)
    assert late.count() == 1
    assert late.get().actor_name == "Alex Morgan"


def test_a_change_back_by_somebody_else_is_noticed(
    noticed, connection, bakers, users, run, world, northwind, user_id
):
    run(proposals.change(connection, users[2:3], {group_field(bakers): True}, **NOTE))
    world.set_group(northwind, bakers, [user_id(pk) for pk in users[:2]])
    assert noticed() == [("member.group.set", "Bakers", "In", "Not in", users[2])]


def test_an_older_read_never_overwrites_a_newer_one(noticed, connection, bakers, users, run, user_id):
    organization = connection.organization
    began = timezone.now()
    old = provider_for(connection).group_members(bakers)
    listed = provider_for(connection).groups()
    run(proposals.change(connection, users[2:3], {group_field(bakers): True}, **NOTE))
    run(proposals.renamed_group(connection, bakers, "Chefs", **NOTE))
    groups.keep_members(organization, bakers, old, began)
    groups.keep_list(organization, listed, began)
    group = MirroredGroup.objects.get(remote_id=bakers)
    assert (group.name, user_id(users[2]) in group.user_ids) == ("Chefs", True)
    assert noticed() == []


def test_a_group_made_here_outlives_a_list_that_was_read_before(connection, bakers, run, world, northwind):
    began = timezone.now()
    listed = provider_for(connection).groups()
    job = run(proposals.new_group(connection, "Cooks", [], **NOTE))
    groups.keep_list(connection.organization, listed, began)
    cooks = world.group_id(northwind, "Cooks")
    assert groups.find(connection.organization, cooks)
    listed, began = provider_for(connection).groups(), timezone.now()
    run(taken_back(job, connection))
    groups.keep_list(connection.organization, listed, began)
    assert groups.find(connection.organization, cooks) is None
    assert not AuditEntry.objects.filter(channel="outside").exists()


def test_without_the_event_log_the_window_stands(noticed, bakers, users, world, northwind, user_id, close):
    close.faults.fail_next(500, method="GET", path="/api/v1/event/", times=9)
    world.set_group(northwind, bakers, [user_id(users[0])])
    noticed()
    assert AuditEntry.objects.get(channel="outside").happened_at is None


def test_a_user_nobody_knows_in_a_group_is_named_by_their_id(noticed, bakers, world, northwind):
    world.set_group(northwind, bakers, ["user_of_nowhere"])
    found = {entry[4]: entry for entry in noticed()}
    assert found[""][2:4] == ("Not in", "In")
    assert AuditEntry.objects.get(member_id="", event="member.group.set").member_name == "user_of_nowhere"


def test_a_read_that_fails_half_way_is_said_and_tried_again(
    connection, close, queue, world, northwind, bakers
):
    close.faults.fail_next(403, method="GET", path="/api/v1/group/", skip=2)
    groups.refresh_groups.func(connection.pk)
    organization = Connection.objects.get(pk=connection.pk).organization
    assert organization.groups_error
    assert groups.freshness(organization).failed_lately
    groups.refresh_groups.func(connection.pk)
    organization.refresh_from_db()
    assert (organization.groups_error, groups.freshness(organization).stale) == ("", False)


def test_reading_everyone_has_stale_groups_read_after_it(connection, close, queue):
    roster.refresh_roster.func(connection.pk)
    assert [result.task.name for result in queue] == ["refresh_groups"]
    roster.refresh_roster.func(connection.pk)
    assert len(queue) == 1, "somebody reads them already"


def test_inactive_people_inside_are_found(connection, bakers, users, world):
    before = groups.overview(connection.organization).inactive
    world.deactivate(users[0])
    roster.read(connection)
    assert groups.overview(connection.organization).inactive == before + 1
    assert bakers in groups.inactive_inside(connection.organization)[users[0]]
    assert users[1] not in groups.inactive_inside(connection.organization)
