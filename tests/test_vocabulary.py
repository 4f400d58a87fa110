"""Words of files to fields and values, and what is said of those that make no sense."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memberships.domain.people import Status
from memberships.providers.close.capabilities import CAPABILITIES as CLOSE
from memberships.providers.commercelayer.capabilities import CAPABILITIES as COMMERCE
from memberships.services.vocabulary import Misunderstood, Vocabulary
from tests.people import ROLES, USER

GROUPS = [("g1", "Sales"), ("g2", "Café"), ("g3", "Twin"), ("g4", "Twin")]
WORDS = Vocabulary(CLOSE, ROLES, groups=GROUPS, views=[("v1", "Missed calls")])
SHOP = Vocabulary(COMMERCE, ROLES, profiles=[("p1", "Support"), ("p2", "support")], keys={" odd "})


def refused(words: Vocabulary, field: str, said: object) -> str:
    with pytest.raises(Misunderstood) as problem:
        words.value(field, said)
    return str(problem.value)


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ("Role", "role"),
        (" role_id ", "role"),
        ("CALL  RECORDING", "auto_record_calls"),
        ("auto_record_calls", "auto_record_calls"),
        ("Voicemail drop URL", "hangup_recording_url"),
        ("Metadata team", None),
        ("Team", None),
        ("", None),
    ],
)
def test_a_field_is_known_by_its_label_and_by_its_name(word, field):
    assert WORDS.field(word) == field


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ("Metadata team", "metadata:team"),
        ("metadata:Team", "metadata:Team"),
        ("Metadata  odd ", "metadata: odd "),
        ("Metadata team ", "metadata:team"),
        ("Metadata ", None),
        ("Metadata", None),
        ("Access", "access_scope"),
    ],
)
def test_keys_of_metadata_are_written_as_they_are(word, field):
    assert SHOP.field(word) == field


@pytest.mark.parametrize(
    ("field", "said", "value"),
    [
        ("role", "user", "user"),
        ("role", " ADMIN ", "admin"),
        ("auto_record_calls", "On", "enabled"),
        ("auto_record_calls", "not set", "unset"),
        ("auto_record_calls", "disabled", "disabled"),
        ("auto_record_calls", True, "enabled"),
        ("track_email_opens", "off", False),
        ("track_email_opens", "Yes", True),
        ("track_email_opens", False, False),
        ("default_caller_id", "phon_1", "phon_1"),
        ("hangup_recording_url", " https://example.com/x.mp3 ", "https://example.com/x.mp3"),
        ("hangup_recording_url", None, None),
    ],
)
def test_values_are_words_or_what_the_api_has(field, said, value):
    assert WORDS.value(field, said) == value


def test_a_name_that_is_written_exactly_so_is_meant_before_one_that_is_alike():
    assert SHOP.value("membership_profile", "Support") == "p1"
    assert SHOP.value("membership_profile", "support") == "p2"
    assert refused(SHOP, "membership_profile", "SUPPORT").startswith("2 membership profiles are called")


def test_a_name_goes_before_an_id_and_an_id_always_works():
    named = Vocabulary(CLOSE, {**ROLES, "x": replace(USER, id="x", name="limited role")})
    assert named.value("role", "x") == "x"
    assert named.value("role", "Limited Role") == "x"


def test_groups_and_views_are_found_by_name_or_id():
    assert (WORDS.group_id("cafe"), WORDS.group_id("g4"), WORDS.view_id("Missed calls")) == ("g2", "g4", "v1")
    with pytest.raises(Misunderstood, match="2 groups are called “Twin”"):
        WORDS.group_id("Twin")


@pytest.mark.parametrize(
    ("field", "said", "sentence"),
    [
        ("role", "Boss", "There is no role called “Boss”. There are: Admin, Limited, People Ops, User."),
        ("role", None, "Role can't be cleared: it always has a value."),
        ("auto_record_calls", "maybe", "Call recording can be On, Off or Not set, not “maybe”."),
        ("track_email_opens", "2", "Email open tracking can be On or Off, not “2”."),
        ("track_email_opens", None, "Email open tracking can't be cleared: it always has a value."),
        ("default_caller_id", "+44 20 7946", "Default caller ID has to be the id of one of their numbers, as an export has it."),
        ("hangup_recording_url", "http://x.example", "Voicemail drop URL has to be an address that starts with https://."),
        ("hangup_recording_url", "https://x.example/" + "x" * 1000, "Voicemail drop URL has to be an address that starts with https://."),
        ("role", "x" * 200, "There is no role called “" + "x" * 39 + "…”. There are: Admin, Limited, People Ops, User."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_answered_with_what_would(field, said, sentence):
    assert refused(WORDS, field, said) == sentence


def test_texts_are_kept_exactly_up_to_their_length():
    assert SHOP.value("reference", " a\nb ") == " a\nb "
    assert SHOP.value("metadata:team", "x" * 1000) == "x" * 1000
    assert refused(SHOP, "reference", "x" * 256) == "Reference can be 255 characters at most; this has 256."
    assert refused(SHOP, "metadata:team", "x" * 1001).startswith("Metadata team can be 1,000 characters")
    assert refused(SHOP, "reference", ["a"]) == "Reference has to be text."


@pytest.mark.parametrize("said", ["Active", " active ", "ACTIVE"])
def test_a_status_is_a_word(said):
    assert WORDS.status(said) is Status.ACTIVE


def test_removed_is_a_word_where_leaving_removes():
    assert SHOP.status("removed") is Status.INACTIVE
    with pytest.raises(Misunderstood, match="Status can be active or inactive, not “removed”."):
        WORDS.status("removed")
