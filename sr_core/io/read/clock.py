"""Packets of streams whose time stamps start again or jump, on one clock that goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

DISCONTINUOUS = ("mpegts", "mpeg")  # formats whose clock may start again at any place
# As FFmpeg's own tool has it (fftools/ffmpeg_demux.c, ts_discontinuity_detect).
BACK, AHEAD = Fraction(1, 10), 10  # seconds by which a stream's clock may be off where it goes on


class Clock:
    """What is to be added to a stream's times so that each packet follows the one before it."""

    def __init__(self, tick: Fraction):
        self.tick, self.offset = tick, 0  # ticks
        self.jumps: list[tuple[Fraction, Fraction]] = []  # seconds since its start, and by how much
        self._first = self._next = None  # ticks of decoding: of the first packet, of the next one

    def follow(self, packet: Packet) -> Packet:
        """Move a packet's times."""
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
    """Demux streams, each on a clock that goes on where its own starts again or jumps.

    `clocks` gets the clock of each stream by its index, where the format has such jumps.
    """
    if container.format.name not in DISCONTINUOUS:
        yield from container.demux(*streams)
        return
    clocks = {} if clocks is None else clocks
    clocks.update({stream.index: Clock(stream.time_base) for stream in streams})
    for packet in container.demux(*streams):
        yield clocks[packet.stream.index].follow(packet)
