"""Child processes of this project that live and end with their parent."""

from __future__ import annotations

import ctypes
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from django.conf import settings

log = logging.getLogger(__name__)

_GRACE_S = 10
# Also how soon a child that ended is started again: one that can't start must not keep the machine busy.
_LOOK_S = 1.0
_PR_SET_PDEATHSIG = 1
# Loaded here, for little is safe between fork and exec.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def start(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Run `manage.py ARGUMENTS` as a child that does not outlive this process."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    return subprocess.Popen(command, env=environment, preexec_fn=_end_with_parent)  # noqa: PLW1509


def stop(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask all of them to end, then wait; kill what doesn't within ten seconds."""
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def is_free(host: str, port: int) -> bool:
    """May a server listen there? Ours would share a taken port, and the two would answer in turn."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@contextmanager
def beside(commands: Sequence[Sequence[str]]) -> Iterator[None]:
    """Children that run while the block does. One that ends by itself is started again."""
    over = threading.Event()
    keepers = [
        threading.Thread(target=_keep, args=(arguments, start(arguments), over), daemon=True)
        for arguments in commands
    ]
    for keeper in keepers:
        keeper.start()
    try:
        yield
    finally:
        over.set()
        for keeper in keepers:
            keeper.join()


def _keep(arguments: Sequence[str], child: subprocess.Popen[bytes], over: threading.Event) -> None:
    while not over.wait(_LOOK_S):
        if child.poll() is not None:
            log.error(
                "manage.py %s ended with %s and is started again", " ".join(arguments), child.returncode
            )
            # To the kernel its parent is this thread, which stays as long as it does.
            child = start(arguments)
    stop([child])


def _end_with_parent() -> None:
    if _libc:
        # A killed parent can't stop its children; the kernel can.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
