"""A frame's time while other programs use the processor, beside its time while none does."""

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
TURNS = 4  # quiet and busy ones in turn, so that the machine's own drift meets both


class BusyTimes(NamedTuple):
    """Medians of milliseconds a frame on a number of threads."""

    threads: int
    quiet: float
    busy: float  # beside one spinning process for each core

    @property
    def ratio(self) -> float:
        return self.busy / self.quiet


def measure_busy(pipeline: Pipeline, settings: Settings, frames: int) -> list[BusyTimes]:
    """On the threads that the pipeline chooses, then on all that torch has."""
    chosen, every = pipeline.threads, torch.get_num_threads()
    try:
        with pipeline.computing():
            own = torch.get_num_threads()
        found = []
        for threads in dict.fromkeys((own, max(every, os.cpu_count() or 1))):
            pipeline.threads = threads
            found.append(BusyTimes(threads, *_medians(pipeline, settings, frames)))
        return found
    finally:
        pipeline.threads = chosen


def _medians(pipeline: Pipeline, settings: Settings, frames: int) -> tuple[float, float]:
    session, quiet, busy = Session(pipeline, pipeline.start(settings, 0)), [], []
    _times(session, WARM_UP)
    for _ in range(TURNS):
        quiet += _times(session, max(1, frames // TURNS))
        with spinning(os.cpu_count() or 1):
            busy += _times(session, max(1, frames // TURNS))
    return statistics.median(quiet), statistics.median(busy)


def _times(session: Session, frames: int) -> list[float]:
    frame, spent = synthetic_frame(), []
    for _ in range(frames):
        began = time.perf_counter()
        session.step(frame)
        spent.append(1000 * (time.perf_counter() - began))
    return spent


def busy_text(times: list[BusyTimes]) -> str:
    """A table for people."""
    lines = [f"{'threads':10}{'quiet ms':>10}{'busy ms':>10}{'busy/quiet':>12}"]
    for row in times:
        lines.append(f"{row.threads:<10}{row.quiet:10.1f}{row.busy:10.1f}{row.ratio:12.2f}")
    return "\n".join(lines)
