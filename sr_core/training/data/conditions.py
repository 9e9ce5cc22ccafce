"""Cache of conditions: shards of the data -> shards of tensors that a task computes from them.

The cache has the format of the data, so `Batches` reads it. It has a shard per shard of the data;
finished shards are kept after an interruption, and those made from other inputs are made again.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor
from tqdm import tqdm

from ...checkpoint import sha256
from ...io.write.partial import whole_file, write_text
from ..seeding import Generators, generator_of
from .dataset import as_numbers
from .shard_writer import add_member
from .shards import OpenClip, Place, check_has, places_in, reports_of

# A row of the data (1 t ...) and a generator for each copy -> tensors of the copies (b t ...).
Encode = Callable[[dict[str, Tensor], Generators], dict[str, Tensor]]


@dataclass(frozen=True)
class CacheConfig:
    """All inputs of a cache except the clips."""

    encode: Encode
    needs: tuple[str, ...]  # names of the tensors of the data that `encode` reads
    copies: int  # copies per clip
    seed: int
    made: dict[str, Any]  # fingerprint of checkpoint and settings, as JSON values
    device: str | torch.device = "cpu"


def write_cache(
    data: Path, target: Path, split: str, config: CacheConfig, rank: int = 0, world: int = 1
) -> None:
    """Writes the shards of a split that are missing or outdated: every `world`-th from `rank` on.

    Shards without counterpart in the data are removed.
    """
    target.mkdir(parents=True, exist_ok=True)
    sources = reports_of(data, split)
    known = {source.name for source in sources}
    for report in reports_of(target, split):
        if rank == 0 and report.name not in known:
            report.unlink()
            report.with_suffix(".tar").unlink(missing_ok=True)
    own = sources[rank::world]
    shown = tqdm(own, f"conditions of {split}", unit="shard", file=sys.stderr, disable=rank > 0)
    for source in shown:
        write_cached_shard(source, target / source.name, config)


def write_cached_shard(source: Path, report_path: Path, config: CacheConfig) -> None:
    """Writes the shard of conditions of one shard of the data, both given by their reports."""
    made = {**config.made, "seed": config.seed, "copies": config.copies, "source": sha256(source)}
    target = report_path.with_suffix(".tar")
    if report_path.exists() and target.exists():
        if json.loads(report_path.read_text(encoding="utf-8")).get("made") == made:
            return
    clips: dict[str, int] = {}
    with whole_file(target) as partial:
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
            for key, tensors in cached_clips(source.with_suffix(".tar"), config):
                add_member(tar, f"{key}.json", b"{}")
                add_member(tar, f"{key}.safetensors", save(tensors))
                clips[key] = len(tensors["time"])
        report_path.unlink(missing_ok=True)  # the report of the previous shard no longer applies
    report = {"videos": [], "made": made, "clips": clips, "skipped": {}, "moments": {}}
    write_text(report_path, json.dumps(report))


def cached_clips(shard: Path, config: CacheConfig) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Key and tensors (t ...) of all copies of the clips of a shard of the data.

    The random numbers of a copy depend on seed, shard, clip and number of the copy only.
    """
    for place in places_in(shard, 1):
        key = place.key.removesuffix(".safetensors")
        row = {name: x.to(config.device) for name, x in whole_clip(place, config.needs).items()}
        generators = [
            generator_of(config.seed, "conditions", shard.stem, key, copy)
            for copy in range(config.copies)
        ]
        tensors = {name: x.cpu() for name, x in config.encode(row, generators).items()}
        time = torch.zeros(len(next(iter(row.values()))[0]), dtype=torch.uint8)
        for copy in range(config.copies):
            own = {name: x[copy].contiguous() for name, x in tensors.items()}
            yield f"{key}-copy{copy}", {"time": time} | own


def whole_clip(place: Place, needs: tuple[str, ...]) -> dict[str, Tensor]:
    """The tensors `needs` of all frames of a clip, as a row (1 t ...) in the model's format."""
    with OpenClip(place) as clip:
        check_has(clip.kinds, needs, f"{place.key} in {place.shard}")
        room = clip.room(1, clip.frames)
        row = {name: room[name] for name in needs}
        for name, tensor in row.items():
            clip.read(name, 0, tensor[0])
    return as_numbers(row)
