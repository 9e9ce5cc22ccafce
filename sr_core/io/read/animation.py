"""Animated WebP and AVIF, read with Pillow: FFmpeg reads one frame of them, or none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from einops import rearrange
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from .frames import Frames, Picture
from .source import MediaError, Source, name_of
from .timing import MILLISECOND, standard_rate

FORMATS = ("WEBP", "AVIF")
USUAL = 100  # milliseconds, duration of a frame that gives none, as in browsers


class AnimationFrames(Frames):
    """The frames of an animation at their own times; transparent pixels become black."""

    def __init__(self, source: Source, rate: Fraction, lengths: list[int], size: tuple[int, int]):
        """`lengths`: duration of each frame in milliseconds. `size`: width, height."""
        self.source, self.rate, self.lengths = source, rate, lengths
        self.width, self.height = size
        self.duration, self.clock = sum(lengths) * MILLISECOND, MILLISECOND
        self.steady = len(set(lengths)) == 1
        self.fps = standard_rate(len(lengths) / self.duration)

    def shown(self) -> Iterator[tuple[Fraction, Picture]]:
        time = 0
        with _opened(self.source) as image:
            for n, length in enumerate(self.lengths):
                _seek(image, n, self.source)
                yield time * MILLISECOND, partial(_to_bytes, image.convert("RGBA"))
                time += length


def open_animation(source: Source, rate: Fraction) -> AnimationFrames:
    """Open an animated WebP or AVIF (see `is_animation`) as Frames at `rate`.

    Raises MediaError if a frame cannot be decoded.
    """
    try:
        image = _opened(source)
    except (UnidentifiedImageError, OSError) as error:
        raise MediaError(
            f"{name_of(source)} is an animation that this Pillow cannot read ({error}); install a "
            "newer 'pillow' from PyPI, or convert it to MP4"
        ) from error
    with image:
        lengths: list[int] = []
        for n in range(getattr(image, "n_frames", 1)):
            _seek(image, n, source)
            lengths.append(round(image.info.get("duration") or USUAL))
        return AnimationFrames(source, rate, lengths, image.size)


def _opened(source: Source) -> Image.Image:
    file = io.BytesIO(source.getvalue()) if isinstance(source, io.BytesIO) else source
    return Image.open(file, formats=FORMATS)


def _seek(image: Image.Image, n: int, source: Source) -> None:
    """Seek to frame n and decode it, which sets its duration."""
    try:
        image.seek(n)
        image.load()
    except (OSError, EOFError, ValueError) as error:
        raise MediaError(
            f"{name_of(source)}: frame {n} of its animation cannot be decoded ({error}); save it "
            "again, or convert it to MP4"
        ) from error


def _to_bytes(image: Image.Image) -> Tensor:  # -> (3 h w) uint8
    rgba = np.asarray(image, np.float32)
    rgb = (rgba[..., :3] * (rgba[..., 3:] / 255)).round().astype(np.uint8)
    return rearrange(torch.from_numpy(rgb), "h w c -> c h w")
