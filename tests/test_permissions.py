"""What a role may do, in words people understand; a name nobody knows is shown as it is."""

from hypothesis import given
from hypothesis import strategies as st

from memberships.domain.people import Role
from memberships.domain.permissions import difference, label, summary
from sandbox.records import PERMISSIONS

_NAMES = st.frozensets(st.sampled_from([*PERMISSIONS, "invented_by_close_tomorrow"]))


def role(permissions: frozenset[str]) -> Role:
    return Role("r", "Some role", permissions, can_manage=False)


def test_every_permission_close_has_reads_as_words():
    words = [label(permission) for permission in PERMISSIONS]
    assert not [word for word in words if "_" in word]
    assert len(set(words)) == len(PERMISSIONS)


def test_a_permission_nobody_knows_is_shown_as_it_is():
    assert label("invented_by_close_tomorrow") == "invented_by_close_tomorrow"


@given(_NAMES, _NAMES)
def test_what_one_direction_wins_the_other_loses(one, other):
    there, back = difference(role(one), role(other)), difference(role(other), role(one))
    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert len(there.gained) == len(other - one)
    assert set(there.gained).isdisjoint(there.lost)


@given(_NAMES)
def test_a_role_that_came_from_nowhere_wins_all_it_has(permissions):
    change = difference(None, role(permissions))
    assert (change.gained, change.lost) == (summary(role(permissions)), ())


@given(_NAMES)
def test_words_stand_in_alphabetical_order(permissions):
    assert list(summary(role(permissions))) == sorted(summary(role(permissions)))
