"""The sound of a video: from its frames, in memory or as they come."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

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
    texts: Sequence[tuple[int, Any]] = (),
) -> Iterator[Tensor]:
    """Sound for pieces of frames (b t 3 h w), as they come: yields (b c s).

    The last frame is repeated where the generator's last step is not complete without it. `prompt`
    is as in `Pipeline.start`, `tell` as in `Pipeline.monitor`; `texts` are what `encode_text` gave,
    each with the frame from which on it leads.
    """
    session, seen, left = None, 0, sorted(texts, key=lambda text: text[0])
    for frames in pieces:
        if session is None:
            start = pipeline.start(settings or Settings(), seed, len(frames), prompt)
            # A clip is soon over, and a graph would be captured for each anew.
            session = Session(pipeline, start, tell, graphs=False)
        while left and left[0][0] < seen + frames.shape[1]:
            at, text = left.pop(0)
            before, frames = frames.tensor_split([at - seen], dim=1)
            if before.shape[1]:
                yield session.step(before)
            session.replace_text(text)
            seen = at
        yield session.step(frames)
        seen += frames.shape[1]
    while session is not None and session.incomplete:
        yield session.step(frames[:, -1:])


def generate(
    pipeline: Pipeline,
    frames: Tensor,
    settings: Settings | None = None,
    seed: int = 0,
    prompt: Tensor | None = None,
    texts: Sequence[tuple[int, Any]] = (),
) -> Tensor:
    """The sound of a whole video in memory: (b t 3 h w) -> (b c s); see `stream`."""
    if frames.shape[1] == 0:
        raise ValueError("got no frames; expected at least one")
    pieces = frames.split(PIECE, dim=1)
    return torch.cat(list(stream(pipeline, pieces, settings, seed, prompt, texts=texts)), dim=-1)
