"""The video stream of an output file: copied packets, or encoded frames."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import NamedTuple, TypeGuard

from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..read.colour import RGB
from ..read.frames import Frames
from ..read.source import MediaError, name_of
from ..read.timing import Shown, Timing
from ..read.video import VideoFrames
from .container import Container
from .copied import copy_stream
from .encoder import add_encoder, in_own_colour, to_frame
from .trial import ANIMATIONS, Held, beginning


def held_copy(frames: VideoFrames, container: Container) -> Held:
    """Return how the container stores a copy of this video; MediaError if it cannot."""
    name, codec = name_of(frames.source), frames.info.codec
    with beginning(frames.source) as begun:
        held = begun.held_by(container)
        if held is None:
            able = begun.able()
            first = "convert it to H.264 first (`generate --encode` does)"
            other = f"write to {', '.join(able)}, or {first}" if able else first
            raise MediaError(
                f"the {codec} picture of {name} cannot be copied into {container.format}: it "
                f"could not be read back; {other}"
            )
    if container.format in ("matroska", "webm") and _starts_hidden(frames.timing):
        raise MediaError(
            f"the picture of {name} begins inside a group of frames (an edit list hides the "
            f"earlier ones), which {container.format} cannot hold; write to .mp4 or .mov"
        )
    return held


def is_copied(frames: Frames) -> TypeGuard[VideoFrames]:
    """Return whether the packets are copied: True for video files; images, animations are encoded.

    Video without timestamps (raw streams, AVI with reordered frames) is encoded too, with a
    warning: a copy would be shown in the wrong order.
    """
    if not isinstance(frames, VideoFrames) or frames.info.codec in ANIMATIONS:
        return False
    if frames.timing.counted:
        warnings.warn(
            f"{name_of(frames.source)} has no presentation times of its frames; its video is "
            "re-encoded instead of copied",
            stacklevel=3,
        )
    return not frames.timing.counted


def _starts_hidden(timing: Timing) -> bool:
    """Return whether the first visible frame depends on hidden ones before it."""
    return not next(p.key for p in timing.packets if not p.hidden and p.pts >= timing.first)


class CopiedPicture:
    """Copies the video packets of a file, with times counted from its first frame."""

    def __init__(self, frames: VideoFrames, stream: VideoStream, output: OutputContainer, tag: str):
        self.timing = frames.timing
        self.stream = copy_stream(stream, output, tag)
        hides = output.format.name in ("mp4", "mov")
        packets = self.timing.packets
        last = max(n for n, packet in enumerate(packets) if not packet.hidden)
        self._kept = [self._is_needed(p, hides, n < last) for n, p in enumerate(packets)]
        self._plan = iter(self._kept)
        own = self._distinct(
            [self._ticks(p) for p, kept in zip(packets, self._kept, strict=True) if kept]
        )
        self._own = iter(own)
        self._decoding = self._decoding_times(own)
        ordered = sorted(own)
        self._lengths = {a: b - a for a, b in zip(ordered, ordered[1:], strict=False)}
        # MP4 takes the end of the track from the last packet in decoding order.
        end = round(self.timing.duration / self.timing.clock)
        self._last_length = max(1, end - ordered[-1])
        self._lengths.pop(own[-1], None)

    def take(self, packet: Packet) -> Packet | None:
        """Convert the source's next packet to one of the target; None if it is not needed."""
        if not next(self._plan):
            return None
        packet.stream, packet.time_base = self.stream, self.timing.clock
        packet.pts, packet.dts = next(self._own), next(self._decoding)
        packet.duration = self._lengths.get(packet.pts, self._last_length)
        return packet

    def _distinct(self, own: list[int]) -> list[int]:
        """Make times distinct by adding ticks to equal ones: MP4 does not allow duplicates."""
        times, last = list(own), None
        for n in sorted(range(len(own)), key=lambda n: (own[n], n)):
            times[n] = own[n] if last is None else max(own[n], last + 1)
            last = times[n]
        return times

    def _ticks(self, shown: Shown) -> int:
        return round(self.timing.time(shown.pts) / self.timing.clock)

    def _is_needed(self, packet: Shown, hides: bool, shown_later: bool) -> bool:
        # Other frames are decoded from hidden ones. Hidden packets before the first frame are kept
        # if an edit list can hide them again, those after the last if they are decoded before it.
        if packet.pts < self.timing.first:
            return packet.hidden and hides
        return not packet.hidden or shown_later

    def _decoding_times(self, own: list[int]) -> Iterator[int]:
        """Yield each packet's dts: the sorted pts minus the smallest delay with dts <= pts."""
        ordered = sorted(own)
        delay = max(late - pts for late, pts in zip(ordered, own, strict=True))
        last = None
        for ticks in ordered:
            last = ticks - delay if last is None else max(ticks - delay, last + 1)
            yield last


class Timed(NamedTuple):
    """A frame to encode, its time and duration in ticks."""

    ticks: int
    length: int
    frame: VideoFrame


class EncodedPicture:
    """Encodes frames at their own times; odd sizes get a copy of the last row or column."""

    def __init__(self, frames: Frames, container: Container, output: OutputContainer):
        self.frames = frames
        self.last_length = 0  # ticks, of the last frame that was encoded
        self.colour = frames.info.colour if isinstance(frames, VideoFrames) else RGB
        self.tick = 1 / frames.fps if frames.steady else frames.clock
        # No B-frames at a variable rate: MP4 takes the end of the track from the last packet in
        # decoding order, so reordered frames of unequal duration would shift it.
        options = {} if frames.steady else {"bf": "0"}
        self.stream = add_encoder(output, container, frames, self.tick, options, self.colour)

    def packets(self) -> Iterator[Packet]:
        """Encode all frames; each packet gets the duration of its frame."""
        lengths: dict[int, int] = {}
        held = None
        for packet in self._encoded(lengths):
            if held is not None:
                yield held
            held = packet
            if held.pts is not None:
                held.duration = lengths.pop(held.pts, held.duration)
        if held is not None:
            # MP4 takes the end of the track from the last packet in decoding order.
            held.duration = self.last_length
            yield held

    def _encoded(self, lengths: dict[int, int]) -> Iterator[Packet]:
        for timed in self._timed():
            lengths[timed.ticks] = self.last_length = timed.length
            yield from self.stream.encode(timed.frame)
        yield from self.stream.encode(None)

    def _timed(self) -> Iterator[Timed]:
        """Yield each frame, one frame late: its duration is known when the next one comes."""
        held: tuple[int, VideoFrame] | None = None
        for ticks, frame in self._frames():
            if held is not None:
                yield Timed(held[0], ticks - held[0], held[1])
            held = ticks, frame
        if held is not None:
            end = round(self.frames.duration / self.tick)
            yield Timed(held[0], max(1, end - held[0]), held[1])

    def _frames(self) -> Iterator[tuple[int, VideoFrame]]:
        """Yield each frame's time in ticks, and the frame."""
        frames = self.frames
        if self.colour.kept and isinstance(frames, VideoFrames):
            for time, frame in frames.decoded():
                ticks = round(time / self.tick)
                yield ticks, in_own_colour(frame, self.stream.pix_fmt, ticks, self.tick)
        else:
            for time, picture in frames.shown():
                ticks = round(time / self.tick)
                yield ticks, to_frame(picture(), ticks, self.tick)
