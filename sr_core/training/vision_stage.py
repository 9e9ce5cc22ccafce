"""`train vision`: trains a vision encoder, for use without DINOv2 or where DINOv2 is too large."""

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

FITTED = 16  # number of batches to which the PCA is fitted
APART = 4  # frames: the PCA uses every fourth frame


@dataclass(frozen=True)
class VisionRun:
    """The default ViT has a quarter of ViT-S's width and half its depth; its PCA 48 channels (the
    paper's: 59)."""

    frames: int = 60  # frames per row: the range of the negatives at other times
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
    """Trains a backbone on kept frames and fits a PCA to its tokens; `init` keeps its own sizes."""
    task, encoder = vision_task(data, run, init, device)
    batches = Batches(data, "train", run.loop.batch, run.frames, run.loop.seed, needs=task.reads)
    target = output / "vision.safetensors"

    def save(average: dict[str, Tensor], step: int) -> None:
        encoder.backbone.load_state_dict(average)
        fit_pca(encoder, _pca_frames(batches, device))
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


def _pca_frames(batches: Batches, device: str) -> Iterator[Tensor]:  # each (b t 3 h w)
    for step in range(FITTED):
        batch, _ = batches.at(step, range(batches.batch))
        yield batch["frames"][:, ::APART].to(device)


def _check(batch: dict[str, Tensor], encoder: VisionEncoder, data: Path) -> None:
    if not any(True for _ in encoder.backbone.parameters()):
        raise ValueError(
            "got a backbone of raw patches, which has no parameters; expected a DINOv2-shaped one; "
            "set vision.backbone"
        )
    size = (encoder.config.height, encoder.config.width)
    if tuple(batch["frames"].shape[-2:]) != size:
        height, width = batch["frames"].shape[-2:]
        raise ValueError(
            f"got frames of {height}x{width} in {data}; expected {size[0]}x{size[1]}, the input "
            "size of the encoder; prepare with that size, or set vision.height and vision.width"
        )
