"""Muxing: a video and its new sound into one file; the video's packets are copied.

Images and GIFs are encoded, and on request also a video that the target cannot hold a copy of. The
source's other streams are copied if the target supports them; one warning lists the rest.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.container import InputContainer
from torch import Tensor

from ...spatial.projection import Projection
from ..choices import OLD_SOUND
from ..read.animation import AnimationFrames
from ..read.frames import Frames
from ..read.source import MediaError, Source, is_cover, open_source, picture_stream
from ..read.source_audio import SourceAudio, amplified, mixed
from ..read.video import VideoFrames, open_video
from .along import take_along
from .container import Container, container_for, open_output
from .feed import CopiedFeed, EncodedFeed, Feed, Origin
from .panorama import mark_file, to_state
from .partial import whole_file
from .picture import held_copy, is_copied
from .sound import waveform_pieces, with_channels
from .trial import Held

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
    encode: bool = False,
    channels: int = 2,
    ambisonic: bool = False,
    projection: Projection | None = None,
) -> Path:
    """Write `target` (.mp4, .mov, .mkv, .webm): the video with `sound`, both starting at 0.

    The file is read back before it is renamed to `target`; `encode` as in the module's docstring.
    `sound`: one waveform (c s) at 48 kHz, or pieces of it, which are pulled during writing; it has
    `channels` channels, or one for stereo. round(duration * 48000) samples are written, further
    ones are left out, fewer raise ValueError. `old_sound`: the source's sounds are dropped, kept
    as further streams, or the first one is mixed in. Peaks above 0 dBFS are clipped with a warning.
    `ambisonic`: the 4 channels are W, Y, Z, X (AmbiX), of 6 the last two are head-locked stereo.
    `projection`: what the file states of a panorama; None: what the source does.
    Raises MediaError (a ValueError) for errors of reading, copying and writing; no file is left.
    """
    _check_policy(old_sound, channels)
    path, container = Path(target), container_for(target)
    frames = _frames_of(picture, path)
    pieces = amplified(with_channels(waveform_pieces(sound), channels), gain_db)
    new = NewSound(pieces, channels, ambisonic, old_sound, old_gain_db)
    with whole_file(path) as partial:
        with ExitStack() as stack:
            feed, origin = _opened(frames, partial, path, container, metadata or {}, encode, stack)
            stated = to_state(frames, projection, feed)
            _add_sounds(feed, origin, new, stack)
            plan = (written := feed.write(path)).plan()
        mark_file(partial, path, container, stated, channels if ambisonic else 0)
        written.check(partial, plan)
    return path


class NewSound(NamedTuple):
    """The new sound of a file, and what becomes of the source's own."""

    pieces: Iterator[np.ndarray]
    channels: int
    ambisonic: bool
    old: str
    old_gain_db: float


def _add_sounds(feed: Feed, origin: Origin | None, new: NewSound, stack: ExitStack) -> None:
    """Add the new sound, and the source's other streams."""
    pieces = new.pieces
    if origin is not None and origin.frames.info.has_sound and new.old == "mix":
        old = SourceAudio(origin.frames.source, origin.frames.info.start)
        pieces = mixed(pieces, stack.enter_context(closing(old)), new.old_gain_db)
    feed.add_sound(pieces, new.channels, new.ambisonic)
    if origin is not None:
        take_along(feed, origin, new.old, new.old_gain_db, stack)


def _is_same(source: Source | None, path: Path) -> bool:
    if not isinstance(source, (str, os.PathLike)):
        return False
    return os.path.exists(path) and os.path.samefile(source, path)


def _frames_of(picture: Source | Frames, path: Path) -> Frames:
    """Open the video as Frames; MediaError if the target is the source file, also by a link."""
    frames = picture if isinstance(picture, Frames) else open_video(picture)
    source = frames.source if isinstance(frames, (VideoFrames, AnimationFrames)) else None
    if _is_same(source, path):
        raise MediaError(
            f"got {path} as target, which is the source {source} itself; expected another name"
        )
    return frames


def _opened(
    frames: Frames,
    partial: Path,
    path: Path,
    container: Container,
    metadata: Mapping[str, str],
    encode: bool,
    stack: ExitStack,
) -> tuple[Feed, Origin | None]:
    """Open the source (if the video is a file) and the target, with a video stream."""
    tags = _checked_tags(metadata)
    held, origin = _held(frames, container, encode), None
    if isinstance(frames, VideoFrames):
        source = stack.enter_context(open_source(frames.source))
        origin = Origin(frames, source, picture_stream(source, frames.source))
        tags = _kept_tags(source) | tags
        if any(map(is_cover, source.streams.video)):
            container = container.with_cover(tags)
    codec = origin.frames.info.codec if origin and held else ""
    output = stack.enter_context(open_output(partial, path, container, frames.clock, codec))
    output.metadata.update(tags)
    if origin is None or held is None:
        return EncodedFeed(frames, origin, container, output), origin
    return CopiedFeed(origin, held, container, output), origin


def _held(frames: Frames, container: Container, encode: bool) -> Held | None:
    """Return how the container stores a copy of the video; None if it is encoded."""
    if not is_copied(frames):
        return None
    try:
        return held_copy(frames, container)
    except MediaError as error:
        if not encode:
            raise
        warnings.warn(f"the video is re-encoded: {error}", stacklevel=3)
        return None


def _check_policy(old_sound: str, channels: int) -> None:
    if old_sound not in OLD_SOUND:
        raise ValueError(f"got old_sound '{old_sound}'; expected one of {', '.join(OLD_SOUND)}")
    if old_sound == "mix" and channels != 2:
        raise ValueError(
            f"got old_sound 'mix' for sound of {channels} channels; expected stereo; keep the old "
            "sound as a track of its own, or drop it"
        )


def _checked_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ValueError(
                f"got metadata {key!r} of type {type(value).__name__}; expected text; "
                "use json.dumps on it"
            )
    return dict(metadata)


def _kept_tags(source: InputContainer) -> dict[str, str]:
    """The source's metadata, without the tags that describe the file format."""
    tags = source.metadata.items()
    return {key: value for key, value in tags if key.lower() not in FILE_TAGS}
