"""Copies chapters, attachments and covers of a file, as far as the target supports them."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import TYPE_CHECKING

from av.container import InputContainer, OutputContainer
from av.stream import Stream

from ..read.source import Source, is_cover, name_of, open_source, time_code
from ..read.timing import MILLISECOND
from ..read.video import VideoInfo
from .container import Container

if TYPE_CHECKING:
    from av.container.core import Chapter

IMAGES = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}


def keep_chapters(source: InputContainer, output: OutputContainer, info: VideoInfo) -> None:
    """Copy the source's chapters, shifted with the video; old PyAV does not support chapters."""
    if hasattr(source, "chapters"):
        moved = [
            _moved(chapter, chapter["time_base"], info)
            for chapter in source.chapters()
            if chapter["time_base"] is not None
        ]
        output.set_chapters([chapter for chapter in moved if chapter["end"] > chapter["start"]])


def _moved(chapter: Chapter, tick: Fraction, info: VideoInfo) -> Chapter:
    times = (ticks * tick - info.start for ticks in (chapter["start"], chapter["end"]))
    start, end = (round(min(max(t, Fraction(0)), info.duration) / MILLISECOND) for t in times)
    return {**chapter, "start": start, "end": end, "time_base": MILLISECOND}


def keep_attachments(
    source: InputContainer, name: Source, output: OutputContainer, container: Container
) -> set[int]:
    """Attach the source's fonts and covers if the target supports it; returns stream indices.

    PyAV before 16 cannot write attachments.
    """
    if container.format != "matroska" or not hasattr(output, "add_attachment"):
        return set()
    kept: set[int] = set()
    for file in source.streams.attachments:
        kind = file.metadata.get("mimetype", "")
        output.add_attachment(file.name or "attachment", kind, file.data)
        kept.add(file.index)
    for stream in source.streams.video:
        if is_cover(stream) and stream.codec_context and stream.codec_context.name in IMAGES:
            output.add_attachment(*IMAGES[stream.codec_context.name], _image(name, stream.index))
            kept.add(stream.index)
    return kept


def _image(source: Source, index: int) -> bytes:
    with open_source(source) as container:  # separate from the demuxer of the video's packets
        packets = container.demux(container.streams[index])
        return next((bytes(packet) for packet in packets if packet.size), b"")


def warn_of_rest(
    source: InputContainer,
    name: Source,
    container: Container,
    kept: set[int],
    lost: tuple[str, ...],
) -> None:
    """Warn once of everything the target lacks: streams not kept, and the items of `lost`."""
    dropped = (s for s in source.streams if s.index not in kept and _is_reported(s))
    left = [*map(_described, dropped), *lost]
    if left:
        warnings.warn(
            f"{name_of(name)}: left out of the {container.format} file that is written: "
            f"{', '.join(left)}",
            stacklevel=4,
        )


def _is_reported(stream: Stream) -> bool:
    """Return False for streams that the muxer regenerates: time code, chapters of MP4."""
    if stream.type != "data":
        return True
    chapters = stream.name == "bin_data" and bool(getattr(stream.container, "chapters", list)())
    return not chapters and time_code(stream) is None


def _described(stream: Stream) -> str:
    codec = stream.codec_context.name if stream.codec_context else stream.name
    kind = {"video": "picture", "audio": "sound", "attachment": "attached file"}
    what = "cover" if is_cover(stream) else kind.get(stream.type, stream.type)
    return f"{what} {stream.index} ({stream.metadata.get('title') or codec or 'unknown'})"
