"""A source's own sound, before the room: one channel, with its place; and filters for making it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.signal import butter, sosfilt

from sr_core.rates import SAMPLE_RATE

from .log import Point


@dataclass(frozen=True)
class Dry:
    """Sound pressure in Pa in 1 m from the source, without room and propagation delay."""

    start: float  # s
    sound: np.ndarray  # (s,)
    path: tuple[Point, ...]  # one place, or places at FRAME_RATE from `start` on
    extent: float = 0.0  # m, radius


def band(sound: np.ndarray, low: float | None, high: float | None, order: int = 1) -> np.ndarray:
    """The sound (s,) between two frequencies in Hz; None leaves that side open."""
    return sosfilt(_sections(low, high, order), sound)


@lru_cache(256)
def _sections(low: float | None, high: float | None, order: int) -> np.ndarray:
    top = 0.45 * SAMPLE_RATE
    if low is None:
        return butter(order, min(high or top, top), "lowpass", fs=SAMPLE_RATE, output="sos")
    if high is None:
        return butter(order, min(low, 0.9 * top), "highpass", fs=SAMPLE_RATE, output="sos")
    edges = (min(low, 0.7 * top), min(max(high, 1.2 * low), top))
    return butter(order, edges, "bandpass", fs=SAMPLE_RATE, output="sos")


def add(target: np.ndarray, sound: np.ndarray, seconds: float) -> None:
    """Add a sound (s,) to a longer one at a time; what lies beyond its end is left out."""
    first = int(round(seconds * SAMPLE_RATE))
    part = sound[: max(target.size - first, 0)]
    target[first : first + part.size] += part


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound)) + 1e-30))
