"""`manage.py backup FILE`: a copy of the database as it is at one moment, while everything runs."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from memberships.models import Organization
from memberships.services import audit


class Command(BaseCommand):
    help = "Copy the SQLite database to a new file, whole and checked. For PostgreSQL there is pg_dump."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="where to; must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["file"]
        if connection.vendor != "sqlite":
            raise CommandError(
                'This is for SQLite. For PostgreSQL: pg_dump --format=custom --file=FILE "$DATABASE_URL"'
            )
        if target.exists():
            raise CommandError(f"{target} exists: a backup never overwrites another.")
        if not target.parent.is_dir():
            raise CommandError(f"There is no folder {target.parent}.")
        # What an interruption leaves behind is never taken for a backup.
        unfinished = target.with_name(f"{target.name}.unfinished")
        try:
            unfinished.unlink(missing_ok=True)
            _copy(unfinished)
            unfinished.rename(target)
        except (OSError, sqlite3.Error) as error:
            unfinished.unlink(missing_ok=True)
            raise CommandError(f"No backup was made: {error}.") from None
        self.stdout.write(
            f"{target}: {target.stat().st_size:,} bytes, checked. It needs TOKEN_ENCRYPTION_KEYS too."
        )
        organizations = Organization.objects.order_by("pk")
        if organizations:
            self.stdout.write(
                "Keep these elsewhere; `audit verify --head` compares with them after a restore:"
            )
        for organization in organizations:
            self.stdout.write(f"  {organization.remote_id} {audit.head(organization)}")


def _copy(target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    source = str(connection.settings_dict["NAME"])
    with closing(sqlite3.connect(source, timeout=20, uri=source.startswith("file:"))) as database:
        database.execute("VACUUM INTO ?", (str(target),))
    with closing(sqlite3.connect(target)) as copy:
        (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
