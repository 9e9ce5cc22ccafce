"""Validation: the loss of held-out rows with fixed noise, and sounds generated for them."""

from __future__ import annotations

from pathlib import Path

import torch

from ..data.dataset import Batches
from ..data.shards import reports_of
from ..seeding import generator_of
from ..tasks.task import Task
from .logger import TrainingLogger
from .precision import autocast

ROWS = 32  # number of held-out rows
AT_ONCE = 4  # rows per pass; fixed, because a loss may compare the rows of a pass


def held_out(data: Path, frames: int, seed: int, needs: tuple[str, ...]) -> Batches | None:
    """The validation split; None where there is none.

    Raises ValueError where it cannot be used, so that the error occurs before training starts.
    """
    if not reports_of(data, "val"):
        return None
    batches = Batches(data, "val", ROWS, frames, seed, needs=needs)
    batches.check(range(ROWS))
    return batches


@torch.no_grad()
def validate(
    task: Task,
    batches: Batches,
    seed: int,
    bf16: bool,
    step: int,
    logger: TrainingLogger,
    device: str | torch.device,
) -> None:
    """Logs the mean loss of the first parameter group, and sounds of the first rows.

    Crops and noise are the same in every call. Uses the current weights, without dropout.
    """
    task.eval()
    group = next(iter(task.groups()))
    sums: dict[str, float] = {}
    for begin in range(0, ROWS, AT_ONCE):
        rows = range(begin, begin + AT_ONCE)
        batch, _ = batches.at(0, rows)
        batch = {name: value.to(device) for name, value in batch.items()}
        generators = [generator_of(seed, "validation", row) for row in rows]
        with autocast(device, bf16):
            loss, more = task.loss(group, batch, generators)
        for name, value in {"loss": loss, **more}.items():
            sums[name] = sums.get(name, 0) + float(value) * AT_ONCE / ROWS
        if begin == 0:
            generators = [generator_of(seed, "show", row) for row in rows]
            logger.listen(step, task.show(batch, generators))
    logger.write(step, {f"validation/{name}": value for name, value in sums.items()})
    task.train()
