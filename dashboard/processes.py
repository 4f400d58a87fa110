"""Child processes of this project that live and end with their parent."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.conf import settings

_GRACE_S = 10
_PR_SET_PDEATHSIG = 1


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


@contextmanager
def beside(commands: Sequence[Sequence[str]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Children that run while the block does."""
    children = [start(arguments) for arguments in commands]
    try:
        yield children
    finally:
        stop(children)


def _end_with_parent() -> None:
    if sys.platform == "linux":
        # A killed parent can't stop its children; the kernel can.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
