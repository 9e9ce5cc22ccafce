"""How a stream kept its time, in as much memory after a day as after a second."""

from __future__ import annotations

import math

import numpy as np

FINEST, COARSEST, RATIO = 1e-5, 1e3, 1.01  # seconds; a bin is 1% wide
BINS = math.ceil(math.log(COARSEST / FINEST) / math.log(RATIO))


class LatencyHistogram:
    """Latencies from a frame's turn to its sound, and what became of those that were late."""

    def __init__(self, period: float, real: bool):  # seconds of sound a frame; by the clock?
        self.period, self.real = period, real
        self.frames = self.late = self.dropped = self.silent = 0
        self._bins = np.zeros(BINS, np.int64)

    def add(self, latency: float, dropped: bool, silent: bool) -> None:
        """Count a frame whose sound came `latency` seconds after its turn."""
        self.frames += 1
        self.late += self.real and latency > self.period
        self.dropped += dropped
        self.silent += silent
        place = math.log(max(latency, FINEST) / FINEST) / math.log(RATIO)
        self._bins[min(round(place), BINS - 1)] += 1

    def percentile(self, part: float) -> float:
        """Seconds within which that part of all frames had their sound, to 1%."""
        reached = np.cumsum(self._bins) >= part * self.frames
        return FINEST * RATIO ** int(reached.argmax())

    def report(self, elapsed: float) -> str:
        """Say it in one line; `elapsed` are the seconds that all took."""
        seconds = self.frames * self.period
        p50, p95, p99 = (1000 * self.percentile(part) for part in (0.5, 0.95, 0.99))
        return (
            f"{seconds:.1f} s of sound in {elapsed:.1f} s, "
            f"{seconds / max(elapsed, 1e-9):.2f}x real time; latency p50 {p50:.1f}, "
            f"p95 {p95:.1f}, p99 {p99:.1f} ms; {self.frames} frames"
            + (f", {self.late} late, {self.dropped} dropped, {self.silent} silent" * self.real)
        )
