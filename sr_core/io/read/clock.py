"""Packets with continuous timestamps, from streams whose timestamps restart or jump."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

DISCONTINUOUS = ("mpegts", "mpeg")  # formats whose timestamps may restart anywhere
# Seconds backwards and forwards that are not a jump, as in the ffmpeg tool
# (fftools/ffmpeg_demux.c, ts_discontinuity_detect).
BACK, AHEAD = Fraction(1, 10), 10


class Clock:
    """The offset that makes a stream's timestamps continuous."""

    def __init__(self, tick: Fraction):
        self.tick, self.offset = tick, 0  # ticks
        self.jumps: list[tuple[Fraction, Fraction]] = []  # (time since the start, size), seconds
        self._first = self._next = None  # dts of the first packet, expected dts of the next one

    def follow(self, packet: Packet) -> Packet:
        """Shift a packet's timestamps; returns the packet."""
        if packet.dts is not None:
            if self._first is None:
                self._first = self._next = packet.dts
            step = packet.dts + self.offset - self._next
            if not -BACK <= step * self.tick <= AHEAD:
                self.offset -= step
                self.jumps.append(((self._next - self._first) * self.tick, step * self.tick))
            self._next = packet.dts + self.offset + (packet.duration or 0)
        if self.offset:
            packet.pts = None if packet.pts is None else packet.pts + self.offset
            packet.dts = None if packet.dts is None else packet.dts + self.offset
        return packet


def packets_of(
    container: InputContainer,
    streams: Sequence[Stream],
    clocks: dict[int, Clock] | None = None,
) -> Iterator[Packet]:
    """Demux streams with continuous timestamps.

    For formats in DISCONTINUOUS, `clocks` is filled with the Clock of each stream, by its index.
    """
    if container.format.name not in DISCONTINUOUS:
        yield from container.demux(*streams)
        return
    clocks = {} if clocks is None else clocks
    clocks.update({stream.index: Clock(stream.time_base) for stream in streams})
    for packet in container.demux(*streams):
        yield clocks[packet.stream.index].follow(packet)
