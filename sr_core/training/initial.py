"""The model that a stage of training starts from: new, or from a checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ..audio.vae import AudioVAE
from ..checkpoint import load_pipeline
from ..components import load_any_vae, load_vision
from ..models.soundreactor.generator import SoundReactorGenerator
from ..models.soundreactor.model import SoundReactorConfig
from ..pipeline import Pipeline, PipelineConfig
from ..vision.encoder import VisionEncoder
from .data.shard_writer import gathered


def new_pipeline(data: Path, model: SoundReactorConfig, frames: int, seed: int) -> Pipeline:
    """A model with random weights, the data's frame encoder and VAE, and the data's statistics."""
    torch.manual_seed(seed)
    vision, vae = parts_of(data)
    # The context is as long as the rows: positions beyond them are never trained.
    own = with_train_frames(model, frames)
    config = PipelineConfig(vision=vision.config, model=own, audio=vae.config)
    return adopt(Pipeline(config), data, vision, vae, seed)


def load_initial(init: Path) -> Pipeline:
    """The checkpoint to start from; ValueError where its family has no training task here."""
    pipeline = load_pipeline(init)
    soundreactor_of(pipeline)
    return pipeline


def soundreactor_of(pipeline: Pipeline) -> SoundReactorGenerator:
    model = pipeline.model
    if not isinstance(model, SoundReactorGenerator):
        raise ValueError(
            f"got a checkpoint of {type(model).__name__}; expected one of SoundReactor, which "
            "these stages train; choose another --init"
        )
    return model


def with_train_frames(model: SoundReactorConfig, frames: int) -> SoundReactorConfig:
    return replace(model, transformer=replace(model.transformer, train_frames=frames))


def parts_of(data: Path) -> tuple[VisionEncoder, AudioVAE]:
    return load_vision(data / "vision.safetensors"), load_any_vae(data / "vae.safetensors")


def adopt(
    pipeline: Pipeline, data: Path, vision: VisionEncoder, vae: AudioVAE, seed: int
) -> Pipeline:
    """The pipeline with the frame encoder, the VAE and the statistics of the data.

    Where the VAE has another number of latents the layers that read and write them get random
    weights, by `seed`; all others stay.
    """
    if vision.config != pipeline.config.vision:
        raise ValueError(
            f"got {data}, prepared with {vision.config}; expected the shape of the checkpoint's "
            f"frame encoder, {pipeline.config.vision}; train without --init"
        )
    if vae.config != pipeline.config.audio:
        pipeline = _with_audio(pipeline, vae, seed)
    pipeline.vision, pipeline.vae = vision, vae
    grid, latent = gathered(data, "grid"), gathered(data, "latent")
    model = soundreactor_of(pipeline)
    model.grid_mean.copy_(grid.mean)
    model.grid_scale.copy_(grid.deviation())
    pipeline.vae.latent_mean.copy_(latent.mean)
    sigma_data = pipeline.config.model.head.sigma_data
    pipeline.vae.latent_scale.copy_(latent.deviation() / sigma_data)
    return pipeline


def _with_audio(pipeline: Pipeline, vae: AudioVAE, seed: int) -> Pipeline:
    """A pipeline for the VAE, with all weights of this one's model that have the same shape."""
    torch.manual_seed(seed)
    config = replace(pipeline.config, audio=vae.config)
    result = Pipeline(config, pipeline.origin, recommended=pipeline.recommended)
    result.familiar = pipeline.familiar
    shapes = {name: x.shape for name, x in result.model.state_dict().items()}
    own = pipeline.model.state_dict().items()
    kept = {name: x for name, x in own if x.shape == shapes[name]}
    result.model.load_state_dict(kept, strict=False)
    return result
