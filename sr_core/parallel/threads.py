"""How many threads of the CPU a frame is computed on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL = 50_000_000  # parameters


def threads_for(parameters: int, device: torch.device) -> int | None:
    """The number that suits a model of that size: 1 for a small one on the CPU, else None.

    A small model's tensors are too small to share out; and on a busy processor every operation
    waits until the last of its threads had a turn, which took 30 times as long.
    """
    return 1 if device.type == "cpu" and parameters < SMALL else None


@contextmanager
def on_threads(count: int | None) -> Iterator[None]:
    """Compute on `count` threads of the CPU, and leave torch as it was; None changes nothing."""
    before = torch.get_num_threads()
    if count in (None, before):
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
