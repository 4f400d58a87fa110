"""What a file wishes for, matched with the people there are and turned into rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memberships.domain.people import Member, Status, Value
from memberships.domain.plan import Action, Row, Verdict
from memberships.domain.proposals import Ways, wished
from memberships.domain.wishes import Fault, Wish, matched
from tests.people import ROLES, member, roster

ANA = member("ana")
BO = member("bo", settings={"auto_record_calls": "enabled", "reference": "one\r\ntwo"})
GONE = member("gone", status=Status.INACTIVE)
BOSS = member("boss", role="admin", status=Status.INACTIVE)
HERE = roster(ANA, BO, GONE, BOSS)


def plan(*wishes: Wish, faults: tuple[Fault, ...] = (), **ways: Any) -> list[Row]:
    return wished(wishes, HERE, ROLES, Ways(**ways), faults)


def wish(line: int = 2, email: str = "", status: Status | None = None, pk: str = "", **fields: Value) -> Wish:
    return Wish(line, email, pk, fields=fields, status=status)


def only(*wishes: Wish, **ways: Any) -> Row:
    (row,) = plan(*wishes, **ways)
    return row


# Who is meant


def test_the_id_says_who_is_meant_and_an_unknown_address_beside_it_does_not_matter():
    assert matched([wish(pk="ana", email="renamed@example.com")], HERE).wishes[0][1] == ANA


def test_without_an_id_the_address_says_who_is_meant():
    assert matched([wish(email="bo@example.com")], HERE).wishes[0][1] == BO


def test_an_id_nobody_here_has_is_not_guessed_by_its_address():
    (fault,) = matched([wish(pk="theirs", email="bo@example.com")], HERE).faults
    assert fault.reason == "Nobody in Example has the id theirs."


def test_an_id_and_the_address_of_somebody_else_are_a_fault():
    (fault,) = matched([wish(pk="ana", email="bo@example.com")], HERE).faults
    assert fault.reason == "The id is Ana Example's, but bo@example.com is somebody else's."


def test_an_address_that_two_people_have_is_a_fault():
    twins = roster(member("one", email="twin@example.com"), member("two", email="twin@example.com"))
    (fault,) = matched([wish(email="twin@example.com")], twins).faults
    assert fault.reason == "2 people have the address twin@example.com: give the id."


def test_of_two_memberships_of_one_person_the_active_one_is_meant():
    left = member("old", status=Status.INACTIVE, email="bo@example.com", user_id="u-bo")
    ((_, found),) = matched([wish(email="bo@example.com")], roster(left, BO)).wishes
    assert found == BO


def test_the_second_row_for_one_person_is_a_fault_that_names_the_first():
    found = matched([wish(2, pk="ana"), wish(7, "ana@example.com"), wish(9, "new@example.com")], HERE)
    assert [str(fault) for fault in found.faults] == [
        "Line 7: The same person as on line 2: one row for each person."
    ]
    assert len(found.wishes) == 2


def test_neither_id_nor_address_or_no_address_at_all_is_a_fault():
    faults = matched([Wish(2, name="Ana"), wish(3, "ana at example")], HERE).faults
    assert [fault.reason for fault in faults] == [
        "Has neither an id nor an e-mail address.",
        "“ana at example” is not an e-mail address.",
    ]


# What becomes of it


def test_only_what_differs_is_changed():
    row = only(wish(pk="bo", role="limited", auto_record_calls="enabled"))
    assert (row.action, row.verdict) == (Action.CHANGE, Verdict.WILL)
    assert row.wanted == {"role": "limited"}


def test_somebody_who_is_as_wished_is_already_so():
    row = only(wish(pk="bo", role="user", status=Status.ACTIVE, auto_record_calls="enabled"))
    assert row.verdict is Verdict.ALREADY


def test_a_text_in_which_only_the_line_breaks_differ_is_the_same():
    assert only(wish(pk="bo", reference="one\ntwo")).verdict is Verdict.ALREADY


def test_settings_go_together_and_each_group_alone():
    groups = {"group:g1": True, "group:g2": False}
    ana = replace(ANA, settings={"group:g1": False, "group:g2": True})
    wanted = Wish(2, member_id="ana", fields={"role": "limited", "auto_record_calls": "enabled", **groups})
    rows = wished([wanted], roster(ana), ROLES, Ways())
    assert [tuple(row.wanted) for row in rows] == [
        ("role", "auto_record_calls"),
        ("group:g1",),
        ("group:g2",),
    ]


def test_an_unknown_address_is_invited_with_its_role_and_gets_the_rest_once_they_are_here():
    invited, later = plan(wish(email="new@example.com", role="user", auto_record_calls="enabled"))
    assert (invited.action, invited.email, invited.wanted) == (
        Action.INVITE,
        "new@example.com",
        {"role": "user"},
    )
    assert (later.action, later.email, later.wanted, later.stage) == (
        Action.CHANGE,
        "new@example.com",
        {"auto_record_calls": "enabled"},
        1,
    )


def test_what_an_invitation_carries_goes_with_it():
    row = only(wish(email="new@example.com", role="user", access="live"), invited_with=("access",))
    assert row.wanted == {"role": "user", "access": "live"}


def test_an_invitation_needs_a_role():
    row = only(wish(4, "new@example.com"))
    assert row.verdict is Verdict.BLOCKED
    assert row.reason == "Line 4: Is new here, so needs a role to be invited with."


def test_a_role_that_can_not_be_given_by_invitation_is_given_in_a_second_step():
    row = only(wish(email="new@example.com", role="admin"))
    assert (row.verdict, row.via, row.wanted) == (Verdict.WILL, "user", {"role": "admin"})
    assert row.reason == "Comes as User first, then becomes Admin."
    assert only(wish(email="new@example.com", role="admin"), invites_managers=True).via == ""


def test_invitations_end_where_the_room_does():
    rows = plan(*(wish(n, f"new{n}@example.com", role="user") for n in (2, 3)), most=1)
    assert [row.verdict for row in rows] == [Verdict.WILL, Verdict.BLOCKED]


def test_somebody_who_is_not_here_does_not_have_to_leave():
    assert only(wish(email="new@example.com", status=Status.INACTIVE)).verdict is Verdict.ALREADY


def test_the_status_takes_people_out_and_brings_them_back():
    out, back = plan(wish(2, pk="ana", status=Status.INACTIVE), wish(3, pk="gone", status=Status.ACTIVE))
    assert (out.action, out.verdict) == (Action.DEACTIVATE, Verdict.WILL)
    assert (back.action, back.verdict, back.wanted) == (
        Action.REACTIVATE,
        Verdict.WILL,
        {"role": "user"},
    )


def test_somebody_comes_back_with_the_role_of_the_file_and_the_rest_is_set_afterwards():
    back, later = plan(wish(pk="gone", status=Status.ACTIVE, role="limited", track_email_opens=True))
    assert (back.action, back.edits[0].before, back.edits[0].after) == (Action.REACTIVATE, "user", "limited")
    assert (later.action, later.wanted, later.stage) == (Action.CHANGE, {"track_email_opens": True}, 1)


def test_somebody_comes_back_to_a_role_that_can_manage_in_two_steps():
    row = only(wish(pk="boss", status=Status.ACTIVE))
    assert (row.action, row.via, row.wanted) == (Action.REACTIVATE, "user", {"role": "admin"})


def test_without_a_status_nobody_comes_back():
    row = only(wish(5, pk="gone", role="limited"))
    assert (row.verdict, row.reason) == (Verdict.BLOCKED, "Line 5: Inactive: reactivate them first.")


def test_nobody_is_changed_and_deactivated_at_once():
    row = only(wish(6, pk="ana", status=Status.INACTIVE, role="limited"))
    assert row.verdict is Verdict.BLOCKED
    assert row.reason.startswith("Line 6: Would be changed and leave at once")


def test_the_same_values_beside_a_deactivation_are_no_change():
    row = only(wish(pk="bo", status=Status.INACTIVE, role="user", reference="one\ntwo"))
    assert (row.action, row.verdict) == (Action.DEACTIVATE, Verdict.WILL)


def test_where_leaving_deletes_what_they_had_is_kept():
    row = only(wish(pk="bo", status=Status.INACTIVE), removes=True)
    assert row.kept["auto_record_calls"] == "enabled"


def test_faults_stand_among_the_rows_by_their_lines():
    rows = plan(wish(2, pk="ana"), wish(9, pk="bo"), faults=(Fault(4, "Cy", "No such role."),))
    assert [row.name for row in rows] == ["Ana Example", "Cy", "Bo Example"]
    assert (rows[1].verdict, rows[1].reason) == (Verdict.BLOCKED, "Line 4: No such role.")


PEOPLE = st.sampled_from([ANA, BO, GONE, BOSS])


@given(st.lists(PEOPLE, unique_by=lambda m: m.id).flatmap(st.permutations))
def test_wishes_for_what_is_so_change_nothing_in_any_order(people: list[Member]):
    wishes = [
        Wish(n, m.email, m.id, fields={"role": m.role_id, **m.settings}, status=m.status)
        for n, m in enumerate(people)
    ]
    assert all(row.verdict is Verdict.ALREADY for row in plan(*wishes))
