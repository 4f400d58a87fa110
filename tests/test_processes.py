"""Children of the commands: replaced when they die, gone when the parent ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from dashboard import processes

ROOT = Path(__file__).resolve().parent.parent


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


def until(holds: Callable[[], bool], at_most_s: float = 5) -> None:
    give_up = time.monotonic() + at_most_s
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


# What the server makes of a request


@pytest.fixture
def port() -> Iterator[int]:
    """Where the dashboard is served, to which this machine is a trusted proxy."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        chosen: int = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", str(chosen)],
        cwd=ROOT,
        env=os.environ | {"TRUSTED_PROXIES": "127.0.0.1"},
    )
    try:
        until(lambda: answers(chosen), 60)
        yield chosen
    finally:
        server.terminate()
        server.wait(30)


def answers(port: int) -> bool:
    try:
        return b" 200 " in ask(port, "/healthz")
    except OSError:
        return False


def ask(port: int, path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers, "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        with connection.makefile("rb") as answer:
            return answer.read().lower()


def test_the_server_takes_both_spellings_of_a_header_for_one_so_the_proxy_has_to_drop_one(port):
    proxys, visitors = "X-Request-ID: of-the-proxy", "X_Request_ID: of-a-visitor"
    assert b"x-request-id: of-the-proxy" in ask(port, "/static/none", proxys)
    assert b"x-request-id: of-a-visitor" in ask(port, "/static/none", proxys, visitors)
    configuration = (ROOT / "docs/operator.md").read_text()
    assert "request_header -*_*" in configuration
    assert "underscores_in_headers off;" in configuration
