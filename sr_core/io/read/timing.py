"""Frame times of a file as exact fractions, from a demux-only scan, snapped to the frame rate."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from .clock import Clock, packets_of
from .integrity import check_complete, is_whole, promised_end, warn_of_holes
from .source import MediaError, Source, name_of

NTSC_RATES = [Fraction(base * 1000, 1001) for base in (12, 15, 24, 30, 48, 60, 120, 240)]
NTSC_LIMIT = Fraction(2, 10_000)  # relative tolerance of a rounded NTSC rate
DEFAULT_RATE = Fraction(25)  # frames per second, if the file gives no rate
FINE_TICKS = 30_000  # ticks per second, at least
MOST_FRAMES = Fraction(9, 10)  # share of frames on a rate's grid, at least
MOST_CHANCE = Fraction(3, 4)  # share of random times on that grid, at most
MILLISECOND = Fraction(1, 1000)


def standard_rate(rate: float | Fraction) -> Fraction:
    """The exact rate of a rounded one: n * 1000/1001 if within a relative 2e-4, else itself.

    23.976 and 23.98 are 24000/1001, Matroska's 19001/317 is 60000/1001, 30 stays 30, 12.5 is 25/2.
    """
    exact = rate if isinstance(rate, Fraction) else Fraction(rate).limit_denominator(100_000)
    nearest = min(NTSC_RATES, key=lambda name: abs(name - exact))
    return nearest if abs(nearest - exact) <= exact * NTSC_LIMIT else exact


def fine_clock(rate: Fraction) -> Fraction:
    """A tick 1/n s, at most 1/30000 s, that divides the period of `rate`."""
    return 1 / Fraction(rate.numerator * max(1, -(-FINE_TICKS // rate.numerator)))


@dataclass(frozen=True, slots=True)  # slots: an hour of video has 108000 of them
class Shown:
    """One video packet as the container describes it, times in ticks."""

    pts: int
    duration: int
    hidden: bool  # needed for decoding only: an edit list hides it
    key: bool  # keyframe


@dataclass(frozen=True)
class Timing:
    """Times of the video's frames: packets in decoding order, `first` the pts shown first."""

    packets: tuple[Shown, ...]
    first: int
    tick: Fraction
    reach: Fraction  # seconds by which a time may have been rounded
    rate: Fraction
    snaps: bool  # times are snapped to multiples of 1 / rate
    counted: bool  # no valid timestamps: the n-th decoded frame is at n / rate

    def time(self, pts: int) -> Fraction:
        """Seconds after the first frame, snapped to the rate's grid if within `reach` of it."""
        seconds = (pts - self.first) * self.tick
        if not self.snaps:
            return seconds
        nearest = Fraction(round(seconds * self.rate)) / self.rate
        return nearest if abs(nearest - seconds) <= self.reach else seconds

    @property
    def clock(self) -> Fraction:
        """A tick of which all these times are whole multiples."""
        exact = self.tick < MILLISECOND or not self.snaps
        return fine_clock(1 / self.tick if exact else self.rate)

    @property
    def shown(self) -> list[int]:
        """The pts of the visible frames, in order of presentation."""
        return sorted(p.pts for p in self.packets if not p.hidden and p.pts >= self.first)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's time to the end of the last frame."""
        last = max((p for p in self.packets if not p.hidden), key=lambda p: p.pts)
        return self.time(last.pts) + self.length(last)

    def of_frames(self, count: int) -> Timing:
        """Return the timing of the first `count` packets."""
        return replace(self, packets=self.packets[:count])

    @property
    def steady(self) -> bool:
        """Whether all frame times and the end of the last frame are on the rate's grid."""
        times = (self.time(pts) for pts in self.shown)
        return all((time * self.rate).denominator == 1 for time in [*times, self.duration])

    def length(self, packet: Shown) -> Fraction:
        """Seconds for which the last frame (this packet) is shown."""
        length, nominal = packet.duration * self.tick, 1 / self.rate
        limit = max(2 * self.reach, MILLISECOND)  # start and end are both rounded
        if length <= 0 or (self.snaps and abs(length - nominal) <= limit):
            return nominal
        return length


def scan(container: InputContainer, stream: VideoStream, source: Source) -> Timing:
    """Read all packet times without decoding; MediaError for no frame or a cut file."""
    clocks: dict[int, Clock] = {}
    packets, end, cut = _read(container, stream, clocks)
    jumps = clocks[stream.index].jumps if clocks else []
    if not packets:
        raise MediaError(f"{name_of(source)} has a video stream without frames; re-encode it")
    tick = stream.time_base
    counted = any(p.pts is None for p in packets) or is_decoding_clock(container, stream)
    promised = promised_end(container, stream)
    if not cut and is_whole(container, stream, source, len(packets)) and promised and not counted:
        packets = _with_last_length(packets, round(promised / tick))
    elif jumps:
        tell_of_jumps(jumps, source)  # no check: such a header's duration is wrong after a jump
    else:
        check_complete(container, stream, source, packets, end, cut)
    if counted:
        packets, tick = _count(packets, stream)
    first = min((p.pts for p in packets if not p.hidden), default=packets[0].pts)
    ticks = [p.pts - first for p in packets if not p.hidden]
    reach = _reach(ticks, tick)
    rate, snaps = (1 / tick, True) if counted else _nominal_rate(ticks, tick, reach, stream)
    timing = Timing(tuple(packets), first, tick, reach, rate, snaps, counted)
    warn_of_holes(container, timing, source)
    return timing


def _reach(ticks: list[int], tick: Fraction) -> Fraction:
    """Return the largest rounding error of a time difference, in seconds.

    A file remuxed from Matroska has a fine tick but times in whole milliseconds. With a tick above
    1 ms (GIF) the first time is exactly 0, so the error is half a tick.
    """
    if tick > MILLISECOND:
        return tick / 2
    common = math.gcd(*ticks) * tick
    return max(tick, common) if common <= MILLISECOND else tick


def tell_of_jumps(jumps: list[tuple[Fraction, Fraction]], source: Source) -> None:
    """Warn of timestamp jumps: (time, size) pairs in seconds."""
    places = ", ".join(
        f"after {float(place):.3f} s by {float(step):+.3f} s" for place, step in jumps[:3]
    )
    more = f" and at {len(jumps) - 3} places more" if len(jumps) > 3 else ""
    warnings.warn(
        f"{name_of(source)}: its timestamps jump {places}{more}; the video is assumed to "
        "continue there without a gap",
        stacklevel=4,
    )


def _read(
    container: InputContainer, stream: VideoStream, clocks: dict[int, Clock]
) -> tuple[list[Shown], Fraction, bool]:
    """Return the video's packets, the latest end of any stream, whether the last packet is cut."""
    packets, end, cut = [], Fraction(0), False
    try:
        for packet in packets_of(container, container.streams, clocks):
            if packet.size == 0:
                continue
            stamp, length = packet.pts, packet.duration or 0
            if stamp is not None:
                end = max(end, (stamp + length) * packet.time_base)
            if packet.stream.index == stream.index:
                packets.append(Shown(stamp, length, packet.is_discard, packet.is_keyframe))
                cut = packet.is_corrupt and container.format.name != "mpegts"
    except av.error.FFmpegError:
        cut = True
    return packets, end, cut


def _with_last_length(packets: list[Shown], end: int) -> list[Shown]:
    """Set the last frame's duration from the end by the header: that of its packet may be wrong.

    In MP4 a packet's duration is the time to the next packet in decoding order. In Matroska FFmpeg
    guesses durations, older versions those of all reordered frames.
    """
    seen = [n for n, packet in enumerate(packets) if not packet.hidden]
    last = max(seen, key=lambda n: packets[n].pts, default=0)
    if end > packets[last].pts:
        packets[last] = replace(packets[last], duration=end - packets[last].pts)
    return packets


def is_decoding_clock(container: InputContainer, stream: VideoStream) -> bool:
    """Return whether the timestamps are decoding times, not presentation times."""
    # AVI has only decoding times; FFmpeg guesses the pts of reordered frames.
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames)


def _count(packets: list[Shown], stream: VideoStream) -> tuple[list[Shown], Fraction]:
    """Time frames without timestamps by their number in decoding order; returns the tick too."""
    rate = rate_of_counted(stream)
    return [Shown(n, 1, p.hidden, p.key) for n, p in enumerate(packets)], 1 / rate


def rate_of_counted(stream: VideoStream) -> Fraction:
    """Rate of frames without timestamps: FFmpeg's guess from the stream.

    For a raw stream, the average rate is only FFmpeg's default.
    """
    return standard_rate(stream.guessed_rate or stream.average_rate or DEFAULT_RATE)


def _nominal_rate(
    ticks: list[int], tick: Fraction, reach: Fraction, stream: VideoStream
) -> tuple[Fraction, bool]:
    """Return the rate with most frames on its grid, and whether that exceeds chance."""
    best, most = None, Fraction(0)
    for rate in _candidates(ticks, tick, stream):
        best = best or rate
        hits = _on_grid(ticks, tick * rate, reach * rate)
        # Share of random times within `reach` of the grid; the hits must be far above it.
        chance = 2 * reach * rate
        if chance <= MOST_CHANCE and hits > most and hits >= max(MOST_FRAMES, (1 + chance) / 2):
            best, most = rate, hits
    return best, most > 0


def _candidates(ticks: list[int], tick: Fraction, stream: VideoStream) -> list[Fraction]:
    """List candidate frame rates, the most likely first."""
    given = [stream.average_rate, stream.guessed_rate, stream.base_rate]
    declared = [standard_rate(rate) for rate in given if rate]
    if not max(ticks):
        return declared or [DEFAULT_RATE]
    measured = (len(ticks) - 1) / (max(ticks) * tick)
    named = [rate for rate in (*NTSC_RATES, Fraction(round(measured))) if rate]
    named.sort(key=lambda rate: abs(rate - measured))
    # A header may give twice the rate; prefer it if it is within 5% of the measured rate.
    likely = [rate for rate in declared if abs(rate - measured) <= measured / 20]
    whole = [Fraction(round(rate)) for rate in likely if round(rate)]
    meant = [rate for rate in whole if any(abs(rate - d) <= d * NTSC_LIMIT for d in likely)]
    return list(dict.fromkeys([*meant, *likely, *whole, *named[:2], *declared, measured]))


def _on_grid(ticks: list[int], period: Fraction, limit: Fraction) -> Fraction:
    """Share of the times that are within `limit` (in periods) of a multiple of the period."""
    a, b = period.numerator, period.denominator
    reach = limit * b
    hits = sum(abs((t * a + b // 2) % b - b // 2) <= reach for t in ticks)
    return Fraction(hits, len(ticks))
