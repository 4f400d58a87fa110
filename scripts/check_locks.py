"""Refuse a lock that only works somewhere: other package hosts than the public ones, or pre-releases.

A resolver told of a private mirror writes its address into the lock, and falls back to development versions without a
word when a bound leaves it nothing else; both have to be noticed by a check, for nobody reads a lock.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON_HOSTS = {"pypi.org", "files.pythonhosted.org"}
PYTHON_PRERELEASE = re.compile(r"\d\.?(a|b|rc|dev)\d*")


def python_findings() -> Iterator[str]:
    text = (ROOT / "uv.lock").read_text()
    for host in sorted(set(re.findall(r"\w+://([^/\"]+)", text)) - PYTHON_HOSTS):
        yield f"uv.lock names the host {host}"
    for package in tomllib.loads(text)["package"]:
        if PYTHON_PRERELEASE.search(package["version"]):
            yield f"uv.lock has a pre-release: {package['name']} {package['version']}"


def npm_findings() -> Iterator[str]:
    for path, package in json.loads((ROOT / "package-lock.json").read_text())["packages"].items():
        if "resolved" in package:
            yield f"package-lock.json names an address: {package['resolved']}"
        if "-" in package.get("version", ""):
            yield f"package-lock.json has a pre-release: {path} {package['version']}"
        if path and "integrity" not in package:
            yield f"package-lock.json has no hash for {path}"


if __name__ == "__main__":
    findings = [*python_findings(), *npm_findings()]
    print("\n".join(findings))
    sys.exit(bool(findings))
