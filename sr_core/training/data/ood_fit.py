"""Fits the out-of-distribution detector of a checkpoint to the clips of a data folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ...checkpoint import write_weights
from ...pipeline import Pipeline
from ...vision.difference import TemporalDifference
from ...vision.ood import OODDetector
from .dataset import Batches

ROWS = 512  # largest number of rows to which the detector is fitted
CROPS = 8  # largest number of crops per clip


def fit_ood(pipeline: Pipeline, batches: Batches, path: Path, sources: dict) -> None:
    """Fits the pipeline's detector to the clips of a run, and caches its statistics in `path`.

    `sources` are the fingerprints of the run's inputs; the cache is used only where they match.
    """
    key = json.dumps([sources, batches.frames, batches.batch, batches.seed])
    if path.exists():
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        if metadata["of"] == key:
            frames = int(metadata["frames"])
            cached = OODDetector(pipeline.config.vision.channels, frames)
            cached.load_state_dict(load_file(path))
            pipeline.familiar = cached
            pipeline.config = replace(pipeline.config, judged_frames=frames)
            return
    fitted = pipeline.fit_ood(_grids_of(batches), batches.clips)
    metadata = {"of": key, "frames": str(fitted.frames)}
    write_weights(fitted.state_dict(), path, metadata)


@torch.no_grad()
def _grids_of(batches: Batches) -> Iterator[Tensor]:
    """Grids with temporal differences (1 t n 2d) of the first rows of a run."""
    for number in range(min(ROWS, CROPS * batches.clips)):
        step, row = divmod(number, batches.batch)
        batch, _ = batches.at(step, range(row, row + 1))  # one row: a batch may take gigabytes
        yield TemporalDifference()(batch["grid"])[0]
