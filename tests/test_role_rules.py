"""What may be done to a role: judged over everyone who has it, and merged with what others did to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memberships.domain import guards, permissions, proposals
from memberships.domain.batches import Pending, Phase, batches
from memberships.domain.guards import Situation
from memberships.domain.items import NAME, PERMISSIONS, Items, Kind, role_item
from memberships.domain.people import Member, Status
from memberships.domain.plan import Row, Verdict
from tests.people import ADMIN, LIMITED, PEOPLE_OPS, ROLES, USER, member, role_change, situation

MANAGE = "manage_organization"
ITEMS: Items = {(Kind.ROLE, role.id): role_item(role) for role in ROLES.values()}
WITH, WITHOUT = ("calling", MANAGE), ("calling",)


def judged(*members: Member, actor: str = "", minimum: int = 1) -> Situation:
    return replace(situation(*members, actor=actor, minimum=minimum), items=ITEMS, manage_permission=MANAGE)


def edited(role_id: str, granted: tuple[str, ...]) -> Row:
    return proposals.edit(ITEMS[Kind.ROLE, role_id], {PERMISSIONS: granted}, ITEMS)


people = st.lists(
    st.tuples(st.sampled_from(sorted(ROLES)), st.sampled_from([Status.ACTIVE, Status.INACTIVE])),
    min_size=1,
    max_size=6,
)


@given(people, st.sampled_from(sorted(ROLES)), st.booleans(), st.integers(1, 3))
def test_no_reviewed_edit_leaves_fewer_in_charge_than_the_minimum(drawn, role_id, manages, minimum):
    members = [member(f"m{n}", role, status) for n, (role, status) in enumerate(drawn)]
    now = judged(*members, minimum=minimum)
    (row,) = guards.review([edited(role_id, WITH if manages else WITHOUT)], now)
    before = now.roster.managers()
    holders = {m.id for m in members if m.active and m.role_id == role_id}
    after = before
    if row.verdict is Verdict.WILL:
        after = before | holders if manages else before - holders
    assert len(after) >= min(minimum, len(before))
    if manages:
        assert row.verdict is not Verdict.BLOCKED


def test_who_wins_and_loses_by_an_edit_are_the_active_people_with_the_role():
    now = judged(
        member("a", "admin"), member("b", "ops"), member("c", "user"), member("d", "user", Status.INACTIVE)
    )
    assert now.takers(edited("ops", WITHOUT)) == {"b"}
    assert now.gainers(edited("user", WITH)) == {"c"}
    assert (
        now.gainers(edited("ops", ("export", MANAGE)))
        == now.takers(edited("ops", ("export", MANAGE)))
        == set()
    )
    renamed = proposals.edit(ITEMS[Kind.ROLE, "ops"], {NAME: "Other"}, ITEMS)
    assert now.takers(renamed) == now.gainers(renamed) == set()


def test_the_number_to_type_is_that_of_the_people_it_reaches():
    now = judged(
        member("a", "admin"), *(member(f"u{n}") for n in range(6)), member("g", "user", Status.INACTIVE)
    )
    brake = guards.brake([edited("user", ("calling", "export"))], now)
    assert brake == guards.Brake(6, ("It changes 6 of the 7 active people.",))
    assert guards.brake([edited("limited", WITH)], now) is None
    grants = guards.brake([edited("user", WITH)], now)
    assert grants is not None
    assert "It lets 6 people manage the organization." in grants.reasons


def test_ones_own_power_is_taken_last_and_alone():
    now = judged(member("me", "ops"), member("a", "admin"), member("u"), actor="me")
    mine, other = edited("ops", WITHOUT), role_change(member("u"), "limited")
    found = batches([Pending(1, mine), Pending(2, other)], now, {Kind.MEMBER: 500})
    assert [batch.phase for batch in found] == [Phase.ORDINARY, Phase.SELF]
    brake = guards.brake([mine], now)
    assert brake is not None
    assert any("from Me" in reason for reason in brake.reasons)


@pytest.mark.parametrize(
    ("holders", "said"),
    [
        (0, ""),
        (1, "1 active person has this role: move them to another role first."),
        (1200, "1,200 active people have this role: move them to another role first."),
    ],
)
def test_a_role_people_have_is_not_deleted(holders, said):
    row = proposals.deletion(ITEMS[Kind.ROLE, "user"], holders=holders)
    assert (row.verdict is Verdict.BLOCKED, row.reason) == (bool(holders), said)
    now = judged(*(member(f"u{n}") for n in range(holders)), member("gone", "user", Status.INACTIVE))
    assert guards.in_the_way(row, now) == said


def test_what_is_empty_is_not_asked_for_when_a_role_is_made():
    row = proposals.creation(Kind.ROLE, {NAME: "New", PERMISSIONS: (), "ids": (), "behavior": None}, ITEMS)
    assert row.wanted == {NAME: "New", PERMISSIONS: ()}


sets = st.sets(st.sampled_from("abcdef")).map(lambda found: tuple(sorted(found)))


@given(sets, sets, sets)
def test_what_others_did_and_what_is_wished_for_are_both_in_the_merged_list(now, opened, wanted):
    found = set(proposals.merged(now, opened, wanted))
    for name in "abcdef":
        wish = (name in wanted) if (name in wanted) != (name in opened) else (name in now)
        assert (name in found) == wish


@given(st.sets(st.sampled_from([*sorted(permissions.KNOWN), "fly", "<b>"])))
def test_every_permission_stands_under_exactly_one_theme(names):
    themes = permissions.by_theme(names)
    assert sorted(p.name for _, its in themes for p in its) == sorted(names)
    assert [theme for theme, _ in themes if theme == "Others"] == (
        ["Others"] if names & {"fly", "<b>", MANAGE} else []
    )


def test_a_difference_of_names_is_that_of_the_roles():
    assert permissions.changed(USER.permissions, ADMIN.permissions) == permissions.difference(USER, ADMIN)
    assert permissions.difference(LIMITED, PEOPLE_OPS).lost == ()
