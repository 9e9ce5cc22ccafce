"""Trial copies: the first packets of a video are written to a format and read back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, TypeVar

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.stream import VideoStream

from ...rates import FRAME_RATE
from ..read.colour import DOLBY_VISION, records_of
from ..read.source import TIME_CODE, MediaError, Source, open_source, picture_stream, time_code
from .container import CONTAINERS, Container

NO_TAG = "\0\0\0\0"  # no codec tag: the muxer chooses one
MOST_PACKETS = 64  # number of packets read to decode the first frame, at most
TICK = Fraction(1, FRAME_RATE)  # seconds between packets in a trial, whatever their own times
# Animation codecs: always encoded, even if the container could hold a copy.
ANIMATIONS = ("gif", "apng", "webp")
APPLE_HEVC = ("hvc1", "dvh1")  # the only HEVC tags that Apple's players support

StreamT = TypeVar("StreamT", bound=Stream)


@dataclass(frozen=True)
class Held:
    """How a format stores a copied video: the codec tag, and the properties that are lost."""

    tag: str
    lost: tuple[str, ...] = ()


class Back(NamedTuple):
    """The result of reading a trial back; empty if there were no packets to write."""

    aspect: Fraction | None = None  # pixel aspect ratio
    time_code: bool = False
    frame: VideoFrame | None = None


class Beginning:
    """Copies of the first packets of a video up to its first frame; the stream stays open."""

    def __init__(self, container: InputContainer, stream: VideoStream):
        self.container, self.stream = container, stream
        self.packets: list[Packet] = []
        self.frame: VideoFrame | None = None
        self.hidden = False  # packets hidden by an edit list come first; a trial shows them

    def read(self) -> None:
        """Read up to the first frame."""
        for packet in self.container.demux(self.stream):
            if packet.size:
                self.packets.append(_copy(packet))
                self.hidden = self.hidden or packet.is_discard
            self.frame = next(iter(_decoded(packet)), None)
            if self.frame is not None or len(self.packets) == MOST_PACKETS:
                return

    def held_by(self, container: Container) -> Held | None:
        """Return how the container stores the packets; None if reading them back fails."""
        for tag in _tags(self.stream, container):
            try:
                back = self._tried(container, tag)
            except (ValueError, AttributeError, UnicodeError, av.error.FFmpegError):
                continue  # AttributeError: this FFmpeg does not have the codec
            if self._comes_back(back.frame):
                return Held(tag, tuple(self._lost(container, back)))
        return None

    def _comes_back(self, frame: VideoFrame | None) -> bool:
        """Compare the first frame, if any, with the one read back: format, size and samples."""
        one = self.frame
        if one is None or frame is None:
            return one is None
        if (one.format.name, one.width, one.height) != (
            frame.format.name,
            frame.width,
            frame.height,
        ):
            return False
        return self.hidden or all(map(_same_samples, one.planes, frame.planes))

    def _lost(self, container: Container, back: Back) -> Iterator[str]:
        given = self.stream.sample_aspect_ratio or 1
        if (back.aspect or 1) != given:
            yield f"pixel aspect {given.numerator}:{given.denominator}"
        if container.clocked and "alpha_mode" in map(str.lower, self.stream.metadata):
            yield "transparency"
        if container.clocked and back.frame is not None:
            code = time_code(self.stream)
            # FFmpeg's muxer before 8.1 writes no time code track for a stream that PyAV copies.
            if code and not back.time_code:
                yield f"time code {code}"
        if container.format == "mov" and self.frame is not None:
            if DOLBY_VISION in records_of(self.frame):
                yield DOLBY_VISION

    def able(self) -> list[str]:
        """Suffixes of the containers that can hold a copy, one per format."""
        first = {container.format: suffix for suffix, container in reversed(CONTAINERS.items())}
        return [suffix for suffix in CONTAINERS if suffix in first.values() and self._fits(suffix)]

    def _fits(self, suffix: str) -> bool:
        return self.held_by(CONTAINERS[suffix]) is not None

    def _tried(self, container: Container, tag: str) -> Back:
        """Write the packets to a file in memory and read it back."""
        file, options = io.BytesIO(), container.options_for(self.stream.codec_context.name)
        with av.open(file, "w", format=container.format, options=options) as output:
            stream = add_copy(self.stream, output, tag)
            if code := time_code(self.stream):
                stream.metadata[TIME_CODE] = code
            if not self.packets:
                output.start_encoding()
            for n, packet in enumerate(self.packets):
                copy = _copy(packet)
                copy.stream, copy.pts, copy.dts = stream, n, n
                output.mux(copy)
        if not self.packets:
            return Back()
        file.seek(0)
        with av.open(file, "r") as written:
            video = written.streams.video[0]
            code = time_code(video)
            return Back(video.sample_aspect_ratio, code is not None, _first_frame(written))


@contextmanager
def beginning(source: Source) -> Iterator[Beginning]:
    """Read the beginning of a file's video; MediaError if there is none."""
    with open_source(source) as container:
        begun = Beginning(container, picture_stream(container, source))
        with suppress(av.error.FFmpegError):  # a cut file: the packets before are enough
            begun.read()
        yield begun


def suffix_for(source: Source) -> str:
    """Suffix of the first container that can hold a copy of this file's video, else .mp4."""
    try:
        with beginning(source) as begun:
            animated = begun.stream.codec_context.name in ANIMATIONS
            return ".mp4" if animated else next(iter(begun.able()), ".mp4")
    except MediaError:
        return ".mp4"  # a full read gives a better error message


def add_copy(stream: StreamT, output: OutputContainer, tag: str = NO_TAG) -> StreamT:
    """Add a stream for this stream's packets, with a codec tag and its pixel aspect."""
    copied = output.add_stream_from_template(stream, opaque=True)
    if tag != NO_TAG:
        copied.codec_context.codec_tag = tag
    if isinstance(stream, VideoStream) and isinstance(copied, VideoStream):
        aspect = stream.sample_aspect_ratio  # may differ from the codec's
        if aspect:
            copied.codec_context.sample_aspect_ratio = aspect
    return copied


def _tags(stream: VideoStream, container: Container) -> list[str]:
    """Codec tags to try, the stream's own first: it identifies some codecs."""
    try:
        own = stream.codec_context.codec_tag
    except UnicodeDecodeError:  # the tag is not text
        own = NO_TAG
    if stream.codec_context.name == "hevc" and container.clocked:
        return [own if own in APPLE_HEVC else APPLE_HEVC[0]]
    return list(dict.fromkeys([own, NO_TAG]))


def _copy(packet: Packet) -> Packet:
    copy = Packet(bytes(packet))
    copy.is_keyframe, copy.time_base, copy.duration = packet.is_keyframe, TICK, 1
    return copy


def _decoded(packet: Packet[VideoStream]) -> list[VideoFrame]:
    try:
        return packet.decode()
    except av.error.FFmpegError:
        return []


def _first_frame(written: InputContainer) -> VideoFrame | None:
    return next((frame for p in written.demux(video=0) for frame in p.decode()), None)


def _same_samples(one: VideoPlane, other: VideoPlane) -> bool:
    """Compare two planes; only the first `width` bytes of a row, which are surely not padding."""
    rows = [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
        for plane in (one, other)
        if plane.line_size
    ]
    return len(rows) < 2 or np.array_equal(rows[0], rows[1])
