"""What is true, put into a roster file: everything else in it stays as somebody wrote it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

import pytest

from memberships.domain.people import Member, group_field
from memberships.providers import registry
from memberships.services.current import Live
from memberships.services.rosterfile import comparison, contents, edits
from memberships.services.rosterfile.dump import Writer
from memberships.services.vocabulary import Vocabulary
from tests.people import ROLES, member, roster

CLOSE, ATTACHED = registry.SIGN_IN, registry.ATTACHED


def adopted(text: str, people: Sequence[Member], *keys: str, provider: str = CLOSE) -> str:
    """The file once it says what is true of these, who are known by membership id, or by address."""
    can = registry.capabilities(provider)
    live = Live(roster(*people), dict(ROLES), {})
    writer = Writer(can, Vocabulary(can, ROLES, groups=[("sales", "Sales")]), group_ids=("sales",))
    found = comparison.against(live, writer, contents.read(text, provider, can))
    return edits.adopted(text, provider, found, keys)


ANA, BO = member("ana"), member("bo")

COMMENTED = """\
roster: 1
people:
# Support: agreed with HR in April
- email: ana@example.com  # Ana
  # until May
  role: User  # as before

# Sales: agreed with HR in May
- email: bo@example.com
  role: User
# rails below are the board's
rails:
  minimum_managers: 1
"""


def test_whoever_is_taken_out_takes_the_comments_on_their_lines_and_no_others() -> None:
    assert adopted(COMMENTED, [BO], "ana@example.com") == COMMENTED.replace(
        "- email: ana@example.com  # Ana\n  # until May\n  role: User  # as before\n", ""
    )
    assert adopted(COMMENTED, [ANA], "bo@example.com") == COMMENTED.replace(
        "- email: bo@example.com\n  role: User\n", ""
    )


def test_somebody_new_stands_right_after_the_last_and_before_what_is_about_the_next_section() -> None:
    assert adopted(COMMENTED, [ANA, BO, member("cy")], "cy") == COMMENTED.replace(
        "- email: bo@example.com\n  role: User\n",
        "- email: bo@example.com\n  role: User\n- email: cy@example.com  # Cy Example\n  role: User\n",
    )


@pytest.mark.parametrize(
    "last",
    [
        "reference:",
        "reference: # none",
        'reference: "a\n    b" # over two lines',
        "reference: a\n    b",
        "reference: |\n    a\n    # no comment\n\n    b",
        "? reference",
        "metadata: {a: b,\n    c: d}",
        "metadata:\n    # which team\n    team: a",
    ],
)
def test_an_entry_ends_with_the_last_line_of_whatever_stands_last_in_it(last: str) -> None:
    above, entry = "roster: 1\npeople:\n", f"- email: ana@example.com\n  {last}\n"
    below = "\n  # about Bo\n# and more\n"
    bo = "- email: bo@example.com\n"
    assert adopted(above + entry + below + bo, [BO], "ana@example.com", provider=ATTACHED) == (
        above + below + bo
    )
    found = adopted(above + bo + entry + below, [ANA, BO, member("cy")], "cy", provider=ATTACHED)
    assert found.startswith(above + bo + entry + "- email: cy@example.com  # Cy Example\n")
    assert found.endswith(below)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("groups:\n  - Sales  # since May", "groups: []  # since May"),
        ("groups:\n    - Sales", "groups: []"),
        ("groups: # all\n  - Sales", "groups: # all\n    []"),
        ("groups:  [Sales]", "groups:  []"),
        ("groups:", "groups: []"),
    ],
)
def test_a_list_that_another_one_replaces_leaves_the_comments_around_it(before: str, after: str) -> None:
    text = f"roster: 1\npeople:\n- email: ana@example.com\n  {before}\n  # the board's\n  role: User\n"
    held = member("ana", settings={group_field("sales"): before == "groups:"})
    written = after.replace("[]", "[Sales]") if before == "groups:" else after
    assert adopted(text, [held], "ana") == text.replace(before, written)


def test_people_who_are_adopted_together_stand_in_the_order_they_were_chosen_in() -> None:
    new = [member("dee"), member("cy"), member("eve")]
    found = adopted(COMMENTED, [ANA, BO, *new], *(one.id for one in new))
    assert [entry.email for entry in contents.read(found, CLOSE, registry.capabilities(CLOSE)).people] == [
        one.email for one in (ANA, BO, *new)
    ]


def test_whoever_comes_and_whoever_goes_at_the_end_of_a_file_are_adopted_at_once() -> None:
    text = "roster: 1\npeople:\n- email: ana@example.com\n- email: bo@example.com\n"
    assert adopted(text, [ANA, member("cy")], "bo@example.com", "cy") == (
        "roster: 1\npeople:\n- email: ana@example.com\n- email: cy@example.com  # Cy Example\n"
    )
    assert adopted(text.rstrip(), [ANA, BO, member("cy")], "cy") == (
        f"{text}- email: cy@example.com  # Cy Example"
    )


@pytest.mark.parametrize("line_break", ["\r\n", "\r", "\n"])
def test_lines_end_as_the_others_in_the_file_do(line_break: str) -> None:
    text = """\
roster: 1
kits:
  plain: {role: User}
people:
- email: ana@example.com
  kit: plain
- email: bo@example.com
  role: User
- email: gone@example.com
  role: User
# rails below
"""
    left = member("ana", role="limited")
    changed = adopted(
        text.replace("\n", line_break), [left, BO, member("cy")], "ana", "gone@example.com", "cy"
    )
    assert changed.replace(line_break, "\n").splitlines() == [
        "roster: 1",
        "kits:",
        "  plain: {role: User}",
        "people:",
        "- email: ana@example.com",
        "  role: Limited",
        "  kit: plain",
        "- email: bo@example.com",
        "  role: User",
        "- email: cy@example.com  # Cy Example",
        "  role: User",
        "# rails below",
    ]
    assert set(re.findall("\r\n|\r|\n", changed)) == {line_break}


def steps(number: int) -> int:
    """How many instructions it takes to adopt so many people, of whom a third each came, left and changed."""
    here = [member(f"new{n}") for n in range(number)] + [
        member(f"same{n}", role="limited") for n in range(number)
    ]
    text = "roster: 1\npeople:\n" + "".join(
        f"- email: {kind}{n}@example.com\n  role: User\n" for n in range(number) for kind in ("same", "gone")
    )
    keys = [one.id for one in here] + [f"gone{n}@example.com" for n in range(number)]
    taken, monitoring, tool = 0, sys.monitoring, 4

    def step(*_: object) -> None:
        nonlocal taken
        taken += 1

    monitoring.use_tool_id(tool, "steps")
    try:
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, step)
        monitoring.set_events(tool, monitoring.events.INSTRUCTION)
        adopted(text, here, *keys)
    finally:
        monitoring.free_tool_id(tool)
    return taken


def test_adopting_twice_as_many_people_takes_twice_as_much_and_not_four_times() -> None:
    steps(2)
    assert steps(40) < 2.2 * steps(20)
