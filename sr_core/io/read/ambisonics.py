"""What a file states of its Ambisonics: the SA3D box of MP4 and MOV, or FFmpeg's channel layout.

Source: Spatial Audio RFC (google/spatial-media). Its order is ACN and its gains are SN3D, as those
of FFmpeg's ambisonic layouts, which are those of Opus (RFC 8486, channel mapping family 2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .boxes import Box, entry_of, kind_of, movie_in
from .source import Source

# version, type, order, channel ordering, normalization, number of channels; then the channel map
SA3D = struct.Struct(">BBIBBI")
HEAD_LOCKED = 0x80  # bit of the type: two channels of stereo beside the field
FIELD, STEREO = 4, 2  # channels of first order, and of head-locked stereo
# FFmpeg's channel layouts, by number of channels: without and with head-locked stereo.
LAYOUTS = {FIELD: "ambisonic 1", FIELD + STEREO: "ambisonic 1+stereo"}


@dataclass(frozen=True)
class Ambisonics:
    """A track of first order, ACN and SN3D.

    `components`: what each channel of the track is: 0..3 for W, Y, Z, X, then 4 and 5 for
    head-locked left and right, if there are six.
    """

    components: tuple[int, ...] = (0, 1, 2, 3)

    @property
    def head_locked(self) -> bool:
        return len(self.components) == FIELD + STEREO


def ambisonics_of(source: Source, track: int, layout: str) -> Ambisonics | None:
    """What the file states of its sound stream number `track`; None if nothing.

    `layout`: FFmpeg's name of the stream's channel layout.
    """
    for channels, name in LAYOUTS.items():
        if layout == name:
            return Ambisonics(tuple(range(channels)))
    movie = movie_in(source)
    tracks = movie.moov.every(b"trak") if movie else iter(())
    sounds = [box for box in tracks if kind_of(box) == b"soun"]
    entry = entry_of(sounds[track]) if track < len(sounds) else None
    box = entry.first(b"SA3D") if entry else None
    return parse(box) if box else None


def parse(box: Box) -> Ambisonics | None:
    """Parse an SA3D box; None for orders, channel orders and gains other than the module's."""
    if len(box.fields) < SA3D.size:
        return None
    version, kind, order, ordering, gains, channels = SA3D.unpack_from(box.fields)
    expected = FIELD + STEREO * bool(kind & HEAD_LOCKED)
    if (version, kind & ~HEAD_LOCKED, order, ordering, gains) != (0, 0, 1, 0, 0):
        return None
    if channels != expected or len(box.fields) < SA3D.size + 4 * channels:
        return None
    components = struct.unpack_from(f">{channels}I", box.fields, SA3D.size)
    return Ambisonics(components) if sorted(components) == list(range(channels)) else None


def box_of(ambisonics: Ambisonics) -> Box:
    """The SA3D box that states this."""
    kind, channels = HEAD_LOCKED * ambisonics.head_locked, len(ambisonics.components)
    fields = SA3D.pack(0, kind, 1, 0, 0, channels)
    return Box(b"SA3D", fields + struct.pack(f">{channels}I", *ambisonics.components))
