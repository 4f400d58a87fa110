"""A plan says per person what would change, what is already so, and what can't be done and why."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memberships.domain.addresses import parse
from memberships.domain.items import Kind
from memberships.domain.people import Status
from memberships.domain.plan import Action, Edit, Row, Verdict, fingerprint, held_up
from memberships.domain.proposals import changes, invitations
from memberships.domain.reading import is_so, is_stale
from tests.people import ADMIN, ROLES, USER, member, role_change, roster

MEMBERS = st.lists(
    st.builds(
        member,
        st.sampled_from([f"m{n}" for n in range(8)]),
        st.sampled_from(["user", "limited", "admin", "gone-role"]),
        st.sampled_from(Status),
    ),
    unique_by=lambda m: m.id,
    max_size=8,
)


@given(MEMBERS, st.sampled_from(sorted(ROLES)))
def test_each_person_is_in_the_plan_once_however_often_they_are_named(people, role):
    rows = changes([*people, *people], {"role": role})
    assert [row.member_id for row in rows] == [person.id for person in people]


@given(MEMBERS, st.sampled_from(sorted(ROLES)))
def test_a_row_will_run_exactly_for_people_who_are_not_inactive_and_differ(people, role):
    by_id = {person.id: person for person in people}
    for row in changes(people, {"role": role}):
        person = by_id[row.member_id]
        if person.role_id == role:
            assert (row.verdict, row.edits) == (Verdict.ALREADY, ())
        elif person.status is Status.INACTIVE:
            assert row.verdict is Verdict.BLOCKED
            assert row.reason
        else:
            assert (row.verdict, row.edits) == (Verdict.WILL, (Edit("role", person.role_id, role),))


@given(MEMBERS, st.sampled_from(sorted(ROLES)))
def test_a_row_is_neither_stale_nor_so_until_something_moves(people, role):
    by_id = {person.id: person for person in people}
    for row in changes(people, {"role": role}):
        if row.verdict is Verdict.WILL:
            person = by_id[row.member_id]
            assert not is_stale(row, person)
            assert not is_so(row, person)
            done = replace(person, role_id=role)
            assert is_so(row, done)
            assert is_stale(row, done)


def test_only_the_fields_that_differ_are_sent():
    person = member("ana", settings={"auto_record_calls": "enabled"})
    (row,) = changes([person], {"role": "limited", "auto_record_calls": "enabled"})
    assert row.wanted == {"role": "limited"}


def invited(text: str, *people, role=USER) -> list[Row]:
    return invitations(parse(text), role, roster(*people), ROLES)


@pytest.mark.parametrize(
    ("text", "action", "verdict", "reason"),
    [
        ("new@example.com", Action.INVITE, Verdict.WILL, "New."),
        ("GONE@example.com", Action.REACTIVATE, Verdict.WILL, "Was here before: will be reactivated."),
        ("here@example.com", Action.REACTIVATE, Verdict.ALREADY, "Already active, with the role Limited."),
        ("no address", Action.INVITE, Verdict.BLOCKED, "Not an e-mail address (line 1)."),
    ],
)
def test_each_invitation_says_what_would_happen(text, action, verdict, reason):
    (row,) = invited(text, member("gone", status=Status.INACTIVE), member("here", "limited"))
    assert (row.action, row.verdict, row.reason) == (action, verdict, reason)


def test_an_address_pasted_twice_is_invited_once():
    rows = invited("a@example.com\nb@example.com\nA@example.com")
    assert [row.verdict for row in rows] == [Verdict.WILL, Verdict.WILL, Verdict.BLOCKED]
    assert rows[2].reason == "Duplicate: already on line 1."


@given(
    st.lists(
        st.sampled_from(["a@b.com", "c@d.com", "gone@example.com", "here@example.com", "nobody"]), max_size=8
    )
)
def test_a_role_that_manages_the_organization_is_never_given_by_invitation(lines):
    rows = invited("\n".join(lines), member("gone", status=Status.INACTIVE), member("here"), role=ADMIN)
    assert not [row for row in rows if row.verdict is Verdict.WILL]


@given(
    st.lists(
        st.sampled_from(["a@b.com", "c@d.com", "gone@example.com", "here@example.com", "nobody"]), max_size=8
    )
)
def test_every_pasted_entry_is_a_row_and_no_address_is_sent_twice(lines):
    rows = invited("\n".join(lines), member("gone", status=Status.INACTIVE), member("here"))
    assert [row.email or row.name for row in rows] == lines
    sent = [row.email for row in rows if row.verdict is Verdict.WILL]
    assert len(sent) == len(set(sent))


def test_where_an_address_has_two_memberships_the_active_one_counts():
    left, here = member("m1", status=Status.INACTIVE, email="a@b.com"), member("m2", email="a@b.com")
    for order in ([left, here], [here, left]):
        (row,) = invited("a@b.com", *order)
        assert (row.verdict, row.member_id) == (Verdict.ALREADY, "m2")


ANA = member("ana")
CHANGE = role_change(ANA, "limited")
INVITE = Row(Action.INVITE, Verdict.WILL, email="new@example.com", edits=(Edit("role", None, "user"),))
REACTIVATE = replace(INVITE, action=Action.REACTIVATE, member_id="ana")
DEACTIVATE = Row(Action.DEACTIVATE, Verdict.WILL, "ana")
GONE = replace(ANA, status=Status.INACTIVE)


@pytest.mark.parametrize(
    ("row", "now", "stale"),
    [
        (CHANGE, ANA, False),
        (CHANGE, None, True),
        (CHANGE, GONE, True),
        (CHANGE, replace(ANA, role_id="admin"), True),
        (CHANGE, replace(ANA, first_name="Renamed"), False),
        (INVITE, None, False),
        (INVITE, ANA, True),
        (REACTIVATE, GONE, False),
        (REACTIVATE, ANA, True),
        (REACTIVATE, None, True),
        (DEACTIVATE, ANA, False),
        (DEACTIVATE, GONE, True),
        (DEACTIVATE, None, True),
    ],
)
def test_a_row_is_stale_when_what_it_was_planned_on_moved(row, now, stale):
    assert is_stale(row, now) is stale


@pytest.mark.parametrize(
    ("row", "now", "so"),
    [
        (CHANGE, replace(ANA, role_id="limited"), True),
        (CHANGE, None, False),
        (INVITE, None, False),
        (INVITE, member("new"), True),
        (INVITE, member("new", "limited"), False),
        (REACTIVATE, GONE, False),
        (REACTIVATE, ANA, True),
        (DEACTIVATE, GONE, True),
        (DEACTIVATE, None, True),
        (DEACTIVATE, ANA, False),
    ],
)
def test_a_row_is_so_only_when_a_read_shows_it(row, now, so):
    assert is_so(row, now) is so


def test_plans_have_the_same_fingerprint_exactly_when_they_send_the_same():
    rows = [CHANGE, DEACTIVATE]
    same = [replace(CHANGE, reason="other words", name="Renamed"), DEACTIVATE]
    assert fingerprint("orga", rows) == fingerprint("orga", same)
    others = [
        fingerprint("other", rows),
        fingerprint("orga", rows[:1]),
        fingerprint("orga", rows[::-1]),
        fingerprint("orga", [CHANGE.blocked("no"), DEACTIVATE]),
        fingerprint("orga", [role_change(ANA, "admin"), DEACTIVATE]),
        fingerprint("orga", [role_change(replace(ANA, role_id="admin"), "limited"), DEACTIVATE]),
        fingerprint("orga", [replace(CHANGE, member_id="bo"), DEACTIVATE]),
    ]
    assert len({fingerprint("orga", rows), *others}) == 1 + len(others)


def row_of(pk: str, stage: int = 0, kind: Kind = Kind.MEMBER, email: str = "") -> Row:
    return Row(Action.CHANGE, Verdict.WILL, pk, email or f"{pk}@example.com", kind=kind, stage=stage)


def test_people_wait_for_themselves_and_for_what_is_no_person_but_not_for_each_other():
    waiting = {"his": row_of("bo", 1), "hers": row_of("ana", 1)}
    assert held_up(waiting, [row_of("bo")]) == {"his"}
    assert held_up(waiting, [row_of("", kind=Kind.GROUP)]) == {"his", "hers"}


def test_somebody_invited_is_known_by_their_address():
    waiting = {
        "new": row_of("", 1, email="new@example.com"),
        "other": row_of("", 1, email="other@example.com"),
    }
    assert held_up(waiting, [row_of("", email="new@example.com")]) == {"new"}


def test_what_is_no_person_waits_for_everyone_and_whoever_waits_for_that_is_held_up_too():
    waiting = {"group": row_of("", 1, Kind.GROUP), "joining": row_of("ana", 2), "alike": row_of("ana", 1)}
    assert held_up(waiting, [row_of("bo")]) == {"group", "joining"}


def test_what_comes_at_the_same_stage_holds_nobody_up():
    assert held_up({"same": row_of("bo", 1)}, [row_of("bo", 1)]) == set()
