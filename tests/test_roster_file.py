"""Reading and writing roster files: YAML that is only ever text, and everybody who comes back as they were."""

from __future__ import annotations

from contextlib import suppress

import pytest
import yaml
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st

from memberships.domain.people import Value
from memberships.providers import registry
from memberships.services.rosterfile import contents, document, schema, writing
from memberships.services.rosterfile.document import List, Map, Text, Unreadable
from memberships.services.rosterfile.dump import Writer
from memberships.services.vocabulary import Vocabulary
from tests.people import ROLES, member

CLOSE = registry.capabilities(registry.SIGN_IN)
PROVIDERS = registry.names()

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def parsed(text: str) -> Map:
    return document.parsed(text)


def refused(data: bytes | str) -> str:
    with pytest.raises(Unreadable) as caught:
        parsed(document.decoded(data.encode() if isinstance(data, str) else data))
    return str(caught.value)


def plain(node: object) -> object:
    match node:
        case Text():
            return node.text
        case List():
            return [plain(item) for item in node.items]
        case Map():
            return {key: plain(value) for key, value in node.entries.items()}
    raise TypeError(node)


# Only text


def test_what_other_readers_guess_at_stays_the_text_it_is() -> None:
    text = "a: no\nb: 1.10\nc: 2026-01-02\nd: 012\ne: 1_000\nf: .inf\ng: 0x1F\nh: =\nNO: NO\n"
    assert plain(parsed(text)) == {
        "a": "no",
        "b": "1.10",
        "c": "2026-01-02",
        "d": "012",
        "e": "1_000",
        "f": ".inf",
        "g": "0x1F",
        "h": "=",
        "NO": "NO",
    }


def test_nothing_and_null_are_no_value_and_quoted_they_are_text() -> None:
    assert plain(parsed("a:\nb: null\nc: ~\nd: ''\ne: 'null'\n")) == {
        "a": None,
        "b": None,
        "c": None,
        "d": "",
        "e": "null",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: &x 1\n", "Line 1: “&x” is not allowed"),
        ("a: 1\nb: *x\n", "Line 2: “*x” repeats"),
        ("a: !!python/object/apply:os.system [ls]\n", "Line 1: Tags"),
        ("a: !important\n", "Line 1: Tags"),
        ("a: ! x\n", "Line 1: Tags"),
        ("a: 1\n'a': 2\n", "Line 2: “a” stands here twice: first in line 1."),
        ("? [a, b]\n: 1\n", "A key must be plain text."),
        ("a: 1\n---\nb: 2\n", "Line 3: A second document"),
        ("a: [1\n", "This is not YAML"),
        ("a: b: c\n", "Line 1: This is not YAML"),
        ("\ta: 1\n", "Line 1: This is not YAML"),
        ("- a\n", "A roster file begins with keys"),
        ("", "The file is empty."),
        ("# nothing\n", "The file is empty."),
        ("a: " + "[" * 100_000, "nested deeper than 6 levels"),
        ("a: " + "{b: " * 7 + "1" + "}" * 7, "nested deeper than 6 levels"),
        ("a: " + "x" * 10_001, "longer than 10,000 characters"),
        ("people:\n" + "- a\n" * 20_001, "more than 20,000 entries"),
        ("".join(f"k{n}: 1\n" for n in range(101)), "Line 101: There are more than 100 keys."),
        ('a: 1\nb: "x\\0y"\n', "Line 2: This has the character 0 in it"),
        ('a:\n- "\\x00"\n', "Line 2: This has the character 0 in it"),
        ('a: 1\n"\\u0000": 2\n', "Line 2: This has the character 0 in it"),
        ("a: \x07\n", "characters that no YAML may have"),
    ],
)
def test_what_would_be_more_than_text_in_maps_and_lists_is_refused(text: str, sentence: str) -> None:
    assert sentence in refused(text)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"#" * 5_000_001, "larger than 5 MB"),
        ("a: 1".encode("utf-16"), "UTF-16"),
        ("a: 1\nb: é\n".encode("latin-1"), "Line 2: This is not UTF-8"),
        (b"\x00\x01\x02", "characters that no YAML may have"),
        (b"PK\x03\x04\x14\x00\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_utf_8_text_of_that_size_is_refused(data: bytes, sentence: str) -> None:
    assert sentence in refused(data)


def test_a_mark_before_the_text_and_windows_line_breaks_are_nothing() -> None:
    found = parsed(document.decoded(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n"))
    assert plain(found) == {"a": "1", "b": "2"}


@given(texts | st.from_regex(r"[A-Za-z][ -~]{1,4}", fullmatch=True))
@example("Any questions?")
def test_any_text_that_is_written_is_read_back_by_us_and_by_yaml_itself(text: str) -> None:
    here = writing.scalar(text)
    lines = f"a: {here}\nb: {writing.listed([text, text])}\nc: {{{here}: {here}}}\n"
    whole = {"a": text, "b": [text, text], "c": {text: text}}
    assert plain(parsed(lines)) == whole
    assert yaml.safe_load(lines) == whole


@given(st.text())
def test_no_comment_breaks_its_line(text: str) -> None:
    assert plain(parsed(f"a: b{writing.comment(text)}\n")) == {"a": "b"}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(Unreadable):
        contents.read(document.decoded(data), "close", CLOSE)


_keys = st.sampled_from(["roster", "people", "kits", "rails", "prune", "email", "role", "kit", "groups", "x"])
_values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.integers(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(_keys, inside, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_keys, _values, max_size=6))
def test_any_other_yaml_is_read_or_told_with_its_lines(found: dict[str, object]) -> None:
    text = yaml.safe_dump({"roster": 1, **found, "roster ": 1})
    try:
        file = contents.read(text, "close", CLOSE)
    except Unreadable:
        return
    assert all(fault.reason.endswith(".") and fault.line for fault in file.faults)


@pytest.mark.parametrize("people", ["", "people:\n", "people: null\n", "people: []\n", "people: [\n]\n"])
def test_a_file_without_people_is_at_fault_and_does_not_ask_everybody_to_leave(people: str) -> None:
    file = contents.read(f"roster: 1\nprune: true\n{people}", "close", CLOSE)
    assert [fault.reason for fault in file.faults] == [
        "There are no people in it: “people” is missing or empty."
    ]


# Names


@given(st.lists(st.sampled_from(["Sales", "sales", "Säles", "Support", "", " padded", "role_1"]), max_size=6))
def test_what_is_written_for_a_name_means_that_one_and_no_other(names: list[str]) -> None:
    pairs = [(f"role_{number}", name) for number, name in enumerate(names)]
    vocabulary = Vocabulary(CLOSE, {}, groups=pairs)
    assert [vocabulary.group_id(vocabulary.group_name(pk)) for pk, _ in pairs] == [pk for pk, _ in pairs]


def test_people_are_written_by_id_where_their_address_is_not_theirs_alone() -> None:
    writer = Writer(CLOSE, Vocabulary(CLOSE, ROLES), {"ana@example.com": 2})
    assert ("id", "ana") in writer.entry(member("ana"))
    assert ("id", "bo") not in writer.entry(member("bo"))
    assert ("id", "cy") in writer.entry(member("cy", email=""))


@given(st.dictionaries(st.sampled_from([f.name for f in CLOSE.fields[1:]]), texts | st.none()))
def test_values_nobody_expects_are_still_written_as_text(held: dict[str, Value]) -> None:
    writer = Writer(CLOSE, Vocabulary(CLOSE, ROLES))
    text = f"roster: 1\npeople:\n{writer.lines(member('ana', settings=held))}"
    file = contents.read(text, "close", CLOSE)
    assert [entry.email for entry in file.people] == ["ana@example.com"]


# The schema


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_schema_knows_every_field_there_is_and_no_other(provider: str) -> None:
    person = schema.schema(provider)["properties"]["people"]["items"]["properties"]
    can = registry.capabilities(provider)
    lists = {name for name, there in (("groups", can.groups), ("pinned_views", can.pinned_views)) if there}
    more = {"metadata"} if can.metadata else set()
    assert person.keys() == {"email", "id", "kit", "status"} | {f.name for f in can.fields} | lists | more


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_schema_is_served_to_anybody(provider: str, db: None) -> None:
    answer = Client().get(f"/schema/roster-{provider}.json")
    assert answer["Content-Type"] == "application/schema+json"
    assert answer.json() == schema.schema(provider)


def test_there_is_no_schema_of_another_provider(db: None) -> None:
    assert Client().get("/schema/roster-nowhere.json").status_code == 404
