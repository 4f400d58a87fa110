"""docs/security.md keeps what it says: each proof it names is there, and each item of the standard is answered once."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = (TESTS.parent / "docs" / "security.md").read_text()

# OWASP ASVS 5.0.0: how many items of levels 1 and 2 each section has. Those of level 3 come after them in each.
SECTIONS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4,
    "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
}  # fmt: skip


def answered() -> list[str]:
    """The items in the first column, ranges written out."""
    found = []
    for cell in re.findall(r"^\| ([\d.,– ]+) \|", PAGE, re.MULTILINE):
        for part in cell.split(", "):
            first, _, last = part.partition("–")
            section, _, number = first.rpartition(".")
            end = int((last or first).rpartition(".")[2])
            found += [f"{section}.{n}" for n in range(int(number), end + 1)]
    return found


def test_every_item_of_levels_one_and_two_is_answered_once():
    expected = [f"{section}.{n}" for section, number in SECTIONS.items() for n in range(1, number + 1)]
    assert sorted(answered()) == sorted(expected)


def test_every_proof_it_names_is_a_test():
    named = re.findall(r"`([a-z_/]*test_[a-z_]+)(?:::(test_[a-z0-9_]+))?`", PAGE)
    assert len(named) > 100
    wrong = []
    for module, test in named:
        file = TESTS / f"{module}.py"
        if not file.exists() or (test and f"def {test}(" not in file.read_text()):
            wrong.append(f"{module}::{test}")
    assert wrong == []


def test_every_promise_has_a_proof():
    promises = PAGE.partition("## Promises")[2].partition("###")[0]
    rows = [row for row in promises.splitlines() if row.startswith("| ") and not row.startswith("| promise")]
    assert len(rows) > 10
    assert [row for row in rows if "::test_" not in row] == []


def test_every_decision_and_page_it_names_is_there():
    for name in re.findall(r"docs/[\w./-]+\.md", PAGE):
        assert (TESTS.parent / name).exists(), name
