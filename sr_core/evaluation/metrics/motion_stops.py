"""Motion stops: a score of the picture alone, high where movement ends suddenly (an impact)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, pad

from ...io.read.frames import Frames
from ...rates import FRAME_RATE, HOP

HEIGHT, WIDTH = 36, 64  # largest size of the grey pictures that are compared
BEFORE, AFTER = 3, 2  # frames whose energies are averaged: before t, and from t on
DIGITS = 6  # decimals of a score: smaller differences are rounding errors, not motion


def motion_energy(frames: Frames) -> Tensor:  # -> (t) float64, at 30 Hz
    """Mean absolute change of the grey picture (0 to 255) since 1/30 s before; 0 at the start.

    The change between two frames of the source is spread evenly over the time between them, so
    that a source of another rate has no frames without motion.
    """
    times, changes = list[float](), list[float]()
    last: Tensor | None = None
    for time, picture in frames.shown():
        grey = _small_grey(picture())
        times.append(float(time))
        changes.append(0.0 if last is None else float((grey - last).abs().mean()))
        last = grey
    if len(times) > 1:  # the last frame is shown as long as the one before, and motion continues
        times.append(2 * times[-1] - times[-2])
        changes.append(changes[-1])
    clock = np.arange(-(-frames.samples() // HOP)) / FRAME_RATE
    total = np.interp(clock, times, np.cumsum(changes))
    return torch.from_numpy(np.diff(total, prepend=total[:1]))


def motion_stops(energy: Tensor) -> Tensor:  # (t) -> (t)
    """How much less motion there is in frames t and t + 1 than in the three before; 0 if more.

    There is no motion before the first frame; after the last one its energy continues.
    """
    before = pad(energy, (BEFORE, 0))[:-1].unfold(0, BEFORE, 1).mean(1)
    last = energy[-1:].expand(AFTER - 1)
    after = torch.cat([energy, last]).unfold(0, AFTER, 1).mean(1)
    return (before - after).clamp_min(0).round(decimals=DIGITS)


def _small_grey(picture: Tensor) -> Tensor:  # (3 h w) uint8 -> (h' w')
    """The mean of the channels, averaged over areas."""
    height, width = picture.shape[1:]
    size = (min(height, HEIGHT), min(width, WIDTH))
    return adaptive_avg_pool2d(picture.float().mean(0, keepdim=True), size)[0]
