"""A movie box grows in place, and every chunk is still found; or nothing is done."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import pytest

from sr_core.io.read.boxes import Box, movie_in
from sr_core.io.read.source import MediaError
from sr_core.io.write import movie as module
from sr_core.io.write.movie import edit_movie, offsets_of, set_offsets

CHUNKS = (b"trak", b"mdia", b"minf", b"stbl")


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def insert(size: int):
    def edit(moov: Box) -> None:
        moov.first(b"trak").boxes.append(Box(b"uuid", b"u" * (size - 8)))

    return edit


@pytest.mark.parametrize("size", [24, 60, 5000])
@pytest.mark.parametrize("flags", ["", "faststart"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_packets_are_found_after_the_box_has_grown(make_clip, monkeypatch, suffix, flags, size):
    monkeypatch.setattr(module, "BLOCK", 1000)  # the rest is moved in several blocks
    muxer = {"movflags": flags} if flags else None
    path = make_clip(f"a{suffix}", range(20), Fraction(1, 30), muxer=muxer)
    before, old = packets(path), path.stat().st_size
    edit_movie(path, insert(size))
    assert packets(path) == before
    assert path.stat().st_size == old + size
    assert len(movie_in(path).moov.first(b"trak", b"uuid").fields) == size - 8


@pytest.mark.parametrize("removed", [1, 5, 40])
def test_a_smaller_box_is_filled_up(make_clip, removed):
    path = make_clip("a.mp4", range(20), Fraction(1, 30), muxer={"movflags": "faststart"})
    edit_movie(path, insert(200))
    before = packets(path)

    def shorten(moov: Box) -> None:
        box = moov.first(b"trak", b"uuid")
        box.fields = box.fields[:-removed]

    edit_movie(path, shorten)
    assert packets(path) == before
    assert movie_in(path).moov.boxes[-1].kind == b"free"


def with_offsets(*offsets: int) -> Box:
    table = Box(b"stco")
    set_offsets(table, list(offsets), b"stco")
    inner = table
    for kind in reversed(CHUNKS):
        inner = Box(kind, boxes=[inner])
    return Box(b"moov", boxes=[inner])


def test_only_chunks_after_the_box_move():
    moov = with_offsets(40, 1000, 2000)
    size = len(bytes(moov))
    moov.boxes.append(Box(b"free", b"12"))
    module._fit(moov, 500, size)
    assert offsets_of(moov.first(*CHUNKS, b"stco")) == [40, 1010, 2010]


def test_offsets_that_no_longer_fit_32_bits_get_64():
    """Ten bytes more would do; the wider table itself needs 8 for its two offsets."""
    moov = with_offsets(1000, 2**32 - 5)
    size = len(bytes(moov))
    moov.boxes.append(Box(b"free", b"12"))
    module._fit(moov, 500, size)
    table = moov.first(*CHUNKS, b"co64")
    assert offsets_of(table) == [1000 + 18, 2**32 - 5 + 18]
    assert len(table.fields) == 8 + 2 * 8


def test_a_table_that_promises_too_much_is_read_as_far_as_it_goes():
    assert offsets_of(Box(b"stco", struct.pack(">III", 0, 10**9, 7))) == [7]


def test_fragmented_and_other_files_are_refused_and_stay_as_they_are(make_clip):
    path = make_clip(
        "a.mp4", range(20), Fraction(1, 30), muxer={"movflags": "frag_keyframe+empty_moov"}
    )
    before = path.read_bytes()
    with pytest.raises(MediaError, match="got a fragmented file in 'a.mp4'"):
        edit_movie(path, insert(20))
    assert path.read_bytes() == before
    other = make_clip("a.mkv", range(3), Fraction(1, 30))
    with pytest.raises(MediaError, match="got no movie box"):
        edit_movie(other, insert(20))
