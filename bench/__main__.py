"""`python -m bench [name ...]`: measure everything, or what is named. Ends with 1 if a limit does not hold."""

from __future__ import annotations

import argparse
import importlib
import signal
import subprocess
import sys

from bench.table import show

NAMES = (
    "members",
    "sync",
    "apply",
    "invite",
    "files",
    "roster_file",
    "commerce",
    "growth",
    "memory",
    "open_loop",
    "open_loop_postgres",
    "rows",
)


def main() -> int:
    # Ended from outside, it still clears up behind itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of: {', '.join(NAMES)}")
    parser.add_argument("--draw", action="store_true", help="growth: renew its plot in docs/pictures/")
    arguments = parser.parse_args()
    names = arguments.names or list(NAMES)
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if arguments.draw and "growth" not in names:
        parser.error("only growth has a plot")
    if len(names) == 1:
        bench = importlib.import_module(f"bench.{names[0]}")
        lines = bench.measure(draw=True) if arguments.draw else bench.measure()
        show(bench.__doc__ or "", lines)
        return int(not all(line.holds for line in lines))
    draw = {"growth": ["--draw"]} if arguments.draw else {}
    # Each in a process of its own: they differ in settings, and one's leftovers must not slow down the next.
    ended = [
        subprocess.run([sys.executable, "-m", "bench", name, *draw.get(name, [])], check=False).returncode
        for name in names
    ]
    return int(any(ended))


if __name__ == "__main__":
    sys.exit(main())
