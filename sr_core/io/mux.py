"""A picture and its new sound into one file, the picture's packets untouched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from torch import Tensor

from .clock import packets_of
from .container import Container, container_for, open_output, writing
from .frames import Frames
from .old_sound import OldSound, amplified, mixed
from .partial import whole_file
from .picture import CopiedPicture, CopiedStream, EncodedPicture, check_copy, is_copied
from .sound import SoundTrack, stereo, waveform_pieces
from .source import Source, open_source, picture_stream
from .video import VideoFrames, open_video

OLD_SOUND = ("drop", "keep", "mix")
FILE_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")


def mux(
    picture: Source | Frames,
    sound: Tensor | Iterable[Tensor],
    target: str | os.PathLike[str],
    *,
    old_sound: str = "drop",
    gain_db: float = 0.0,
    old_gain_db: float = 0.0,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write `target` (.mp4, .mov, .mkv, .webm): the picture with `sound`, both from 0 on.

    The packets of a video are copied untouched; images and GIFs are encoded. `sound` is one
    waveform (c s) at 48 kHz or pieces of it, pulled as the picture goes; round(duration * 48000)
    samples are written, more are left out, fewer are a ValueError. The old sound is dropped, kept
    as a second stream, or mixed in. Peaks above 0 dBFS are clipped with a warning.
    Raises MediaError (a ValueError) for what cannot be read, copied or written; nothing is left.
    """
    _check_policy(old_sound)
    path, container = Path(target), container_for(target)
    frames = picture if isinstance(picture, Frames) else open_video(picture)
    pieces = amplified(stereo(waveform_pieces(sound)), gain_db)
    with whole_file(path) as partial, ExitStack() as stack:
        source = old = None
        if isinstance(frames, VideoFrames):
            source = stack.enter_context(open_source(frames.source))
            if frames.info.has_sound and old_sound != "drop":
                old = stack.enter_context(closing(OldSound(frames.source, frames.info.start)))
        if old is not None and old_sound == "mix":
            pieces = mixed(pieces, old, old_gain_db)
        output = stack.enter_context(open_output(partial, path, container, frames.clock))
        output.metadata.update(_kept_tags(source) | _checked_tags(metadata or {}))
        feed = _Feed(frames, source, container, output)
        feed.add_sound(pieces)
        if old is not None and old_sound == "keep":
            feed.keep_sound(old, old_gain_db)
        feed.keep_subtitles()
        feed.write(path)
    return path


def _check_policy(old_sound: str) -> None:
    if old_sound not in OLD_SOUND:
        raise ValueError(f"got old_sound '{old_sound}'; expected one of {', '.join(OLD_SOUND)}")


def _checked_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ValueError(
                f"got metadata {key!r} of type {type(value).__name__}; expected text; "
                "use json.dumps on it"
            )
    return dict(metadata)


def _kept_tags(source: InputContainer | None) -> dict[str, str]:
    """Give the source's own metadata, less what describes its file and not its content."""
    tags = {} if source is None else source.metadata
    return {key: value for key, value in tags.items() if key.lower() not in FILE_TAGS}


class _Feed:
    """All streams of the target, merged into one sequence of packets in about their order."""

    def __init__(self, frames: Frames, source, container: Container, output: OutputContainer):
        self.frames, self.source, self.container, self.output = frames, source, container, output
        self.sounds: list[SoundTrack] = []
        self.copies: dict[int, CopiedPicture | CopiedStream] = {}
        self.encoded = None
        if source is None or not is_copied(frames):
            self.encoded = EncodedPicture(frames, container, output)
            self.picture = self.encoded.stream
        else:
            stream = picture_stream(source, frames.source)
            check_copy(frames, stream, container)
            self.copies[stream.index] = copied = CopiedPicture(frames, stream, output)
            self.picture = copied.stream

    def add_sound(self, pieces: Iterator[np.ndarray]) -> None:
        """Add a sound stream encoded from stereo pieces (2 s)."""
        track = SoundTrack(self.output, self.container, pieces, self.frames.samples())
        self.sounds.append(track)

    def keep_sound(self, old: OldSound, gain_db: float) -> None:
        """Add the old sound: its packets if they fit and keep their loudness, else encoded."""
        stream = self.source.streams.audio[0]
        if gain_db == 0 and self.encoded is None and self.container.holds(stream):
            self._copy(stream)
        else:
            self.add_sound(amplified(old.pieces(), gain_db))

    def keep_subtitles(self) -> None:
        """Copy the subtitles that the target can hold as they are."""
        if self.encoded is None:
            for stream in self.source.streams.subtitles:
                if self.container.holds(stream):
                    self._copy(stream)

    def _copy(self, stream: Stream) -> None:
        copied = CopiedStream(stream, self.output, self.frames.info, self.container)
        self.copies[stream.index] = copied

    def write(self, path: Path) -> None:
        """Write it all; errors of writing name the path, those of making the sound pass through."""
        for packet in self.packets():
            with writing(path):
                self.output.mux(packet)

    def packets(self) -> Iterator[Packet]:
        """Yield every packet of the target, sound a little before the picture it belongs to."""
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
