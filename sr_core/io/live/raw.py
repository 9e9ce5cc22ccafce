"""Raw rgb24 frames of a fixed size and rate, read from a pipe."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import BinaryIO

import torch
from einops import rearrange
from torch import Tensor

from ..read.colour import RGB
from ..read.source import MediaError
from ..read.timing import fine_clock
from .source import LivePicture, Read, Seen


class RawPicture(LivePicture):
    """Frames of height x width x 3 bytes; frame n is shown from n / fps to (n + 1) / fps.

    With a `clock`, a frame is shown from its arrival instead. Without one, the constructor reads
    the first frame. Raises MediaError if there is no frame.
    """

    template, colour = None, RGB

    def __init__(
        self,
        file: BinaryIO,
        size: tuple[int, int],
        fps: Fraction,
        clock: Callable[[], float] | None = None,
    ):
        self.file, self.fps, self.clock = file, fps, fine_clock(fps)
        self.width, self.height = size
        self._now = clock
        self._began: float | None = None  # arrival of the first frame, by the clock
        self.end = Fraction(0)
        self._whole = 3 * self.height * self.width
        self._first = self._next(0) if clock is None else None

    def reads(self) -> Iterator[Read]:
        """Yield one frame per read."""
        count, data = 0, self._first or self._next(0)
        while data:
            picture = rearrange(
                torch.frombuffer(bytearray(data), dtype=torch.uint8),
                "(h w c) -> c h w",
                h=self.height,
                w=self.width,
            )
            count += 1
            yield Read([], [self._seen(count, picture)])
            data = self._next(count)

    def _seen(self, count: int, picture: Tensor) -> Seen:  # (3 h w)
        if self._now is None:
            time, self.end = (count - 1) / self.fps, count / self.fps
            return Seen(time, self.end, lambda: picture)
        now = self._now()
        began = self._began = now if self._began is None else self._began
        return Seen(Fraction(now - began).limit_denominator(1000), None, lambda: picture)

    def _next(self, count: int) -> bytes:
        """The bytes of frame `count`; empty at the end of the input."""
        data, whole = self.file.read(self._whole), self._whole
        if not data and not count:
            raise MediaError("got no frame on standard input; expected raw rgb24 frames")
        if not 0 < len(data) < whole:
            return data
        problem = (
            f"got {len(data)} bytes after frame {count}; expected {whole}, "
            f"{self.width}x{self.height} pixels of rgb24; check --size"
        )
        if not count:
            raise MediaError(problem)
        warnings.warn(problem, stacklevel=3)
        return b""
