"""What the documents name is there: pages they link to, pictures, files, tests, commands, settings."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
PICTURES = sorted((ROOT / "docs/pictures").iterdir())
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ENDINGS = "py|md|html|js|css|yaml|toml|lock|json|svg|png|sh"
A_FILE = re.compile(
    rf"[\w./-]+/[\w.-]+\.(?:{ENDINGS})|(?:[\w.-]+/)+|Dockerfile|Makefile|[\w-]+\.(?:yaml|toml|lock)"
)


documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


@cache
def there() -> frozenset[str]:
    """Every file of the project, and every folder with its slash: what git has, not what happens to lie about."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    files = [name for name in listed if (ROOT / name).exists()]
    return frozenset(files) | {f"{folder}/" for name in files for folder in map(str, Path(name).parents)}


def anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@documents
def test_every_link_leads_somewhere(document):
    for target in LINK.findall(FENCE.sub("", document.read_text())):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(found), f"{target} has no such heading"


@documents
def test_every_file_named_exists(document):
    for span in SPAN.findall(FENCE.sub("", document.read_text())):
        if A_FILE.fullmatch(span) and not span.startswith(("/", "var/", ".uv/")):
            # Where a page is about one layer, it names files from there on.
            starts = ("", "memberships/", "docs/")
            assert any(f"{start}{span}" in there() for start in starts), f"{span} is not there"


@documents
def test_every_command_named_exists(document):
    text = document.read_text()
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE):
        assert target in TARGETS, f"make {target}"
    for command in re.findall(r"manage\.py ([a-z_]+)", text):
        assert command in get_commands(), f"manage.py {command}"


def test_every_setting_that_is_read_stands_in_the_readme():
    settings = (ROOT / "dashboard/settings.py").read_text()
    read = set(re.findall(r"(?<!get)\(\s*\"([A-Z][A-Z_]+)\"", settings))
    assert read - set(SPAN.findall((ROOT / "README.md").read_text())) == set()
    assert "SECRET_KEY" in read


def test_every_bench_is_named_where_its_numbers_are():
    from bench.__main__ import NAMES

    text = (ROOT / "docs/performance.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in text] == []


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_every_picture_is_shown_and_light(picture):
    shown = [d for d in DOCUMENTS if f"pictures/{picture.name}" in d.read_text()]
    assert shown, "nothing shows it"
    assert picture.stat().st_size < 120_000


def test_every_picture_says_what_is_on_it():
    for document in DOCUMENTS:
        assert re.findall(r"!\[\s*\]", document.read_text()) == [], document


def test_every_decision_is_in_the_index():
    index = (ROOT / "docs/developer.md").read_text()
    for decision in (ROOT / "docs/decisions").iterdir():
        title = decision.read_text().splitlines()[0].removeprefix("# ")
        assert f"[{title}](decisions/{decision.name})" in index
