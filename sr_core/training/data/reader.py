"""Reader: prefetches the rows of a run in order, in worker processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .dataset import Batches, as_numbers

AHEAD = 2  # number of parts that each worker prefetches


class Part(NamedTuple):
    """A request: indices of rows in Batches, and the number of the buffer to read them into."""

    buffer: int
    indices: list[int]


class Read(NamedTuple):
    names: list[str]  # names of the rows' clips
    tensors: dict[str, Tensor]  # in the stored dtypes: half precision, integers


class Reader:
    """The rows of this process for every step, in parts that are processed together.

    Workers read into buffers that are reused, because allocating memory takes several times as
    long as reading from the page cache. `seconds` is the total time waited for rows; `names` are
    the clips of the current step. With 0 workers a part is read on request.
    """

    def __init__(
        self,
        batches: Batches,
        steps: range,
        parts: list[range],
        workers: int,
        device: str | torch.device,
    ):
        self.parts, self.device, self.seconds = len(parts), device, 0.0
        self.names: list[str] = []
        self._read: Iterator[Read | Exception] = iter(())
        if not steps:
            return
        # One more than are prefetched, because the part returned last is still being copied.
        buffers = max(1, workers * AHEAD) + 1
        loader = DataLoader(
            _Buffers(batches, buffers, max(map(len, parts)), steps[0] * batches.batch),
            batch_size=None,
            sampler=_requests(batches.batch, steps, parts, buffers),
            num_workers=workers,
            prefetch_factor=AHEAD if workers else None,
            pin_memory=torch.device(device).type == "cuda",
            generator=torch.Generator(),  # not the global one, from which dropout draws
        )
        self._read = iter(loader)

    def read(self) -> Read:
        """The next part; its memory is reused by later parts."""
        began = time.monotonic()
        read = next(self._read)
        self.seconds += time.monotonic() - began
        if isinstance(read, Exception):
            raise read
        return read

    def step(self) -> Iterator[dict[str, Tensor]]:
        """The parts of the next step on the device, in the model's input format."""
        self.names = []
        for _ in range(self.parts):
            names, tensors = self.read()
            self.names += names
            # Copied on the CPU too, because later parts reuse the memory.
            copied = {
                n: x.to(self.device, non_blocking=True, copy=True) for n, x in tensors.items()
            }
            yield as_numbers(copied)


class _Buffers(Dataset):
    """A dataset whose items are parts, read into memory shared by all workers."""

    def __init__(self, batches: Batches, count: int, rows: int, first: int):
        self.batches = batches
        self.buffers = [batches.room(rows, first) for _ in range(count)]
        for buffer in self.buffers:
            for tensor in buffer.values():
                tensor.share_memory_()

    def __getitem__(self, part: Part) -> Read | Exception:
        rows = {name: x[: len(part.indices)] for name, x in self.buffers[part.buffer].items()}
        try:
            names = [self.batches.fill(index, rows, n) for n, index in enumerate(part.indices)]
        except (ValueError, OSError) as error:
            return error  # not raised: DataLoader would add the worker's traceback to its message
        return Read(names, rows)


def _requests(batch: int, steps: range, parts: list[range], buffers: int) -> Iterator[Part]:
    number = 0
    for step in steps:
        for part in parts:
            yield Part(number % buffers, [step * batch + row for row in part])
            number += 1
