"""Boxes of MP4 and MOV files (ISO 14496-12; QuickTime File Format), as far as metadata needs them.

PyAV gives no access to the boxes of panoramas and of Ambisonics. Only the movie box is parsed: it
has a few bytes for each frame, and the sound and pictures are outside of it.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from .source import Source

ENTRY = b""  # stands for a sample entry, whose kind is that of its codec
# The box of each kind whose inside matters; in this order only, so that parsing ends.
INSIDE = {b"moov": b"trak", b"trak": b"mdia", b"mdia": b"minf", b"minf": b"stbl", b"stbl": b"stsd"}
INSIDE |= {ENTRY: b"sv3d", b"sv3d": b"proj"}
# Bytes of a sample entry's fields (ISO 14496-12, 12.1.3, 12.2.3).
VISUAL_ENTRY, SOUND_ENTRY = 78, 28
SOUND_ENTRY_1, SOUND_ENTRY_2 = 44, 64  # QuickTime's second and third version
STSD = 8  # bytes before the entries: version, flags, number


class Place(NamedTuple):
    """A box at the top level of a file, in bytes."""

    kind: bytes
    start: int
    size: int


@dataclass
class Box:
    """A box: its fields, the boxes inside, and bytes after these that are no box."""

    kind: bytes
    fields: bytes = b""
    boxes: list[Box] = field(default_factory=list)
    rest: bytes = b""

    def __bytes__(self) -> bytes:
        content = self.fields + b"".join(map(bytes, self.boxes)) + self.rest
        return struct.pack(">I4s", 8 + len(content), self.kind) + content

    def every(self, *path: bytes) -> Iterator[Box]:
        """Yield the boxes that are reached by these kinds in turn."""
        if not path:
            yield self
            return
        for box in self.boxes:
            if box.kind == path[0]:
                yield from box.every(*path[1:])

    def first(self, *path: bytes) -> Box | None:
        """Return the first box that is reached by these kinds in turn."""
        return next(self.every(*path), None)


class Movie(NamedTuple):
    """The movie box of a file, where it is, and the top level it is in."""

    moov: Box
    place: Place
    places: list[Place]

    @property
    def is_fragmented(self) -> bool:
        return any(place.kind == b"moof" for place in self.places)


def movie_in(source: Source) -> Movie | None:
    """Parse the movie box of a file; None if the file has none, as those of other formats."""
    with _opened(source) as file:
        return read_movie(file)


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, io.BytesIO):
        yield io.BytesIO(source.getvalue())  # getvalue shares the bytes
    else:
        with open(source, "rb") as file:
            yield file


def read_movie(file: BinaryIO) -> Movie | None:
    """Parse the movie box of an open file; None if it has none, or is damaged."""
    places = list(top_level(file))
    place = next((place for place in places if place.kind == b"moov"), None)
    if place is None or place.size > file.seek(0, os.SEEK_END) - place.start:
        return None
    brand = main_brand(file, places)
    file.seek(place.start)
    data = file.read(place.size)
    long = data[:4] == struct.pack(">I", 1)  # the size is in 64 bits
    moov = Box(b"moov")
    moov.boxes, moov.rest = _parsed(data[16 if long else 8 :], b"moov")
    for track in moov.every(b"trak"):
        _open_entries(track, quicktime=brand in (b"qt  ", b""))
    return Movie(moov, place, places)


def main_brand(file: BinaryIO, places: list[Place]) -> bytes:
    """The brand of a file's type, b"qt  " for QuickTime; empty if it names none."""
    for place in places:
        if place.kind == b"ftyp":
            file.seek(place.start + 8)
            return file.read(4)
    return b""


def top_level(file: BinaryIO) -> Iterator[Place]:
    """Yield the boxes at the top level; nothing more after bytes that are no box."""
    start, end = 0, file.seek(0, os.SEEK_END)
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, kind = struct.unpack(">I4s", head[:8])
        if size == 1 and len(head) == 16:  # the size is in 64 bits after the kind
            size = struct.unpack(">Q", head[8:])[0]
        elif size == 0:  # up to the end
            size = end - start
        if size < 8:
            return
        yield Place(kind, start, size)
        start += size


def kind_of(track: Box) -> bytes:
    """What a track holds: b"vide", b"soun" or others; empty if it does not say."""
    handler = track.first(b"mdia", b"hdlr")
    return handler.fields[8:12] if handler else b""


def entry_of(track: Box) -> Box | None:
    """The first sample entry of a track, which describes its coding."""
    table = track.first(b"mdia", b"minf", b"stbl", b"stsd")
    return table.boxes[0] if table and table.boxes else None


def _parsed(data: bytes, parent: bytes) -> tuple[list[Box], bytes]:
    """The boxes that the content of a box consists of, and what is left."""
    boxes, start = [], 0
    while start + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        if not 8 <= size <= len(data) - start:
            break
        box, content = Box(kind), data[start + 8 : start + size]
        if INSIDE.get(parent) == kind:
            box.fields = content[: STSD if kind == b"stsd" else 0]
            box.boxes, box.rest = _parsed(content[len(box.fields) :], kind)
        else:
            box.fields = content
        boxes.append(box)
        start += size
    return boxes, data[start:]


def _open_entries(track: Box, quicktime: bool) -> None:
    """Parse the boxes inside the sample entries of a track of pictures or sound."""
    handler = kind_of(track)
    for table in track.every(b"mdia", b"minf", b"stbl", b"stsd"):
        for entry in table.boxes if handler in (b"vide", b"soun") else ():
            size = VISUAL_ENTRY if handler == b"vide" else _sound_fields(entry.fields, quicktime)
            content = entry.fields
            entry.fields = content[:size]
            entry.boxes, entry.rest = _parsed(content[size:], ENTRY)


def _sound_fields(content: bytes, quicktime: bool) -> int:
    """Bytes of a sound entry's fields; ISO files have the first version's size in any version."""
    version = int.from_bytes(content[8:10], "big")
    if not quicktime or version not in (1, 2):
        return SOUND_ENTRY
    return SOUND_ENTRY_1 if version == 1 else SOUND_ENTRY_2
