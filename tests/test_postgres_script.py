"""scripts/postgres.py: a server for one command, which leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

pytestmark = pytest.mark.skipif(not settings.POSTGRESQL, reason="takes PostgreSQL: make test-postgres")

SCRIPT = str(settings.BASE_DIR / "scripts" / "postgres.py")


@pytest.fixture
def started() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The script with a command that doesn't end, and the address that command was given."""
    script = subprocess.Popen(
        [sys.executable, SCRIPT, "sh", "-c", "echo $DATABASE_URL; exec sleep 60"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert script.stdout
    yield script, script.stdout.readline().strip()
    script.kill()
    script.wait()


def test_the_command_gets_a_server_that_is_not_roots(started):
    _, address = started
    with psycopg.connect(address) as connection:
        ((pid,),) = connection.execute("SELECT pg_backend_pid()").fetchall()
    assert Path(f"/proc/{pid}").stat().st_uid != 0


def test_an_interrupted_script_leaves_no_server_and_no_files(started):
    script, address = started
    with psycopg.connect(address) as connection:
        ((folder,),) = connection.execute("SHOW data_directory").fetchall()
    assert Path(folder).is_dir()
    script.terminate()
    assert script.wait(20) == 128 + signal.SIGTERM
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(address)
    assert not Path(folder).parent.exists()


def test_the_commands_word_is_the_scripts():
    ended = subprocess.run([sys.executable, SCRIPT, "sh", "-c", "exit 7"], check=False)
    assert ended.returncode == 7
