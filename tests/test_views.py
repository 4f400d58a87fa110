"""Views: who may open them, and how two orders differ."""

import pytest

from memberships.domain.views import View, difference, moved
from tests.people import member

ANA = member("ana")


@pytest.mark.parametrize(
    ("view", "seen"),
    [
        (View("v", "V", "lead", shared_with_all=True), True),
        (View("v", "V", "lead", owner_id="u-ana"), True),
        (View("v", "V", "lead", owner_id="u-bo"), False),
        (View("v", "V", "lead", user_ids=frozenset({"u-ana", "u-bo"})), True),
        (View("v", "V", "lead", user_ids=frozenset({"u-bo"})), False),
        (View("v", "V", "lead", member_ids=frozenset({"ana"})), True),
        (View("v", "V", "lead", member_ids=frozenset({"u-ana"})), False),
        (View("v", "V", "lead", group_ids=frozenset({"g1", "g2"})), True),
        (View("v", "V", "lead", group_ids=frozenset({"g3"})), False),
        (View("v", "V", "lead"), False),
    ],
)
def test_a_view_is_seen_by_whom_it_is_shared_with_in_any_way(view, seen):
    assert view.is_seen_by(ANA, {"g2"}) is seen


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("lead", "Lead"),
        ("sms", "SMS"),
        ("whatsapp_message", "WhatsApp message"),
        ("form_submission", "Form submission"),
    ],
)
def test_what_a_view_lists_is_worded(type, kind):
    assert View("v", "V", type).kind == kind


@pytest.mark.parametrize(
    ("before", "after", "added", "lost", "reordered"),
    [
        ("ab", "ab", "", "", False),
        ("ab", "ba", "", "", True),
        ("ab", "abc", "c", "", False),
        ("ab", "cab", "c", "", True),
        ("abc", "ac", "", "b", False),
        ("abc", "cad", "d", "b", True),
        ("ab", "dc", "dc", "ab", False),
        ("", "ab", "ab", "", False),
        ("ab", "", "", "ab", False),
    ],
)
def test_orders_differ_in_what_comes_what_goes_and_what_else_moves(before, after, added, lost, reordered):
    found = difference(tuple(before), tuple(after))
    assert (found.added, found.lost, found.reordered) == (tuple(added), tuple(lost), reordered)


@pytest.mark.parametrize(
    ("pk", "by", "after"),
    [
        ("a", -1, "abc"),
        ("b", -1, "bac"),
        ("c", -1, "acb"),
        ("a", 1, "bac"),
        ("b", 1, "acb"),
        ("c", 1, "abc"),
        ("x", 1, "abc"),
    ],
)
def test_one_moves_a_place_and_never_beyond_the_ends(pk, by, after):
    assert moved(tuple("abc"), pk, by) == tuple(after)
