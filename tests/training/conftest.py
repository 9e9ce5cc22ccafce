import json
import tarfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from sr_core.checkpoint import save_pipeline
from sr_core.components import save_part
from sr_core.training.data.shard_writer import add_member
from sr_core.training.data.statistics import Moments


def write_shard(path: Path, clips: dict[str, dict[str, torch.Tensor]]) -> None:
    """A shard as `make_shard` leaves it, of given tensors."""
    moments = {"grid": Moments(), "latent": Moments()}
    with tarfile.open(path, "w") as tar:
        for key, tensors in clips.items():
            length = len(next(iter(tensors.values())))
            tensors = {"time": torch.zeros(length, dtype=torch.uint8), **tensors}
            add_member(tar, f"{key}.json", b"{}")
            add_member(tar, f"{key}.safetensors", save(tensors))
            if "grid" in tensors:
                grid = tensors["grid"].float()
                moments["grid"].update(torch.cat([grid, torch.zeros_like(grid)], dim=-1))
                moments["latent"].update(tensors["mean"])
    report = {
        "videos": [],
        "clips": {key: len(next(iter(tensors.values()))) for key, tensors in clips.items()},
        "skipped": {},
        "moments": {name: found.as_json() for name, found in moments.items()},
    }
    path.with_suffix(".json").write_text(json.dumps(report), encoding="utf-8")


@pytest.fixture
def shards(tmp_path) -> Path:
    """Three shards of a few clips whose latents follow their grids."""
    generator = torch.Generator().manual_seed(0)
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(3):
        clips = {}
        for clip in range(3):
            grid = torch.randn(12, 8, 6, generator=generator).half()
            clips[f"{number}-{clip}"] = {
                "grid": grid,
                "mean": grid.float().mean(dim=1)[:, :4].contiguous(),
                "log_variance": torch.full((12, 4), -6.0),
            }
        write_shard(folder / f"train-{number:05d}.tar", clips)
    return folder


@pytest.fixture
def initial(shards, tiny_pipeline) -> Path:
    """A checkpoint whose frame encoder and VAE are those of `shards`."""
    pipeline = tiny_pipeline.float()
    pipeline.origin = {"stage": "diffusion"}
    save_part(pipeline.vision, shards / "vision.safetensors")
    save_part(pipeline.vae, shards / "vae.safetensors")
    return save_pipeline(pipeline, shards.parent / "initial.safetensors")
