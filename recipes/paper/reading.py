"""How long a batch of the paper's size takes to read, against a reader without workers.

    python recipes/paper/reading.py
    python recipes/paper/reading.py --data data --accumulate 2 --workers 8

Without --data, shards of noise are made in a temporary folder: 1 GB, which the page cache holds.
Both readers take turns; each figure is a median over the rounds. JSON on stdout, times in seconds.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load, save

sys.path.insert(0, str(Path(__file__).parents[2]))

from sr_core.training.data.dataset import Batches  # noqa: E402
from sr_core.training.data.reader import Reader  # noqa: E402
from sr_core.training.data.shards import places_in, shard_name  # noqa: E402
from sr_core.training.runtime.loop import parts_of  # noqa: E402

FRAMES, PATCHES, CHANNELS, LATENTS = 240, 448, 59, 64  # of a clip of the paper's model
SHARDS, CLIPS = 8, 10
STEPS = 3  # that are timed in one go, after one that fills what is read ahead


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, help="a folder that `prepare` wrote")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of a row (240)")
    parser.add_argument("--batch", type=int, default=64, help="rows a step (64)")
    parser.add_argument("--accumulate", type=int, default=16, help="parts of a step (16)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--compute", type=float, default=0.58, help="seconds a step that a GPU computes (0.58)"
    )
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            options.data = make_shards(Path(folder), SHARDS, CLIPS, options.frames, PATCHES)
        print(json.dumps(measure(options), indent=2))
    return 0


def measure(options: argparse.Namespace) -> dict[str, float]:
    batches = Batches(options.data, "train", options.batch, options.frames)
    shards = [shard for shard, _ in batches.shards]
    places = [place for shard in shards for place in places_in(shard, options.frames)]
    places = (places * options.batch)[: options.batch]
    before, after = [], []
    read_whole_clips(places, options.frames)  # fills the page cache
    for _ in range(options.rounds):
        began = time.monotonic()
        read_whole_clips(places, options.frames)
        before.append(time.monotonic() - began)
        after.append(step_seconds(batches, options, options.workers, 0)[0])
    overlapped = step_seconds(batches, options, options.workers, options.compute)
    return {
        "without_workers": statistics.median(before),
        "with_workers": statistics.median(after),
        "ratio": statistics.median(a / b for a, b in zip(after, before, strict=True)),
        "computing": options.compute,
        "step_while_computing": overlapped[0],
        "waited_while_computing": overlapped[1],
    }


def read_whole_clips(places: list, frames: int) -> dict[str, torch.Tensor]:
    """A batch by one process: whole clips, copied out of their files, cut, stacked, in float32."""
    clips = []
    for place in places:
        with place.shard.open("rb") as file:
            file.seek(place.offset)
            clips.append(load(file.read(place.size)))
    names = [name for name in clips[0] if name != "time"]
    return {name: torch.stack([clip[name][:frames] for clip in clips]).float() for name in names}


def step_seconds(
    batches: Batches, options: argparse.Namespace, workers: int, compute: float
) -> tuple[float, float]:
    """Seconds of a step, and of waiting in it, while a GPU computes for `compute` of them."""
    parts = parts_of(range(options.batch), options.accumulate)
    reader = Reader(batches, range(1 + STEPS), parts, workers, "cpu")
    for _ in parts:
        reader.read()
    began, reader.seconds = time.monotonic(), 0.0
    for _ in range(STEPS * len(parts)):
        reader.read()
        time.sleep(compute / len(parts))  # the CPU is free meanwhile, as beside a GPU
    return (time.monotonic() - began) / STEPS, reader.seconds / STEPS


def make_shards(folder: Path, shards: int, clips: int, frames: int, patches: int) -> Path:
    """Shards of noise in the form in which `prepare` writes grids and latents."""
    generator = torch.Generator().manual_seed(0)
    for number in range(shards):
        path, lengths = folder / shard_name("train", number), {}
        with tarfile.open(path, "w") as tar:
            for clip in range(clips):
                content = save(
                    {
                        "time": torch.zeros(frames, dtype=torch.uint8),
                        "grid": torch.rand(frames, patches, CHANNELS, generator=generator).half(),
                        "mean": torch.randn(frames, LATENTS, generator=generator),
                        "log_variance": torch.randn(frames, LATENTS, generator=generator),
                    }
                )
                member = tarfile.TarInfo(f"{number}-{clip}.safetensors")
                member.size, lengths[f"{number}-{clip}"] = len(content), frames
                tar.addfile(member, io.BytesIO(content))
        path.with_suffix(".json").write_text(json.dumps({"clips": lengths}), encoding="utf-8")
    return folder


if __name__ == "__main__":
    raise SystemExit(main())
