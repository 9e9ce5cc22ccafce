"""A file that grows with a stream: what is written can be played, whenever the writing stops."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from ...rates import SAMPLE_RATE
from ..read.source import MediaError
from ..write.container import H264, MKV, MOV, MP4, Container, writing
from ..write.copied import copy_stream
from ..write.encoder import add_encoder, in_own_colour, to_frame
from ..write.sound import SoundEncoder
from ..write.trial import NO_TAG, beginning
from ..write.written import Written
from .source import LivePicture, Read, Seen

# Encoded as it comes: one frame in, one out; a key frame every two seconds or so.
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
# Fragments of a second at most, each complete in itself; edit lists wait for the first packets.
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
    """Choose by the target's suffix; MediaError names those there are."""
    suffix = Path(target).suffix.lower()
    if suffix not in GROWING:
        raise MediaError(
            f"got target '{os.fspath(target)}'; expected a name ending in {', '.join(GROWING)}; "
            "change the suffix"
        )
    return GROWING[suffix]


class Recording:
    """A picture, where the container has one, and the sound made for it, written as they come.

    `url` is a path, or FFmpeg's "pipe:1"; no frame is shown from `limit` seconds on. Raises
    MediaError for what cannot be written.
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
        tag = _copy_tag(picture, container)
        self._copies = tag is not None
        options = dict(container.options)
        tick = picture.template.time_base if self._copies else picture.clock
        if container.clocked:
            options["video_track_timescale"] = str(tick.denominator)
        with writing(self.url):
            self._output = av.open(url, "w", format=container.format, options=options)
        self._picture = None
        if container.pictures and self._copies:
            self._picture = _Copied(picture, tag, self._output, limit)
        elif container.pictures:
            self._picture = _Encoded(picture, container, self._output, limit)
        self._sound = SoundEncoder(self._output, container, channels)
        self._written = Written(self.url, "the file stays as it is")
        self._piece = np.zeros((channels, 0), np.float32)

    def write_video(self, read: Read) -> None:
        """Write what the picture has brought."""
        if self._picture is not None:
            self._write(self._picture.packets(read))

    def write_audio(self, piece: np.ndarray) -> None:  # (c s)
        """Write the piece before this one, as the last one may have to be cut."""
        self._write(self._sound.encode(self._piece))
        self._piece = piece

    def close(self, end: Fraction | None = None) -> None:
        """Finish the file, its sound cut at `end` seconds if that is known, and read it back."""
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


def _copy_tag(picture: LivePicture, container: Container) -> str | None:
    """Give the codec tag to copy the picture's packets under; None where they must be encoded.

    Of a file it is tried with its first packets whether they can be read again.
    """
    if picture.template is None or not container.holds(picture.template):
        return None
    source = getattr(picture, "source", None)
    if source is None or not os.path.isfile(source):
        return NO_TAG
    with beginning(source) as begun:
        held = begun.held_by(container)
    return None if held is None else held.tag


class _Copied:
    """Compressed packets, untouched."""

    def __init__(
        self, picture: LivePicture, tag: str, output: OutputContainer, limit: Fraction | None
    ):
        self.stream, self.limit = copy_stream(picture.template, output, tag), limit
        self._last: int | None = None
        self._over = False

    def packets(self, read: Read) -> Iterable[Packet]:
        for packet in read.packets:
            # Those decoded after the first one beyond the limit may need it: all are left out.
            self._over = self._over or _is_beyond(packet, self.limit)
            if self._over:
                return
            packet.stream = self.stream
            packet.dts = self._in_order(packet)
            packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
            yield packet

    def _in_order(self, packet: Packet) -> int:
        """Give the packet's dts, later than the one before: a muxer takes no other."""
        dts = packet.pts if packet.dts is None else packet.dts
        if dts is None or (self._last is not None and dts <= self._last):
            dts = 0 if self._last is None else self._last + 1
        self._last = dts
        return dts

    def last_packets(self) -> Iterable[Packet]:
        return []


def _is_beyond(packet: Packet, limit: Fraction | None) -> bool:
    return None not in (limit, packet.pts) and packet.pts * packet.time_base >= limit


class _Encoded:
    """Frames that were not compressed, or not in a way that the container holds."""

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
        if self.colour.kept:
            return in_own_colour(seen.frame, self.stream.pix_fmt, ticks, self.tick)
        return to_frame(seen.picture(), ticks, self.tick)

    def last_packets(self) -> Iterable[Packet]:
        return self.stream.encode(None)
