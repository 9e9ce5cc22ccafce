"""Shards on disk -> batches; a row is a function of (seed, step, row).

Of a few shards it is known where their clips lie, and of a clip the frames that a row needs are
read when its turn comes: a million clips need neither a million files nor memory.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..seeding import generator_of
from .shards import OpenClip, Place, check_has, long_enough, places_in, reports_of

MIXED = 8  # shards whose clips are shuffled among each other


@dataclass
class Batches:
    """Rows of `frames` frames, cut at random places out of shuffled clips.

    A row's index is step * batch + its place in the batch; there is no last one.
    """

    directory: Path
    split: str
    batch: int
    frames: int
    seed: int = 0
    mixed: int = MIXED
    needs: tuple[str, ...] = ()  # tensors that every clip must have

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
        """These rows of a step's batch as the model takes them, and the names of their clips."""
        indices = [step * self.batch + row for row in rows]
        room = self.room(len(indices), indices[0])
        names = [self.fill(index, room, place) for place, index in enumerate(indices)]
        return as_numbers(room), names

    def check(self, rows: range) -> None:
        """ValueError where a clip of the first step's rows lacks a tensor that is needed."""
        for where in {self._clip(row) for row in rows}:
            with OpenClip(where) as clip:
                check_has(clip.kinds, self.needs, f"{where.key} in {where.shard}")

    def room(self, rows: int, index: int) -> dict[str, Tensor]:
        """Where rows can be read to, shaped as the row of that index and in its kinds of number:
        half precision, and integers for waveforms (b s c) and frames."""
        with OpenClip(self._clip(index)) as clip:
            return clip.room(rows, self.frames)

    def fill(self, index: int, room: dict[str, Tensor], place: int) -> str:
        """Read a row to a place in `room`; gives the name of its clip."""
        where = self._clip(index)
        with OpenClip(where) as clip:
            check_has(clip.kinds, tuple(room) + self.needs, f"{where.key} in {where.shard}")
            generator = generator_of(self.seed, *divmod(index, self.batch), "crop")
            start = int(torch.randint(clip.frames - self.frames + 1, (1,), generator=generator))
            for name, tensor in room.items():
                clip.read(name, start, tensor[place])
        return where.key

    def _clip(self, index: int) -> Place:
        """The clip of a row: in each epoch shards are shuffled, then clips in each block."""
        epoch, place = divmod(index, self.clips)
        generator = generator_of(self.seed, epoch, "shards")
        order = torch.randperm(len(self.shards), generator=generator).tolist()
        for block in range(0, len(order), self.mixed):
            members = order[block : block + self.mixed]
            size = sum(self.shards[member][1] for member in members)
            if place < size:
                return self._block(epoch, block, members)[place]
            place -= size
        raise IndexError(place)

    def _block(self, epoch: int, block: int, members: list[int]) -> list[Place]:
        if (epoch, block) not in self._blocks:
            shards = [self.shards[member][0] for member in members]
            clips = [clip for shard in shards for clip in places_in(shard, self.frames)]
            generator = generator_of(self.seed, epoch, block, "clips")
            order = torch.randperm(len(clips), generator=generator).tolist()
            self._blocks[epoch, block] = [clips[place] for place in order]
            while len(self._blocks) > 2:  # a batch may reach over the end of a block
                self._blocks.popitem(last=False)
        return self._blocks[epoch, block]


def one_row(directory: Path, frames: int) -> dict[str, Tensor]:
    """Some row of the training split as a batch of its own, for which a single shard is read."""
    return Batches(directory, "train", 1, frames, mixed=1).at(0, range(1))[0]


def as_numbers(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What lies on the disk as the model takes it, on whatever device it is.

    Numbers become float32: waveform (b c s), grid (b t n d), mean and log_variance (b t k).
    """
    return {name: _as_numbers(name, x) for name, x in tensors.items()}


def _as_numbers(name: str, x: Tensor) -> Tensor:
    if name == "waveform":  # (b s c) int16
        return x.transpose(1, 2).float() / 32767
    return x.float()
