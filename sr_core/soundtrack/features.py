"""Visual features of a clip, computed lazily while the clip is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import torch
from torch import Tensor

from ..io.read.frames import Frames, PartOfFrames
from ..pipeline import Pipeline
from ..vision.difference import TemporalDifference

START = Fraction(0)


class Pieces(Protocol):
    def __call__(self, start: Fraction = START, last: Tensor | None = None) -> Iterator[Tensor]: ...


@dataclass(frozen=True, eq=False)
class Features:
    """Visual features of a clip, read frame by frame; each iteration starts at the beginning.

    `pieces()` yields (b t n d) in float32 on the CPU with b = t = 1, so that a reader can stop
    after any frame. During iteration the pipeline's encoder must be on its device. If the clip
    continues another one, the first frame is at `start` seconds and `last` (b n d) is the previous
    grid.
    """

    frames: Frames
    pipeline: Pipeline
    pieces: Pieces

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.frames.count

    def last_grid(self, piece: Tensor) -> Tensor:  # (b t n d) -> (b n d)
        """The grid of a piece's last frame, without temporal difference."""
        return piece[:, -1, :, : self._channels].clone()

    def still(self, piece: Tensor) -> Tensor:  # (b t n d) -> (b 1 n d)
        """The features of a repetition of the last frame: its temporal difference is zero."""
        repeated = piece[:, -1:].clone()
        repeated[..., self._channels :] = 0
        return repeated

    @property
    def _channels(self) -> int:
        return self.pipeline.config.vision.channels


def encode(frames: Frames, pipeline: Pipeline, cache_bytes: int) -> Features:
    """The grids of a clip; cached after a complete reading if they fit in `cache_bytes`."""
    check_rate(frames, pipeline)

    def pieces(start: Fraction = START, last: Tensor | None = None) -> Iterator[Tensor]:
        for frame in later(frames, start).pieces(1):
            with torch.inference_mode(), pipeline.computing():
                grid = pipeline.vision(frame[None]).float().cpu()
            yield grid

    return Features(frames, pipeline, _Cached(pieces, frames.count, cache_bytes))


def difference(features: Features) -> Features:
    """The same features concatenated with their temporal difference: d -> 2d."""

    def pieces(start: Fraction = START, last: Tensor | None = None) -> Iterator[Tensor]:
        module = TemporalDifference()
        for piece in features.pieces(start, last):
            with torch.inference_mode(), features.pipeline.computing():
                piece, last = module(piece, last)
            yield piece

    return replace(features, pieces=pieces)


def check_rate(frames: Frames, pipeline: Pipeline) -> None:
    """Raises ValueError unless the frame rate is the checkpoint's."""
    rate = pipeline.frame_rate
    if frames.rate != rate:
        raise ValueError(
            f"got {frames.rate} frames per second; expected {rate}, the rate of this checkpoint; "
            "use a checkpoint of that rate"
        )


def later(frames: Frames, start: Fraction) -> Frames:
    """The frames from `start` seconds on."""
    return PartOfFrames(frames, start) if start else frames


class _Cached:
    """Pieces that are cached after a complete reading, if all fit in `limit` bytes."""

    def __init__(self, pieces: Pieces, count: int, limit: int):
        self.pieces, self.count, self.limit = pieces, count, limit
        self.cache: list[Tensor] = []
        self.start = START  # start of the cached pieces, in seconds

    def __call__(self, start: Fraction = START, last: Tensor | None = None) -> Iterator[Tensor]:
        if self.cache and self.start == start:
            yield from self.cache
            return
        read = []
        for piece in self.pieces(start):
            if piece.nbytes * self.count <= self.limit:
                read.append(piece)
            yield piece
        self.cache, self.start = read, start
