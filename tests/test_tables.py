"""CSV that opens right in a spreadsheet and never runs there."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memberships.domain.sheets import guarded
from memberships.services.tables import download, lines

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
CELLS = st.text() | st.builds(str.__add__, st.sampled_from([*STARTS, "'"]), st.text())


def read(text: str) -> list[list[str]]:
    """The cells as any CSV reader sees them."""
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


def written(*rows: list[object]) -> str:
    return "".join(lines(rows))


@pytest.mark.parametrize("start", STARTS)
def test_a_cell_that_looks_like_a_formula_gets_an_apostrophe(start):
    assert guarded(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize(
    "text", ["007", "1E5", "2.5e-3", "1-2", "3/4/2026", "10:30", "1.50", "50%", "12345678901234567"]
)
def test_a_cell_that_would_come_back_as_another_number_or_as_a_date_gets_one_too(text):
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Ana", "1+1", "a=b", " =1", "Ó'Brien", "ana@example.com", "", "42"])
def test_any_other_cell_stays_as_it_is(text):
    assert guarded(text) == text


@pytest.mark.parametrize(("value", "text"), [(None, ""), (42, "42"), (True, "True")])
def test_values_that_are_no_text_are_written_as_text(value, text):
    assert guarded(value) == text


@given(CELLS)
def test_no_cell_starts_a_formula_and_none_is_lost(text):
    cell = guarded(text)
    assert not cell.startswith(STARTS)
    assert (cell.removeprefix("'") if cell.startswith("'") else cell) == text


@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=4))
def test_every_cell_can_be_read_back_whatever_is_in_it(rows):
    assert read(written(*rows)) == [[guarded(cell) for cell in row] for row in rows]


def test_quotes_commas_and_line_breaks_stay_within_their_cell():
    row: list[object] = ['Conor "Mac"', "Smith, John; Jr.", "Line\nBreak", "Two\r\nLines", "محمد"]
    assert read(written(row)) == [row]


def test_the_file_begins_with_the_mark_a_spreadsheet_needs_for_its_letters():
    response = download("members", [["Zoë"]])
    assert b"".join(response.streaming_content) == b"\xef\xbb\xbf" + "Zoë\r\n".encode()  # type: ignore[arg-type]


def test_a_download_is_a_dated_file_that_nobody_keeps():
    response = download("members", [])
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="members-20')
    assert response["Cache-Control"] == "no-store"
