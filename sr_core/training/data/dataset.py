"""Shards on disk -> batches; a row is a function of (seed, step, row).

Only the index of a few shards is in memory, and only the frames of a row are read from a clip, so
a million clips need neither a million files nor much memory.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..seeding import generator_of
from .shards import OpenClip, Place, check_has, long_enough, places_in, reports_of

MIXED = 8  # number of shards whose clips are shuffled together


@dataclass
class Batches:
    """Rows of `frames` frames, cropped at random positions from shuffled clips.

    The index of a row is step * batch + its position in the batch; indices are unbounded.
    """

    directory: Path
    split: str
    batch: int
    frames: int
    seed: int = 0
    mixed: int = MIXED
    needs: tuple[str, ...] = ()  # names of tensors that every clip must have

    def __post_init__(self) -> None:
        reports = reports_of(Path(self.directory), self.split)
        counts = [(p.with_suffix(".tar"), len(long_enough(p, self.frames))) for p in reports]
        self.shards = [(path, count) for path, count in counts if count]
        self.clips = sum(count for _, count in self.shards)
        if not self.clips:
            raise ValueError(
                f"got no clips of at least {self.frames} frames for {self.split!r} in "
                f"{self.directory}; expected shards that `python -m sr_core prepare` wrote; "
                "prepare more videos, or ask for fewer frames"
            )
        self._blocks: OrderedDict[tuple[int, int], list[Place]] = OrderedDict()

    def at(self, step: int, rows: range) -> tuple[dict[str, Tensor], list[str]]:
        """Rows of a step's batch in the model's input format, and the names of their clips."""
        indices = [step * self.batch + row for row in rows]
        buffers = self.room(len(indices), indices[0])
        names = [self.fill(index, buffers, row) for row, index in enumerate(indices)]
        return as_numbers(buffers), names

    def check(self, rows: range) -> None:
        """Raises ValueError where a clip of these rows of step 0 lacks a tensor of `needs`."""
        for where in {self._clip(row) for row in rows}:
            with OpenClip(where) as clip:
                check_has(clip.kinds, self.needs, f"{where.key} in {where.shard}")

    def room(self, rows: int, index: int) -> dict[str, Tensor]:
        """Allocates empty buffers for `rows` rows, with shapes and dtypes of the row `index`:
        half precision, and integers for waveforms (b s c) and frames."""
        with OpenClip(self._clip(index)) as clip:
            return clip.room(rows, self.frames)

    def fill(self, index: int, buffers: dict[str, Tensor], position: int) -> str:
        """Reads the row `index` into row `position` of the buffers; returns its clip's name."""
        where = self._clip(index)
        with OpenClip(where) as clip:
            check_has(clip.kinds, tuple(buffers) + self.needs, f"{where.key} in {where.shard}")
            generator = generator_of(self.seed, *divmod(index, self.batch), "crop")
            start = int(torch.randint(clip.frames - self.frames + 1, (1,), generator=generator))
            for name, tensor in buffers.items():
                clip.read(name, start, tensor[position])
        return where.key

    def _clip(self, index: int) -> Place:
        """The clip of a row: each epoch shuffles shards, then the clips of each block of shards."""
        epoch, position = divmod(index, self.clips)
        generator = generator_of(self.seed, epoch, "shards")
        order = torch.randperm(len(self.shards), generator=generator).tolist()
        for block in range(0, len(order), self.mixed):
            members = order[block : block + self.mixed]
            size = sum(self.shards[member][1] for member in members)
            if position < size:
                return self._block(epoch, block, members)[position]
            position -= size
        raise IndexError(position)

    def _block(self, epoch: int, block: int, members: list[int]) -> list[Place]:
        if (epoch, block) not in self._blocks:
            shards = [self.shards[member][0] for member in members]
            clips = [clip for shard in shards for clip in places_in(shard, self.frames)]
            generator = generator_of(self.seed, epoch, block, "clips")
            order = torch.randperm(len(clips), generator=generator).tolist()
            self._blocks[epoch, block] = [clips[position] for position in order]
            while len(self._blocks) > 2:  # a batch may span two blocks
                self._blocks.popitem(last=False)
        return self._blocks[epoch, block]


def one_row(directory: Path, frames: int) -> dict[str, Tensor]:
    """One row of the training split as a batch; reads a single shard."""
    return Batches(directory, "train", 1, frames, mixed=1).at(0, range(1))[0]


def as_numbers(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Converts stored tensors to the model's input format, on their device.

    waveform (b c s), grid (b t n d), mean and log_variance (b t k) become float32.
    """
    return {name: _as_numbers(name, x) for name, x in tensors.items()}


def _as_numbers(name: str, x: Tensor) -> Tensor:
    if name == "waveform":  # (b s c) int16
        return x.transpose(1, 2).float() / 32767
    return x.float()
