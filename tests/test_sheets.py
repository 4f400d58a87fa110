"""CSV files as Excel, Numbers and LibreOffice save them, and files that are none."""

from __future__ import annotations

import contextlib
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memberships.domain.sheets import (
    LONGEST_CELL,
    MOST_BYTES,
    MOST_COLUMNS,
    MOST_ROWS,
    Sheet,
    Unreadable,
    guarded,
    read,
    unguarded,
)
from memberships.services.tables import lines

KNOWN = {"id", "email", "name", "Role"}
PEOPLE = "id,name,Role\r\nm1,Zoë Müller,User\r\nm2,“Bo”,Admin\r\n"
ROWS = [("m1", "Zoë Müller", "User"), ("m2", "“Bo”", "Admin")]
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
NASTY = TEXTS | st.builds(str.__add__, st.sampled_from(list("=+-@\t\r\n'＝")), TEXTS) | st.just("(clear)")


def sheet(data: bytes | str) -> Sheet:
    return read(data.encode() if isinstance(data, str) else data, KNOWN.__contains__)


def cells(data: bytes | str) -> list[tuple[str, ...]]:
    return [line.cells for line in sheet(data).lines]


def faults(data: bytes | str) -> list[tuple[int, str]]:
    return [(fault.line, fault.reason) for fault in sheet(data).faults]


# What programs write


@pytest.mark.parametrize(
    "data",
    [
        PEOPLE.encode(),
        PEOPLE.encode("utf-8-sig"),
        PEOPLE.replace(",", ";").encode("utf-8-sig"),
        PEOPLE.replace(",", "\t").encode("utf-16"),  # Excel's “Unicode text”
        PEOPLE.replace(",", "\t").encode("utf-16-be"),
        PEOPLE.replace(",", "\t").encode("utf-16-le"),
        PEOPLE.encode("cp1252"),  # Excel for Windows, “CSV”
        PEOPLE.replace(",", ";").encode("cp1252"),
        PEOPLE.replace("\r\n", "\r").encode("mac_roman"),  # Excel for Mac, “CSV (Macintosh)”
        PEOPLE.replace("\r\n", "\n").encode(),  # LibreOffice, Numbers
        b"sep=;\r\n" + PEOPLE.replace(",", ";").encode("cp1252"),
        PEOPLE.replace("\r\n", ",,\r\n").encode(),
        b"\r\n,,\r\n" + PEOPLE.encode() + b",,\r\n\r\n",
    ],
)
def test_a_table_is_read_however_it_was_saved(data):
    assert cells(data) == ROWS
    assert faults(data) == []


def test_what_is_guessed_about_letters_is_told():
    assert sheet(PEOPLE.encode()).notices == ()
    (notice,) = sheet(PEOPLE.encode("cp1252")).notices
    assert "read as Windows-1252" in notice
    (notice,) = sheet(PEOPLE.replace("\r\n", "\r").encode("mac_roman")).notices
    assert "read as Mac Roman" in notice


def test_a_separator_inside_a_cell_is_none():
    data = 'id;"a, b, c, d";Role\r\nm1;x, y;User\r\n'
    assert sheet(data).headings == ("id", "a, b, c, d", "Role")
    assert cells(data) == [("m1", "x, y", "User")]


def test_quotes_and_line_breaks_stay_in_their_cell_and_lines_keep_their_numbers():
    data = 'id,name\r\nm1,"Conor ""Mac""\r\nthe second"\r\nm2\r\nm3,x\r\n'
    read_sheet = sheet(data)
    assert [(line.number, line.cells[1]) for line in read_sheet.lines] == [
        (2, 'Conor "Mac"\r\nthe second'),
        (5, "x"),
    ]
    assert faults(data) == [(4, "Has 1 cell, but there are 2 headings.")]


# The guard


@given(NASTY)
def test_the_guard_is_taken_off_exactly(text):
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("cell", ["'hello", "O'Brien", "''", "'", " '=1", "' (clear) x"])
def test_an_apostrophe_that_guards_nothing_stays(cell):
    assert unguarded(cell) == (cell if cell != "''" else "'")


@given(st.lists(st.tuples(NASTY, NASTY), min_size=1, max_size=5))
def test_whatever_an_export_writes_is_read_back(rows):
    text = "".join(lines([("id", "name", "Role"), *(("m", *row) for row in rows)]))
    found = sheet(text)
    assert found.faults == ()
    assert [tuple(map(unguarded, line.cells)) for line in found.lines] == [("m", *row) for row in rows]


# What is listed by its line


def test_rows_of_another_width_are_listed():
    data = "id,name\r\nm1\r\nm2,Bo,more\r\nm3,Cy,\r\n"
    assert faults(data) == [
        (2, "Has 1 cell, but there are 2 headings."),
        (3, "Has 3 cells, but there are 2 headings."),
    ]


def test_letters_of_another_encoding_are_listed():
    data = "id,name\r\nm1,Zoë\r\n".encode() + "m2,Zoë\r\n".encode("latin-1")
    assert faults(data) == [(3, "Has letters in another encoding than the rest of the file, which is UTF-8.")]
    assert len(sheet(data).lines) == 1


def test_bytes_that_no_windows_letter_has_are_listed():
    data = "id,name\r\nm1,Zoë\r\n".encode("cp1252") + b"m2,\x81\r\n"
    assert faults(data) == [
        (3, "Has letters in another encoding than the rest of the file, which is Windows-1252.")
    ]


def test_a_cell_that_is_too_long_refuses_the_file():
    with pytest.raises(Unreadable, match=r"^Line 2 has a cell of 10,001 characters; 10,000 is the most\.$"):
        sheet(f"id,name\r\nm1,{'x' * (LONGEST_CELL + 1)}\r\n")
    assert faults(f"id,name\r\nm1,{'x' * LONGEST_CELL}\r\n") == []


@pytest.mark.parametrize(
    ("data", "line"),
    [(f"id,{'x' * 10_001}\r\n", 1), (f"id,name\r\nm1,Bo,{'x' * 10_001}\r\n", 2)],
    ids=["as a heading", "in a row that is too wide"],
)
def test_it_does_so_wherever_it_stands(data, line):
    with pytest.raises(Unreadable, match=f"^Line {line} has a cell of 10,001 characters"):
        sheet(data)


@pytest.mark.parametrize("data", [f"id{',' * 20_000}\r\n", f"id\r\nm1{',' * 20_000}\r\n"])
def test_more_separators_than_any_spreadsheet_has_columns_refuse_the_file(data):
    with pytest.raises(Unreadable, match="has 20,001 columns; 100 is the most"):
        sheet(data)
    assert sheet(data.replace("," * 20_000, "," * 16_000)).headings == ("id",)


def test_quotes_that_do_not_match_spoil_their_row_alone():
    data = 'id,name\r\nm1,"Bo"Bo\r\nm2,Cy\r\n'
    assert faults(data) == [(2, "The quotation marks in this row don't match.")]
    assert cells(data) == [("m2", "Cy")]


def test_a_quote_that_is_never_closed_is_told_where_it_begins():
    data = 'id,name\r\nm1,Bo\r\nm2,"Cy\r\nm3,Di\r\n' + "m4,x\r\n" * 40_000
    ((line, reason),) = faults(data)
    assert (line, reason.startswith("Has a quotation mark that is never closed")) == (3, True)


# What is refused


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty."),
        (b"\r\n \r\n\r\n", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (b"\0\1\2" + bytes(range(256)) * 10, "This is not a text file."),
        (b"\xd0\xcf\x11\xe0rest", "This is an Excel workbook"),
        (b"\x1f\x8brest", "This is an archive"),
        (b"x" * (MOST_BYTES + 1), "The file has 5.0 MB; 5 MB is the most."),
        (b"id,email\r\n" + b"m,\r\n" * (MOST_ROWS + 1), "The file has more than 20,000 rows"),
        (",".join(f"c{n}" for n in range(MOST_COLUMNS + 1)).encode(), "The file has 101 columns"),
        (b'"id,email\r\nm1', "The file has no row of headings. Line 1:"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(data, sentence):
    with pytest.raises(Unreadable) as refused:
        sheet(data)
    assert str(refused.value).startswith(sentence)


def test_a_workbook_is_not_unpacked():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "0" * 10_000_000)
    with pytest.raises(Unreadable) as refused:
        sheet(packed.getvalue())
    assert "Save it as CSV" in str(refused.value)


def test_headings_alone_are_no_rows():
    assert sheet("id,name\r\n") == Sheet(("id", "name"), (), (), ())


@given(st.binary(max_size=300))
def test_any_bytes_end_in_rows_or_in_a_sentence(data):
    with contextlib.suppress(Unreadable):
        found = sheet(data)
        assert all(len(line.cells) == len(found.headings) for line in found.lines)


def test_a_heading_of_another_encoding_can_still_be_shown():
    found = sheet("id,Zoë,".encode() + b"\xff\r\n" + b"m,x,y\r\n")
    assert found.headings == ("id", "Zoë", "�")
