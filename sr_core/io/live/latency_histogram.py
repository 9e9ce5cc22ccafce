"""A histogram of a stream's latencies, of constant size."""

from __future__ import annotations

import math

import numpy as np

FINEST, COARSEST = 1e-5, 1e3  # smallest and largest latency, in seconds
RATIO = 1.01  # between neighbouring bins: a bin is 1% wide
BINS = math.ceil(math.log(COARSEST / FINEST) / math.log(RATIO))


class LatencyHistogram:
    """Latencies from a frame's due time to its sound, and counts of late frames."""

    def __init__(self, period: float, real: bool):
        """`period`: seconds per frame. `real`: due times come from a real-time clock."""
        self.period, self.real = period, real
        self.frames = self.late = self.dropped = self.silent = 0
        self._bins = np.zeros(BINS, np.int64)

    def add(self, latency: float, dropped: bool, silent: bool) -> None:
        """Count a frame whose sound was ready `latency` seconds after its due time."""
        self.frames += 1
        self.late += self.real and latency > self.period
        self.dropped += dropped
        self.silent += silent
        place = math.log(max(latency, FINEST) / FINEST) / math.log(RATIO)
        self._bins[min(round(place), BINS - 1)] += 1

    def percentile(self, part: float) -> float:
        """The latency in seconds, to 1%, not exceeded by the share `part` (0..1) of frames."""
        reached = np.cumsum(self._bins) >= part * self.frames
        return FINEST * RATIO ** int(reached.argmax())

    def report(self, elapsed: float) -> str:
        """One line of text; `elapsed` is the duration of the whole stream in seconds."""
        seconds = self.frames * self.period
        p50, p95, p99 = (1000 * self.percentile(part) for part in (0.5, 0.95, 0.99))
        return (
            f"{seconds:.1f} s of sound in {elapsed:.1f} s, "
            f"{seconds / max(elapsed, 1e-9):.2f}x real time; latency p50 {p50:.1f}, "
            f"p95 {p95:.1f}, p99 {p99:.1f} ms; {self.frames} frames"
            + (f", {self.late} late, {self.dropped} dropped, {self.silent} silent" * self.real)
        )
