"""Copy the browser libraries named here from node_modules/ to static/vendor/, each with its licence.

Run by `make vendor` after `npm ci`, which checks every package against the hash in package-lock.json. The copies
are committed, so node is needed only to change them. tests/test_vendor.py holds the manifest to the files.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"

# package → file in the package → name in static/vendor/
LIBRARIES = {
    "htmx.org": {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE.txt"},
}

# collectstatic with a manifest storage fails on a source map that is not there.
SOURCE_MAP = re.compile(rb"\s*(//[#@] ?sourceMappingURL=\S*|/\*[#@] ?sourceMappingURL=.*?\*/)\s*\Z")


def vendor(package: str, files: dict[str, str]) -> dict[str, object]:
    """Copy one library; return its manifest entry."""
    source = ROOT / "node_modules" / package
    about = json.loads((source / "package.json").read_text())
    hashes = {}
    for path, name in sorted(files.items(), key=lambda item: item[1]):
        content = SOURCE_MAP.sub(b"\n", (source / path).read_bytes())
        (VENDOR / name).write_bytes(content)
        hashes[name] = hashlib.sha256(content).hexdigest()
    return {
        "name": package,
        "version": about["version"],
        "licence": about["license"],
        "sha256": hashes,
    }


def main() -> None:
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    manifest = [vendor(package, files) for package, files in sorted(LIBRARIES.items())]
    (VENDOR / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
