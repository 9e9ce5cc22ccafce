"""The diffusion head: a noisy latent, its noise level and a condition -> the clean latent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...layers.blocks import fourier_features, modulate


@dataclass(frozen=True)
class HeadConfig:
    width: int = 1280
    depth: int = 8
    sigma_data: float = 0.5  # standard deviation of the training latents


class Scalings(NamedTuple):
    """c_skip, c_out, c_in (`into`) and c_noise of EDM's preconditioning (arXiv 2206.00364)."""

    skip: Tensor
    out: Tensor
    into: Tensor
    noise: Tensor


def edm_scalings(sigma: Tensor, sigma_data: float) -> Scalings:  # (...)
    """c_skip, c_out, c_in and c_noise (EDM, arXiv 2206.00364, table 1)."""
    total = (sigma.square() + sigma_data**2).sqrt()
    skip, out = sigma_data**2 / total.square(), sigma * sigma_data / total
    return Scalings(skip, out, 1 / total, sigma.log() / 4)


class Head(nn.Module):
    """Per-token MLP of MAR (arXiv 2406.11838, sec. 3.3) with EDM preconditioning.

    The same network is the denoiser in stage 1 and the consistency function in stage 2.
    """

    def __init__(self, config: HeadConfig, latent_channels: int, condition_width: int):
        super().__init__()
        width = config.width
        self.config = config
        self.input = nn.Linear(latent_channels, width)
        self.noise = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.condition = nn.Linear(condition_width, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.modulation = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, latent_channels)
        self.uncertainty = nn.Linear(128, 1)
        self._initialise()

    def forward(self, x: Tensor, sigma: Tensor, z: Tensor) -> Tensor:
        """Denoised latent D(x; sigma, z), EDM eq. 7: (... k), (...), (... d) -> (... k)."""
        return self.precondition(
            x, sigma, lambda y, c_noise: self.network(y.to(z.dtype), c_noise, z)
        )

    def precondition(
        self, x: Tensor, sigma: Tensor, network: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """D(x; sigma), EDM eq. 7, F = `network(c_in * x, c_noise)`: (... k), (...) -> (... k).

        Scaling is in float32 at least: consistency tuning needs differences that half precision
        cannot represent.
        """
        precise = torch.promote_types(x.dtype, torch.float32)
        x, scalings = x.to(precise), edm_scalings(sigma.to(precise), self.config.sigma_data)
        skip, out, into = (scaling[..., None] for scaling in scalings[:3])
        return skip * x + out * network(into * x, scalings.noise).to(precise)

    def network(self, x: Tensor, c_noise: Tensor, z: Tensor) -> Tensor:
        """Network F on a preconditioned input: (... k), (...), (... d) -> (... k)."""
        return self.modulated(x, self.modulations(c_noise, z))

    def modulations(self, c_noise: Tensor, z: Tensor) -> list[Tensor]:  # (...), (... d)
        """Modulation of each block (... 3d) and, as the last item, of the output (... 2d)."""
        # Noise features in full precision: nearby noise levels must remain distinguishable.
        features = fourier_features(c_noise, 256).to(z.dtype)
        y = F.silu(self.noise(features) + self.condition(z))
        return [part.modulation(y) for part in (*self.blocks, self)]

    def modulated(self, x: Tensor, modulations: list[Tensor]) -> Tensor:
        """Network F on a preconditioned input, given the result of `modulations`."""
        x = self.input(x)
        for block, modulation in zip(self.blocks, modulations[:-1], strict=True):
            x = block(x, modulation)
        shift, scale = modulations[-1].chunk(2, dim=-1)
        return self.output(modulate(self.norm(x), shift, scale))

    def log_variance(self, sigma: Tensor) -> Tensor:
        """Learned log variance u(sigma) (EDM2, arXiv 2312.02696, eq. 14): (...) -> (...)."""
        return self.uncertainty(fourier_features(sigma.log() / 4, 128))[..., 0]

    def _initialise(self) -> None:
        """MAR's initialisation: Xavier; zero for gates, modulations and the output layer."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for layer in self.noise:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.02)
        for module in self.modules():
            if isinstance(module, (Block, Head)):
                nn.init.zeros_(module.modulation.weight)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.uncertainty.weight)


class Block(nn.Module):
    """Residual MLP with adaptive layer norm and gate, modulated by the condition."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        # Dropout is 0 except in consistency tuning.
        self.mlp = nn.Sequential(
            nn.Linear(width, width), nn.SiLU(), nn.Dropout(0.0), nn.Linear(width, width)
        )
        self.modulation = nn.Linear(width, 3 * width)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:  # (... d), (... 3d) -> (... d)
        shift, scale, gate = modulation.chunk(3, dim=-1)
        return x + gate * self.mlp(modulate(self.norm(x), shift, scale))
