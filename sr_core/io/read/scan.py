"""A demux-only scan of a video file for its frame times and its nominal rate."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from .clock import Clock, packets_of
from .integrity import check_complete, is_whole, promised_end, warn_of_holes
from .source import MediaError, Source, name_of, tick_of
from .timing import DEFAULT_RATE, MILLISECOND, NTSC_LIMIT, NTSC_RATES, Shown, Timing, standard_rate

MOST_FRAMES = Fraction(9, 10)  # share of frames on a rate's grid, at least
MOST_CHANCE = Fraction(3, 4)  # share of random times on that grid, at most


class Demuxed(NamedTuple):
    """One video packet as the container describes it, times in ticks; see `Shown`."""

    pts: int | None
    duration: int
    hidden: bool
    key: bool


class VideoPackets(NamedTuple):
    """The video's packets in decoding order, and where the file ends."""

    packets: list[Demuxed]
    end: Fraction  # seconds, the latest end of any stream
    cut: bool  # the last packet is incomplete

    def held(self, tick: Fraction) -> Fraction:
        """The end of the video by its packets, in seconds."""
        ends = [packet.pts + packet.duration for packet in self.packets if packet.pts is not None]
        return max(ends) * tick if ends else self.end


def scan(container: InputContainer, stream: VideoStream, source: Source) -> Timing:
    """Read all packet times without decoding; MediaError for no frame or a cut file."""
    clocks: dict[int, Clock] = {}
    found = _read(container, stream, clocks)
    jumps = clocks[stream.index].jumps if clocks else []
    if not found.packets:
        raise MediaError(f"{name_of(source)} has a video stream without frames; re-encode it")
    tick = tick_of(stream)
    timed = None if is_decoding_clock(container, stream) else _timed(found.packets)
    promised = promised_end(container, stream)
    whole = not found.cut and is_whole(container, stream, source, len(found.packets))
    if whole and promised and timed is not None:
        timed = _with_last_length(timed, round(promised / tick))
    elif jumps:
        tell_of_jumps(jumps, source)  # no check: such a header's duration is wrong after a jump
    else:
        check_complete(container, stream, source, found.held(tick), found.end, found.cut)
    if timed is None:
        timing = _counted(found.packets, stream)
    else:
        timing = _measured(timed, tick, stream)
    warn_of_holes(container, timing, source)
    return timing


def _timed(packets: list[Demuxed]) -> list[Shown] | None:
    """The packets with their timestamps; None if one has none."""
    timed = [Shown(p.pts, p.duration, p.hidden, p.key) for p in packets if p.pts is not None]
    return timed if len(timed) == len(packets) else None


def _counted(packets: list[Demuxed], stream: VideoStream) -> Timing:
    """Time frames by their number in decoding order."""
    rate = rate_of_counted(stream)
    counted = [Shown(n, 1, packet.hidden, packet.key) for n, packet in enumerate(packets)]
    first = _first(counted)
    reach = _reach([p.pts - first for p in counted if not p.hidden], 1 / rate)
    return Timing(tuple(counted), first, 1 / rate, reach, rate, True, True)


def _measured(packets: list[Shown], tick: Fraction, stream: VideoStream) -> Timing:
    """Time frames by their timestamps."""
    first = _first(packets)
    ticks = [p.pts - first for p in packets if not p.hidden]
    reach = _reach(ticks, tick)
    rate, snaps = _nominal_rate(ticks, tick, reach, stream)
    return Timing(tuple(packets), first, tick, reach, rate, snaps, False)


def _first(packets: list[Shown]) -> int:
    """The pts shown first."""
    return min((p.pts for p in packets if not p.hidden), default=packets[0].pts)


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


def _read(container: InputContainer, stream: VideoStream, clocks: dict[int, Clock]) -> VideoPackets:
    """Demux all streams: the end of the file may be that of another one."""
    packets: list[Demuxed] = []
    end, cut = Fraction(0), False
    try:
        for packet in packets_of(container, list(container.streams), clocks):
            if packet.size == 0:
                continue
            stamp, length = packet.pts, packet.duration or 0
            if stamp is not None:
                end = max(end, (stamp + length) * packet.time_base)
            if packet.stream.index == stream.index:
                packets.append(Demuxed(stamp, length, packet.is_discard, packet.is_keyframe))
                cut = packet.is_corrupt and container.format.name != "mpegts"
    except av.error.FFmpegError:
        cut = True
    return VideoPackets(packets, end, cut)


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


def rate_of_counted(stream: VideoStream) -> Fraction:
    """Rate of frames without timestamps: FFmpeg's guess from the stream.

    For a raw stream, the average rate is only FFmpeg's default.
    """
    return standard_rate(stream.guessed_rate or stream.average_rate or DEFAULT_RATE)


def _nominal_rate(
    ticks: list[int], tick: Fraction, reach: Fraction, stream: VideoStream
) -> tuple[Fraction, bool]:
    """Return the rate with most frames on its grid, and whether that exceeds chance."""
    candidates = _candidates(ticks, tick, stream)
    best, most = candidates[0], Fraction(0)
    for rate in candidates:
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
