"""`train self-forcing`: the model learns to continue its own sound instead of the real one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..audio.vae import AudioVAE
from ..pipeline import Pipeline
from .data.dataset import Batches
from .initial import soundreactor_of
from .runtime.loop import LoopConfig
from .runtime.run_manifest import Origin, describe
from .seeding import generator_of
from .stages import train_model
from .tasks.diffusion import draw_latents
from .tasks.self_forcing import SAMPLING, SelfForcingConfig, SelfForcingTask
from .tasks.sound_predictor import SoundPredictor, fit_sound_predictor
from .tuning_stages import load_tunable

PREDICTOR_ROWS = 48  # rows to whose sound the sound predictor is fitted


@dataclass(frozen=True)
class SelfForcingRun:
    frames: int = 240  # frames per row, history included
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(warmup=100, schedule="cosine"))
    task: SelfForcingConfig = field(default_factory=SelfForcingConfig)


def train_self_forcing(
    data: Path,
    output: Path,
    run: SelfForcingRun,
    init: Path | None,
    device: str,
    origin: Origin = None,
) -> Path:
    """Trains on roll-outs, from a checkpoint of any other stage; returns the checkpoint."""
    task, pipeline = self_forcing_task(data, run, init, device)
    if run.task.hears:  # fitted anew when a run resumes: the fit is the same
        task.predictor = fitted_predictor(data, run, pipeline.vae, device)
    pipeline.recommended = SAMPLING
    described = describe(run, data, init, origin)
    return train_model(task, pipeline, data, output, run, described, "self-forcing", device)


def self_forcing_task(
    data: Path, run: SelfForcingRun, init: Path | None, device: str
) -> tuple[SelfForcingTask, Pipeline]:
    pipeline = load_tunable(data, init, device)
    model = soundreactor_of(pipeline)
    # Not fitted: `train_self_forcing` replaces it; costs can be estimated without a fit.
    hears = run.task.hears
    predictor = SoundPredictor(model.latent_channels).requires_grad_(False) if hears else None
    return SelfForcingTask(model, pipeline.vae, predictor, run.task), pipeline


def fitted_predictor(data: Path, run: SelfForcingRun, vae: AudioVAE, device: str) -> SoundPredictor:
    """A sound predictor fitted to rows of the training split."""
    batches = Batches(data, "train", PREDICTOR_ROWS, run.frames, run.loop.seed)
    with torch.no_grad():
        rows = range(PREDICTOR_ROWS)
        batch, _ = batches.at(0, rows)
        batch = {name: x.to(device) for name, x in batch.items() if name != "grid"}
        generators = [generator_of(run.loop.seed, "predictor", row) for row in rows]
        latents = draw_latents(vae, batch, generators)
    return fit_sound_predictor(vae, latents, run.loop.seed)
