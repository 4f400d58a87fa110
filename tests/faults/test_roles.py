"""Roles made, edited and deleted while answers get lost, workers die and others are at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction

from memberships.domain.items import NAME, PERMISSIONS
from memberships.domain.people import Value
from memberships.models import AuditEntry, Cause, Job, MirroredMember, MirroredRole, PlanRow
from memberships.services import proposals, roster
from memberships.services.connections import provider_for
from sandbox.rehearsal import CONTRACTOR, PEOPLE_OPS, PEOPLE_OPS_ROLE, SECOND_ADMIN, SUPPORT_LEAD
from sandbox.world import World
from tests.faults.rig import Rig, hurry, when
from tests.faults.test_crashes import Killed, Steps, finish, sign_in

pytestmark = pytest.mark.django_db

MANAGE = "manage_organization"
CALLERS: dict[str, Value] = {NAME: "Callers", PERMISSIONS: ("calling", "view_all_leads")}


def make(rig: Rig) -> Job:
    return rig.apply(proposals.new_role(rig.connection, CALLERS, reason="", channel="test"))


def edit(rig: Rig, name: str = SUPPORT_LEAD, permissions: tuple[str, ...] = ("calling", "export")) -> Job:
    role_id = rig.world.role_id(rig.organization_id, name)
    return rig.apply(
        proposals.edited_role(rig.connection, role_id, {PERMISSIONS: permissions}, reason="", channel="test")
    )


def delete(rig: Rig) -> Job:
    role_id = rig.world.role_id(rig.organization_id, CONTRACTOR)
    return rig.apply(proposals.deleted_role(rig.connection, role_id, reason="", channel="test"))


def make_anew(rig: Rig) -> Job:
    return rig.undo(rig.finish(delete(rig)))


def named(world: World, organization_id: str, name: str) -> list[str]:
    return [role.id for role in world.organizations[organization_id].roles.values() if role.name == name]


def row_of(job: Job) -> PlanRow:
    return job.plan.rows.get()


# Lost answers


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_creation_without_an_answer_is_looked_for_by_name_and_never_sent_again(rig, moment):
    job = make(rig)
    rig.close.faults.drop(moment, method="POST")
    rig.finish(job)
    made = named(rig.world, rig.organization_id, "Callers")
    assert len(made) == (1 if moment == "after" else 0)
    assert rig.outcomes(job) == ["done" if made else "refused"]
    assert rig.calls("POST", "role/") == 1
    row = row_of(job)
    assert row.item_id == (made[0] if made else "")
    assert MirroredRole.objects.filter(name="Callers").count() == len(made)
    assert list(
        AuditEntry.objects.filter(event="role.created").values_list("outcome", flat=True).distinct()
    ) == [row.outcome]


def test_what_was_given_up_is_not_made_twice_by_a_retry(rig):
    """It came into being after all, long after anybody looked."""
    job = make(rig)
    rig.close.faults.drop("before", method="POST")
    rig.finish(job)
    assert row_of(job).cause == Cause.LOST
    rig.world.add_role(rig.organization_id, "Callers", ["calling", "view_all_leads"])
    again = proposals.again(job, rig.connection, reason="", channel="test")
    assert [(r.verdict, r.reason) for r in again.rows.all()] == [
        ("blocked", "There is a role named Callers already.")
    ]


def test_a_role_that_was_made_otherwise_than_asked_for_is_not_called_done(rig):
    """A provider may leave out what it doesn't like and say yes."""
    job = make(rig)

    def leave_out() -> None:
        its_id = named(rig.world, rig.organization_id, "Callers")[0]
        rig.world.set_permissions(rig.organization_id, its_id, ["calling"])

    rig.close.faults.drop("after", method="POST")
    when(rig.close, lambda request: request.method == "GET" and rig.calls("POST", "role/") > 0, leave_out)
    rig.finish(job)
    assert rig.outcomes(job) == ["refused"]
    said = "There is one of this name now. Otherwise than asked: Permissions is make and take calls, not "
    assert said in row_of(job).error


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("scenario", "method"), [(edit, "PUT"), (delete, "DELETE")])
def test_an_edit_or_a_deletion_without_an_answer_is_settled_by_reading(rig, scenario, method, moment):
    before = rig.world.organizations[rig.organization_id].roles
    job = scenario(rig)
    rig.close.faults.drop(moment, method=method)
    rig.finish(job)
    if scenario is edit:
        role = before[row_of(job).item_id]
        made = role.permissions == ["calling", "export"]
    else:
        made = row_of(job).item_id not in before
    assert made == (moment == "after")
    assert rig.outcomes(job) == ["done" if made else "refused"]
    assert rig.calls(method, "role/") == 1


def test_power_that_an_edit_without_an_answer_gave_is_ours(rig, monkeypatch):
    """It shows late: after the job has given it up."""
    hurry(monkeypatch, (0.0,) * 4)
    granted = ("calling", MANAGE)
    job = edit(rig, permissions=granted)
    rig.close.faults.drop("before", method="PUT")
    rig.finish(job)
    assert row_of(job).cause == Cause.LOST
    role_id = row_of(job).item_id
    rig.world.set_permissions(rig.organization_id, role_id, list(granted))
    roster.read(rig.connection)
    entries = AuditEntry.objects.filter(event="member.can_manage.set")
    holders = [m for m in rig.world.members(rig.organization_id) if m["role_id"] == role_id]
    assert entries.count() == len(holders) > 0
    assert set(entries.values_list("channel", "plan_id")) == {("test", job.plan_id)}
    assert not AuditEntry.objects.filter(channel="outside").exists()


def test_power_given_by_somebody_elses_edit_of_another_role_is_not_ours(rig):
    rig.finish(edit(rig, permissions=("calling", MANAGE)))
    other = rig.world.role_id(rig.organization_id, "Sales Manager")
    rig.world.set_permissions(rig.organization_id, other, [MANAGE])
    roster.read(rig.connection)
    told = AuditEntry.objects.filter(event="member.can_manage.set")
    holders = [m["id"] for m in rig.world.members(rig.organization_id) if m["role_id"] == other]
    assert sorted(told.values_list("member_id", flat=True)) == sorted(holders)
    assert set(told.values_list("channel", flat=True)) == {"outside"}


def test_what_close_gives_people_who_left_with_a_deleted_role_is_told_as_part_of_the_plan(rig):
    role_id = rig.world.role_id(rig.organization_id, CONTRACTOR)
    (someone,) = rig.people(1)
    rig.world.set_role(someone, role_id)
    rig.world.deactivate(someone)
    roster.read(rig.connection)
    before = AuditEntry.objects.filter(channel="outside").count()
    job = rig.finish(delete(rig))
    assert rig.outcomes(job) == ["done"]
    roster.read(rig.connection)
    entry = AuditEntry.objects.get(event="member.role.set", member_id=someone, after="restricteduser")
    assert (entry.channel, entry.plan_id, entry.before) == ("test", job.plan_id, role_id)
    assert AuditEntry.objects.filter(channel="outside").count() == before


# Others


def test_a_name_taken_between_our_read_and_our_call_is_refused_with_closes_words(rig):
    job = make(rig)
    when(
        rig.close,
        lambda request: request.method == "POST",
        lambda: rig.world.add_role(rig.organization_id, "Callers", []),
    )
    rig.finish(job)
    assert rig.outcomes(job) == ["refused"]
    assert row_of(job).cause == Cause.REMOTE
    assert "A role with this name already exists." in row_of(job).error


def test_a_role_deleted_between_our_read_and_our_call_is_refused(rig):
    job = edit(rig)
    gone = row_of(job).item_id
    when(
        rig.close,
        lambda request: request.method == "PUT",
        lambda: rig.world.unlist_role(rig.organization_id, gone),
    )
    rig.finish(job)
    assert rig.outcomes(job) == ["refused"]


def test_the_last_power_is_not_taken_by_an_edit_however_late_others_leave(rig):
    """At the review two others could manage; when the edit is due, only those with the role can."""
    job = edit(rig, PEOPLE_OPS_ROLE, ("calling",))
    role_id = row_of(job).item_id
    for email in (SECOND_ADMIN, rig.connection.email):
        rig.world.set_role(rig.world.membership_id(rig.organization_id, email), role_id)
    rig.finish(job)
    assert rig.outcomes(job) == ["refused"]
    row = row_of(job)
    assert row.cause == Cause.GUARD
    assert "At least 1 active person must be able to manage the organization" in row.error
    assert rig.calls("PUT") == 0


def test_two_edits_that_together_take_the_last_power_do_not(rig, connect):
    """One takes it from a role, the other from the admins, each fine by itself."""
    admins = [
        rig.world.membership_id(rig.organization_id, email) for email in (rig.connection.email, SECOND_ADMIN)
    ]
    by_role = edit(rig, PEOPLE_OPS_ROLE, ("calling",))
    noor = connect(PEOPLE_OPS)
    by_person = rig.change(admins, {"role": "user"}, by=noor)
    rig.finish(by_role)
    rig.finish(by_person)
    assert rig.outcomes(by_role) == ["done"]
    managers = [m for m in rig.world.members(rig.organization_id) if m["manages"]]
    assert managers
    assert "done" not in rig.outcomes(by_person)


def test_ones_own_power_goes_last_and_a_refresh_afterwards_tells_nothing_new(rig, connect):
    noor = connect(PEOPLE_OPS)
    role_id = rig.world.role_id(rig.organization_id, PEOPLE_OPS_ROLE)
    plan = proposals.edited_role(noor, role_id, {PERMISSIONS: ("calling",)}, reason="", channel="test")
    assert plan.brake_number == 1
    job = rig.finish(rig.apply(plan, by=noor))
    assert rig.outcomes(job) == ["done"]
    assert not MirroredMember.objects.get(role_id=role_id, status="active").can_manage
    roster.read(rig.connection)
    assert not AuditEntry.objects.filter(channel="outside").exists()


def test_a_read_that_began_before_a_role_was_made_does_not_take_it_back(rig):
    """A page reads the roles, then waits for the people; meanwhile a job makes a role."""
    job = make(rig)
    real = provider_for(rig.connection)

    class Slow:
        """A page's provider: between its two reads the job comes to its end."""

        roles = real.roles
        capabilities = real.capabilities

        def roster(self):
            rig.finish(job)
            return real.roster()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roster, "provider_for", lambda *_, **__: Slow())
        roster.read(rig.connection)
    assert rig.outcomes(job) == ["done"]
    assert MirroredRole.objects.filter(name="Callers").exists()


# Kills

SCENARIOS = [make, edit, delete, make_anew]


@pytest.fixture
def again(rig: Rig, monkeypatch) -> Callable[..., object]:
    """The same scenario once more from the start."""
    hurry(monkeypatch, (0.0,) * 4)

    @contextmanager
    def again(scenario: Callable[[Rig], Job]) -> Iterator[Job]:
        rig.world.reset()
        rig.close.faults.clear()
        rig.close.limits.reset()
        with transaction.atomic():
            sign_in(rig)
            job = scenario(rig)
            rig.close.calls.clear()
            yield job
            transaction.set_rollback(True)

    return again


def lies(rig: Rig, job: Job) -> list[str]:
    """What the one row of a finished job says that is not so."""
    row = row_of(job)
    roles = rig.world.organizations[rig.organization_id].roles
    there = [role for role in roles.values() if role.name == row.name or role.id == row.item_id]
    match row.action:
        case "create":
            so = len(there) == 1
        case "delete":
            so = not there
        case _:
            so = there[0].permissions == ["calling", "export"]
    found = []
    if len(there) > 1:
        found.append(f"made {len(there)} times")
    if (row.outcome == "done") != so:
        found.append(f"called {row.outcome} ({row.error}), and it is {'' if so else 'not '}so")
    if row.outcome == "done" and row.action == "create" and row.item_id != there[0].id:
        found.append(f"has the id {row.item_id!r}")
    told = AuditEntry.objects.filter(plan_id=job.plan_id, item_kind="role")
    if set(told.values_list("outcome", flat=True)) != {row.outcome}:
        found.append("the audit log tells something else")
    if told.count() != len(row.edits or [""]):
        found.append(f"the audit log tells it {told.count()} times")
    mirrored = MirroredRole.objects.filter(name=row.name).exists()
    if row.action != "change" and row.outcome == "done" and mirrored != (row.action == "create"):
        found.append("the mirror shows something else")
    return found


@pytest.mark.parametrize(
    "every",
    [
        pytest.param(1, id="every step", marks=pytest.mark.faults),
        pytest.param(5, id="some steps", marks=pytest.mark.once),
    ],
)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_worker_may_die_anywhere(rig, again, scenario, every, record_property):
    steps = Steps(at=0)
    with again(scenario) as job:
        with steps.counted():
            rig.finish(job)
        assert lies(rig, job) == []
    number = steps.number
    record_property("died", f"role {scenario.__name__.replace('_', ' ')}={len(range(1, number + 1, every))}")
    for at in range(1, number + 1, every):
        with again(scenario) as job:
            steps = Steps(at)
            with steps.counted(), pytest.raises(Killed):
                rig.finish(job)
            told = f"died at step {at} of {number}, {steps.log[-1]}"
            finish(rig, job)
            assert job.state == Job.State.FINISHED, told
            assert lies(rig, job) == [], told
            assert rig.calls("POST", "role/") <= 1, told
            if scenario in (edit, delete):
                assert rig.outcomes(job) == ["done"], told
