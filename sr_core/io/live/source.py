"""A video that is read once, in order: a file, a URL, a camera, a screen."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
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
from ..read.integrity import promised_end
from ..read.scan import is_decoding_clock, rate_of_counted, tell_of_jumps
from ..read.source import MediaError, picture_stream
from ..read.timing import DEFAULT_RATE, MILLISECOND, Timing, standard_rate
from ..read.video import display_matrix, orient, to_rgb
from ..write.trial import ANIMATIONS
from .live_url import check_reachable, open_live

MOST_UNSEEN = 1000  # packets before the first frame, at most: a broadcast starts between keyframes
LONGEST_LAST = 1  # seconds, at most, by which the header may correct the last frame's end


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
        self._convert, self._converted = convert, None

    def __call__(self) -> Tensor:  # (3 h w) uint8
        if self._converted is None:
            self._converted = self._convert()
        return self._converted


class LiveVideo(LivePicture):
    """A source that PyAV opens: a path, a URL, or DEVICE:NAME; `loop` repeats it without end.

    `size` and `rate` are requests to a device; other sources ignore them.
    """

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
                yield from one.reads()
                self.end = one.end
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
        self.container, self.stream, self.video, self.start = container, stream, video, video.end
        self.end, self.count, self.timing = video.end, 0, None
        self._waiting: list[Packet] = []

    def reads(self) -> Iterator[Read]:
        for packet in self._demuxed():
            frames = _decoded(packet)
            if packet.size:
                self._waiting.append(packet)
            if self.timing is None and frames:
                self._begin(frames[0])
            if self.timing is not None:
                seen = [self._seen(frame) for frame in frames]
                yield Read(self._copied(), [one for one in seen if one is not None])
            elif len(self._waiting) > MOST_UNSEEN:
                break
        if self.timing is None:
            if not self._waiting:
                check_reachable(self.video.source, self.stream)
            raise MediaError(
                f"'{self.video.source}': no frame of its {self.stream.codec_context.name} picture "
                "can be decoded; re-encode it to H.264"
            )
        self._end_by_header()

    def _demuxed(self) -> Iterator[Packet]:
        clocks: dict[int, Clock] = {}
        try:
            yield from packets_of(self.container, [self.stream], clocks)
        except av.error.FFmpegError as error:
            if self.timing is not None:
                warnings.warn(
                    f"'{self.video.source}' ended with an error: {error.strerror}", stacklevel=2
                )
        if clocks and (jumps := clocks[self.stream.index].jumps):
            tell_of_jumps(jumps, self.video.source)

    def _begin(self, frame: VideoFrame) -> None:
        """Count all times from this frame; copying requires that its packet is a keyframe."""
        stream, tick = self.stream, self.stream.time_base
        counted = frame.pts is None or is_decoding_clock(self.container, stream)
        rate = standard_rate(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
        if counted:
            rate = rate_of_counted(stream)
            tick = 1 / rate
        # Times in a fine tick may be whole milliseconds; only a full scan shows that; assume so.
        reach = tick / 2 if tick > MILLISECOND else MILLISECOND
        first = 0 if counted else frame.pts
        self.timing = Timing((), first, tick, reach, rate, reach * rate < 1, counted)
        while self._waiting and not self._waiting[0].is_keyframe:
            del self._waiting[0]
        codec = stream.codec_context.name
        compressed = codec not in (*ANIMATIONS, "rawvideo", "wrapped_avframe", "bmp")
        whole = any(packet.pts == first for packet in self._waiting[:1])
        self.video.begins(frame, stream, self.timing, compressed and whole and not counted)

    def _seen(self, frame: VideoFrame) -> Seen | None:
        pts = self.count if self.timing.counted else frame.pts
        self.count += 1
        if pts is None or pts < self.timing.first:
            return None
        time = self.start + self.timing.time(pts)
        self.end = max(self.end, time + self._length(frame))
        video = self.video
        convert = partial(to_rgb, frame, video.reformatter, video.size, video.matrix)
        return Seen(time, None, Once(convert), frame)

    def _length(self, frame: VideoFrame) -> Fraction:
        """Seconds for which a frame is shown, from what is known at this point."""
        length, nominal = (frame.duration or 0) * self.stream.time_base, 1 / self.timing.rate
        if self.timing.counted:
            return nominal
        if length <= 0 or abs(length - nominal) <= 2 * self.timing.reach:
            return nominal
        return length

    def _end_by_header(self) -> None:
        """Take the end of the last frame from the header if it is more accurate than the packet."""
        promised = promised_end(self.container, self.stream)
        if promised is None or self.timing.counted:
            return
        first = self.timing.first * self.timing.tick
        end = self.start + self.timing.time(round(promised / self.timing.tick))
        if promised > first and abs(end - self.end) < LONGEST_LAST:
            self.end = end

    def _copied(self) -> list[Packet]:
        """Packets to copy, timed from the first frame; hidden ones only before a visible one.

        An edit list hides packets that only serve to decode others.
        """
        if self.video.template is None:
            self._waiting.clear()
            return []
        seen = [n for n, packet in enumerate(self._waiting) if not packet.is_discard]
        ready = self._waiting[: seen[-1] + 1] if seen else []
        self._waiting = self._waiting[len(ready) :]
        shift = self.timing.first - round(self.start / self.timing.tick)
        for packet in ready:
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
        return ready


def _decoded(packet: Packet) -> list[VideoFrame]:
    try:
        return packet.decode()
    except av.error.FFmpegError:
        return []  # damaged packet: the previous frame stays
