"""Whatever people paste, the addresses in it come out; what is none is shown, not lost."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memberships.domain.addresses import Entry, is_address, parse

_WORD = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789", min_size=1, max_size=8)
_LOCAL = st.lists(
    st.builds(str.__add__, _WORD, st.sampled_from(["", "+tag", "_x", "-y", "'z"])), min_size=1, max_size=3
)
_DOMAIN = st.lists(_WORD, min_size=1, max_size=3)
_ENDING = st.sampled_from(["com", "example", "co.uk", "Museum"])
ADDRESSES = st.lists(
    st.builds(
        lambda local, domain, ending: f"{'.'.join(local)}@{'.'.join(domain)}.{ending}",
        _LOCAL,
        _DOMAIN,
        _ENDING,
    ),
    min_size=1,
    max_size=12,
)

BARE: list[Callable[[str], str]] = [
    lambda address: address,
    lambda address: f"<{address}>",
    lambda address: f"mailto:{address}",
    lambda address: f"'{address}'",
    lambda address: f"\u202a{address}\u202c\u200b",
]
NAMED: list[Callable[[str], str]] = [
    lambda address: f"Ana Ruiz <{address}>",
    lambda address: f'"Ruiz, Ana" <{address}>',
    lambda address: f'"Ana "<{address}>',
    lambda address: f"Дарья Ó'Brien  < {address} >",
]
LISTS = st.sampled_from([", ", ",", "; ", ";", "\t", "\n", "\r\n", ",\n", " ;\n\n"])


def found(text: str) -> list[str]:
    return [entry.email for entry in parse(text)]


def lower(addresses: list[str]) -> list[str]:
    return [address.lower() for address in addresses]


@given(ADDRESSES, LISTS, st.data())
def test_a_list_in_any_usual_form_comes_back_in_order_and_in_lower_case(addresses, separator, data):
    forms = [data.draw(st.sampled_from(BARE + NAMED)) for _ in addresses]
    assert found(separator.join(form(a) for form, a in zip(forms, addresses, strict=True))) == lower(
        addresses
    )


@given(ADDRESSES, st.sampled_from([BARE[0], BARE[1], NAMED[0], NAMED[1]]))
def test_spaces_alone_may_stand_between_addresses(addresses, form):
    assert found(" ".join(form(address) for address in addresses)) == lower(addresses)


@given(ADDRESSES)
def test_rows_of_a_spreadsheet_keep_the_name_beside_the_address(addresses):
    entries = parse("\n".join(f"Ana\tRuiz\t{address}\tSales" for address in addresses))
    assert [(e.email, e.name) for e in entries] == [(a, "Ana Ruiz Sales") for a in lower(addresses)]


@given(st.text(alphabet=st.sampled_from("ab@.,;<>\"' \t\n(\\\u2028é")) | st.text())
def test_no_text_makes_it_fail_and_only_addresses_are_called_so(text):
    entries = parse(text)
    assert all(is_address(e.email) and e.email == e.email.lower() for e in entries if e.email)
    assert [e.line for e in entries] == sorted(e.line for e in entries)


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\u202e", "\ufeff"])
def test_with_a_sign_in_it_that_can_not_be_seen_it_is_no_address(hidden):
    assert is_address("ana.ruiz@example.com")
    assert not is_address(f"ana{hidden}.ruiz@example.com")


@given(ADDRESSES, st.sampled_from(["nobody", "a@", "@b.com", "a b@c d", "two@at@signs.com", "dot.@end.com"]))
def test_what_is_no_address_is_shown_with_its_line(addresses, wrong):
    entries = parse("\n".join([*addresses, wrong]))
    assert found("\n".join(addresses)) == lower(addresses)
    assert (entries[-1].email, entries[-1].text, entries[-1].line) == ("", wrong, len(addresses) + 1)


@pytest.mark.parametrize("text", ["", "\n\n", " , ;\t "])
def test_blank_lines_and_lone_separators_are_nothing(text):
    assert parse(text) == []


def test_repeated_addresses_are_all_kept_for_the_review_to_say_so():
    assert parse("Ana <a@b.com>\nA@B.com") == [
        Entry(1, "Ana <a@b.com>", "a@b.com", "Ana"),
        Entry(2, "A@B.com", "a@b.com"),
    ]


def test_an_address_longer_than_mail_allows_is_none():
    assert is_address("a" * 242 + "@example.com")
    assert not is_address("a" * 243 + "@example.com")


HOSTILE = [
    "<",
    '"',
    '<"',
    '"<',
    "<>",
    "@",
    "a@",
    "a@b.c ",
    "a@b.com,",
    "<a@b.com>",
    ",",
    " ",
    "<a",
    "a.",
    "'",
    "<x@y ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_two_hundred_thousand_hostile_characters_take_no_longer_than_any_others(piece):
    began = time.perf_counter()
    parse((piece * 200_000)[:200_000])
    assert time.perf_counter() - began < 10


def test_an_address_behind_hostile_text_is_still_found():
    assert found("<" * 1000 + "\nana@example.com") == ["", "ana@example.com"]


def test_between_commas_nothing_is_taken_for_a_name():
    found = parse("ana@a.example, not an address; bob")
    assert [(entry.email, entry.text) for entry in found] == [
        ("ana@a.example", "ana@a.example"),
        ("", "not an address"),
        ("", "bob"),
    ]
