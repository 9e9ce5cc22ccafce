"""Packets with continuous timestamps, from streams whose timestamps restart or jump."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TypeVar, cast

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from .source import tick_of

StreamT = TypeVar("StreamT", bound=Stream)

DISCONTINUOUS = ("mpegts", "mpeg")  # formats whose timestamps may restart anywhere
# Seconds backwards and forwards that are not a jump, as in the ffmpeg tool
# (fftools/ffmpeg_demux.c, ts_discontinuity_detect).
BACK, AHEAD = Fraction(1, 10), 10


class Clock:
    """The offset that makes a stream's timestamps continuous."""

    def __init__(self, tick: Fraction):
        self.tick, self.offset = tick, 0  # ticks
        self.jumps: list[tuple[Fraction, Fraction]] = []  # (time since the start, size), seconds
        # dts of the first packet, expected dts of the next one
        self._course: tuple[int, int] | None = None

    def follow(self, packet: Packet[StreamT]) -> Packet[StreamT]:
        """Shift a packet's timestamps; returns the packet."""
        if packet.dts is not None:
            first, expected = self._course or (packet.dts, packet.dts)
            step = packet.dts + self.offset - expected
            if not -BACK <= step * self.tick <= AHEAD:
                self.offset -= step
                self.jumps.append(((expected - first) * self.tick, step * self.tick))
            self._course = first, packet.dts + self.offset + (packet.duration or 0)
        if self.offset:
            packet.pts = None if packet.pts is None else packet.pts + self.offset
            packet.dts = None if packet.dts is None else packet.dts + self.offset
        return packet


def packets_of(
    container: InputContainer,
    streams: Sequence[StreamT],
    clocks: dict[int, Clock] | None = None,
) -> Iterator[Packet[StreamT]]:
    """Demux streams with continuous timestamps.

    For formats in DISCONTINUOUS, `clocks` is filled with the Clock of each stream, by its index.
    """
    # PyAV's stub knows the packets' stream for one stream only, not for several.
    packets = cast("Iterator[Packet[StreamT]]", container.demux(*streams))
    if container.format.name not in DISCONTINUOUS:
        yield from packets
        return
    clocks = {} if clocks is None else clocks
    clocks.update({stream.index: Clock(tick_of(stream)) for stream in streams})
    for packet in packets:
        yield clocks[packet.stream.index].follow(packet)
