"""Shards on disk: their names, where their clips lie, and a clip's tensors between two frames.

A shard is a tar in WebDataset's form: for every clip `<key>.safetensors` with its tensors, time
first, and `<key>.json` with where it came from. Beside it lies `<shard>.json`, the report of how it
was made.
"""

from __future__ import annotations

import json
import math
import re
import tarfile
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import Tensor

NAME = re.compile(r"(?P<split>.+)-(?P<number>\d+)")
TYPES = {"U8": torch.uint8, "I16": torch.int16, "F16": torch.float16, "F32": torch.float32}
LENGTH = 8  # bytes that say how long a safetensors header is
# What `prepare` must be told for a clip to have a tensor.
PREPARED = {
    "waveform": "without --vae, or with --keep-waveform",
    "grid": "with --dinov2, --patches or --vision",
    "mean": "with --vae",
    "log_variance": "with --vae",
}


def shard_name(split: str, number: int) -> str:
    return f"{split}-{number:05d}.tar"


def split_of(shard: str | Path) -> str | None:
    """The split that a shard or its report is named after; None for the name of neither."""
    found = NAME.fullmatch(Path(shard).stem)
    return found["split"] if found else None


def reports_of(directory: Path, split: str | None = None) -> list[Path]:
    """The reports of a split's shards, or of all splits', in the order of their names.

    The whole name counts: the shards of `train-hard` are not those of `train`.
    """
    found = sorted(directory.glob("*.json"))
    return [p for p in found if (own := split_of(p)) is not None and split in (None, own)]


def long_enough(report: Path, frames: int) -> set[str]:
    """Keys of a report's clips with at least so many frames."""
    clips = json.loads(report.read_text(encoding="utf-8"))["clips"]
    return {key for key, length in clips.items() if length >= frames}


class Place(NamedTuple):
    """Where a clip's tensors lie."""

    key: str
    shard: Path
    offset: int  # bytes
    size: int


class OpenClip:
    """A clip's file in its shard, of which any frames are read without the rest.

    `kinds` has what it holds beside `time`: name -> kind of number, shape.
    """

    def __init__(self, place: Place):
        self.place = place
        self.file: BinaryIO = place.shard.open("rb", buffering=0)
        try:
            self.file.seek(place.offset)
            length = int.from_bytes(self._read(LENGTH), "little")
            header = json.loads(self._read(length))
        except BaseException:
            self.file.close()
            raise
        header.pop("__metadata__", None)
        self.frames = header.pop("time")["shape"][0]
        self.kinds = {name: (about["dtype"], about["shape"]) for name, about in header.items()}
        begin = place.offset + LENGTH + length
        self.offsets = {name: begin + about["data_offsets"][0] for name, about in header.items()}

    def __enter__(self) -> OpenClip:
        return self

    def __exit__(self, *_) -> None:
        self.file.close()

    def room(self, rows: int, frames: int) -> dict[str, Tensor]:
        """Empty tensors (rows, frames x samples a frame, ...) of all that clips like this have."""
        return {
            name: torch.empty(rows, frames * self._each(name), *shape[1:], dtype=TYPES[kind])
            for name, (kind, shape) in self.kinds.items()
        }

    def read(self, name: str, start: int, room: Tensor) -> None:
        """Fill `room` (frames x samples a frame, ...) with a tensor from a frame on."""
        kind, shape = self.kinds[name]
        if (room.dtype, list(room.shape[1:])) != (TYPES[kind], shape[1:]):
            raise ValueError(
                f"got {name} of {kind} {shape} in {self.place.key} in {self.place.shard}; expected "
                f"{room.dtype} and {list(room.shape[1:])} as in the clips before; prepare all "
                "clips of a folder with the same settings"
            )
        row = math.prod(shape[1:]) * room.element_size()
        begin = self.offsets[name] + start * self._each(name) * row
        self.file.seek(begin)
        self._fill(memoryview(room.view(-1).view(torch.uint8).numpy()))

    def _each(self, name: str) -> int:
        """Entries a frame: 1, and for a waveform samples."""
        return self.kinds[name][1][0] // self.frames

    def _read(self, size: int) -> bytes:
        content = bytearray(size)
        self._fill(memoryview(content))
        return bytes(content)

    def _fill(self, room: memoryview) -> None:
        while room:
            count = self.file.readinto(room)
            if not count:
                raise ValueError(
                    f"got the end of {self.place.shard} in {self.place.key}; expected a whole "
                    "shard; copy it again, or delete it and give the same `prepare` again"
                )
            room = room[count:]


def places_in(shard: Path, frames: int) -> list[Place]:
    """The clips of a shard that have at least so many frames."""
    keys = long_enough(shard.with_suffix(".json"), frames)
    with tarfile.open(shard) as tar:
        return [
            Place(member.name, shard, member.offset_data, member.size)
            for member in tar
            if member.name.endswith(".safetensors")
            and member.name.removesuffix(".safetensors") in keys
        ]


def check_has(tensors: dict[str, Any], needs: tuple[str, ...], where: str) -> None:
    """ValueError, with how to prepare it, where a tensor is missing."""
    for name in needs:
        if name not in tensors:
            raise ValueError(
                f"got {', '.join(sorted(tensors))} of {where}; expected {name} too; prepare the "
                f"videos {PREPARED[name]}, into another folder"
            )
