"""All streams of an output file, merged into one packet sequence in approximate time order."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from ..read.clock import packets_of
from ..read.frames import Frames
from ..read.source import is_cover, name_of, picture_stream
from ..read.source_audio import SourceAudio, amplified
from .container import Container, writing
from .copied import DEFAULT, CopiedCover, CopiedStream, kept_tags
from .extras import keep_attachments, keep_chapters, warn_of_rest
from .picture import CopiedPicture, EncodedPicture
from .sound import SoundTrack
from .trial import Held
from .written import Written


class Feed:
    """The streams of one target; `held`: how it stores a copy of the video, None to encode it."""

    def __init__(
        self,
        frames: Frames,
        source: InputContainer | None,
        held: Held | None,
        container: Container,
        output: OutputContainer,
    ):
        self.frames, self.source, self.container, self.output = frames, source, container, output
        self.sounds: list[SoundTrack] = []
        self.copies: dict[int, CopiedPicture | CopiedStream | CopiedCover] = {}
        self.kept, self.lost = set[int](), []
        self.encoded = EncodedPicture(frames, container, output) if held is None else None
        stream = None if source is None else picture_stream(source, frames.source)
        if held is None:
            self.picture = self.encoded.stream
            if stream is not None:
                self.picture.metadata.update(kept_tags(stream, encoded=True))
        else:
            copied = CopiedPicture(frames, stream, output, held.tag)
            self.copies[stream.index], self.picture = copied, copied.stream
            self.lost += held.lost
        if stream is not None:
            self.kept.add(stream.index)

    def add_sound(self, pieces: Iterator[np.ndarray], channels: int = 2) -> SoundTrack:
        """Add a sound stream, encoded from pieces (c s)."""
        samples = self.frames.samples()
        track = SoundTrack(self.output, self.container, pieces, samples, channels)
        track.stream.disposition = 0 if self.sounds else DEFAULT
        self.sounds.append(track)
        return track

    def take_along(self, old_sound: str, gain_db: float, stack: ExitStack) -> None:
        """Add the source's other streams; warns of those that the target cannot hold."""
        sounds = [stream.index for stream in self.source.streams.audio]
        if old_sound == "keep":
            self._keep_sounds(gain_db, stack)
        else:  # no warning for sounds that are dropped on request
            self.kept |= set(sounds if old_sound == "drop" else sounds[:1])
        self._keep_rest()

    def _keep_sounds(self, gain_db: float, stack: ExitStack) -> None:
        """Add the old sounds: packets are copied if the format allows and the gain is 0 dB."""
        for n, stream in enumerate(self.source.streams.audio):
            if gain_db == 0 and self.encoded is None and self.container.holds(stream):
                self._copy(stream)
            elif n == 0 or stream.codec_context is not None:
                old = SourceAudio(self.frames.source, self.frames.info.start, n)
                stack.enter_context(closing(old))
                track = self.add_sound(amplified(old.pieces(), gain_db))
                track.stream.metadata.update(kept_tags(stream))
                self.kept.add(stream.index)

    def _keep_rest(self) -> None:
        source, name = self.source, self.frames.source
        keep_chapters(source, self.output, self.frames.info)
        self.kept |= keep_attachments(source, name, self.output, self.container)
        if self.encoded is None:
            for stream in source.streams.subtitles:
                if self.container.holds(stream):
                    self._copy(stream)
            for stream in filter(is_cover, source.streams.video):
                if self.container.shows_covers:
                    self.copies[stream.index] = CopiedCover(stream, self.output)
        self.kept |= set(self.copies)
        warn_of_rest(source, name, self.container, self.kept, self.lost)

    def _copy(self, stream: Stream) -> None:
        copied = CopiedStream(stream, self.output, self.frames.info, self.container)
        self.copies[stream.index] = copied

    def write(self, path: Path) -> Written:
        """Write all packets; errors of writing become MediaError, those of the generator pass."""
        written, skipped = Written(path), dict[str, int]()
        beside = {copy.stream.index for copy in self.copies.values()} - {self.picture.index}
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
                f"{name_of(self.frames.source)}: damaged packets of its old {kind} were "
                f"left out: {count}",
                stacklevel=4,
            )

    def packets(self) -> Iterator[Packet]:
        """Yield all packets of the target; sound comes just before the video of the same time."""
        for packet in self.encoded.packets() if self.encoded else self._copied():
            if packet.stream.index == self.picture.index:
                for track in self.sounds:
                    yield from track.packets(packet.dts * packet.time_base)
            yield packet
        for track in self.sounds:
            yield from track.last_packets()

    def _copied(self) -> Iterator[Packet]:
        streams = [stream for stream in self.source.streams if stream.index in self.copies]
        for packet in packets_of(self.source, streams):
            if packet.size == 0:
                continue
            packet = self.copies[packet.stream.index].take(packet)
            if packet is not None:
                yield packet


def _is_damage(error: BaseException | None) -> bool:
    """Return whether a muxer error is about the packet's content, not about the output file."""
    invalid = isinstance(error, av.error.InvalidDataError)
    return invalid or (isinstance(error, av.error.FFmpegError) and error.errno == errno.EINVAL)
