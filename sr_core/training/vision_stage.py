"""The stage that makes a vision encoder where DINOv2 is not to be had, or is too large."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ..components import load_vision, save_part
from ..vision.dinov2 import DINOv2Config
from ..vision.encoder import VisionConfig, VisionEncoder
from .data.dataset import Batches, one_row
from .data.pca_fit import fit_pca
from .data.shard_writer import gathered
from .data.shards import check_has
from .runtime.compatibility import check_shapes
from .runtime.loop import LoopConfig, train
from .runtime.run_manifest import Origin, describe
from .runtime.validation import held_out
from .tasks.vision import VisionTask, VisionTaskConfig

FITTED = 16  # batches that the PCA is fitted to
APART = 4  # frames from one that it sees to the next


@dataclass(frozen=True)
class VisionRun:
    """A quarter of ViT-S's width at half its depth; the paper's PCA has 59 channels."""

    frames: int = 60  # of a row: how far apart wrong times can be
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(learning_rate=5e-4, batch=16))
    task: VisionTaskConfig = field(default_factory=VisionTaskConfig)
    vision: VisionConfig = VisionConfig(
        DINOv2Config(width=96, depth=6, heads=3, position_grid=16), 112, 196, 48
    )


def train_vision(
    data: Path,
    output: Path,
    run: VisionRun,
    init: Path | None,
    device: str,
    origin: Origin = None,
) -> Path:
    """A backbone on kept frames, with a PCA of its tokens; `init` brings its own sizes."""
    task, encoder = vision_task(data, run, init, device)
    batches = Batches(data, "train", run.loop.batch, run.frames, run.loop.seed, needs=task.reads)
    target = output / "vision.safetensors"

    def save(average: dict[str, Tensor], step: int) -> None:
        encoder.backbone.load_state_dict(average)
        fit_pca(encoder, _spread(batches, device))
        save_part(encoder, target)

    needs = task.reads if task.latent is None else (*task.reads, "mean")
    rows = held_out(data, run.frames, run.loop.seed, needs)
    described = describe(replace(run, vision=encoder.config), data, init, origin)
    train(task, batches, run.loop, output, save, rows, device, described)
    return target


def vision_task(
    data: Path, run: VisionRun, init: Path | None, device: str
) -> tuple[VisionTask, VisionEncoder]:
    torch.manual_seed(run.loop.seed)
    encoder = VisionEncoder(run.vision) if init is None else load_vision(init)
    if init is not None:
        check_shapes("vision", run.vision, VisionRun.vision, encoder.config, init)
    first = one_row(data, run.frames)
    check_has(first, VisionTask.reads, str(data))
    _check(first, encoder, data)
    latent = gathered(data, "latent") if "mean" in first else None
    task = VisionTask(run.task, encoder.config, latent)
    if init is not None:
        task.backbone.load_state_dict(encoder.backbone.state_dict())
    return task.to(device), encoder.to(device).requires_grad_(False)


def _spread(batches: Batches, device: str) -> Iterator[Tensor]:  # each (b t 3 h w)
    for step in range(FITTED):
        batch, _ = batches.at(step, range(batches.batch))
        yield batch["frames"][:, ::APART].to(device)


def _check(batch: dict[str, Tensor], encoder: VisionEncoder, data: Path) -> None:
    if not any(True for _ in encoder.backbone.parameters()):
        raise ValueError(
            "got a backbone of raw patches, in which nothing learns; expected a DINOv2-shaped one; "
            "set vision.backbone"
        )
    size = (encoder.config.height, encoder.config.width)
    if tuple(batch["frames"].shape[-2:]) != size:
        height, width = batch["frames"].shape[-2:]
        raise ValueError(
            f"got frames of {height}x{width} in {data}; expected {size[0]}x{size[1]}, as the "
            "encoder sees them; prepare with that size, or set vision.height and vision.width"
        )
