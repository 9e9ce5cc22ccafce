"""Changing the movie box of a complete MP4 or MOV file in place, with what depends on its size."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..read.boxes import Box, read_movie
from ..read.source import MediaError

LARGEST = 2**32 - 1
BLOCK = 2**22  # bytes moved at once
TABLE = (b"mdia", b"minf", b"stbl")


def edit_movie(path: Path, edit: Callable[[Box], None]) -> None:
    """Let `edit` change the movie box of a file; what follows the box is moved if it grows.

    Chunk offsets (`stco`, `co64`) are changed with it. The file is invalid while this runs: call
    it for a file that nobody else sees yet. Raises MediaError for a file without a movie box, and
    for a fragmented one, whose fragments state offsets of their own.
    """
    with open(path, "r+b") as file:
        movie = read_movie(file)
        if movie is None or movie.is_fragmented:
            kind = "a fragmented file" if movie else "no movie box"
            raise MediaError(f"got {kind} in '{path.name}'; expected a complete MP4 or MOV file")
        edit(movie.moov)
        start, size = movie.place.start, movie.place.size
        _fit(movie.moov, start + size, size)
        _insert(file, start + size, len(bytes(movie.moov)) - size)
        file.seek(start)
        file.write(bytes(movie.moov))


def _fit(moov: Box, end: int, size: int) -> None:
    """Move the chunks after `end` by what the box is larger than `size`; it never gets smaller."""
    missing = size - len(bytes(moov))
    if missing > 0:
        moov.boxes.append(Box(b"free", bytes(max(0, missing - 8))))
    tables = [table for track in moov.every(b"trak") for table in track.every(*TABLE)]
    chunks = [box for table in tables for box in table.boxes if box.kind in (b"stco", b"co64")]
    read = [(box, offsets_of(box)) for box in chunks]
    grown = _grown(moov, size)
    if any(max(offsets, default=0) + grown > LARGEST for _, offsets in read):
        for box, offsets in read:
            set_offsets(box, offsets, b"co64")
        grown = _grown(moov, size)
    for box, offsets in read:
        moved = [offset + grown * (offset >= end) for offset in offsets]
        set_offsets(box, moved, box.kind)


def _grown(moov: Box, size: int) -> int:
    return len(bytes(moov)) - size


def offsets_of(box: Box) -> list[int]:
    """The chunk offsets of an stco or co64 box."""
    letter, width = ("I", 4) if box.kind == b"stco" else ("Q", 8)
    count = min(int.from_bytes(box.fields[4:8], "big"), (len(box.fields) - 8) // width)
    return list(struct.unpack_from(f">{count}{letter}", box.fields, 8))


def set_offsets(box: Box, offsets: list[int], kind: bytes) -> None:
    """Make the box one of this kind, stco or co64, with these chunk offsets."""
    letter = "I" if kind == b"stco" else "Q"
    box.kind = kind
    box.fields = struct.pack(f">II{len(offsets)}{letter}", 0, len(offsets), *offsets)


def _insert(file: BinaryIO, position: int, count: int) -> None:
    """Insert `count` bytes of any value: move what follows, from the end on."""
    rest = file.seek(0, os.SEEK_END)
    while count and rest > position:
        begin = max(position, rest - BLOCK)
        file.seek(begin)
        data = file.read(rest - begin)
        file.seek(begin + count)
        file.write(data)
        rest = begin
