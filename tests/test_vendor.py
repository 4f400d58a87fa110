"""What the browser is served is what was reviewed: static/vendor/ against its manifest and the npm lock."""

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
MANIFEST = json.loads((VENDOR / "manifest.json").read_text())


def test_every_vendored_file_is_the_one_in_the_manifest():
    listed = {name: digest for library in MANIFEST for name, digest in library["sha256"].items()}
    present = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert present == listed


def test_every_library_names_its_licence_and_carries_the_text():
    for library in MANIFEST:
        assert library["licence"], library["name"]
        assert any("LICENSE" in name for name in library["sha256"]), library["name"]


def test_the_vendored_versions_are_the_locked_ones():
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    locked = {
        path.removeprefix("node_modules/"): entry["version"] for path, entry in packages.items() if path
    }
    assert {library["name"]: library["version"] for library in MANIFEST} == locked
