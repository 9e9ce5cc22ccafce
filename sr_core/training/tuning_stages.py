"""The training stages `consistency` and `distill`: they tune a checkpoint for few evaluations.

Where only the head is trained, the conditions of all clips are computed once, into the folder
`conditions` of the run. A copy of this folder is valid for other runs with the same initial
checkpoint, data, seed and settings of the conditions; the rest is computed again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..pipeline import Pipeline
from ..sampling.recommended import chosen
from .data.conditions import CacheConfig, write_cache
from .data.dataset import Batches
from .data.shards import reports_of
from .initial import load_initial, soundreactor_of
from .runtime.checkpointing import check_resume
from .runtime.compatibility import check_parts
from .runtime.distributed import Processes
from .runtime.loop import LoopConfig
from .runtime.run_manifest import Origin, RunManifest, describe
from .runtime.validation import held_out
from .stages import set_trainable, train_model
from .tasks.consistency import ConsistencyConfig, ConsistencyTask
from .tasks.diffusion import DiffusionTask
from .tasks.distill import DistillConfig, DistillTask
from .tasks.head_conditions import CachedConfig

# Stages after which the head maps noise to a sample instead of the posterior mean.
FEW_STEP = ("consistency", "distill", "self-forcing")


@dataclass(frozen=True)
class ConsistencyRun:
    """Stage 2; the optimizer settings are those of ECT (arXiv 2406.14548)."""

    frames: int = 240
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            optimizer="radam", betas=(0.9, 0.999), weight_decay=0.0, warmup=0
        )
    )
    task: ConsistencyConfig = field(default_factory=ConsistencyConfig)


@dataclass(frozen=True)
class DistillRun:
    """Distillation of the solver; the settings are this project's."""

    frames: int = 128
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=2500, batch=16, learning_rate=1e-3, betas=(0.9, 0.999), weight_decay=0.0,
            warmup=0, ema=0.998,
        )
    )  # fmt: skip
    task: DistillConfig = field(default_factory=DistillConfig)


def train_consistency(
    data: Path,
    output: Path,
    run: ConsistencyRun,
    init: Path | None,
    device: str,
    origin: Origin = None,
) -> Path:
    """Trains stage 2 from a checkpoint of stage 1; the result recommends consistency sampling."""
    task, pipeline = consistency_task(data, run, init, device)
    pipeline.recommended = chosen(pipeline.recommended, method="consistency")
    run = replace(run, task=task.tuning)
    described, cache = describe(run, data, init, origin), None
    if task.caches:
        cache = make_cache(task, data, output, run, task.tuning, described, device)
    return train_model(task, pipeline, data, output, run, described, "consistency", device, cache)


def consistency_task(
    data: Path, run: ConsistencyRun, init: Path | None, device: str
) -> tuple[ConsistencyTask, Pipeline]:
    pipeline = load_tunable(data, init, device)
    tuning = run.task if run.task.steps else replace(run.task, steps=run.loop.steps)
    return ConsistencyTask(soundreactor_of(pipeline), pipeline.vae, tuning), pipeline


def train_distill(
    data: Path,
    output: Path,
    run: DistillRun,
    init: Path | None,
    device: str,
    origin: Origin = None,
) -> Path:
    """Trains the head of a checkpoint of stage 1 to give the end of its solver's trajectory.

    The result recommends one step, and the guidance of the checkpoint within the trained range.
    """
    task, pipeline = distill_task(data, run, init, device)
    guidance = min(
        max(pipeline.recommended.guidance, run.task.guidance_low), run.task.guidance_high
    )
    pipeline.recommended = chosen(pipeline.recommended, 1, guidance, "consistency")
    described = describe(run, data, init, origin)
    cache = make_cache(task, data, output, run, run.task, described, device)
    return train_model(task, pipeline, data, output, run, described, "distill", device, cache)


def distill_task(
    data: Path, run: DistillRun, init: Path | None, device: str
) -> tuple[DistillTask, Pipeline]:
    pipeline = load_tunable(data, init, device)
    if pipeline.origin.get("stage") in FEW_STEP:
        raise ValueError(
            f"got {init}, a checkpoint of `train {pipeline.origin['stage']}`, whose head is no "
            "denoiser that a solver can use; expected one of `train diffusion`; choose another "
            "--init"
        )
    return DistillTask(soundreactor_of(pipeline), pipeline.vae, run.task), pipeline


def make_cache(
    task: DiffusionTask,
    data: Path,
    output: Path,
    run: Any,
    config: CachedConfig,
    described: RunManifest,
    device: str,
) -> Path:
    """Computes the rows of the run, which `task.cached` defines, where they are missing.

    Raises ValueError, before it changes anything, where the output folder has another run, or the
    data no usable clips.
    """
    check_resume(output / "resume.safetensors", described)
    clips = Batches(data, "train", 1, run.frames, run.loop.seed, needs=task.caches)
    clips.check(range(1))
    held_out(data, run.frames, run.loop.seed, task.caches)
    target, processes = output / "conditions", Processes(device)
    made = {"init": described.sources["--init"], "settings": config.recorded()}
    cache = CacheConfig(task.cached, task.caches, config.copies, run.loop.seed, made, device)
    for split in ("train", "val"):
        if reports_of(data, split) or reports_of(target, split):
            write_cache(data, target, split, cache, processes.rank, processes.world)
    processes.gather(None)  # wait until all processes have written their shards
    return target


def load_tunable(data: Path, init: Path | None, device: str) -> Pipeline:
    """The checkpoint to tune on `data`, trainable. Raises ValueError where it does not fit."""
    if init is None:
        raise ValueError("got no checkpoint to tune; expected --init with one of `train diffusion`")
    pipeline = load_initial(init)
    check_parts(pipeline, data, init)
    set_trainable(pipeline, device)
    return pipeline
