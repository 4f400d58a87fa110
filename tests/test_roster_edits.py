"""What is true, put into a roster file: everything else in it stays as somebody wrote it."""

from __future__ import annotations

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
