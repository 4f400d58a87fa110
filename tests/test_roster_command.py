"""The command line: exit codes, what is printed, and what is sent."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from django.core.management import call_command

from memberships.management.commands.roster import NOTHING_TO_DO, Command
from memberships.models import Connection
from sandbox.server import Server


def roster(*arguments: str) -> tuple[int, str]:
    """Run it as `manage.py roster` with these arguments: what it ends with, and what it prints."""
    command, out = Command(stderr=StringIO()), StringIO()
    call_command(command, *arguments, stdout=out)
    return command.code, out.getvalue()


def test_what_was_dumped_plans_to_nothing(connection: Connection, close: Server, tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    code, text = roster("dump", "--with", "groups,pins")
    assert code == NOTHING_TO_DO
    file.write_text(text)
    code, out = roster("plan", str(file))
    assert code == NOTHING_TO_DO
    code, out = roster("drift", str(file))
    assert code == NOTHING_TO_DO
