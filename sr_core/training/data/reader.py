"""A run's rows in their order, read ahead by other processes while the model computes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .dataset import Batches, as_numbers

AHEAD = 2  # parts that a worker has ready


class Part(NamedTuple):
    """What is asked for: rows by their indices in Batches, into one of the rooms."""

    room: int
    indices: list[int]


class Read(NamedTuple):
    names: list[str]  # of the rows' clips
    tensors: dict[str, Tensor]  # as on the disk: half precision, integers


class Reader:
    """This process's rows of every step, in parts of rows that are taken at once.

    Workers read into rooms that are used again and again: new memory costs several times as much as
    reading what the page cache has. `seconds` counts what was waited for; `names` are those of
    the clips of the step under way. With 0 workers a part is read when it is asked for.
    """

    def __init__(
        self,
        batches: Batches,
        steps: range,
        parts: list[range],
        workers: int,
        device: str | torch.device,
    ):
        self.parts, self.device, self.seconds, self.names = len(parts), device, 0.0, []
        self._read = iter(())
        if not steps:
            return
        # One more than are asked for ahead: the one that was handed out last is still being copied.
        rooms = max(1, workers * AHEAD) + 1
        loader = DataLoader(
            _Rooms(batches, rooms, max(map(len, parts)), steps[0] * batches.batch),
            batch_size=None,
            sampler=_asked(batches.batch, steps, parts, rooms),
            num_workers=workers,
            prefetch_factor=AHEAD if workers else None,
            pin_memory=torch.device(device).type == "cuda",
            generator=torch.Generator(),  # or its start would draw from the one that dropout has
        )
        self._read = iter(loader)

    def read(self) -> Read:
        """The next part, in memory that is used again for the one after it."""
        began = time.monotonic()
        read = next(self._read)
        self.seconds += time.monotonic() - began
        if isinstance(read, Exception):
            raise read
        return read

    def step(self) -> Iterator[dict[str, Tensor]]:
        """The parts of the next step, on the device and as the model takes them."""
        self.names = []
        for _ in range(self.parts):
            names, tensors = self.read()
            self.names += names
            # A copy also on the CPU: what is read next may take the same memory.
            here = {n: x.to(self.device, non_blocking=True, copy=True) for n, x in tensors.items()}
            yield as_numbers(here)


class _Rooms(Dataset):
    """A dataset whose items are parts; read into memory that all workers share."""

    def __init__(self, batches: Batches, rooms: int, rows: int, first: int):
        self.batches = batches
        self.rooms = [batches.room(rows, first) for _ in range(rooms)]
        for room in self.rooms:
            for tensor in room.values():
                tensor.share_memory_()

    def __getitem__(self, part: Part) -> Read | Exception:
        room = {name: x[: len(part.indices)] for name, x in self.rooms[part.room].items()}
        try:
            names = [self.batches.fill(index, room, n) for n, index in enumerate(part.indices)]
        except (ValueError, OSError) as error:
            return error  # raised here, it would come with the worker's traceback in its message
        return Read(names, room)


def _asked(batch: int, steps: range, parts: list[range], rooms: int) -> Iterator[Part]:
    number = 0
    for step in steps:
        for part in parts:
            yield Part(number % rooms, [step * batch + row for row in part])
            number += 1
