"""Samples of a SoundFont 2 file: names, and waveforms of mono or stereo samples.

Layout: "SoundFont Technical Specification 2.04", sections 5 and 7.10 (the `shdr` chunk).
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

HEADER = struct.Struct("<20s5IBbHH")  # name, start, end, loop, rate, pitch, link, type
SIDE = re.compile(r"\s*(\((?P<side>[LR])\)?|(?<=[ \d])(?P<letter>[LR]))$")


class Sample(NamedTuple):
    start: int  # index of the first sample in the `smpl` chunk
    end: int
    rate: int  # Hz


def sample_names(path: Path) -> list[str]:
    """Names of the recordings: a left and a right sample of equal length are one recording."""
    return list(_samples(path))


def read_sample(path: Path, name: str) -> tuple[Tensor, int]:  # -> (c s), rate
    """Waveform of a recording, one or two channels, and its rate in Hz."""
    channels = _samples(path)[name]
    sound = _chunks(path)["smpl"]
    data = np.memmap(path, "<i2", "r", sound[0], (sound[1] // 2,))
    waves = [torch.from_numpy(np.array(data[one.start : one.end])) for one in channels]
    return torch.stack(waves).float() / 32768, channels[0].rate


@lru_cache
def _samples(path: Path) -> dict[str, tuple[Sample, ...]]:
    begin, size = _chunks(path)["shdr"]
    with path.open("rb") as file:
        file.seek(begin)
        headers = file.read(size - HEADER.size)  # the last one is a terminator
    sides: dict[str, dict[str, Sample]] = {}
    for fields in HEADER.iter_unpack(headers):
        name = fields[0].split(b"\0")[0].decode("latin-1")
        found = SIDE.search(name)
        side = (found["side"] or found["letter"]) if found else "L"
        sides.setdefault(SIDE.sub("", name), {})[side] = Sample(fields[1], fields[2], fields[5])
    return {name: _paired(both) for name, both in sides.items()}


def _paired(sides: dict[str, Sample]) -> tuple[Sample, ...]:
    left, right = sides.get("L"), sides.get("R")
    if left is None or right is None:
        return (next(iter(sides.values())),)
    equal = left.end - left.start == right.end - right.start and left.rate == right.rate
    return (left, right) if equal else (left,)


@lru_cache
def _chunks(path: Path) -> dict[str, tuple[int, int]]:
    """Chunk name -> offset and size in bytes of its content."""
    found: dict[str, tuple[int, int]] = {}
    with path.open("rb") as file:
        at, end = 12, path.stat().st_size  # after "RIFF", the size, and "sfbk"
        while at + 8 <= end:
            file.seek(at)
            kind, size = struct.unpack("<4sI", file.read(8))
            if kind == b"LIST":
                at += 12  # descend
                continue
            found[kind.decode("latin-1")] = (at + 8, size)
            at += 8 + size + size % 2
    if not {"shdr", "smpl"} <= set(found):
        raise ValueError(f"got {path} without the chunks of a SoundFont; expected an .sf2 file")
    return found
