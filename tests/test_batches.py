"""In what order and how many at a time: power is given before it is taken, one's own last and alone."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from memberships.domain.batches import Pending, Phase, batches
from memberships.domain.guards import Situation
from memberships.domain.items import Kind
from memberships.domain.people import Status
from memberships.domain.plan import Action, Edit, Row, Verdict
from tests.people import ROLES, deactivation, member, role_change, situation


def invitation(number: int) -> Row:
    return Row(
        Action.INVITE, Verdict.WILL, email=f"new{number}@example.com", edits=(Edit("role", None, "user"),)
    )


@st.composite
def waiting(draw) -> tuple[list[Pending], Situation]:
    """Rows of every kind that wait to be sent; some were in a bulk that was refused."""
    people = [
        member(f"m{number}", draw(st.sampled_from(sorted(ROLES))), draw(st.sampled_from(list(Status)[:2])))
        for number in range(draw(st.integers(1, 12)))
    ]
    now = situation(*people, actor=draw(st.sampled_from(people)).id)
    rows: list[Row] = []
    for number, person in enumerate(people):
        match draw(st.sampled_from(["role", "role", "record", "deactivate", "invite"])):
            case "role":
                rows.append(role_change(person, draw(st.sampled_from(sorted(ROLES)))))
            case "record":
                rows.append(
                    replace(role_change(person, ""), edits=(Edit("auto_record_calls", "unset", "enabled"),))
                )
            case "deactivate":
                rows.append(deactivation(person))
            case "invite":
                rows.append(invitation(number))
    limits = st.none() | st.integers(1, 4)
    return [Pending(key, row, draw(limits)) for key, row in enumerate(rows)], now


SIZES = st.integers(1, 5)


@given(waiting(), SIZES)
def test_every_row_is_sent_exactly_once(left, size):
    pending, now = left
    sent = [p for batch in batches(pending, now, {Kind.MEMBER: size}) for p in batch.pending]
    assert sorted(sent, key=lambda p: p.key) == pending


@given(waiting(), SIZES)
def test_grants_come_first_and_ones_own_power_goes_last_and_alone(left, size):
    pending, now = left
    order = batches(pending, now, {Kind.MEMBER: size})
    assert [batch.phase for batch in order] == sorted(batch.phase for batch in order)
    for batch in order:
        for row in batch.rows:
            assert (batch.phase is Phase.GRANT) == bool(now.gainers(row) and not now.takers(row))
            assert (batch.phase is Phase.SELF) == now.takes_my_power(row)
            assert (batch.phase >= Phase.TAKE) == bool(now.takers(row))
        if batch.phase is Phase.SELF:
            assert len(batch.rows) == 1


@given(waiting(), SIZES)
def test_no_call_is_for_more_than_it_may_be(left, size):
    pending, now = left
    for batch in batches(pending, now, {Kind.MEMBER: size}):
        assert len(batch.pending) <= min([size, *(p.at_most for p in batch.pending if p.at_most)])
        if any(row.action is not Action.CHANGE for row in batch.rows):
            assert len(batch.rows) == 1


@given(waiting(), SIZES)
def test_rows_go_together_only_with_the_same_new_values(left, size):
    pending, now = left
    for batch in batches(pending, now, {Kind.MEMBER: size}):
        assert all(row.wanted == batch.rows[0].wanted for row in batch.rows)


@given(waiting())
def test_rows_of_a_refused_bulk_are_settled_before_others_of_their_kind(left):
    pending, now = left
    order = batches(pending, now, {Kind.MEMBER: 500})
    for phase in Phase:
        sizes = [
            min(p.at_most or 500 for p in batch.pending)
            for batch in order
            if batch.phase is phase and batch.rows[0].action is Action.CHANGE and phase is not Phase.SELF
        ]
        assert sizes == sorted(sizes)


def test_a_thousand_alike_are_two_calls_of_five_hundred():
    people = [member(f"m{number}") for number in range(1000)]
    rows = [Pending(key, role_change(person, "limited")) for key, person in enumerate(people)]
    order = batches(rows, situation(*people, member("ana", "admin"), actor="ana"), {Kind.MEMBER: 500})
    assert [len(batch.pending) for batch in order] == [500, 500]
    assert [p.key for batch in order for p in batch.pending] == list(range(1000))
