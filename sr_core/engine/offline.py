"""The sound of a video: from its frames, in memory or as they come."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from ..pipeline import Pipeline
from ..sampling.settings import Settings
from .session import Session

PIECE = 8  # frames at once: enough to fill the device, little to hold


def stream(
    pipeline: Pipeline,
    pieces: Iterable[Tensor],
    settings: Settings | None = None,
    seed: int = 0,
    prompt: Tensor | None = None,
    tell: Callable[[str], None] = warnings.warn,
) -> Iterator[Tensor]:
    """Sound for pieces of frames (b t 3 h w), as they come: yields (b c hop*t).

    `prompt` is as in `Pipeline.start`, `tell` as in `Pipeline.watch`.
    """
    session = None
    for frames in pieces:
        if session is None:
            start = pipeline.start(settings or Settings(), seed, len(frames), prompt)
            # A clip is soon over, and a graph would be captured for each anew.
            session = Session(pipeline, start, tell, graphs=False)
        yield session.step(frames)


def generate(
    pipeline: Pipeline,
    frames: Tensor,
    settings: Settings | None = None,
    seed: int = 0,
    prompt: Tensor | None = None,
) -> Tensor:
    """The sound of a whole video in memory: (b t 3 h w) -> (b c hop*t)."""
    if frames.shape[1] == 0:
        raise ValueError("got no frames; expected at least one")
    pieces = frames.split(PIECE, dim=1)
    return torch.cat(list(stream(pipeline, pieces, settings, seed, prompt)), dim=-1)
