"""Which projection a clip has, for spatial sound: as asked for, as its file states, or assumed."""

from __future__ import annotations

import warnings

from ...spatial.projection import NAMED, Projection, assumed
from .frames import Frames
from .source import MediaError, name_of
from .video import VideoFrames


def panorama_of(frames: Frames, projection: str = "") -> Projection:
    """The projection of a clip; `projection` is a name of NAMED, or empty: what the file states.

    Without either, a picture twice as wide as high is assumed to show the whole sphere, with a
    warning. Raises MediaError for another shape, ValueError for an unknown name.
    """
    if projection:
        if projection not in NAMED:
            raise ValueError(f"got projection '{projection}'; expected one of {', '.join(NAMED)}")
        return NAMED[projection]
    stated = frames.info.projection if isinstance(frames, VideoFrames) else None
    guess = stated or assumed(frames.width, frames.height)
    name = name_of(frames.source) if isinstance(frames, VideoFrames) else "the clip"
    if guess is None:
        raise MediaError(
            f"{name} does not state a projection, and {frames.width}x{frames.height} pixels are "
            f"not 2:1; expected a panorama; set the projection: {', '.join(NAMED)}"
        )
    if stated is None:
        warnings.warn(
            f"{name} does not state a projection; its picture is taken for the whole sphere, since "
            "it is 2:1",
            stacklevel=2,
        )
    return guess
