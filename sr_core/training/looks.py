"""What the clips of a data folder look like, for a checkpoint to know others by."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..vision.difference import TemporalDifference
from .data import Batches

ROWS = 512  # that the looks are learned from
CROPS = 8  # of a clip, at most


@torch.no_grad()
def grids_of(batches: Batches) -> Iterator[Tensor]:
    """Grids with their differences (1 t n 2d) of the rows that a run begins with."""
    for number in range(min(ROWS, CROPS * batches.clips)):
        step, row = divmod(number, batches.batch)
        batch, _ = batches.at(step, range(row, row + 1))  # a whole batch may be gigabytes
        yield TemporalDifference()(batch["grid"])[0]
