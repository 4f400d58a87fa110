"""Metadata as fields: texts by key are ours, all else is kept; and a key that is new can be taken back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memberships.domain import metadata, proposals
from memberships.domain.people import METADATA, Member, Roster, Status, metadata_field, metadata_key
from memberships.domain.plan import Action, Edit, Row, Verdict
from memberships.domain.reading import is_stale

TEAM = metadata_field("team")
keys = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=100)
objects = st.dictionaries(
    keys, st.text(st.characters(exclude_characters="\0")) | st.integers() | st.lists(st.none())
)


def member(held: object = None, status: Status = Status.ACTIVE) -> Member:
    return Member("m1", "u1", "a@x.example", "Ana", "Ruiz", "r1", status, settings=metadata.fields(held))


def roster(one: Member) -> Roster:
    return Roster("org", "Org", {one.id: one}, datetime.now(UTC))


def test_texts_are_fields_and_the_rest_is_one_that_is_only_read():
    found = metadata.fields({"team": "North", "shift": {"from": 6}, "n": 1, "empty": ""})
    assert found == {TEAM: "North", "metadata:empty": "", METADATA: '{"n": 1, "shift": {"from": 6}}'}
    assert metadata_key(TEAM) == "team"


@pytest.mark.parametrize("held", [None, {}])
def test_nothing_kept_is_no_key(held):
    assert metadata.fields(held) == {METADATA: None}


@pytest.mark.parametrize("held", [["a"], "text", 3])
def test_what_is_no_object_is_only_read(held):
    one = member(held)
    assert metadata.is_locked(one, TEAM)
    with pytest.raises(ValueError, match="team"):
        metadata.merged(held, {TEAM: "North"})


@given(objects, keys, st.text())
def test_all_else_stays_whatever_is_set_or_removed(held, key, text):
    field = metadata_field(key)
    others = {k: v for k, v in held.items() if k != key}
    if key in held and not isinstance(held[key], str):
        with pytest.raises(ValueError, match=re.escape(key)):
            metadata.merged(held, {field: text})
    else:
        assert metadata.merged(held, {field: text}) == {**others, key: text}
        assert metadata.merged(held, {field: None}) == others


@given(objects)
@example({"path\\u0000": [None], "list": ["c:\\u0000"]})
def test_everything_can_be_given_again_from_its_fields(held):
    wanted = {name: value for name, value in metadata.fields(held).items() if value is not None}
    assert metadata.merged({}, wanted) == held


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "Give the key"),
        ("x" * 101, "yours has 101"),
        ("a\tb", "control"),
        ("a\nb", "control"),
        ("\0", "control"),
    ],
)
def test_what_is_wrong_with_a_key_is_said(key, words):
    assert words in metadata.problem_with(key)


def test_a_key_of_a_hundred_letters_of_any_script_is_fine():
    assert metadata.problem_with("é" * 100) == ""


def test_text_that_a_database_cannot_keep_loses_that_character():
    found = metadata.fields({"team": "No\0rth", "more": ["\0"]})
    assert "\0" not in str(found[TEAM])
    assert "u0000" not in str(found[METADATA])


def test_what_is_more_than_text_is_blocked_and_refused_when_it_comes_meanwhile():
    (row,) = proposals.changes([member({"team": ["North"]})], {TEAM: "South"})
    assert row.verdict is Verdict.BLOCKED
    (row,) = proposals.changes([member()], {TEAM: "South"})
    assert row.edits == (Edit(TEAM, None, "South"),)
    assert is_stale(row, member({"team": ["North"]}))
    assert not is_stale(row, member({"other": ["North"]}))


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.PENDING])
def test_undo_of_a_new_key_removes_it_and_of_a_removed_one_brings_it_back(status):
    for before, after in ((None, "South"), ("North", None), ("North", "South")):
        done = Row(Action.CHANGE, Verdict.WILL, "m1", edits=(Edit(TEAM, before, after),))
        now = member({} if after is None else {"team": after}, status)
        (row,) = proposals.undo([done], roster(now), {})
        assert (row.verdict, row.edits) == (Verdict.WILL, (Edit(TEAM, after, before),))


def test_undo_leaves_alone_what_changed_since_and_what_is_more_than_text_by_now():
    done = Row(Action.CHANGE, Verdict.WILL, "m1", edits=(Edit(TEAM, "North", None),))
    for held in ({"team": "West"}, {"team": {"is": "West"}}):
        (row,) = proposals.undo([done], roster(member(held)), {})
        assert row.verdict is Verdict.BLOCKED
        assert "Changed since" in row.reason
