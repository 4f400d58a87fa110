"""`manage.py backup`, and PostgreSQL's own tools as docs/backup.md uses them. What becomes of jobs and their receipts
after a restore is tried with real workers in tests/faults/test_workers.py."""

from __future__ import annotations

import copy
import io
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.db import connections as databases

from memberships.management.commands import backup as command
from memberships.models import Connection, Job, Organization
from memberships.services import audit, plans, proposals


@pytest.fixture
def file(db, tmp_path) -> Iterator[Path]:
    """The project on a database file that somebody else writes to all the time."""
    if database.vendor != "sqlite":
        pytest.skip("DATABASE_URL is not SQLite")
    path = tmp_path / "roster.sqlite3"
    before = databases["default"]
    databases["default"] = before.__class__(
        copy.deepcopy(before.settings_dict) | {"NAME": str(path)}, "default"
    )
    call_command("migrate", verbosity=0)
    yield path
    databases["default"].close()
    databases["default"] = before


def back_up(target: Path) -> str:
    out = io.StringIO()
    call_command("backup", str(target), stdout=out)
    return out.getvalue()


def test_a_backup_is_whole_private_and_tells_the_heads_to_keep_elsewhere(file, tmp_path):
    organization = Organization.objects.create(
        provider="close", remote_id="orga_1", audit_number=7, audit_hash="a" * 64
    )
    told = back_up(tmp_path / "backup")
    assert f"orga_1 7:{'a' * 64}" in told
    assert "TOKEN_ENCRYPTION_KEYS" in told
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(tmp_path / "backup")) as copied:
        assert copied.execute("SELECT remote_id FROM memberships_organization").fetchall() == [
            (organization.remote_id,)
        ]


def test_a_backup_holds_what_is_committed_and_nothing_of_what_is_under_way(file, tmp_path):
    with closing(sqlite3.connect(file, timeout=20, isolation_level=None)) as other:
        other.execute("INSERT INTO memberships_window (key, taken) VALUES ('committed', '[]')")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO memberships_window (key, taken) VALUES ('under way', '[]')")
        back_up(tmp_path / "backup")
        other.execute("COMMIT")
    with closing(sqlite3.connect(tmp_path / "backup")) as copied:
        assert copied.execute("SELECT key FROM memberships_window").fetchall() == [("committed",)]


def test_a_backup_never_overwrites_anything(file, tmp_path):
    (tmp_path / "backup").write_text("of yesterday")
    with pytest.raises(CommandError, match="a backup never overwrites another"):
        back_up(tmp_path / "backup")
    assert (tmp_path / "backup").read_text() == "of yesterday"
    with pytest.raises(CommandError, match="There is no folder"):
        back_up(tmp_path / "nowhere" / "backup")


def test_an_interrupted_backup_is_never_taken_for_one(file, tmp_path, monkeypatch):
    def broken(target: Path) -> None:
        target.write_text("half a")
        raise sqlite3.DatabaseError("disk I/O error")

    monkeypatch.setattr(command, "_copy", broken)
    with pytest.raises(CommandError, match="No backup was made: disk I/O error"):
        back_up(tmp_path / "backup")
    assert [path.name for path in tmp_path.glob("backup*")] == []


def test_on_another_database_it_says_what_to_use(db, tmp_path, monkeypatch):
    monkeypatch.setattr(type(databases["default"]), "vendor", "postgresql")
    with pytest.raises(CommandError, match="pg_dump --format=custom"):
        back_up(tmp_path / "backup")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    database.vendor != "postgresql" or not shutil.which("pg_dump"),
    reason="DATABASE_URL is not PostgreSQL, or there is no pg_dump",
)
def test_a_dump_of_postgresql_put_back_holds_the_log_the_tokens_and_the_open_job(
    connect, world, work, tmp_path
):
    connection = connect()
    users = [m["id"] for m in world.members(connection.organization.remote_id) if m["role_id"] == "user"][:3]
    plan = proposals.change(connection, users, {"role": "restricteduser"}, reason="", channel="test")
    job = plans.apply(plan, connection, fingerprint=plan.fingerprint, typed="")
    before = audit.head(connection.organization), connection.access_token

    where = database.settings_dict
    environment = os.environ | {
        "PGHOST": str(where["HOST"]),
        "PGPORT": str(where["PORT"]),
        "PGUSER": str(where["USER"]),
        "PGPASSWORD": str(where["PASSWORD"]),
        "PGDATABASE": str(where["NAME"]),
    }
    dump = tmp_path / "roster.dump"
    subprocess.run(["pg_dump", "--format=custom", f"--file={dump}"], env=environment, check=True)
    with database.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    database.close()
    subprocess.run(
        ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={where['NAME']}", dump],
        env=environment,
        check=True,
    )

    assert (audit.head(Organization.objects.get()), Connection.objects.get().access_token) == before
    assert audit.verify(Organization.objects.get()) == []
    work()
    assert Job.objects.get(pk=job.pk).finished
    assert set(plan.rows.values_list("outcome", flat=True)) == {"done"}
    assert {m["role_id"] for m in world.members(connection.organization.remote_id) if m["id"] in users} == {
        "restricteduser"
    }
