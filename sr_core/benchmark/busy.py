"""Time per frame with and without other processes that load the CPU."""

from __future__ import annotations

import os
import statistics
import time
from typing import NamedTuple

import torch

from ..engine.session import Session
from ..pipeline import Pipeline
from ..sampling.settings import Settings
from .run import synthetic_frame
from .spin import spinning

WARM_UP = 5  # frames
ROUNDS = 4  # alternating quiet and busy measurements, so that drift of the machine affects both


class BusyTimes(NamedTuple):
    """Median milliseconds per frame with a number of threads."""

    threads: int
    quiet: float
    busy: float  # with one busy-loop process per core

    @property
    def ratio(self) -> float:
        return self.busy / self.quiet


def measure_busy(pipeline: Pipeline, settings: Settings, frames: int) -> list[BusyTimes]:
    """Measure with the pipeline's own number of threads, then with torch's."""
    chosen, every = pipeline.threads, torch.get_num_threads()
    try:
        with pipeline.computing():
            own = torch.get_num_threads()
        times = []
        for threads in dict.fromkeys((own, max(every, os.cpu_count() or 1))):
            pipeline.threads = threads
            times.append(BusyTimes(threads, *_medians(pipeline, settings, frames)))
        return times
    finally:
        pipeline.threads = chosen


def _medians(pipeline: Pipeline, settings: Settings, frames: int) -> tuple[float, float]:
    session, quiet, busy = Session(pipeline, pipeline.start(settings, 0)), [], []
    _times(session, WARM_UP)
    for _ in range(ROUNDS):
        quiet += _times(session, max(1, frames // ROUNDS))
        with spinning(os.cpu_count() or 1):
            busy += _times(session, max(1, frames // ROUNDS))
    return statistics.median(quiet), statistics.median(busy)


def _times(session: Session, frames: int) -> list[float]:
    frame, spent = synthetic_frame(), []
    for _ in range(frames):
        began = time.perf_counter()
        session.step(frame)
        spent.append(1000 * (time.perf_counter() - began))
    return spent


def busy_text(times: list[BusyTimes]) -> str:
    """The times as a text table."""
    lines = [f"{'threads':10}{'quiet ms':>10}{'busy ms':>10}{'busy/quiet':>12}"]
    for row in times:
        lines.append(f"{row.threads:<10}{row.quiet:10.1f}{row.busy:10.1f}{row.ratio:12.2f}")
    return "\n".join(lines)
