"""A record of the packets written to a file, to verify the file before it is renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from ..read.source import MediaError
from .extras import is_cover
from .trial import NO_TAG

LATEST = {"video": Fraction(1, 100), "audio": Fraction(1, 10)}  # seconds, tolerance of the end


@dataclass
class Track:
    """Number of packets of one stream; start of its last frame or end of its sound, in seconds."""

    packets: int = 0
    last: Fraction = Fraction(0)

    def add(self, packet: Packet) -> None:
        """Count a packet; call it before the muxer changes the times."""
        if packet.size == 0:  # side data for the header, from an encoder at its end
            return
        self.packets += 1
        if packet.pts is not None:
            sounds = packet.stream.type == "audio"  # readers may group its packets differently
            end = packet.pts + (packet.duration or 0) * sounds
            self.last = max(self.last, end * packet.time_base)


class Planned(NamedTuple):
    """One stream that the closed file must hold."""

    kind: str
    codec: str
    tag: str
    track: Track


class Written:
    """The streams of a file that is being written."""

    def __init__(self, target: Path, otherwise: str = "nothing is kept of it"):
        """`otherwise`: what happens to an incomplete file, for the error message."""
        self.target, self.otherwise = target, otherwise
        self._streams: dict[int, Stream] = {}
        self._tracks: dict[int, Track] = {}

    def add(self, packet: Packet) -> Track:
        """Count a packet before it is written."""
        self._streams[packet.stream.index] = packet.stream
        track = self._tracks.setdefault(packet.stream.index, Track())
        track.add(packet)
        return track

    def plan(self) -> list[Planned]:
        """Return every stream with packets, in order; call it before closing."""
        return [
            Planned(stream.type, stream.codec_context.name, _tag(stream), self._tracks[index])
            for index, stream in sorted(self._streams.items())
            if not is_cover(stream)
        ]

    def check(self, file: os.PathLike[str], plan: list[Planned]) -> None:
        """Read the packets of the closed file; MediaError if they differ from the plan."""
        try:
            with av.open(os.fspath(file), metadata_errors="replace") as container:
                streams, found = _streams(container), _tracks(container)
                for kind, codec, tag, track in plan:
                    stream = next(streams.get(kind, iter(())), None)
                    if stream is None:
                        raise self._problem(f"its {kind} stream ({codec}) is not there")
                    self._compare(stream, codec, tag, track, found.get(stream.index, Track()))
        except av.error.FFmpegError as error:
            raise self._problem(f"it cannot be read ({error.strerror})") from error

    def _compare(self, stream: Stream, codec: str, tag: str, track: Track, found: Track) -> None:
        kind = f"{stream.type} stream ({codec})"
        if tag != NO_TAG and _tag(stream) not in (tag, NO_TAG):
            raise self._problem(f"its {kind} has the codec tag {_tag(stream)!r}, not {tag!r}")
        grouped = codec.startswith("pcm_") or stream.type == "subtitle"
        if found.packets != track.packets and not grouped:
            raise self._problem(f"its {kind} has {found.packets} of {track.packets} packets")
        off = abs(found.last - track.last)
        if off > LATEST.get(stream.type, off):
            raise self._problem(
                f"its {kind} ends at {float(found.last):.3f} s, not at {float(track.last):.3f} s"
            )

    def _problem(self, what: str) -> MediaError:
        return MediaError(
            f"cannot write '{self.target}': read back, {what}; {self.otherwise}; write to another "
            "container"
        )


def _tag(stream: Stream) -> str:
    try:
        return stream.codec_context.codec_tag
    except (UnicodeDecodeError, AttributeError):  # the tag is not text, or there is no codec
        return NO_TAG


def _streams(container: InputContainer) -> dict[str, Iterator[Stream]]:
    """Iterators over the streams of each type, without covers: muxers may move those."""
    kinds: dict[str, list[Stream]] = {stream.type: [] for stream in container.streams}
    for stream in container.streams:
        if not is_cover(stream):
            kinds[stream.type].append(stream)
    return {kind: iter(streams) for kind, streams in kinds.items()}


def _tracks(container: InputContainer) -> dict[int, Track]:
    tracks: dict[int, Track] = {}
    for packet in container.demux():
        if packet.size:
            tracks.setdefault(packet.stream.index, Track()).add(packet)
    return tracks
