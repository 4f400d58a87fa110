"""What the rows of one step do together, in one sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memberships.domain import proposals
from memberships.domain.items import OPEN, OWNER, Item, Kind, to_be_made
from memberships.domain.people import Status, group_field
from memberships.domain.plan import Action, Edit, Row, Verdict
from memberships.providers.close import CAPABILITIES
from memberships.services.wording import Words, counted, listed, still_open
from tests.people import LIMITED, ROLES, deactivation, member, role_change

ANA, BO, CLEO = member("ana"), member("bo"), member("cleo")
NAMES = {"g1": "Rowers", "g2": "Readers", **{m.user_id: m.name for m in (ANA, BO, CLEO)}}


def work(kind: Kind, number: int) -> list[Item]:
    return [Item(kind, f"{kind}_{n}", f"No. {n}", {OWNER: ANA.user_id, OPEN: True}) for n in range(number)]


def grouping(who, group_id: str, *, inside: bool) -> Row:
    field = group_field(group_id)
    return Row(Action.CHANGE, Verdict.WILL, who.id, who.email, who.name, (Edit(field, not inside, inside),))


TASKS, DEAL = work(Kind.TASK, 34), work(Kind.OPPORTUNITY, 1)
NEW_GROUP = proposals.creation(Kind.GROUP, {"name": "Singers"}, {})
GONE = replace(ANA, status=Status.INACTIVE)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (proposals.transfers(TASKS, ANA, BO), "Move 34 tasks to Bo Example"),
        (
            proposals.transfers([*TASKS, *DEAL], ANA, BO),
            "Move 34 tasks and 1 opportunity to Bo Example",
        ),
        (
            [*proposals.transfers(TASKS, ANA, BO), *proposals.transfers(DEAL, ANA, CLEO)],
            "Move 34 tasks to Bo Example and 1 opportunity to Cleo Example",
        ),
        ([role_change(ANA, LIMITED.id)], "Change the role of Ana Example to Limited"),
        (
            [role_change(ANA, LIMITED.id), role_change(BO, LIMITED.id)],
            "Change the role of 2 members to Limited",
        ),
        ([grouping(ANA, "g1", inside=False)], "Take Ana Example out of the group Rowers"),
        ([grouping(ANA, g, inside=False) for g in ("g1", "g2")], "Take Ana Example out of 2 groups"),
        ([grouping(m, "g1", inside=True) for m in (ANA, BO)], "Put 2 members into the group Rowers"),
        ([grouping(ANA, to_be_made("Singers"), inside=True)], "Put Ana Example into the group Singers"),
        ([deactivation(ANA)], "Deactivate Ana Example"),
        ([deactivation(ANA), deactivation(BO)], "Deactivate 2 members"),
        (proposals.reactivations([GONE], ROLES), "Reactivate Ana Example"),
        ([NEW_GROUP], "Create the group Singers"),
        ([NEW_GROUP, deactivation(BO)], "Create the group Singers and deactivate Bo Example"),
        (
            proposals.changes([ANA], {"auto_record_calls": "enabled"}),
            "Change call recording of Ana Example",
        ),
    ],
)
def test_a_step_is_told_in_one_sentence(rows, sentence):
    assert Words(CAPABILITIES, ROLES, NAMES).step(rows) == sentence


def test_numbers_agree_with_their_words():
    assert counted(1, Kind.OPPORTUNITY) == "1 opportunity"
    assert counted(1200, Kind.TASK) == "1,200 tasks"
    assert still_open(1, Kind.TASK) == "1 open task"
    assert still_open(2, Kind.OPPORTUNITY) == "2 active opportunities"


@pytest.mark.parametrize(
    ("parts", "sentence"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_parts_are_listed_as_people_do(parts, sentence):
    assert listed(parts) == sentence
