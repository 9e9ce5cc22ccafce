"""All streams of an output file, merged into one packet sequence in approximate time order."""

from __future__ import annotations

import errno
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from ..read.clock import packets_of
from ..read.frames import Frames
from ..read.source import name_of
from ..read.video import VideoFrames
from .ambisonics import for_ambisonics
from .container import Container, writing
from .copied import DEFAULT, CopiedCover, CopiedStream, kept_tags, set_disposition
from .picture import CopiedPicture, EncodedPicture
from .sound import SoundTrack
from .trial import Held
from .written import Written


class Origin(NamedTuple):
    """The open file that a video comes from, and the video's stream in it."""

    frames: VideoFrames
    container: InputContainer
    stream: VideoStream


class Feed(ABC):
    """The streams of one target: a video stream, sounds, and what is copied beside them."""

    picture: VideoStream
    lost: tuple[str, ...] = ()  # properties of the video that the target does not hold

    def __init__(self, frames: Frames, container: Container, output: OutputContainer):
        self.container, self.output = container, output
        self.sounds: list[SoundTrack] = []
        self._samples = frames.samples()

    def add_sound(
        self, pieces: Iterator[np.ndarray], channels: int = 2, ambisonic: bool = False
    ) -> SoundTrack:
        """Add a sound stream, encoded from pieces (c s)."""
        container = for_ambisonics(self.container, channels) if ambisonic else self.container
        track = SoundTrack(self.output, container, pieces, self._samples, channels)
        set_disposition(track.stream, 0 if self.sounds else DEFAULT)
        self.sounds.append(track)
        return track

    @abstractmethod
    def copy(self, stream: Stream) -> bool:
        """Copy a stream of the source, if the target can hold it; returns whether."""

    @abstractmethod
    def copy_cover(self, stream: Stream) -> bool:
        """Copy a cover of the source as a stream, if the target shows it; returns whether."""

    @abstractmethod
    def write(self, path: Path) -> Written:
        """Write all packets; errors of writing become MediaError, those of the generator pass."""

    @abstractmethod
    def _without_sounds(self) -> Iterator[Packet]:
        """Yield all packets except those of the sounds."""

    def packets(self) -> Iterator[Packet]:
        """Yield all packets of the target; sound comes just before the video of the same time."""
        for packet in self._without_sounds():
            if packet.stream.index == self.picture.index and packet.dts is not None:
                for track in self.sounds:
                    yield from track.packets(packet.dts * packet.time_base)
            yield packet
        for track in self.sounds:
            yield from track.last_packets()


class EncodedFeed(Feed):
    """Encodes the video's frames; no stream of the source is copied."""

    def __init__(
        self, frames: Frames, origin: Origin | None, container: Container, output: OutputContainer
    ):
        """`origin`: where the tags of the video are taken from."""
        super().__init__(frames, container, output)
        self._encoded = EncodedPicture(frames, container, output)
        self.picture = self._encoded.stream
        if origin is not None:
            self.picture.metadata.update(kept_tags(origin.stream, encoded=True))

    def copy(self, stream: Stream) -> bool:
        return False

    def copy_cover(self, stream: Stream) -> bool:
        return False

    def write(self, path: Path) -> Written:
        written = Written(path)
        for packet in self.packets():
            written.add(packet)
            with writing(path):
                self.output.mux(packet)
        return written

    def _without_sounds(self) -> Iterator[Packet]:
        return self._encoded.packets()


class CopiedFeed(Feed):
    """Copies packets of the source; `held`: how the target stores the video's."""

    def __init__(self, origin: Origin, held: Held, container: Container, output: OutputContainer):
        super().__init__(origin.frames, container, output)
        self._origin, self.lost = origin, held.lost
        copied = CopiedPicture(origin.frames, origin.stream, output, held.tag)
        self.picture = copied.stream
        self._copies: dict[int, CopiedPicture | CopiedStream | CopiedCover] = {
            origin.stream.index: copied
        }

    def copy(self, stream: Stream) -> bool:
        if not self.container.holds(stream):
            return False
        info = self._origin.frames.info
        self._copies[stream.index] = CopiedStream(stream, self.output, info, self.container)
        return True

    def copy_cover(self, stream: Stream) -> bool:
        if self.container.shows_covers:
            self._copies[stream.index] = CopiedCover(stream, self.output)
        return self.container.shows_covers

    def write(self, path: Path) -> Written:
        """Write all packets (see `Feed`); damaged ones beside the video are left out."""
        written, skipped = Written(path), dict[str, int]()
        beside = {copy.stream.index for copy in self._copies.values()} - {self.picture.index}
        for packet in self.packets():
            track = written.add(packet)
            try:
                with writing(path):
                    self.output.mux(packet)
            except ValueError as error:
                if packet.stream.index not in beside or not _is_damage(error.__cause__):
                    raise
                track.packets -= 1
                kind = packet.stream.type
                skipped[kind] = skipped.get(kind, 0) + 1
        self._warn_of_damage(skipped)
        return written

    def _warn_of_damage(self, skipped: dict[str, int]) -> None:
        for kind, count in skipped.items():
            warnings.warn(
                f"{name_of(self._origin.frames.source)}: damaged packets of its old {kind} were "
                f"left out: {count}",
                stacklevel=4,
            )

    def _without_sounds(self) -> Iterator[Packet]:
        source = self._origin.container
        streams = [stream for stream in source.streams if stream.index in self._copies]
        for packet in packets_of(source, streams):
            if packet.size == 0:
                continue
            taken = self._copies[packet.stream.index].take(packet)
            if taken is not None:
                yield taken


def _is_damage(error: BaseException | None) -> bool:
    """Return whether a muxer error is about the packet's content, not about the output file."""
    invalid = isinstance(error, av.error.InvalidDataError)
    return invalid or (isinstance(error, av.error.FFmpegError) and error.errno == errno.EINVAL)
