"""Shards on disk -> batches; a batch is a function of (seed, step).

A shard is a tar in WebDataset's form: for every clip `<key>.safetensors` with its tensors, time
first, and `<key>.json` with where it came from. Beside it lies `<shard>.json`, the report of how it
was made. Of a few shards it is known where their clips lie, and a clip is read when its turn comes:
a million clips need neither a million files nor memory.
"""

from __future__ import annotations

import json
import tarfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load
from torch import Tensor

from .chance import generator_of

MIXED = 8  # shards whose clips are shuffled among each other
PREPARED = {  # where a tensor comes from
    "waveform": "without --vae, or with --keep-waveform",
    "frames": "with --keep-frames",
    "grid": "with --dinov2, --patches or --vision",
    "mean": "with --vae",
}


class Row(NamedTuple):
    key: str
    tensors: dict[str, Tensor]


class Place(NamedTuple):
    """Where a clip's tensors lie."""

    key: str
    shard: Path
    offset: int  # bytes
    size: int

    def read(self) -> dict[str, Tensor]:
        with self.shard.open("rb") as file:
            file.seek(self.offset)
            return load(file.read(self.size))


@dataclass
class Batches:
    """Rows of `frames` frames, cut at random places out of shuffled clips."""

    directory: Path
    split: str
    batch: int
    frames: int
    seed: int = 0
    mixed: int = MIXED
    needs: tuple[str, ...] = ()  # tensors that every clip must have

    def __post_init__(self) -> None:
        reports = sorted(Path(self.directory).glob(f"{self.split}-*.json"))
        counts = [(path.with_suffix(".tar"), _count(path, self.frames)) for path in reports]
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
        """These rows of a step's batch, and the names of their clips.

        Numbers come as float32: waveform (b c s), grid (b t n d), mean and log_variance (b t k);
        frames (b t 3 h w) stay bytes.
        """
        found = [self._row(step, row) for row in rows]
        names = found[0].tensors
        batch = {name: torch.stack([row.tensors[name] for row in found]) for name in names}
        return {name: _as_numbers(name, x) for name, x in batch.items()}, [r.key for r in found]

    def _row(self, step: int, row: int) -> Row:
        epoch, place = divmod(step * self.batch + row, self.clips)
        clip = self._clip(epoch, place)
        tensors = clip.read()
        check_has(tensors, self.needs, f"{clip.key} in {clip.shard}")
        length = len(tensors["time"])
        generator = generator_of(self.seed, step, row, "crop")
        start = int(torch.randint(length - self.frames + 1, (1,), generator=generator))
        cut = {}
        for name, tensor in tensors.items():
            if name != "time":
                each = len(tensor) // length  # samples a frame, for a waveform
                cut[name] = tensor[start * each : (start + self.frames) * each]
        return Row(clip.key, cut)

    def _clip(self, epoch: int, place: int) -> Place:
        """The clip at a place of an epoch: shards are shuffled, then clips in each block."""
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
            clips = [clip for member in members for clip in self._places(self.shards[member][0])]
            generator = generator_of(self.seed, epoch, block, "clips")
            order = torch.randperm(len(clips), generator=generator).tolist()
            self._blocks[epoch, block] = [clips[place] for place in order]
            while len(self._blocks) > 2:  # a batch may reach over the end of a block
                self._blocks.popitem(last=False)
        return self._blocks[epoch, block]

    def _places(self, shard: Path) -> list[Place]:
        long_enough = _long_enough(shard.with_suffix(".json"), self.frames)
        with tarfile.open(shard) as tar:
            return [
                Place(member.name, shard, member.offset_data, member.size)
                for member in tar
                if member.name.endswith(".safetensors")
                and member.name.removesuffix(".safetensors") in long_enough
            ]


def one_row(directory: Path, frames: int) -> dict[str, Tensor]:
    """Some row of the training split as a batch of its own, for which a single shard is read."""
    return Batches(directory, "train", 1, frames, mixed=1).at(0, range(1))[0]


def check_has(tensors: dict[str, Tensor], needs: tuple[str, ...], where: str) -> None:
    """ValueError, with how to prepare it, where a tensor is missing."""
    for name in needs:
        if name not in tensors:
            raise ValueError(
                f"got {', '.join(sorted(tensors))} of {where}; expected {name} too; prepare the "
                f"videos {PREPARED[name]}, into another folder"
            )


def _long_enough(report: Path, frames: int) -> set[str]:
    clips = json.loads(report.read_text(encoding="utf-8"))["clips"]
    return {key for key, length in clips.items() if length >= frames}


def _count(report: Path, frames: int) -> int:
    return len(_long_enough(report, frames))


def _as_numbers(name: str, x: Tensor) -> Tensor:
    if name == "waveform":  # (b s c) int16
        return x.transpose(1, 2).float() / 32767
    return x if name == "frames" else x.float()
