"""Sound of a whole video, from frames in memory or from an iterable."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ..pipeline import Pipeline
from ..sampling.settings import Settings
from .session import Session

PIECE = 8  # frames per call: enough to use the device fully, with little memory


def stream(
    pipeline: Pipeline,
    pieces: Iterable[Tensor],
    settings: Settings | None = None,
    seed: int = 0,
    prompt: Tensor | None = None,
    tell: Callable[[str], None] = warnings.warn,
    texts: Sequence[tuple[int, Any]] = (),
) -> Iterator[Tensor]:
    """Generate sound incrementally: takes pieces of frames (b t 3 h w), yields waveforms (b c s).

    The last frame is repeated until the generator's last step is complete. `settings` and `prompt`
    are as in `Pipeline.start`, `tell` as in `Pipeline.monitor`; `texts` are pairs of a frame index
    and the output of `encode_text` that applies from that frame on.
    """
    session, done, left = None, 0, sorted(texts, key=lambda text: text[0])
    for frames in pieces:
        if session is None:
            start = pipeline.start(settings, seed, len(frames), prompt)
            # No CUDA graphs: capturing them for each clip would take longer than it saves.
            session = Session(pipeline, start, tell, graphs=False)
        while left and left[0][0] < done + frames.shape[1]:
            at, text = left.pop(0)
            before, frames = frames.tensor_split([at - done], dim=1)
            if before.shape[1]:
                yield session.step(before)
            session.replace_text(text)
            done = at
        yield session.step(frames)
        done += frames.shape[1]
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
    """Sound of a whole video in memory: (b t 3 h w) -> (b c s); see `stream`."""
    if frames.shape[1] == 0:
        raise ValueError("got no frames; expected at least one")
    pieces = frames.split(PIECE, dim=1)
    return torch.cat(list(stream(pipeline, pieces, settings, seed, prompt, texts=texts)), dim=-1)
