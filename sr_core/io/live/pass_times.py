"""Times of a live video's frames; they continue from one pass over the source to the next."""

from __future__ import annotations

from fractions import Fraction

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..read.integrity import promised_end
from ..read.scan import is_decoding_clock, rate_of_counted
from ..read.source import tick_of
from ..read.timing import DEFAULT_RATE, MILLISECOND, Timing, standard_rate

LONGEST_LAST = 1  # seconds, at most, by which the header may correct the last frame's end


def timing_from(container: InputContainer, stream: VideoStream, frame: VideoFrame) -> Timing:
    """Return the timing of a video of which only the first frame is known."""
    rate = standard_rate(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
    first, tick = frame.pts, tick_of(stream)
    counted = first is None or is_decoding_clock(container, stream)
    if first is None or counted:
        rate = rate_of_counted(stream)
        first, tick = 0, 1 / rate
    # Times in a fine tick may be whole milliseconds; only a full scan shows that; assume so.
    reach = tick / 2 if tick > MILLISECOND else MILLISECOND
    return Timing((), first, tick, reach, rate, reach * rate < 1, counted)


class PassTimes:
    """Times of the frames of one pass, which begins `start` seconds into the live video."""

    def __init__(self, stream: VideoStream, timing: Timing, start: Fraction):
        self.timing, self.start = timing, start
        self.end = start  # seconds, of the latest frame
        self._tick, self._count = tick_of(stream), 0

    def of(self, frame: VideoFrame) -> Fraction | None:
        """Time of the next frame in seconds; None for one that is not shown."""
        pts = self._count if self.timing.counted else frame.pts
        self._count += 1
        if pts is None or pts < self.timing.first:
            return None
        time = self.start + self.timing.time(pts)
        self.end = max(self.end, time + self._length(frame))
        return time

    def _length(self, frame: VideoFrame) -> Fraction:
        """Seconds for which a frame is shown, from what is known at this point."""
        length, nominal = (frame.duration or 0) * self._tick, 1 / self.timing.rate
        if self.timing.counted:
            return nominal
        if length <= 0 or abs(length - nominal) <= 2 * self.timing.reach:
            return nominal
        return length

    def end_by_header(self, container: InputContainer, stream: VideoStream) -> None:
        """Take the end of the last frame from the header if it is more accurate than the packet."""
        promised = promised_end(container, stream)
        if promised is None or self.timing.counted:
            return
        first = self.timing.first * self.timing.tick
        end = self.start + self.timing.time(round(promised / self.timing.tick))
        if promised > first and abs(end - self.end) < LONGEST_LAST:
            self.end = end

    def shift(self, packets: list[Packet]) -> None:
        """Count the packets' timestamps from the first frame of the first pass."""
        shift = self.timing.first - round(self.start / self.timing.tick)
        for packet in packets:
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
