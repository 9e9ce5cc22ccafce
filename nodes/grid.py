"""A clip as the model sees it, computed while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from ..sr_core.io.frames import Frames
from ..sr_core.vision.difference import TemporalDifference
from .host import Part

Pieces = Callable[[], Iterator[Tensor]]


@dataclass(frozen=True, eq=False)
class Grid:
    """Visual features of a clip, one frame at a time: every reading starts at the first frame.

    `pieces()` yields (b t n d) in float32 on the CPU with b = t = 1, so that a reader can stop
    after any frame. While they are read, `part` must be on its device.
    """

    frames: Frames
    part: Part
    pieces: Pieces

    @property
    def count(self) -> int:
        """Frames, and so latents."""
        return self.frames.count


def encode(frames: Frames, part: Part, cache_bytes: int) -> Grid:
    """The grid of a clip; one of at most `cache_bytes` stays in memory once it was read."""
    rate = part.loaded.pipeline.config.frame_rate
    if frames.rate != rate:
        raise ValueError(
            f"got frames at {frames.rate} a second; expected {rate}, the rate of this checkpoint; "
            "use a checkpoint of that rate"
        )

    def pieces() -> Iterator[Tensor]:
        for frame in frames.pieces(1):
            yield part.module(frame[None]).float().cpu()

    return Grid(frames, part, _Kept(pieces, frames.count, cache_bytes))


def difference(grid: Grid) -> Grid:
    """The same grid with the change since the last frame beside it: d -> 2d."""

    def pieces() -> Iterator[Tensor]:
        module, state = TemporalDifference(), None
        for piece in grid.pieces():
            piece, state = module(piece, state)
            yield piece

    return replace(grid, pieces=pieces)


class _Kept:
    """Pieces that are remembered after a complete reading, if all of them fit."""

    def __init__(self, pieces: Pieces, count: int, limit: int):
        self.pieces, self.count, self.limit = pieces, count, limit
        self.kept: list[Tensor] = []

    def __call__(self) -> Iterator[Tensor]:
        if self.kept:
            yield from self.kept
            return
        kept = []
        for piece in self.pieces():
            if piece.nbytes * self.count <= self.limit:
                kept.append(piece)
            yield piece
        self.kept = kept
