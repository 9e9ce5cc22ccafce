"""Boxes of MP4 files: read with all bytes kept, and never more than is there."""

from __future__ import annotations

import io
import struct

import pytest

from sr_core.io.read.boxes import Box, entry_of, kind_of, movie_in, top_level


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def handler(kind: bytes) -> bytes:
    return box(b"hdlr", bytes(8) + kind + bytes(13))


def track(kind: bytes, entry: bytes) -> bytes:
    table = box(b"stbl", box(b"stsd", struct.pack(">II", 0, 1) + entry))
    return box(b"trak", box(b"mdia", handler(kind) + box(b"minf", table)))


def movie(brand: bytes, *tracks: bytes) -> io.BytesIO:
    data = box(b"ftyp", brand + bytes(4)) + box(b"mdat", b"x" * 5) + box(b"moov", b"".join(tracks))
    return io.BytesIO(data)


def sound_entry(version: int, size: int) -> bytes:
    fields = bytearray(bytes(8) + struct.pack(">H", version) + bytes(size - 10))
    return box(b"mp4a", bytes(fields) + box(b"SA3D", b"abc"))


@pytest.mark.parametrize(
    ("brand", "version", "size"),
    [(b"isom", 0, 28), (b"isom", 1, 28), (b"qt  ", 0, 28), (b"qt  ", 1, 44), (b"qt  ", 2, 64)],
)
def test_boxes_are_found_after_the_fields_of_each_version(brand, version, size):
    found = movie_in(movie(brand, track(b"soun", sound_entry(version, size))))
    entry = entry_of(next(found.moov.every(b"trak")))
    assert (entry.kind, len(entry.fields), entry.first(b"SA3D").fields) == (b"mp4a", size, b"abc")


def test_a_parsed_movie_has_the_same_bytes():
    picture = box(b"avc1", bytes(78) + box(b"avcC", b"1") + box(b"pasp", b"2") + bytes(4))
    source = movie(b"isom", track(b"vide", picture), track(b"tmcd", box(b"tmcd", b"?" * 20)))
    found = movie_in(source)
    assert bytes(found.moov) == source.getvalue()[found.place.start :]
    assert [kind_of(one) for one in found.moov.every(b"trak")] == [b"vide", b"tmcd"]
    entry = entry_of(found.moov.first(b"trak"))
    assert [inside.kind for inside in entry.boxes] == [b"avcC", b"pasp"] and entry.rest == bytes(4)


def test_sizes_of_64_bits_and_up_to_the_end_are_read():
    long = struct.pack(">I4sQ", 1, b"mdat", 20) + b"1234"
    file = io.BytesIO(long + struct.pack(">I4s", 0, b"free") + b"to the end")
    assert [(place.kind, place.start, place.size) for place in top_level(file)] == [
        (b"mdat", 0, 20),
        (b"free", 20, 18),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"\x1aE\xdf\xa3" * 10,
        box(b"moov")[:-1] + b"w",
        struct.pack(">I4s", 9, b"moov"),
    ],
)
def test_other_files_and_cut_ones_have_no_movie(data):
    assert movie_in(io.BytesIO(data)) is None


def test_what_is_nested_without_end_is_not_followed():
    data = b""
    for _ in range(3000):
        data = box(b"trak", data)
    (inside,) = movie_in(io.BytesIO(box(b"moov", data))).moov.first(b"trak").boxes
    assert inside.boxes == []


def test_a_box_of_impossible_size_ends_the_list():
    source = movie(b"isom", box(b"free", b"1") + struct.pack(">I4s", 4000, b"trak"))
    found = movie_in(source).moov
    assert found.boxes == [Box(b"free", b"1")] and len(found.rest) == 8
