"""The projection of a finished Matroska or WebM file, written in place.

FFmpeg writes Projection and StereoMode (RFC 9559, 5.1.4.1.28) of copied streams only. The elements
go into the header of the tracks, which grows into the empty space (Void) that FFmpeg leaves before
it: nothing that follows is moved, and indices stay valid.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import BinaryIO

from ...spatial.projection import Projection
from ..read.source import MediaError
from .ebml import VOID, Element, Place, elements, joined, place_at, void
from .spherical import equirectangular

SEGMENT, SEEK_HEAD, SEEK, SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AC
TRACKS, ENTRY, TRACK_TYPE, VIDEO = 0x1654AE6B, 0xAE, 0x83, 0xE0
STEREO_MODE, PROJECTION, TYPE, PRIVATE = 0x53B8, 0x7670, 0x7671, 0x7672
YAW, PITCH, ROLL = 0x7673, 0x7674, 0x7675
STEREO_MODES = {"mono": 0, "left-right": 1, "bottom-top": 2, "top-bottom": 3, "right-left": 11}
ACROSS, UPWARDS = (1, 11), (2, 3)  # the modes with two pictures side by side, one above the other
SIZES = ((0xB0, 0x54B0, ACROSS), (0xBA, 0x54BA, UPWARDS))  # width and height: in pixels, displayed
UNIT, UNKNOWN = 0x54B2, b"\4"  # of the displayed size; it is not given
PICTURE, EQUIRECTANGULAR = b"\1", b"\1"  # TrackType, ProjectionType


def mark_matroska(path: Path, projection: Projection) -> None:
    """State the projection of a file's first picture.

    The file is invalid while this runs: call it for a file that nobody else sees yet. Raises
    MediaError for a file that is not as FFmpeg writes it.
    """
    with open(path, "r+b") as file:
        segment, places = _header(file)
        tracks = places[-1]
        space = next((place for place in places if place.id == VOID), tracks)
        room = space.end - space.start if space.id == VOID else 0
        size = tracks.end - tracks.start
        data = _padded(_marked(_content(file, tracks), projection), size)
        grown = len(data) - size
        if room - grown < 2 and room != grown:
            raise MediaError(f"got {room} empty bytes in '{path.name}'; expected {grown + 2}")
        file.seek(space.end if room else tracks.start)
        between = file.read(tracks.start - file.tell())
        for place in places:
            if place.id == SEEK_HEAD:
                moved = [other.start - segment for other in places if other.start >= space.end]
                _shift_positions(file, place, moved, -grown)
        file.seek(space.start)
        file.write(void(room - grown) + between + data)


def _header(file: BinaryIO) -> tuple[int, list[Place]]:
    """Where the segment's content begins, and its elements up to the tracks."""
    segment = place_at(file, place_at(file, 0).end)
    if segment.id != SEGMENT:
        raise MediaError("got a file without a segment; expected Matroska or WebM")
    places = [place_at(file, segment.content)]
    while places[-1].id != TRACKS:
        places.append(place_at(file, places[-1].end))
    return segment.content, places


def _content(file: BinaryIO, place: Place) -> bytes:
    file.seek(place.content)
    return file.read(place.end - place.content)


def _marked(content: bytes, projection: Projection) -> list[Element]:
    """The elements inside that of all tracks, with the projection of the first picture."""
    tracks = elements(content)
    for track in tracks:
        parts = elements(track.content) if track.id == ENTRY else []
        if any((part.id, part.content) == (TRACK_TYPE, PICTURE) for part in parts):
            for part in parts:
                if part.id == VIDEO:
                    part.content = joined(_with_projection(elements(part.content), projection))
            track.content = joined(parts)
            break
    return tracks


def _padded(tracks: list[Element], size: int) -> bytes:
    """The element of all tracks, with empty space inside if it would have less than `size` bytes.

    So nothing moves towards the end, where a position might need more bytes in the seek head.
    """
    data = bytes(Element(TRACKS, joined(tracks)))
    if len(data) >= size:
        return data
    return _padded([*tracks, Element(VOID, bytes(max(0, size - len(data) - 2)))], size)


def _with_projection(parts: list[Element], projection: Projection) -> list[Element]:
    inside = [Element(TYPE, EQUIRECTANGULAR)]
    if projection.is_cropped:
        inside.append(Element(PRIVATE, equirectangular(projection)))
    angles = ((YAW, projection.yaw), (PITCH, projection.pitch), (ROLL, projection.roll))
    for key, angle in angles:
        if angle:
            inside.append(Element(key, struct.pack(">f", math.degrees(angle))))
    mode = STEREO_MODES[projection.stereo]
    kept = [part for part in parts if part.id not in (STEREO_MODE, PROJECTION)]
    _display(kept, _number(parts, STEREO_MODE), mode)
    return [*kept, Element(STEREO_MODE, bytes([mode])), Element(PROJECTION, joined(inside))]


def _display(parts: list[Element], old: int, new: int) -> None:
    """Keep the shape of pixels: the displayed size is that of one eye (RFC 9559, 5.1.4.1.28.11)."""
    if any((part.id, part.content) == (UNIT, UNKNOWN) for part in parts):
        return
    for pixels, displayed, halved in SIZES:
        whole = _number(parts, displayed) * (1 + (old in halved)) or _number(parts, pixels)
        size = whole // (1 + (new in halved))
        parts[:] = [part for part in parts if part.id != displayed]
        parts.append(Element(displayed, size.to_bytes((size.bit_length() + 7) // 8, "big")))


def _number(parts: list[Element], kind: int) -> int:
    """The whole number in the first element of this kind; 0 if there is none."""
    return next((int.from_bytes(part.content, "big") for part in parts if part.id == kind), 0)


def _shift_positions(file: BinaryIO, place: Place, moved: list[int], by: int) -> None:
    """Add `by` to the positions in a seek head that are in `moved`; its size stays the same."""
    seeks = elements(_content(file, place))
    for seek in seeks:
        parts = elements(seek.content) if seek.id == SEEK else []
        for part in parts:
            position = int.from_bytes(part.content, "big")
            if part.id == SEEK_POSITION and position in moved:
                part.content = (position + by).to_bytes(len(part.content), "big")
        seek.content = joined(parts) if parts else seek.content
    file.seek(place.content)
    file.write(joined(seeks))
