"""Stage 1: trains the model to denoise latents (SoundReactor, arXiv 2510.02110, alg. 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...audio.vae import AudioVAE
from ...models.soundreactor.generator import SoundReactorGenerator
from ...sampling.recommended import HEUN_STEPS
from ...sampling.settings import Settings
from ...vision.difference import TemporalDifference
from ..seeding import Generators, normal, uniform
from .task import Task


@dataclass(frozen=True)
class DiffusionConfig:
    log_mean: float = -0.4  # mean of ln sigma: P_mean of EDM2's latent-space models
    log_deviation: float = 1.0  # standard deviation of ln sigma: P_std of the same
    levels: int = 4  # noise levels per token; only the head is repeated (MAR, arXiv 2406.11838)
    unseen: float = 0.1  # share of rows whose frames are all replaced by the null token
    history_noise: float = 0.0  # largest standard deviation of noise added to fed-back latents
    history_noisy: float = 0.7  # share of rows with this noise


class DiffusionTask(Task):
    """Trains aggregator, transformer and head jointly, on cached grids and latent moments."""

    reads: tuple[str, ...] = ("grid", "mean")

    def __init__(self, model: SoundReactorGenerator, vae: AudioVAE, config: DiffusionConfig):
        super().__init__()
        self.model, self.config = model, config
        self.vae = vae  # latent statistics, and decoding in `show`
        self.difference = TemporalDifference()

    def trained(self) -> nn.Module:
        return self.model

    def loss(
        self, group: str, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        latents = draw_latents(self.vae, batch, generators)
        z = self.conditions(batch["grid"], latents, generators)
        config, shape = self.config, latents.shape[1:]
        chance = normal(generators, config.levels, shape[0], like=latents)
        sigma = log_normal(chance, config.log_mean, config.log_deviation)  # (b levels t)
        noise = normal(generators, config.levels, *shape, like=latents)
        clean = latents[:, None].expand_as(noise)
        noisy = clean + sigma[..., None] * noise
        condition = z[:, None].expand(-1, config.levels, -1, -1)
        error = (self.model.head(noisy, sigma, condition) - clean).square().mean(dim=-1)
        weighted = edm_weight(sigma, self.model.config.head.sigma_data) * error
        u = self.model.head.log_variance(sigma).float()
        return uncertain_loss(weighted, u).mean(), {"denoising": weighted.mean()}

    def conditions(self, grid: Tensor, latents: Tensor, generators: Generators) -> Tensor:
        """Conditions z by teacher forcing, with null tokens and `corrupt_history` of the config."""
        grid, _ = self.difference(grid)
        vision = self.model.encode_frames(grid)
        unseen = uniform(generators, 1, 1, like=vision) < self.config.unseen
        vision = torch.where(unseen, self.model.null_tokens(*vision.shape[:2]), vision)
        return self.model.condition(vision, self.corrupt_history(latents, generators))[0]

    def corrupt_history(self, latents: Tensor, generators: Generators) -> Tensor:
        """Adds noise to fed-back latents or nulls them, to resemble the errors of sampling."""
        config, (frames, channels) = self.config, latents.shape[1:]
        if config.history_noise:
            chosen = uniform(generators, 1, 1, like=latents) < config.history_noisy
            deviation = uniform(generators, 1, 1, like=latents) * config.history_noise * chosen
            latents = latents + deviation * normal(generators, frames, channels, like=latents)
        return latents

    def show(self, batch: dict[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        """Sounds of the rows sampled with Heun's method, and the references through the VAE."""
        return listen(self, batch, Settings(HEUN_STEPS, method="heun"))


def log_normal(chance: Tensor, mean: float, deviation: float) -> Tensor:
    """Noise levels from standard normal `chance`: ln sigma ~ N(mean, deviation^2).

    EDM, arXiv 2206.00364, table 1.
    """
    return (mean + deviation * chance).exp()


def edm_weight(sigma: Tensor, sigma_data: float) -> Tensor:
    """lambda(sigma) = 1 / c_out^2, which weights all noise levels equally.

    EDM, arXiv 2206.00364, table 1.
    """
    return (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2


def uncertain_loss(weighted: Tensor, u: Tensor) -> Tensor:
    """L / e^u + u, minimal at u = ln L: normalises each noise level by its expected loss.

    EDM2, arXiv 2312.02696, eq. 14-21.
    """
    return weighted / u.exp() + u


def draw_latents(vae: AudioVAE, batch: dict[str, Tensor], generators: Generators) -> Tensor:
    """A posterior sample from the cached moments, normalised: (b t k)."""
    noise = normal(generators, *batch["mean"].shape[1:], like=batch["mean"])
    raw = batch["mean"] + (batch["log_variance"] / 2).exp() * noise
    return (raw - vae.latent_mean) / vae.latent_scale


def listen(task: DiffusionTask, batch: dict[str, Tensor], settings: Settings) -> dict[str, Tensor]:
    """Generated sound and reference of every row, as waveforms (c s)."""
    grid, _ = task.difference(batch["grid"])
    drawn, _ = task.model(grid, task.model.begin(settings, 0, len(grid)))
    latents = {"drawn": drawn, "reference": (batch["mean"] - task.vae.latent_mean)}
    latents["reference"] = latents["reference"] / task.vae.latent_scale
    sounds = {}
    for name, x in latents.items():
        for row, waveform in enumerate(task.vae.decode(x)[0]):
            sounds[f"{row}/{name}"] = waveform
    return sounds
