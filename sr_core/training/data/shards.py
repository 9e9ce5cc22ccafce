"""Shards on disk: their names, the offsets of their clips, and partial reads of a clip's tensors.

A shard is a tar in WebDataset's format. Each clip has `<key>.safetensors` with its tensors (time is
the first axis) and `<key>.json` with its source. The report `<shard>.json` next to the tar records
how the shard was made.
"""

from __future__ import annotations

import json
import math
import re
import tarfile
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

NAME = re.compile(r"(?P<split>.+)-(?P<number>\d+)")
TYPES = {"U8": torch.uint8, "I16": torch.int16, "F16": torch.float16, "F32": torch.float32}
LENGTH = 8  # size in bytes of the header length at the start of a safetensors file
# Options of `prepare` with which a clip has a tensor.
PREPARED = {
    "waveform": "without --vae, or with --keep-waveform",
    "grid": "with --dinov2, --efficientnet, --patches or --vision",
    "mean": "with --vae",
    "log_variance": "with --vae",
    "anchored": "with recipes/codec",
}


def shard_name(split: str, number: int) -> str:
    return f"{split}-{number:05d}.tar"


def split_of(shard: str | Path) -> str | None:
    """The split in the name of a shard or its report; None for names of other files."""
    found = NAME.fullmatch(Path(shard).stem)
    return found["split"] if found else None


def reports_of(directory: Path, split: str | None = None) -> list[Path]:
    """The reports of the shards of a split, or of all splits, ordered by name.

    The whole split name must match: shards of `train-hard` are not shards of `train`.
    """
    found = sorted(directory.glob("*.json"))
    return [p for p in found if (own := split_of(p)) is not None and split in (None, own)]


def long_enough(report: Path, frames: int) -> set[str]:
    """Keys of the clips in a report that have at least `frames` frames."""
    clips = json.loads(report.read_text(encoding="utf-8"))["clips"]
    return {key for key, length in clips.items() if length >= frames}


class Place(NamedTuple):
    """Position of the safetensors file of a clip in its shard."""

    key: str
    shard: Path
    offset: int  # bytes
    size: int


class OpenClip:
    """The safetensors file of a clip in its shard, with partial reads of any range of frames.

    `kinds` describes its tensors except `time`: name -> (dtype, shape).
    """

    def __init__(self, place: Place):
        self.place = place
        self.file: FileIO = place.shard.open("rb", buffering=0)
        try:
            self.file.seek(place.offset)
            length = int.from_bytes(self._read(LENGTH), "little")
            header = json.loads(self._read(length))
        except BaseException:
            self.file.close()
            raise
        header.pop("__metadata__", None)
        self.frames = header.pop("time")["shape"][0]
        self.kinds = {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()}
        begin = place.offset + LENGTH + length
        self.offsets = {name: begin + entry["data_offsets"][0] for name, entry in header.items()}

    def __enter__(self) -> OpenClip:
        return self

    def __exit__(self, *_) -> None:
        self.file.close()

    def room(self, rows: int, frames: int) -> dict[str, Tensor]:
        """Allocates empty tensors (rows, frames x entries per frame, ...) for clips like this."""
        return {
            name: torch.empty(rows, frames * self._per_frame(name), *shape[1:], dtype=TYPES[kind])
            for name, (kind, shape) in self.kinds.items()
        }

    def read(self, name: str, start: int, target: Tensor) -> None:
        """Fills `target` (frames x entries per frame, ...) with a tensor from frame `start` on."""
        kind, shape = self.kinds[name]
        if (target.dtype, list(target.shape[1:])) != (TYPES[kind], shape[1:]):
            raise ValueError(
                f"got {name} of {kind} {shape} in {self.place.key} in {self.place.shard}; expected "
                f"{target.dtype} and {list(target.shape[1:])} as in the other clips; prepare all "
                "clips of a folder with the same settings"
            )
        entry = math.prod(shape[1:]) * target.element_size()
        begin = self.offsets[name] + start * self._per_frame(name) * entry
        self.file.seek(begin)
        self._fill(target.view(-1).view(torch.uint8).numpy().data)

    def _per_frame(self, name: str) -> int:
        """Entries per frame along the first axis: samples for a waveform, 1 for other tensors."""
        return self.kinds[name][1][0] // self.frames

    def _read(self, size: int) -> bytes:
        content = bytearray(size)
        self._fill(memoryview(content))
        return bytes(content)

    def _fill(self, buffer: memoryview) -> None:
        while buffer:
            count = self.file.readinto(buffer)
            if not count:
                raise ValueError(
                    f"got the end of {self.place.shard} in {self.place.key}; expected a whole "
                    "shard; copy it again, or delete it and run the same `prepare` again"
                )
            buffer = buffer[count:]


def places_in(shard: Path, frames: int) -> list[Place]:
    """The clips of a shard that have at least `frames` frames."""
    keys = long_enough(shard.with_suffix(".json"), frames)
    with tarfile.open(shard) as tar:
        return [
            Place(member.name, shard, member.offset_data, member.size)
            for member in tar
            if member.name.endswith(".safetensors")
            and member.name.removesuffix(".safetensors") in keys
        ]


def check_has(tensors: dict[str, Any], needs: tuple[str, ...], where: str) -> None:
    """Raises ValueError where a tensor is missing, with the options of `prepare` that add it."""
    for name in needs:
        if name not in tensors:
            raise ValueError(
                f"got {', '.join(sorted(tensors))} of {where}; expected {name} too; prepare the "
                f"videos {PREPARED[name]}, into another folder"
            )
