"""Panorama metadata of MP4 and MOV files: boxes of Spherical Video V2, and V1 where it can say it.

FFmpeg writes these boxes only in MP4, only of copied streams, and only as unofficial. In MOV, where
YouTube wants uncompressed Ambisonics, it writes Apple's. So they are put into the finished file.
Source: RFCs of google/spatial-media. Many players know version 1 only, so both are written.
"""

from __future__ import annotations

import math
import struct

from ...spatial.projection import EQUIRECTANGULAR, Projection
from ..read.ambisonics import Ambisonics, box_of
from ..read.boxes import Box, entry_of, kind_of
from ..read.gpano import GSPHERICAL
from ..read.source import MediaError
from ..read.spherical import STEREO, TURN, V1

SOFTWARE = "SoundReactor"
STEREO_MODES = {"mono": 0} | {name: number for number, name in STEREO.items()}
V1_STEREO = ("mono", "left-right", "top-bottom")
# What is replaced in a sample entry: Apple's `vexu` too, which FFmpeg writes in MOV for copied
# streams; it refuses to open a file that has both.
REPLACED = frozenset((b"st3d", b"sv3d", b"vexu"))
# The optional boxes of a sample entry come after those of the panorama.
OPTIONAL = frozenset((b"pasp", b"clap", b"colr", b"btrt", b"fiel", b"gama"))
PICTURE_SIZE = struct.Struct(">HH")  # width and height, 24 bytes into a picture's sample entry


def check_writable(projection: Projection, form: str) -> None:
    """Raise MediaError for a projection that files of this format cannot state."""
    if projection.kind != EQUIRECTANGULAR:
        raise MediaError(
            f"got a {projection.kind} projection; expected {EQUIRECTANGULAR}, the only one that is "
            "written; convert the picture first"
        )
    if form in ("mp4", "mov") and projection.stereo not in STEREO_MODES:
        raise MediaError(
            f"got the stereo order {projection.stereo}; expected {', '.join(STEREO_MODES)} in "
            f"{form}; write to .mkv"
        )


def mark_movie(moov: Box, projection: Projection | None, sound: Ambisonics | None) -> None:
    """State the projection of a movie's first picture, and the Ambisonics of its first sound."""
    for kind, wanted in ((b"vide", projection), (b"soun", sound)):
        track = next((box for box in moov.every(b"trak") if kind_of(box) == kind), None)
        entry = entry_of(track) if track else None
        if wanted is None or track is None or entry is None:
            continue
        if isinstance(wanted, Projection):
            _mark_picture(track, entry, wanted)
        else:
            entry.boxes = [box for box in entry.boxes if box.kind != b"SA3D"] + [box_of(wanted)]


def _mark_picture(track: Box, entry: Box, projection: Projection) -> None:
    others = [box for box in entry.boxes if box.kind not in REPLACED]
    place = next((n for n, box in enumerate(others) if box.kind in OPTIONAL), len(others))
    frame = Box(b"st3d", bytes(4) + bytes([STEREO_MODES[projection.stereo]]))
    entry.boxes = [*others[:place], frame, _sv3d(projection), *others[place:]]
    track.boxes = [box for box in track.boxes if box.kind != b"uuid" or box.fields[:16] != V1]
    if projection.stereo in V1_STEREO and not projection.is_posed:
        width, height = PICTURE_SIZE.unpack_from(entry.fields, 24)
        track.boxes.append(Box(b"uuid", V1 + v1_xml(projection, width, height).encode()))


def _sv3d(projection: Projection) -> Box:
    turns = (projection.yaw, projection.pitch, projection.roll)
    pose = struct.pack(">4x3i", *(round(math.degrees(angle) * 2**16) for angle in turns))
    inside = [Box(b"prhd", pose), Box(b"equi", equirectangular(projection))]
    header = Box(b"svhd", bytes(4) + SOFTWARE.encode() + b"\0")
    return Box(b"sv3d", boxes=[header, Box(b"proj", boxes=inside)])


def equirectangular(projection: Projection) -> bytes:
    """The content of an `equi` box, which is also Matroska's ProjectionPrivate."""
    edges = (projection.top, projection.bottom, projection.left, projection.right)
    return struct.pack(">4x4I", *(round(edge * TURN) for edge in edges))


def v1_xml(projection: Projection, width: int, height: int) -> str:
    """Version 1's XML for a picture of this size in pixels."""
    across, upwards = projection.stereo == "left-right", projection.stereo == "top-bottom"
    named = {
        "Spherical": "true",
        "Stitched": "true",
        "StitchingSoftware": SOFTWARE,
        "ProjectionType": EQUIRECTANGULAR,
        "StereoMode": projection.stereo,
    }
    if projection.is_cropped:
        named |= crop_in_pixels(projection, width // (1 + across), height // (1 + upwards))
    lines = [f"<GSpherical:{key}>{value}</GSpherical:{key}>" for key, value in named.items()]
    return (
        '<?xml version="1.0"?><rdf:SphericalVideo\n'
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"\n'
        f'xmlns:GSpherical="{GSPHERICAL}">\n' + "\n".join(lines) + "\n</rdf:SphericalVideo>"
    )


def crop_in_pixels(projection: Projection, width: int, height: int) -> dict[str, str]:
    """Where one eye's picture of this size is in the whole one, by the names of both schemes."""
    whole_width = round(width / (1 - projection.left - projection.right))
    whole_height = round(height / (1 - projection.top - projection.bottom))
    pixels = {
        "CroppedAreaImageWidthPixels": width,
        "CroppedAreaImageHeightPixels": height,
        "FullPanoWidthPixels": whole_width,
        "FullPanoHeightPixels": whole_height,
        "CroppedAreaLeftPixels": round(projection.left * whole_width),
        "CroppedAreaTopPixels": round(projection.top * whole_height),
    }
    return {key: str(value) for key, value in pixels.items()}
