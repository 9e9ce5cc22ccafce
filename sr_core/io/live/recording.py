"""A file that grows with a stream and stays playable whenever writing stops."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ...rates import SAMPLE_RATE
from ..read.source import MediaError, tick_of
from ..write.container import H264, MKV, MOV, MP4, Container, writing
from ..write.copied import copy_stream
from ..write.encoder import add_encoder, in_own_colour, to_frame
from ..write.sound import SoundEncoder
from ..write.trial import NO_TAG, beginning
from ..write.written import Written
from .source import LivePicture, LiveVideo, Read, Seen

# Low latency: one frame in, one packet out; a keyframe about every two seconds.
LIVE_H264 = (
    ("libx264", {"preset": "veryfast", "tune": "zerolatency", "crf": "20", "g": "60"}),
    *H264[1:],
)
LIVE_DEEP = (
    (
        "libx265",
        {
            "preset": "veryfast",
            "tune": "zerolatency",
            "crf": "22",
            "g": "60",
            "x265-params": "log-level=error",
        },
    ),
    *LIVE_H264[:1],
)
FLUSHED = {"flush_packets": "1", "max_interleave_delta": "1000000"}  # microseconds
# Self-contained fragments of at most one second; delay_moov: the edit lists need first packets.
FRAGMENTS = FLUSHED | {
    "movflags": "empty_moov+delay_moov+default_base_moof",
    "frag_duration": "1000000",
    "movie_timescale": "48000",
}
CLUSTERS = FLUSHED | {"cluster_time_limit": "1000"}  # milliseconds
_MKV = replace(MKV, options=CLUSTERS, pictures=LIVE_H264, deep=LIVE_DEEP)
GROWING = {
    ".mka": replace(_MKV, pictures=()),
    ".mkv": _MKV,
    ".mp4": replace(MP4, options=FRAGMENTS, pictures=LIVE_H264, deep=LIVE_DEEP),
    ".mov": replace(MOV, options=FRAGMENTS, pictures=LIVE_H264, deep=LIVE_DEEP),
    ".wav": Container("wav", "pcm_s24le", "s32", None, FLUSHED | {"rf64": "auto"}, ()),
    ".flac": Container("flac", "flac", "s32", None, FLUSHED, ()),
}


def growing_container(target: str | os.PathLike[str]) -> Container:
    """Choose the container by the target's suffix; MediaError for an unknown one."""
    suffix = Path(target).suffix.lower()
    if suffix not in GROWING:
        raise MediaError(
            f"got target '{os.fspath(target)}'; expected a name ending in {', '.join(GROWING)}; "
            "change the suffix"
        )
    return GROWING[suffix]


class Recording:
    """Writes a live video (if the container has video) and its sound as they arrive.

    `url` is a path, or FFmpeg's "pipe:1"; frames at `limit` seconds or later are left out. Raises
    MediaError for errors of writing.
    """

    def __init__(
        self,
        url: str,
        container: Container,
        picture: LivePicture,
        limit: Fraction | None = None,
        channels: int = 2,
    ):
        self.url = Path(url)
        copy = _copy_of(picture, container)
        options = dict(container.options)
        tick = picture.clock if copy is None else tick_of(copy.template)
        if container.clocked:
            options["video_track_timescale"] = str(tick.denominator)
        with writing(self.url):
            self._output = av.open(url, "w", format=container.format, options=options)
        self._picture: _Copied | _Encoded | None = None
        if container.pictures and copy is not None:
            self._picture = _Copied(copy, self._output, limit)
        elif container.pictures:
            self._picture = _Encoded(picture, container, self._output, limit)
        self._sound = SoundEncoder(self._output, container, channels)
        self._written = Written(self.url, "the file stays as it is")
        self._piece = np.zeros((channels, 0), np.float32)

    def write_video(self, read: Read) -> None:
        """Write the packets or frames of one read."""
        if self._picture is not None:
            self._write(self._picture.packets(read))

    def write_audio(self, piece: np.ndarray) -> None:  # (c s)
        """Write the previous piece and keep this one: `close` may have to cut the last one."""
        self._write(self._sound.encode(self._piece))
        self._piece = piece

    def close(self, end: Fraction | None = None) -> None:
        """Finish the file, with the sound cut at `end` seconds if given, and read it back."""
        with writing(self.url):
            try:
                self._write(self._last_packets(end))
            finally:
                plan = self._written.plan()
                self._output.close()
        if self.url.is_file():
            self._written.check(self.url, plan)

    def _last_packets(self, end: Fraction | None) -> Iterable[Packet]:
        rest = self._piece.shape[1]
        if end is not None:
            rest = max(0, round(end * SAMPLE_RATE) - self._sound.written)
        yield from self._sound.encode(self._piece[:, :rest])
        yield from self._sound.finish()
        if self._picture is not None:
            yield from self._picture.last_packets()

    def _write(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            self._written.add(packet)
            with writing(self.url):
                self._output.mux(packet)


class _Copy(NamedTuple):
    """How the video's packets are copied: the stream that they are of, and their codec tag."""

    template: VideoStream
    tag: str


def _copy_of(picture: LivePicture, container: Container) -> _Copy | None:
    """Return how the video's packets are copied; None if its frames must be encoded.

    For a file, a trial write of its first packets decides it.
    """
    if picture.template is None or not container.holds(picture.template):
        return None
    source = picture.source if isinstance(picture, LiveVideo) else None
    if source is None or not os.path.isfile(source):
        return _Copy(picture.template, NO_TAG)
    with beginning(source) as begun:
        held = begun.held_by(container)
    return None if held is None else _Copy(picture.template, held.tag)


class _Copied:
    """Copies compressed packets; only their timestamps change."""

    def __init__(self, copy: _Copy, output: OutputContainer, limit: Fraction | None):
        self.stream, self.limit = copy_stream(copy.template, output, copy.tag), limit
        self._last: int | None = None
        self._over = False

    def packets(self, read: Read) -> Iterable[Packet]:
        for packet in read.packets:
            # Packets after the first one beyond the limit may need it to decode: drop them too.
            self._over = self._over or _is_beyond(packet, self.limit)
            if self._over:
                return
            packet.stream = self.stream
            packet.dts = self._in_order(packet)
            packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
            yield packet

    def _in_order(self, packet: Packet) -> int:
        """Return a dts greater than the previous one, as muxers require."""
        dts = packet.pts if packet.dts is None else packet.dts
        if dts is None or (self._last is not None and dts <= self._last):
            dts = 0 if self._last is None else self._last + 1
        self._last = dts
        return dts

    def last_packets(self) -> Iterable[Packet]:
        return []


def _is_beyond(packet: Packet, limit: Fraction | None) -> bool:
    if limit is None or packet.pts is None:
        return False
    return packet.pts * packet.time_base >= limit


class _Encoded:
    """Encodes frames: raw ones, or of a codec that the container cannot hold."""

    def __init__(
        self,
        picture: LivePicture,
        container: Container,
        output: OutputContainer,
        limit: Fraction | None,
    ):
        self.limit, self.tick, self.colour = limit, picture.clock, picture.colour
        self.length = math.ceil(1 / picture.fps / picture.clock)
        self.stream = add_encoder(output, container, picture, self.tick, {"bf": "0"}, self.colour)
        self._last = -1

    def packets(self, read: Read) -> Iterable[Packet]:
        for seen in read.frames:
            if self.limit is None or seen.time < self.limit:
                yield from self._encoded(seen)

    def _encoded(self, seen: Seen) -> Iterable[Packet]:
        ticks = round(seen.time / self.tick)
        if ticks > self._last:
            self._last = ticks
            for packet in self.stream.encode(self._frame(seen, ticks)):
                packet.duration = self.length
                yield packet

    def _frame(self, seen: Seen, ticks: int) -> VideoFrame:
        if self.colour.kept and seen.frame is not None:
            return in_own_colour(seen.frame, self.stream.pix_fmt, ticks, self.tick)
        return to_frame(seen.picture(), ticks, self.tick)

    def last_packets(self) -> Iterable[Packet]:
        return self.stream.encode(None)
