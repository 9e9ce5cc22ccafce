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

ROWS = 512  # that the looks are learned from
CROPS = 8  # of a clip, at most


def fit_ood(pipeline: Pipeline, batches: Batches, path: Path, sources: dict) -> None:
    """Fit the pipeline's detector to a run's clips; their statistics are cached in `path`.

    `sources` are the fingerprints of what the run reads; of others the looks are read anew.
    """
    key = json.dumps([sources, batches.frames, batches.batch, batches.seed])
    if path.exists():
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        if metadata["of"] == key:
            frames = int(metadata["frames"])
            pipeline.familiar = OODDetector(pipeline.config.vision.channels, frames)
            pipeline.familiar.load_state_dict(load_file(path))
            pipeline.config = replace(pipeline.config, judged_frames=frames)
            return
    pipeline.fit_ood(_grids_of(batches), batches.clips)
    metadata = {"of": key, "frames": str(pipeline.familiar.frames)}
    write_weights(pipeline.familiar.state_dict(), path, metadata)


@torch.no_grad()
def _grids_of(batches: Batches) -> Iterator[Tensor]:
    """Grids with their differences (1 t n 2d) of the rows that a run begins with."""
    for number in range(min(ROWS, CROPS * batches.clips)):
        step, row = divmod(number, batches.batch)
        batch, _ = batches.at(step, range(row, row + 1))  # a whole batch may be gigabytes
        yield TemporalDifference()(batch["grid"])[0]
