"""Frames at the model's rate, lazy and re-iterable; each is the latest past source frame."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import torch
from einops import rearrange
from torch import Tensor

from ...rates import FRAME_RATE, SAMPLE_RATE
from .timing import fine_clock, standard_rate

PIECE_BYTES = 32 * 2**20  # bytes of a piece of frames, about
CHECKED_AT_ONCE = 16  # number of images per check for NaN and range

Picture = Callable[[], Tensor]  # () -> (3 h w) uint8, converted when called


class Frames(ABC):
    """A video resampled to `rate`: `count` frames of `height` x `width`, `duration` seconds."""

    rate: Fraction
    duration: Fraction
    height: int
    width: int
    clock: Fraction  # seconds per tick; the source's frame times are whole numbers of ticks
    fps: Fraction  # nominal rate of the source
    steady: bool  # constant frame rate: each source frame is shown for 1 / fps
    has_sound: bool = False  # the source has a sound stream

    @abstractmethod
    def shown(self) -> Iterator[tuple[Fraction, Picture]]:
        """Yield the source's frames in order: seconds after the first one, and the picture."""

    @property
    def count(self) -> int:
        """Number of frames at `rate` that cover all samples of the sound."""
        return max(1, math.ceil(self.samples(SAMPLE_RATE) * self.rate / SAMPLE_RATE))

    def samples(self, rate: int = SAMPLE_RATE) -> int:
        """Samples per channel of a sound of the same duration."""
        return round(self.duration * rate)

    def fitting(self, most: int) -> int:
        """Number of frames that take about 32 MB, between 1 and `most`."""
        return max(1, min(most, PIECE_BYTES // (3 * self.height * self.width)))

    def pieces(self, size: int | None = None) -> Iterator[Tensor]:
        """Yield all frames from the start as uint8 (t 3 h w), t <= size (None: about 32 MB)."""
        size = self.fitting(PIECE_BYTES) if size is None else size
        if size < 1:
            raise ValueError(f"got pieces of {size} frames; expected 1 or more")
        if size == 1:  # no copy: a frame may be large
            yield from (picture[None] for picture in self._held())
            return
        block, filled = None, 0
        for k, picture in enumerate(self._held()):
            if block is None:
                shape = (min(size, self.count - k), 3, self.height, self.width)
                block, filled = torch.empty(shape, dtype=torch.uint8), 0
            block[filled] = picture
            filled += 1
            if filled == len(block):
                yield block
                block = None

    def _held(self) -> Iterator[Tensor]:
        """Yield frame k = 0..count-1: the latest source frame at or before k / rate."""
        k, count = 0, self.count
        current: Picture | None = None
        converted: Tensor | None = None
        for time, picture in self.shown():
            while current is not None and k < count and k / self.rate < time:
                converted = current() if converted is None else converted
                yield converted
                k += 1
            if k == count:
                return
            current, converted = picture, None
        if current is None:
            raise ValueError(
                "got no frame at all; expected at least one; check that the video file is unchanged"
            )
        converted = current() if converted is None else converted
        for _ in range(k, count):
            yield converted


class PartOfFrames(Frames):
    """A part of other Frames: from `start` seconds, for `duration` seconds or to the end."""

    def __init__(self, whole: Frames, start: Fraction, duration: Fraction | None = None):
        self.whole, self.start = whole, start
        self.duration = whole.duration - start if duration is None else duration
        if start < 0 or self.duration <= 0 or start + self.duration > whole.duration:
            raise ValueError(
                f"got a part from {float(start):g} s on that is {float(self.duration):g} s long; "
                f"expected one inside the picture's {float(whole.duration):g} s; choose times in it"
            )
        self.rate, self.height, self.width = whole.rate, whole.height, whole.width
        self.clock, self.fps = whole.clock, whole.fps
        self.steady = whole.steady and (start * whole.fps).denominator == 1

    def shown(self) -> Iterator[tuple[Fraction, Picture]]:
        held: Picture | None = None  # the frame shown when the part begins
        for time, picture in self.whole.shown():
            time -= self.start
            if time >= self.duration:
                break
            if time <= 0:
                held = picture
                continue
            if held is not None:
                yield Fraction(0), held
                held = None
            yield time, picture
        if held is not None:
            yield Fraction(0), held


class ImageFrames(Frames):
    """Images in memory at `fps`; see `frames_from_images`."""

    def __init__(self, images: Tensor, fps: Fraction, rate: Fraction):  # images (t h w 3)
        self.images, self.fps, self.rate = images, fps, rate
        self.height, self.width = images.shape[1:3]
        self.duration, self.clock = len(images) / fps, fine_clock(fps)
        self.steady = True

    def shown(self) -> Iterator[tuple[Fraction, Picture]]:
        for n, image in enumerate(self.images):
            yield n / self.fps, partial(_to_bytes, image)


def frames_from_images(
    images: Tensor, fps: float | Fraction, rate: int | Fraction = FRAME_RATE
) -> ImageFrames:
    """Wrap images (t h w 3), float 0..1, at `fps` as Frames at `rate`; alpha is dropped.

    An fps near a broadcast rate becomes that rate (23.976 -> 24000/1001; see `standard_rate`).
    Raises ValueError for a wrong shape, NaN, values far outside 0..1, or fps not above 0.
    """
    if not isinstance(fps, Fraction) and not (math.isfinite(fps) and fps > 0) or fps <= 0:
        raise ValueError(f"got fps {fps}; expected a number above 0; set the images' frame rate")
    if images.ndim != 4 or images.shape[-1] not in (3, 4) or 0 in images.shape:
        raise ValueError(
            f"got images of shape {tuple(images.shape)}; expected (frames, height, width, 3) with "
            "at least one frame"
        )
    if not images.is_floating_point():
        raise ValueError(f"got images of type {images.dtype}; expected float 0..1; divide by 255")
    images = images[..., :3]
    _check_values(images)
    return ImageFrames(images, standard_rate(fps), Fraction(rate))


def _check_values(images: Tensor) -> None:
    for start in range(0, len(images), CHECKED_AT_ONCE):
        chunk = images[start : start + CHECKED_AT_ONCE].flatten(1)
        bad = (~chunk.isfinite()).any(1).nonzero()
        if len(bad):
            raise ValueError(
                f"got NaN or infinite values in image {start + int(bad[0])} (counted from 0); "
                "generate the images again, often a half-precision VAE is the cause"
            )
        if chunk.max() > 2 or chunk.min() < -1:
            raise ValueError(
                f"got image values {float(chunk.min()):g}..{float(chunk.max()):g}; expected 0..1; "
                "divide 8-bit images by 255"
            )


def _to_bytes(image: Tensor) -> Tensor:  # (h w 3) float -> (3 h w) uint8
    scaled = image.float().clamp(0, 1).mul(255).round().to(torch.uint8).cpu()
    return rearrange(scaled, "h w c -> c h w")
