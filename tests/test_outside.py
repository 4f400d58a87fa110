"""Changes made outside the dashboard: noticed once, never confused with what a plan of ours did."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from memberships.domain.happenings import Happening, Trace
from memberships.domain.items import Kind
from memberships.models import AuditEntry, Connection, MirroredMember
from memberships.services import audit, outside, plans, proposals, roster
from memberships.services.connections import provider_for
from sandbox.rehearsal import PEOPLE_OPS_ROLE, SECOND_ADMIN
from tests.steps import just_signed_in

FIELDS = ("event", "before_text", "after_text", "gained_power")


@pytest.fixture
def noticed(connection):
    """Read everyone again; what was found, as tuples of FIELDS."""

    def noticed():
        roster.read(Connection.objects.get(pk=connection.pk))
        entries = AuditEntry.objects.filter(channel=audit.CHANNEL_OUTSIDE).order_by("number")
        return list(entries.values_list(*FIELDS))

    return noticed


@pytest.fixture
def somebody(world, northwind):
    return next(m["id"] for m in world.members(northwind) if m["role_id"] == "user")


def test_a_role_changed_in_close_is_noticed_once_with_its_time_window(noticed, world, somebody, connection):
    before = connection.organization.roster_read_at
    world.set_role(somebody, "superuser")
    assert noticed() == [("member.role.set", "User", "Super User", False)]
    assert noticed() == [("member.role.set", "User", "Super User", False)]
    entry = AuditEntry.objects.get(channel=audit.CHANNEL_OUTSIDE)
    assert (entry.since, entry.actor_name) == (before, "")
    assert before < entry.at
    assert audit.verify(connection.organization) == []


def test_settings_leaving_and_coming_back_are_noticed(noticed, world, somebody):
    world.set_settings(somebody, auto_record_calls="enabled")
    world.deactivate(somebody)
    assert sorted(noticed()) == [
        ("member.auto_record_calls.set", "Not set", "On", False),
        ("member.deactivated", "active", "inactive", False),
    ]
    world.reactivate(somebody)
    assert noticed()[-1] == ("member.reactivated", "inactive", "active", False)


def test_the_event_log_tells_when_somebody_left_and_who_did_it(
    noticed, world, northwind, somebody, connection, close
):
    by = world.user_id(SECOND_ADMIN)
    world.deactivate(somebody, by_user_id=by)
    noticed()
    entry = AuditEntry.objects.get(channel=audit.CHANNEL_OUTSIDE)
    log = world.organizations[northwind].events
    event = log.find({"object_type": "membership", "action": "deactivated"}).events[0]
    assert entry.happened_at
    assert abs(entry.happened_at - event.at) < timedelta(milliseconds=1)
    assert (entry.actor_id, entry.actor_name) == (by, "Priya Natarajan")
    assert entry.since
    assert entry.since < event.at < entry.at
    assert audit.verify(connection.organization) == []
    assert len(close.calls.matching("GET", "/api/v1/event/")) == 2


def test_the_event_log_is_not_asked_when_nobody_came_or_went(noticed, world, somebody, close):
    world.set_role(somebody, "superuser")
    noticed()
    assert len(close.calls.matching("GET", "/api/v1/event/")) == 0


def test_the_event_log_is_not_asked_about_what_a_plan_of_ours_did(close, somebody, connection, work):
    plan = proposals.deactivation(connection, [somebody], reason="", channel="test")
    plans.apply(
        plan,
        connection,
        fingerprint=plan.fingerprint,
        typed=str(plan.brake_number or ""),
        proof=just_signed_in(),
    )
    work()
    roster.read(Connection.objects.get(pk=connection.pk))
    assert plan.rows.get().outcome == "done"
    assert len(close.calls.matching("GET", "/api/v1/event/")) == 0


def test_without_the_event_log_the_window_stands(noticed, world, somebody, close):
    close.faults.fail_next(500, method="GET", path="/api/v1/event/", times=9)
    world.deactivate(somebody)
    noticed()
    entry = AuditEntry.objects.get(channel=audit.CHANNEL_OUTSIDE)
    assert (entry.happened_at, entry.actor_name) == (None, "")


def test_a_happening_that_could_be_several_explains_nothing():
    at = datetime(2026, 3, 1, tzinfo=UTC)
    twice = [Happening(Kind.MEMBER, "m1", "activated", at + timedelta(hours=n)) for n in range(2)]
    trace = Trace([*twice, Happening(Kind.MEMBER, "m2", "deactivated", at, "u1")])
    assert trace.of("member.reactivated", "m1") is None
    assert trace.of("member.deactivated", "m2") == Happening(Kind.MEMBER, "m2", "deactivated", at, "u1")
    assert trace.of("member.role.set", "m2") is None


def test_a_new_member_is_noticed(noticed, world, northwind):
    world.add_person(northwind, "new@elsewhere.example", "New", "Person", role="restricteduser")
    assert noticed() == [("member.joined", "–", "Restricted User", False)]


def test_the_first_read_notices_nobody(noticed):
    assert noticed() == []


@pytest.mark.parametrize("role", ["admin", PEOPLE_OPS_ROLE])
def test_power_given_outside_stands_out_until_acknowledged(
    noticed, world, northwind, somebody, connection, role
):
    role_id = role if role == "admin" else world.role_id(northwind, role)
    world.set_role(somebody, role_id)
    noticed()
    organization = connection.organization
    organization.refresh_from_db()
    (grant,) = outside.grants(organization)
    assert grant.member_id == somebody
    outside.acknowledge(connection, grant.number)
    organization.refresh_from_db()
    assert not outside.grants(organization)


def test_power_that_comes_with_an_edited_role_is_noticed(noticed, world, northwind, somebody):
    world.set_role(somebody, "superuser")
    noticed()
    held = len([m for m in world.members(northwind) if m["role_id"] == "superuser"])
    permissions = world.organizations[northwind].roles["superuser"].permissions
    world.set_permissions(northwind, "superuser", [*permissions, "manage_organization"])
    found = noticed()[1:]
    assert found == [("member.can_manage.set", "False", "True", True)] * held


def test_what_a_plan_of_ours_did_is_no_outside_change(noticed, world, northwind, connection, work):
    chosen = [m["id"] for m in world.members(northwind) if m["role_id"] == "user"][:4]
    plan = proposals.change(connection, chosen, {"role": "superuser"}, reason="", channel="test")
    plans.apply(
        plan, connection, fingerprint=plan.fingerprint, typed=str(plan.brake_number), proof=just_signed_in()
    )
    work()
    assert noticed() == []


def test_a_request_without_an_answer_is_ours_when_it_shows(
    noticed, world, close, northwind, connection, work, monkeypatch
):
    monkeypatch.setattr("memberships.services.run._LOOK_AGAIN_S", ())
    chosen = next(m["id"] for m in world.members(northwind) if m["role_id"] == "user")
    close.faults.fail_next(502, method="PUT")
    plan = proposals.change(connection, [chosen], {"role": "superuser"}, reason="", channel="test")
    plans.apply(plan, connection, fingerprint=plan.fingerprint, typed="")
    work()
    assert plan.rows.get().outcome == "refused"
    world.set_role(chosen, "superuser")  # the lost request takes effect after all
    assert noticed() == []


def test_a_change_back_by_somebody_else_is_noticed(noticed, world, northwind, connection, work):
    chosen = next(m["id"] for m in world.members(northwind) if m["role_id"] == "user")
    plan = proposals.change(connection, [chosen], {"role": "superuser"}, reason="", channel="test")
    plans.apply(plan, connection, fingerprint=plan.fingerprint, typed="")
    work()
    world.set_role(chosen, "user")
    assert noticed() == [("member.role.set", "Super User", "User", False)]


def test_a_read_that_began_before_a_change_was_answered_does_not_take_it_back(
    noticed, world, northwind, connection, work
):
    organization = connection.organization
    chosen = next(m["id"] for m in world.members(northwind) if m["role_id"] == "user")
    plan = proposals.change(connection, [chosen], {"role": "superuser"}, reason="", channel="test")
    before = provider_for(connection).roster()
    plans.apply(plan, connection, fingerprint=plan.fingerprint, typed="")
    work()
    organization.refresh_from_db()
    assert organization.roster_read_at is not None
    # After the job had read, and before Close answered it.
    began = organization.roster_read_at + timedelta(microseconds=1)
    assert not roster.keep(organization, replace(before, read_at=began))
    assert MirroredMember.objects.get(remote_id=chosen).role_id == "superuser"
    assert noticed() == []
