"""Stage 1: the head learns to denoise (SoundReactor, arXiv 2510.02110, alg. 1; EDM2's loss)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...audio.vae import AudioVAE
from ...models.soundreactor.model import SoundReactor
from ...sampling.settings import Settings
from ...vision.difference import TemporalDifference
from ..seeding import Generators, normal, uniform
from .task import Task


@dataclass(frozen=True)
class DiffusionConfig:
    log_mean: float = -0.4  # of the noise level, EDM2's for latents
    log_deviation: float = 1.0
    levels: int = 4  # noise levels a token: only the head is repeated (MAR, arXiv 2406.11838)
    unseen: float = 0.1  # share of rows whose frames are all replaced by the null token
    history_noise: float = 0.0  # largest deviation of noise on fed-back latents
    history_noisy: float = 0.7  # share of rows that get it


class DiffusionTask(Task):
    """Aggregator, transformer and head together, on cached grids and latent moments."""

    reads = ("grid", "mean")

    def __init__(self, model: SoundReactor, vae: AudioVAE, config: DiffusionConfig):
        super().__init__()
        self.model, self.config = model, config
        self.vae = vae  # for its statistics, and to listen
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
        """z by teacher forcing, with rows unseen and history corrupted as the config says."""
        grid, _ = self.difference(grid)
        vision = self.model.encode_frames(grid)
        unseen = uniform(generators, 1, 1, like=vision) < self.config.unseen
        vision = torch.where(unseen, self.model.null_tokens(*vision.shape[:2]), vision)
        return self.model.condition(vision, self.corrupt_history(latents, generators))[0]

    def corrupt_history(self, latents: Tensor, generators: Generators) -> Tensor:
        """Fed-back latents less perfect than in training, as they will be when drawn."""
        config, (frames, channels) = self.config, latents.shape[1:]
        if config.history_noise:
            chosen = uniform(generators, 1, 1, like=latents) < config.history_noisy
            size = uniform(generators, 1, 1, like=latents) * config.history_noise * chosen
            latents = latents + size * normal(generators, frames, channels, like=latents)
        return latents

    def show(self, batch: dict[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        """Heun's sound of the rows, beside the reference through the VAE."""
        return listen(self, batch, Settings(steps=16, method="heun", guidance=2.0))


def log_normal(chance: Tensor, mean: float, deviation: float) -> Tensor:
    """Noise levels from standard normal numbers: ln sigma ~ N(mean, deviation^2) (EDM, table 1)."""
    return (mean + deviation * chance).exp()


def edm_weight(sigma: Tensor, sigma_data: float) -> Tensor:
    """lambda(sigma) = 1 / c_out^2, under which all levels count alike (EDM, arXiv 2206.00364)."""
    return (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2


def uncertain_loss(weighted: Tensor, u: Tensor) -> Tensor:
    """L / e^u + u, least where u is ln L: a level's own difficulty (EDM2, arXiv 2312.02696)."""
    return weighted / u.exp() + u


def draw_latents(vae: AudioVAE, batch: dict[str, Tensor], generators: Generators) -> Tensor:
    """A fresh posterior sample of the cached moments, in the model's scale: (b t k)."""
    noise = normal(generators, *batch["mean"].shape[1:], like=batch["mean"])
    raw = batch["mean"] + (batch["log_variance"] / 2).exp() * noise
    return (raw - vae.latent_mean) / vae.latent_scale


def listen(task: DiffusionTask, batch: dict[str, Tensor], settings: Settings) -> dict[str, Tensor]:
    """Drawn sound and reference of every row, as waveforms (c s)."""
    grid, _ = task.difference(batch["grid"])
    drawn, _ = task.model(grid, task.model.begin(settings, 0, len(grid)))
    latents = {"drawn": drawn, "reference": (batch["mean"] - task.vae.latent_mean)}
    latents["reference"] = latents["reference"] / task.vae.latent_scale
    sounds = {}
    for name, x in latents.items():
        for row, waveform in enumerate(task.vae.decode(x)[0]):
            sounds[f"{row}/{name}"] = waveform
    return sounds
