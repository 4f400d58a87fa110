"""Run a command beside a PostgreSQL of its own, which is gone afterwards.

    scripts/postgres.py COMMAND [ARGUMENT...]

The command finds its address in DATABASE_URL. The server is Debian's (`apt-get install postgresql`), or the one on
PATH; it listens on a free port of this machine only, keeps everything in a temporary folder, and never runs as root.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

_START_S = 30
_STOP_S = 10
_PR_SET_PDEATHSIG = 1
# Nothing here has to outlive a power cut.
_CAREFREE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300")


def binaries() -> Path:
    """Where the newest server's programs are."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    if debian:
        return debian[-1]
    if on_path:
        return Path(on_path).parent
    raise SystemExit("There is no PostgreSQL here: apt-get install postgresql")


def owner() -> dict[str, Any]:
    """Whom the server runs as: whoever starts it, but PostgreSQL refuses to be root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise SystemExit("PostgreSQL refuses to run as root, and there is no user postgres or nobody.")


@contextmanager
def running() -> Iterator[str]:
    """A server with an empty database; its address."""
    found, whose = binaries(), owner()
    with tempfile.TemporaryDirectory(prefix="roster-postgres-") as folder:
        home, password = Path(folder), secrets.token_hex(16)
        if whose:
            os.chown(home, whose["user"], whose["group"])
        secret = home / "password"
        secret.write_text(password)
        secret.chmod(0o644)  # in a folder that is its owner's alone
        subprocess.run(
            [
                *(found / "initdb", "--pgdata", home / "data", "--username", "roster"),
                *("--auth", "scram-sha-256", "--pwfile", secret, "--encoding", "UTF8"),
                # Names are put in order as on most servers, not by their bytes.
                *("--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en", "--no-sync"),
            ],
            check=True,
            cwd=home,
            stdout=subprocess.DEVNULL,
            **whose,
        )
        port = _free_port()
        settings = (
            f"port={port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={home}",
            *_CAREFREE,
        )
        with (home / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    found / "postgres",
                    "-D",
                    home / "data",
                    *(word for each in settings for word in ("-c", each)),
                ],
                cwd=home,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the command, which still needs the server when it ends.
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509
                **whose,
            )
        try:
            ready = [str(found / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={port}"]
            _wait_for(server, ready, home / "log")
            account = f"roster:{password}@127.0.0.1:{port}"
            maintenance = f"--maintenance-db=postgresql://{account}/postgres"
            subprocess.run([str(found / "createdb"), maintenance, "roster"], check=True)
            yield f"postgres://{account}/roster"
        finally:
            server.send_signal(signal.SIGINT)  # without waiting for whoever is still connected
            try:
                server.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def main(command: list[str]) -> int:
    if not command:
        raise SystemExit(__doc__)
    # However this ends, the server ends with it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    with running() as address:
        child = subprocess.Popen(command, env=os.environ | {"DATABASE_URL": address})
        try:
            while True:
                try:
                    return child.wait()
                except KeyboardInterrupt:  # the command has heard it too
                    continue
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(server: subprocess.Popen[bytes], ready: list[str], log: Path) -> None:
    give_up = time.monotonic() + _START_S
    while server.poll() is None and time.monotonic() < give_up:
        if subprocess.run(ready, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise SystemExit(f"PostgreSQL did not start:\n{log.read_text()}")


def _end_with_parent() -> None:
    if sys.platform == "linux":
        # A killed parent can't stop its server; the kernel can.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
