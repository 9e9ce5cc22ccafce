"""The projection and the Ambisonics that a finished file states: put in, and read back."""

from __future__ import annotations

from functools import partial as with_arguments
from pathlib import Path

from ...spatial.projection import Projection
from ..read.ambisonics import Ambisonics, ambisonics_of
from ..read.frames import Frames
from ..read.source import MediaError
from ..read.spherical import projection_in
from ..read.video import VideoFrames
from .container import Container, writing
from .feed import CopiedFeed, Feed
from .matroska import mark_matroska
from .movie import edit_movie
from .spherical import check_writable, mark_movie


def to_state(frames: Frames, asked: Projection | None, feed: Feed) -> Projection | None:
    """The projection to put into the file: the one asked for, or that of the source.

    What the file cannot state of the source is added to what the feed has lost; FFmpeg keeps it
    with copied packets in Matroska. Raises MediaError if it cannot state the one asked for.
    """
    form = feed.container.format
    if asked is not None:
        check_writable(asked, form)
        return asked
    own = frames.info.projection if isinstance(frames, VideoFrames) else None
    if own is None:
        return None
    try:
        check_writable(own, form)
    except MediaError:
        if feed.container.clocked or not isinstance(feed, CopiedFeed):
            feed.lost += (f"its projection ({own.kind}, {own.stereo})",)
        return None
    return own


def mark_file(
    partial: Path,
    target: Path,
    container: Container,
    projection: Projection | None,
    ambisonic: int,
) -> None:
    """State a projection and Ambisonics in a finished file that nobody else sees yet.

    `ambisonic`: the channels of its first sound that are Ambisonics, 0 for none; in Matroska their
    codec states it. Both are read back. Raises MediaError if that fails.
    """
    sound = Ambisonics(tuple(range(ambisonic))) if ambisonic else None
    with writing(target):
        if container.clocked and (projection or sound):
            edit_movie(partial, with_arguments(mark_movie, projection=projection, sound=sound))
        elif projection:
            mark_matroska(partial, projection)
    if projection:
        back = projection_in(partial)
        if back is None or (back.kind, back.stereo) != (projection.kind, projection.stereo):
            raise MediaError(f"cannot write '{target}': read back, its projection is {back}")
    if sound and container.clocked and ambisonics_of(partial, 0, "") != sound:
        raise MediaError(f"cannot write '{target}': read back, its sound is not Ambisonics")
