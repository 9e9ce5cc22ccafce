"""Visual features of a clip, computed while it is read."""

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
    """Visual features of a clip, one frame at a time: every reading starts at the beginning.

    `pieces()` yields (b t n d) in float32 on the CPU with b = t = 1, so that a reader can stop
    after any frame. While they are read, the pipeline's encoder must be on its device. Where the
    clip continues another, the first frame is the one at `start` seconds, and `last` (b n d) is the
    grid before it.
    """

    frames: Frames
    pipeline: Pipeline
    pieces: Pieces

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.frames.count

    def last_grid(self, piece: Tensor) -> Tensor:  # (b t n d) -> (b n d)
        """The grid of a piece's last frame, without its change."""
        return piece[:, -1, :, : self._channels].clone()

    def still(self, piece: Tensor) -> Tensor:  # (b t n d) -> (b 1 n d)
        """The features of the frame that follows where the picture stands still: no change."""
        held = piece[:, -1:].clone()
        held[..., self._channels :] = 0
        return held

    @property
    def _channels(self) -> int:
        return self.pipeline.config.vision.channels


def encode(frames: Frames, pipeline: Pipeline, cache_bytes: int) -> Features:
    """The grids of a clip; those of at most `cache_bytes` stay in memory once they were read."""
    check_rate(frames, pipeline)

    def pieces(start: Fraction = START, last: Tensor | None = None) -> Iterator[Tensor]:
        for frame in later(frames, start).pieces(1):
            with torch.inference_mode(), pipeline.computing():
                grid = pipeline.vision(frame[None]).float().cpu()
            yield grid

    return Features(frames, pipeline, _Kept(pieces, frames.count, cache_bytes))


def difference(features: Features) -> Features:
    """The same features with the change since the last frame beside them: d -> 2d."""

    def pieces(start: Fraction = START, last: Tensor | None = None) -> Iterator[Tensor]:
        module = TemporalDifference()
        for piece in features.pieces(start, last):
            with torch.inference_mode(), features.pipeline.computing():
                piece, last = module(piece, last)
            yield piece

    return replace(features, pieces=pieces)


def check_rate(frames: Frames, pipeline: Pipeline) -> None:
    """Raises ValueError where frames come at another rate than the checkpoint's."""
    rate = pipeline.frame_rate
    if frames.rate != rate:
        raise ValueError(
            f"got frames at {frames.rate} a second; expected {rate}, the rate of this checkpoint; "
            "use a checkpoint of that rate"
        )


def later(frames: Frames, start: Fraction) -> Frames:
    """The same frames, the first one at `start` seconds."""
    return PartOfFrames(frames, start) if start else frames


class _Kept:
    """Pieces that are remembered after a complete reading, if all of them fit."""

    def __init__(self, pieces: Pieces, count: int, limit: int):
        self.pieces, self.count, self.limit = pieces, count, limit
        self.kept: list[Tensor] = []
        self.start = START  # of what is kept

    def __call__(self, start: Fraction = START, last: Tensor | None = None) -> Iterator[Tensor]:
        if self.kept and self.start == start:
            yield from self.kept
            return
        kept = []
        for piece in self.pieces(start):
            if piece.nbytes * self.count <= self.limit:
                kept.append(piece)
            yield piece
        self.kept, self.start = kept, start
