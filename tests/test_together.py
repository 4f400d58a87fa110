"""Two processes at the same moment, as PostgreSQL lets them: one waits for a lock the other has, and then sees what is
true by then. SQLite lets only one write at a time, so nothing here can happen there."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings as project
from django.db import close_old_connections, connections, transaction
from django.db import connection as database
from django.tasks import default_task_backend
from django.utils import timezone

from memberships.domain.items import Item, Kind
from memberships.domain.people import ROLE, Roster
from memberships.domain.plan import Action, Edit, Row, Verdict
from memberships.models import AuditEntry, Connection, Job, Login, Plan, Selection
from memberships.services import audit, groups, jobs, plans, proposals, roster, selection
from memberships.services.lease import Lease
from sandbox.world import World

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not project.POSTGRESQL, reason="takes PostgreSQL: make test-postgres"),
]

_WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
def beside():
    """Starts something in another thread, with a database connection of its own; goes on once that waits for a lock."""
    with ThreadPoolExecutor(1) as pool, _elsewhere() as looking:

        def beside(act: Callable[[], Any]) -> Future[Any]:
            def connected() -> Any:
                try:
                    return act()
                finally:
                    connections.close_all()

            begun = pool.submit(connected)
            give_up = time.monotonic() + 10
            while not begun.done() and looking.execute(_WAITING).fetchone() == (0,):
                assert time.monotonic() < give_up, "it neither ends nor waits"
                time.sleep(0.01)
            assert not begun.done() or begun.exception() is None, begun.exception()
            assert not begun.done(), "it did not wait"
            return begun

        yield beside


def _elsewhere() -> psycopg.Connection[Any]:
    """A connection outside of any transaction of the test."""
    parameters = database.get_connection_params()
    for djangos in ("cursor_factory", "context"):
        del parameters[djangos]
    return psycopg.connect(**parameters, autocommit=True)


@pytest.fixture
def people(world: World, northwind: str) -> list[str]:
    return [m["id"] for m in world.members(northwind) if m["role_id"] == "user"]


@pytest.fixture
def plan(connection: Connection, people: list[str]) -> Plan:
    return proposals.change(connection, people[:2], {ROLE: "superuser"}, reason="", channel="test")


def pressed(plan: Plan, connection: Connection) -> Job:
    return plans.apply(plan, connection, fingerprint=plan.fingerprint, typed="")


def test_ticks_on_two_pages_at_once_are_both_kept(connection, people, beside):
    organization = connection.organization
    selection.tick("session", organization, people[:1], [])
    with transaction.atomic():
        selection.tick("session", organization, people[:3], people[:3])
        other = beside(lambda: selection.tick("session", organization, people[5:7], people[5:7]))
    other.result()
    chosen = {member.remote_id for member in selection.members("session", organization)}
    assert chosen == {*people[:3], *people[5:7]}


def test_the_first_ticks_of_a_session_on_two_pages_at_once_are_both_kept(connection, people, beside):
    organization = connection.organization
    with transaction.atomic():
        selection.tick("session", organization, people[:3], people[:3])
        other = beside(lambda: selection.tick("session", organization, people[5:7], people[5:7]))
    other.result()
    assert len(selection.selected("session", organization)) == 5
    assert Selection.objects.count() == 1


def test_the_audit_log_stays_one_chain(connection, beside):
    organization = connection.organization

    def note() -> None:
        with transaction.atomic():
            audit.record(organization, [audit.disconnected(connection)])

    before = AuditEntry.objects.count()
    with transaction.atomic():
        note()
        other = beside(note)
    other.result()
    assert AuditEntry.objects.count() == before + 2
    assert audit.verify(organization) == []


def test_a_plan_applied_in_two_browsers_at_once_is_one_job(connection, plan, beside):
    with transaction.atomic():
        mine = pressed(plan, connection)
        other = beside(lambda: pressed(Plan.objects.get(pk=plan.pk), connection))
    assert other.result().pk == mine.pk
    assert Job.objects.count() == 1


def test_of_two_workers_one_gets_the_lease(connection, beside):
    with transaction.atomic():
        assert Lease.take(connection.organization)
        other = beside(lambda: Lease.take(connection.organization))
    assert other.result() is None


def test_workers_that_sweep_at_once_offer_a_job_once(connection, plan, queue, beside):
    job = pressed(plan, connection)
    Job.objects.filter(pk=job.pk).update(offered_at=timezone.now() - timedelta(seconds=10))
    queue.clear()

    here: Any = default_task_backend

    def sweep() -> int:
        jobs.sweep()
        return len(here.results)  # each thread has a queue of its own

    with transaction.atomic():
        mine = sweep()
        other = beside(sweep)
    assert (mine, other.result()) == (1, 0)


def test_what_changed_between_two_reads_is_noticed_though_both_began_before_anything_was_known(
    connection, beside
):
    organization = connection.organization
    rows = {row.remote_id: row.member() for row in organization.members.all()}
    first = Roster(organization.remote_id, organization.name, rows, timezone.now())
    somebody = next(m for m in rows.values() if m.role_id == "user")
    changed = {**rows, somebody.id: replace(somebody, role_id="superuser")}
    second = Roster(organization.remote_id, organization.name, changed, timezone.now())
    organization.members.all().delete()
    type(organization).objects.filter(pk=organization.pk).update(roster_read_at=None)
    with transaction.atomic():
        assert roster.keep(organization, first)
        other = beside(lambda: roster.keep(organization, second))
    assert other.result()
    noticed = AuditEntry.objects.filter(channel="outside").values_list("member_id", "event")
    assert list(noticed) == [(somebody.id, "member.role.set")]


def test_a_new_group_found_by_two_reads_at_once_is_noticed_once(connection, beside):
    organization = connection.organization
    type(organization).objects.filter(pk=organization.pk).update(
        groups_read_at=timezone.now() - timedelta(hours=1)
    )
    listed = [Item(Kind.GROUP, "group_new", "Night shift")]

    def keep() -> None:
        groups.keep_list(organization, listed, timezone.now())

    with transaction.atomic():
        keep()
        other = beside(keep)
    other.result()
    assert AuditEntry.objects.filter(event="group.created").count() == 1


def test_what_an_answer_shows_does_not_take_back_what_a_read_has_just_shown(connection, people, beside):
    organization = connection.organization
    row = organization.members.get(remote_id=people[0])
    answered = replace(row.member(), role_id="superuser")
    asked = (Edit(ROLE, "user", "superuser"),)
    request = Row(Action.CHANGE, Verdict.WILL, people[0], row.email, row.name, asked)
    with transaction.atomic():
        organization.hold()
        other = beside(lambda: roster.keep_member(organization, answered, request))
        row.settings |= {"auto_record_calls": "disabled"}
        row.save(update_fields=["settings"])
    other.result()
    row.refresh_from_db()
    assert (row.role_id, row.settings["auto_record_calls"]) == ("superuser", "disabled")


def test_who_signs_in_while_they_disconnect_elsewhere_does_not_wait_for_ever(connection, beside):
    from memberships.services import connections as service

    with transaction.atomic():
        connection.organization.hold()  # as a sign-in does first
        other = beside(lambda: service.disconnect(connection))
        Connection.objects.filter(pk=connection.pk).update(name="Ada Anew")
    other.result()
    assert not Login.objects.filter(connection=connection).exists()
    assert not Connection.objects.get(pk=connection.pk).usable


# The server goes away


def _end_every_other_connection() -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


@pytest.fixture
def storage():
    from dashboard.queue import DatabaseStorage

    storage = DatabaseStorage("test")
    yield storage
    storage.flush_queue()
    storage.close()


def test_a_message_is_queued_though_the_server_was_restarted_since_the_last_one(db, storage):
    storage.enqueue(b"one")
    _end_every_other_connection()
    storage.enqueue(b"two")
    assert [storage.dequeue(), storage.dequeue()] == [b"one", b"two"]


def test_a_thread_goes_on_after_the_server_was_restarted(connection):
    with ThreadPoolExecutor(1) as pool:

        def job() -> int:
            close_old_connections()  # as before and after each request and each task
            found = Connection.objects.count()
            close_old_connections()
            return found

        assert pool.submit(job).result() == 1
        _end_every_other_connection()
        assert pool.submit(job).result() == 1
        pool.submit(connections.close_all).result()


def test_workers_hear_of_a_message_at_once(db, storage):
    with ThreadPoolExecutor(1) as pool:

        def next_one() -> tuple[bytes | None, float]:
            try:
                return storage.dequeue(), time.monotonic()
            finally:
                storage.close()

        waiting = pool.submit(next_one)
        time.sleep(0.3)
        began = time.monotonic()
        with _elsewhere() as elsewhere:
            elsewhere.execute(
                "INSERT INTO queue_task (queue, data) VALUES ('test', %s)", [pickle.dumps("a job")]
            )
            elsewhere.execute("SELECT pg_notify(%s, '')", [storage.channel])
        message, heard_at = waiting.result()
        assert message == pickle.dumps("a job")
        assert heard_at - began < 0.5
