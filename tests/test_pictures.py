"""Screenshots are of the pages as they are, and get a palette in which what a person sees stays the same."""

from __future__ import annotations

import struct
import zlib

import pytest

from scripts import pictures, png

ROWS = [[(255, 255, 255), (10, 20, 30), (10, 20, 30)], [(200, 0, 7), (255, 255, 255), (10, 20, 31)]]


def drawn(rows: list[list[tuple[int, int, int]]], kind: int, size: int) -> bytes:
    """A PNG of these pixels whose rows all have the filter `kind`, with an alpha channel if `size` is 4."""
    packed, above = b"", bytes(len(rows[0]) * size)
    for row in rows:
        line = b"".join(bytes([*pixel, 255][:size]) for pixel in row)
        filtered = bytearray()
        for at, value in enumerate(line):
            left = line[at - size] if at >= size else 0
            corner = above[at - size] if at >= size else 0
            near = [left, above[at], corner]
            paeth = min(near, key=lambda one: abs(left + above[at] - corner - one))
            guess = [0, left, above[at], (left + above[at]) // 2, paeth][kind]
            filtered.append((value - guess) & 255)
        packed += bytes([kind]) + filtered
        above = line
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2 if size == 3 else 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(packed)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def shown(picture: bytes) -> list[list[tuple[int, ...]]]:
    """The colours of a picture with a palette, as any reader of PNG sees them."""
    found, at = {}, 8
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        name, content = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        assert struct.unpack(">I", picture[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            name + content
        )
        found[name] = content
        at += length + 12
    width, height, depth, kind = struct.unpack(">IIBB", found[b"IHDR"][:10])
    assert (depth, kind) == (8, 3)
    palette = [tuple(found[b"PLTE"][n : n + 3]) for n in range(0, len(found[b"PLTE"]), 3)]
    assert len(palette) <= 256
    packed = zlib.decompress(found[b"IDAT"])
    lines = [packed[n * (width + 1) + 1 : (n + 1) * (width + 1)] for n in range(height)]
    return [[palette[number] for number in line] for line in lines]


def test_no_page_has_changed_since_its_picture_was_taken():
    assert pictures.MADE_OF.read_text().strip() == pictures.looks(), "take them anew: make pictures"


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("size", [3, 4])
def test_every_colour_stays_where_it_was(kind, size):
    assert shown(png.with_palette(drawn(ROWS, kind, size))) == ROWS


def test_with_too_many_colours_the_rarest_become_their_neighbours():
    many = [[(shade, shade, shade) for shade in range(256)] for _ in range(2)] + [
        [(0, 0, 1)] + [(9, 9, 9)] * 255
    ]
    assert shown(png.with_palette(drawn(many, 0, 3))) == [*many[:2], [(0, 0, 0)] + [(9, 9, 9)] * 255]


def test_a_picture_of_another_kind_is_refused():
    sixteen_bit = drawn(ROWS, 0, 3).replace(b"\x08\x02", b"\x10\x02", 1)
    with pytest.raises(ValueError, match="Chromium"):
        png.with_palette(sixteen_bit)
