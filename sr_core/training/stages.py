"""The training stages `diffusion` and `vae`: configurations, inputs, checkpoints."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..audio.oobleck import OobleckConfig
from ..audio.vae import AudioVAE, CodecConfig
from ..checkpoint import save_pipeline
from ..components import load_any_vae, save_part
from ..models.soundreactor.model import SoundReactorConfig
from ..pipeline import Pipeline
from .data.dataset import Batches
from .data.ood_fit import fit_ood
from .initial import adopt, load_initial, new_pipeline, parts_of, soundreactor_of, with_train_frames
from .runtime.compatibility import check_parts, check_shapes
from .runtime.loop import LoopConfig, train
from .runtime.run_manifest import Origin, RunManifest, describe
from .runtime.validation import held_out
from .tasks.diffusion import DiffusionConfig, DiffusionTask
from .tasks.noise_init import initialise_noise
from .tasks.vae import VAETask, VAETaskConfig

NOISE_ROWS = 64  # number of rows to which the initial noise levels of a decoder are fitted

Module = TypeVar("Module", bound=torch.nn.Module)


@dataclass(frozen=True)
class DiffusionRun:
    frames: int = 240  # frames per row; also train_frames (the context) of a new model
    adopt: bool = False  # with --init: use the frame encoder and VAE of the data instead of its own
    loop: LoopConfig = field(default_factory=LoopConfig)
    task: DiffusionConfig = field(default_factory=DiffusionConfig)
    model: SoundReactorConfig = field(default_factory=SoundReactorConfig)


@dataclass(frozen=True)
class VAERun:
    frames: int = 30
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            learning_rate=1.5e-4, betas=(0.8, 0.99), weight_decay=1e-3, clip=1000.0
        )
    )
    before: str = ""  # file of the VAE whose latents are kept with task.anchor; "": that of --init
    task: VAETaskConfig = field(default_factory=VAETaskConfig)
    audio: CodecConfig = field(default_factory=OobleckConfig)


def train_diffusion(
    data: Path,
    output: Path,
    run: DiffusionRun,
    init: Path | None,
    device: str,
    origin: Origin = None,
) -> Path:
    """Trains stage 1 on prepared shards; returns the checkpoint, which every save overwrites."""
    task, pipeline = diffusion_task(data, run, init, device)
    run = replace(run, model=pipeline.config.model)
    described = describe(run, data, init, origin)
    return train_model(task, pipeline, data, output, run, described, "diffusion", device)


def diffusion_task(
    data: Path, run: DiffusionRun, init: Path | None, device: str
) -> tuple[DiffusionTask, Pipeline]:
    if init is None:
        pipeline = new_pipeline(data, run.model, run.frames, run.loop.seed)
    else:
        pipeline = load_initial(init)
        own = pipeline.config.model
        frames = own.transformer.train_frames  # kept, also where rows now have another length
        given = with_train_frames(run.model, frames)
        default = with_train_frames(SoundReactorConfig(), frames)
        check_shapes("model", given, default, own, init)
        if run.adopt:
            pipeline = adopt(pipeline, data, *parts_of(data), run.loop.seed)
        else:
            check_parts(pipeline, data, init)
    set_trainable(pipeline, device)
    return DiffusionTask(soundreactor_of(pipeline), pipeline.vae, run.task), pipeline


def train_vae(
    data: Path,
    output: Path,
    run: VAERun,
    init: Path | None,
    device: str,
    origin: Origin = None,
) -> Path:
    """Trains the audio VAE on waveforms."""
    task, vae = vae_task(data, run, init, device)
    target = output / "vae.safetensors"

    def save(average: dict[str, Tensor], step: int) -> None:
        save_part(_averaged(vae, average), target)

    batches = Batches(data, "train", run.loop.batch, run.frames, run.loop.seed, needs=task.reads)
    described = describe(replace(run, audio=vae.config), data, init, origin)
    rows = held_out(data, run.frames, run.loop.seed, task.reads)
    train(task, batches, run.loop, output, save, rows, device, described)
    return target


def vae_task(data: Path, run: VAERun, init: Path | None, device: str) -> tuple[VAETask, AudioVAE]:
    torch.manual_seed(run.loop.seed)
    vae = AudioVAE(run.audio) if init is None else load_any_vae(init)
    if init is not None:
        check_shapes("audio", run.audio, OobleckConfig(), vae.config, init)
    if init is not None and run.task.noise_share:
        clips = Batches(data, "train", NOISE_ROWS, run.frames, run.loop.seed, needs=VAETask.reads)
        rows, _ = clips.at(0, range(NOISE_ROWS))
        initialise_noise(vae, rows["waveform"], run.task.noise_share)
    before = load_any_vae(run.before) if run.before else None
    return VAETask(vae.requires_grad_(True), run.task, before).to(device), vae


def train_model(
    task: DiffusionTask,
    pipeline: Pipeline,
    data: Path,
    output: Path,
    run: Any,
    described: RunManifest,
    stage: str,
    device: str,
    cache: Path | None = None,
) -> Path:
    """Runs the loop and saves the pipeline with the trained model.

    Rows are those of the data, or of a cache made from them. With a cache frames are not read again
    if the checkpoint already has a detector of unusual frames, which is kept then.
    """
    target = output / "model.safetensors"

    def save(average: dict[str, Tensor], step: int) -> None:
        if cache is None or pipeline.familiar is None:
            clips = replace(batches, directory=data, needs=("grid",))
            fit_ood(pipeline, clips, output / "looks.safetensors", described.sources)
        kept, model = pipeline.origin, pipeline.model
        pipeline.origin = {"stage": stage, "step": step, "data": data.name}
        if described.sources["--init"]:
            # Nested: name and licence of the initial checkpoint do not apply to the result.
            pipeline.origin["init"] = kept | described.origin
        pipeline.model = _averaged(model, average)
        try:
            save_pipeline(pipeline, target)
        finally:
            pipeline.origin, pipeline.model = kept, model

    place = cache or data
    batches = Batches(place, "train", run.loop.batch, run.frames, run.loop.seed, needs=task.reads)
    rows = held_out(place, run.frames, run.loop.seed, task.reads)
    train(task, batches, run.loop, output, save, rows, device, described)
    return target


def set_trainable(pipeline: Pipeline, device: str) -> None:
    """Makes the model trainable; the frame encoder and the VAE stay frozen."""
    pipeline.to(device)
    pipeline.model.requires_grad_(True)
    pipeline.vision.requires_grad_(False)
    pipeline.vae.requires_grad_(False)


def _averaged(module: Module, average: dict[str, Tensor]) -> Module:
    """A copy of the module with the running average as its weights."""
    averaged = copy.deepcopy(module)
    averaged.load_state_dict(average, strict=False)
    return averaged
