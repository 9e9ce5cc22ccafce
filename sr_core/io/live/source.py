"""A video that is read once, in order: a file, a URL, a camera, a screen."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from functools import partial
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from torch import Tensor

from ..read.clock import Clock, packets_of
from ..read.colour import Colour, colour_of
from ..read.frames import Picture
from ..read.scan import tell_of_jumps
from ..read.source import MediaError, picture_stream
from ..read.timing import Timing
from ..read.video import Matrix, display_matrix, orient, to_rgb
from ..write.trial import ANIMATIONS
from .live_url import check_reachable, open_live
from .pass_times import PassTimes, timing_from

MOST_UNSEEN = 1000  # packets before the first frame, at most: a broadcast starts between keyframes


class Seen(NamedTuple):
    """One frame of a live video."""

    time: Fraction  # seconds after the first one
    until: Fraction | None  # time of the next frame, if known in advance
    picture: Picture
    frame: VideoFrame | None = None  # the decoded frame; None for raw input


class Read(NamedTuple):
    """The result of one read: compressed video packets to copy, and decoded frames."""

    packets: list[Packet]  # timestamps count from the first frame
    frames: list[Seen]


class LivePicture(ABC):
    """A video of `height` x `width` that can be read once, in order."""

    height: int
    width: int
    fps: Fraction  # nominal
    clock: Fraction  # seconds per tick, for timestamps in a file
    colour: Colour
    template: VideoStream | None  # stream to copy packets of; None: frames must be encoded
    end: Fraction  # seconds; final when all is read

    @abstractmethod
    def reads(self) -> Iterator[Read]:
        """Yield all reads in order; raises MediaError if there is no readable frame."""


class Once:
    """A frame that is converted at the first call, then cached."""

    def __init__(self, convert: Callable[[], Tensor]):
        self._convert = convert
        self._converted: Tensor | None = None

    def __call__(self) -> Tensor:  # (3 h w) uint8
        if self._converted is None:
            self._converted = self._convert()
        return self._converted


class LiveVideo(LivePicture):
    """A source that PyAV opens: a path, a URL, or DEVICE:NAME; `loop` repeats it without end.

    `size` and `rate` are requests to a device; other sources ignore them.
    """

    matrix: Matrix | None
    size: tuple[int, int]  # of the coded frames: width, height
    reformatter: VideoReformatter

    def __init__(
        self,
        source: str,
        size: tuple[int, int] | None = None,
        rate: Fraction | None = None,
        loop: bool = False,
    ):
        self.source, self.loop, self.end = source, loop, Fraction(0)
        self._options = {"video_size": f"{size[0]}x{size[1]}"} if size else {}
        self._options |= {"framerate": str(rate)} if rate else {}
        self._reads = self._passes()
        # Size and codec are certain only after the first frame is decoded.
        self._first = next(self._reads)

    def reads(self) -> Iterator[Read]:
        yield self._first
        del self._first
        yield from self._reads

    def _passes(self) -> Iterator[Read]:
        """Read from start to end, repeatedly if `loop`."""
        while True:
            with open_live(self.source, self._options) as container:
                one = _Pass(container, picture_stream(container, self.source), self)
                self.end = yield from one.reads()
            if not self.loop:
                return

    def begins(self, frame: VideoFrame, stream: VideoStream, timing: Timing, copied: bool) -> None:
        """Set size, rate, clock and colour from the first frame; later passes are assumed equal."""
        if not hasattr(self, "fps"):
            self.matrix, coded = display_matrix(frame), np.empty((frame.height, frame.width))
            self.height, self.width = orient(coded, self.matrix).shape
            self.size, self.reformatter = (frame.width, frame.height), VideoReformatter()
            self.fps, self.clock = timing.rate, timing.clock
            self.colour = colour_of(frame, stream.codec_context, self.matrix is not None)
            self.template = stream if copied else None


class _Pass:
    """One pass over the source; its times continue from the end of the previous pass."""

    def __init__(self, container: InputContainer, stream: VideoStream, video: LiveVideo):
        self.container, self.stream, self.video = container, stream, video
        self._times: PassTimes | None = None  # known from the first frame on
        self._waiting: list[Packet] = []

    def reads(self) -> Generator[Read, None, Fraction]:
        """Yield the reads; returns the end of the last frame in seconds."""
        times = None
        for packet in self._demuxed():
            frames = _decoded(packet)
            if packet.size:
                self._waiting.append(packet)
            if times is None and frames:
                times = self._times = self._begin(frames[0])
            if times is not None:
                seen = [self._seen(frame, times) for frame in frames]
                yield Read(self._copied(times), [one for one in seen if one is not None])
            elif len(self._waiting) > MOST_UNSEEN:
                break
        if times is None:
            if not self._waiting:
                check_reachable(self.video.source, self.stream)
            raise MediaError(
                f"'{self.video.source}': no frame of its {self.stream.codec_context.name} picture "
                "can be decoded; re-encode it to H.264"
            )
        times.end_by_header(self.container, self.stream)
        return times.end

    def _demuxed(self) -> Iterator[Packet[VideoStream]]:
        clocks: dict[int, Clock] = {}
        try:
            yield from packets_of(self.container, [self.stream], clocks)
        except av.error.FFmpegError as error:
            if self._times is not None:
                warnings.warn(
                    f"'{self.video.source}' ended with an error: {error.strerror}", stacklevel=2
                )
        if clocks and (jumps := clocks[self.stream.index].jumps):
            tell_of_jumps(jumps, self.video.source)

    def _begin(self, frame: VideoFrame) -> PassTimes:
        """Count all times from this frame; copying requires that its packet is a keyframe."""
        timing = timing_from(self.container, self.stream, frame)
        while self._waiting and not self._waiting[0].is_keyframe:
            del self._waiting[0]
        codec = self.stream.codec_context.name
        compressed = codec not in (*ANIMATIONS, "rawvideo", "wrapped_avframe", "bmp")
        whole = any(packet.pts == timing.first for packet in self._waiting[:1])
        copied = compressed and whole and not timing.counted
        self.video.begins(frame, self.stream, timing, copied)
        return PassTimes(self.stream, timing, self.video.end)

    def _seen(self, frame: VideoFrame, times: PassTimes) -> Seen | None:
        time, video = times.of(frame), self.video
        if time is None:
            return None
        convert = partial(to_rgb, frame, video.reformatter, video.size, video.matrix)
        return Seen(time, None, Once(convert), frame)

    def _copied(self, times: PassTimes) -> list[Packet]:
        """Packets to copy, timed from the first frame; hidden ones only before a visible one.

        An edit list hides packets that only serve to decode others.
        """
        if self.video.template is None:
            self._waiting.clear()
            return []
        seen = [n for n, packet in enumerate(self._waiting) if not packet.is_discard]
        ready = self._waiting[: seen[-1] + 1] if seen else []
        self._waiting = self._waiting[len(ready) :]
        times.shift(ready)
        return ready


def _decoded(packet: Packet[VideoStream]) -> list[VideoFrame]:
    try:
        return packet.decode()
    except av.error.FFmpegError:
        return []  # damaged packet: the previous frame stays
