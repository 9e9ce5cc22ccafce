"""The projection that a video file's metadata states.

MP4 and MOV: the boxes of Spherical Video V2 (`st3d`, `sv3d`), or the XML of version 1, which is in
a `uuid` box of the track (RFCs of google/spatial-media). They are read here and not by FFmpeg,
which ignores version 1's crop and the order right-left. Other files, and what else MP4 has (Apple's
boxes), are read by FFmpeg: Matroska's Projection and StereoMode come with the decoded frames.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from uuid import UUID

from av.video.frame import VideoFrame

from ...spatial.projection import EQUIRECTANGULAR, Projection
from .boxes import Box, entry_of, kind_of, movie_in
from .colour import side_data_of
from .gpano import GSPHERICAL, crop_of, properties
from .source import Source, open_source, picture_stream

V1 = UUID("ffcc8263-f855-4a93-8814-587a02521fdd").bytes
V1_TAG = "spherical-video"  # of a Matroska track, in any case
STEREO = {1: "top-bottom", 2: "left-right", 4: "right-left"}  # stereo_mode of st3d
KINDS = {b"equi": EQUIRECTANGULAR, b"cbmp": "cubemap", b"mshp": "mesh"}
TURN = 2.0**32  # bounds are fractions in 32 bits, poses degrees in 16.16 bits

# FFmpeg's structures (libavutil/spherical.h, stereo3d.h), in the machine's byte order.
SPHERICAL, STEREO3D = struct.Struct("=i3i4I"), struct.Struct("=2i")
WHOLE, CUBEMAP, PART, HALF, RECTILINEAR, FISHEYE = range(6)
OTHERS = {CUBEMAP: "cubemap", RECTILINEAR: "rectilinear", FISHEYE: "fisheye"}
FRAMES = {(1, 0): "left-right", (1, 1): "right-left", (2, 0): "top-bottom", (2, 1): "bottom-top"}


def read_projection(
    source: Source, form: str, frame: VideoFrame, tags: Mapping[str, str]
) -> Projection | None:
    """The projection of a file's video; None if the file states none.

    `form`: FFmpeg's name of the file's format; `frame`, `tags`: the first frame and the metadata of
    the video's stream.
    """
    found = _of_boxes(source) if "mp4" in form.split(",") else None
    xml = next((text for key, text in tags.items() if key.lower() == V1_TAG), "")
    return found or _of_frame(frame) or _of_xml(xml)


def projection_in(source: Source) -> Projection | None:
    """Open a file and return the projection that it states; None if it states none."""
    with open_source(source) as container:
        stream = picture_stream(container, source)
        frame = next(container.decode(stream), None)
        if frame is None:
            return None
        return read_projection(source, container.format.name, frame, stream.metadata)


def degrees_16_16(value: int) -> float:  # -> radians
    return math.radians(value / 2**16)


def _of_boxes(source: Source) -> Projection | None:
    movie = movie_in(source)
    tracks = movie.moov.every(b"trak") if movie else iter(())
    track = next((track for track in tracks if kind_of(track) == b"vide"), None)
    entry = entry_of(track) if track else None
    if track is None or entry is None:
        return None
    second = _of_entry(entry)
    xml = (box.fields[16:] for box in track.every(b"uuid") if box.fields[:16] == V1)
    return second or _of_xml(next(xml, b""))


def _of_entry(entry: Box) -> Projection | None:
    """The projection of a picture's sample entry (Spherical Video V2 RFC)."""
    projection = entry.first(b"sv3d", b"proj")
    pose = entry.first(b"sv3d", b"proj", b"prhd")
    data = [box for box in projection.boxes if box.kind != b"prhd"] if projection else []
    if not data:
        return None
    kind = KINDS.get(data[0].kind, data[0].kind.decode("latin-1"))
    bounds, turns = (0, 0, 0, 0), (0, 0, 0)
    if kind == EQUIRECTANGULAR and len(data[0].fields) >= 20:
        bounds = struct.unpack_from(">4I", data[0].fields, 4)
    if pose is not None and len(pose.fields) >= 16:
        turns = struct.unpack_from(">3i", pose.fields, 4)
    frame = entry.first(b"st3d")
    stereo = STEREO.get(frame.fields[4], "mono") if frame and len(frame.fields) > 4 else "mono"
    return _checked(kind, stereo, bounds, turns)


def _checked(
    kind: str, stereo: str, bounds: tuple[int, ...], turns: tuple[int, ...]
) -> Projection | None:
    """A projection by its numbers in files; None for impossible ones."""
    try:
        edges = (bound / TURN for bound in bounds)
        return Projection(kind, stereo, *edges, *map(degrees_16_16, turns))
    except ValueError:
        return None


def _of_xml(xml: str | bytes) -> Projection | None:
    """The projection of version 1's XML, which is always equirectangular.

    Its initial view is where a viewer looks first, not a pose: the sound does not turn with it.
    """
    named = properties(xml, GSPHERICAL) if xml else {}
    if named.get("Spherical", "").lower() not in ("true", "1"):
        return None
    stereo = named.get("StereoMode", "mono").lower()
    stereo = stereo if stereo in STEREO.values() else "mono"
    return Projection(EQUIRECTANGULAR, stereo, **crop_of(named)._asdict())


def _of_frame(frame: VideoFrame) -> Projection | None:
    """The projection that FFmpeg attaches to a decoded frame."""
    given = side_data_of(frame)
    sphere, eyes = given.get("SPHERICAL"), given.get("STEREO3D")
    if sphere is None:
        return None
    number, *turns, left, top, right, bottom = SPHERICAL.unpack_from(bytes(sphere))
    stereo = FRAMES.get(STEREO3D.unpack_from(bytes(eyes)), "mono") if eyes is not None else "mono"
    if number == HALF:
        left = right = 2**30
    kind = OTHERS.get(number, EQUIRECTANGULAR if number in (WHOLE, PART, HALF) else "unknown")
    return _checked(kind, stereo, (top, bottom, left, right), tuple(turns))
