"""Number of CPU threads for inference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL = 50_000_000  # number of parameters below which a model is small


def threads_for(parameters: int, device: torch.device) -> int | None:
    """Number of threads for a model of this size: 1 for a small one on the CPU, else None.

    The tensors of a small model are too small to split, and on a busy processor every operation
    waits until its last thread is scheduled, which took 30 times as long.
    """
    return 1 if device.type == "cpu" and parameters < SMALL else None


@contextmanager
def on_threads(count: int | None) -> Iterator[None]:
    """Set torch to `count` CPU threads and restore it at the end; None changes nothing."""
    before = torch.get_num_threads()
    if count in (None, before):
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
