"""Children of the commands: replaced when they die, gone when the parent ends."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from dashboard import processes


@pytest.fixture
def children(monkeypatch) -> list[subprocess.Popen[bytes]]:
    """What was started, in its order."""
    started: list[subprocess.Popen[bytes]] = []

    def start(arguments: object) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(["sleep", "60"]))
        return started[-1]

    monkeypatch.setattr(processes, "start", start)
    monkeypatch.setattr(processes, "_LOOK_S", 0.02)
    return started


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_a_child_that_dies_is_replaced_and_all_end_with_the_block(children, caplog):
    with processes.beside([["worker"], ["worker"]]):
        assert len(children) == 2
        children[0].kill()
        until(lambda: len(children) == 3)
        assert [child.poll() for child in children[1:]] == [None, None]
    assert all(child.poll() is not None for child in children)
    assert "manage.py worker ended with -9 and is started again" in caplog.text


def test_children_end_with_the_block_whatever_ends_it(children):
    with pytest.raises(KeyboardInterrupt), processes.beside([["worker"]]):
        raise KeyboardInterrupt
    assert children[0].poll() is not None


def test_a_port_that_is_taken_is_said_and_not_shared():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} is taken"):
            call_command("serve", "--port", str(port))
