"""A clip as the model sees it, computed while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from torch import Tensor

from ..sr_core.io.read.frames import Frames, PartOfFrames
from ..sr_core.vision.difference import TemporalDifference
from .host import Part

START = Fraction(0)
Pieces = Callable[..., Iterator[Tensor]]  # (start: Fraction, last: Tensor | None)


@dataclass(frozen=True, eq=False)
class Grid:
    """Visual features of a clip, one frame at a time: every reading starts at the beginning.

    `pieces()` yields (b t n d) in float32 on the CPU with b = t = 1, so that a reader can stop
    after any frame. While they are read, `part` must be on its device. Where the clip goes on from
    another, the first frame is the one at `start` seconds, and `last` (b n d) is what was seen
    before it.
    """

    frames: Frames
    part: Part
    pieces: Pieces

    @property
    def count(self) -> int:
        """Frames, and so latents."""
        return self.frames.count

    def seen(self, piece: Tensor) -> Tensor:  # (b t n d) -> (b n d)
        """The features of a piece's last frame, without their change."""
        return piece[:, -1, :, : self.part.module.config.channels].clone()


def encode(frames: Frames, part: Part, cache_bytes: int) -> Grid:
    """The grid of a clip; one of at most `cache_bytes` stays in memory once it was read."""
    check_rate(frames, part)

    def pieces(start: Fraction = START, last: Tensor | None = None) -> Iterator[Tensor]:
        for frame in later(frames, start).pieces(1):
            with part.computing():
                grid = part.module(frame[None]).float().cpu()
            yield grid

    return Grid(frames, part, _Kept(pieces, frames.count, cache_bytes))


def check_rate(frames: Frames, part: Part) -> None:
    rate = part.loaded.pipeline.config.frame_rate
    if frames.rate != rate:
        raise ValueError(
            f"got frames at {frames.rate} a second; expected {rate}, the rate of this checkpoint; "
            "use a checkpoint of that rate"
        )


def difference(grid: Grid) -> Grid:
    """The same grid with the change since the last frame beside it: d -> 2d."""

    def pieces(start: Fraction = START, last: Tensor | None = None) -> Iterator[Tensor]:
        module = TemporalDifference()
        for piece in grid.pieces(start, last):
            with grid.part.computing():
                piece, last = module(piece, last)
            yield piece

    return replace(grid, pieces=pieces)


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
