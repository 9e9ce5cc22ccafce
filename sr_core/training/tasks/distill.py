"""Distils the solver of stage 1 into the head: one evaluation gives the end of its trajectory.

The probability-flow ODE (EDM, arXiv 2206.00364, eq. 1) maps noise to a latent. Noise, points of the
trajectory and its end are computed once with the initial head (the teacher); the tuned head (the
student) maps each point to the end. Points are on the trajectory itself: an end point with fresh
noise would have the posterior mean as the best output. The two have the same distribution at every
level, so multistep consistency sampling (arXiv 2303.01469, alg. 1), with fresh noise, applies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...audio.vae import AudioVAE
from ...models.soundreactor.generator import SoundReactorGenerator
from ...sampling.solvers import CONSISTENCY_SIGMAS, Denoise, heun_sigmas, sample_heun
from ..seeding import Generators, normal, uniform
from .diffusion import DiffusionTask, edm_weight
from .head_conditions import (
    SOURCE,
    STORED,
    CachedConfig,
    encode_conditions,
    guided,
    head_parameters,
)


@dataclass(frozen=True)
class DistillConfig(CachedConfig):
    solver_steps: int = 16  # steps of the teacher's solver, in addition to the nodes
    drawn: int = 1  # nodes per token and step of training, drawn at random; 0: all

    # All noise levels of consistency sampling, for latents of standard deviation 0.5.
    nodes: ClassVar[tuple[float, ...]] = tuple(
        sorted({s for sigmas in CONSISTENCY_SIGMAS.values() for s in sigmas}, reverse=True)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.solver_steps < 1 or not 0 <= self.drawn <= len(self.nodes):
            raise ValueError(
                f"got {self.solver_steps} solver steps and {self.drawn} drawn; expected at least 1 "
                f"step, and 0 (all) to {len(self.nodes)} nodes"
            )

    def recorded(self) -> dict[str, Any]:
        own = {"solver_steps": self.solver_steps, "nodes": list(self.nodes)}
        return super().recorded() | own | {"guidance": [self.guidance_low, self.guidance_high]}

    def node_sigmas(self, sigma_data: float) -> list[float]:
        """Noise levels of the nodes, descending, scaled by `sigma_data` / 0.5."""
        return [sigma * sigma_data / 0.5 for sigma in self.nodes]

    def solver_sigmas(self, sigma_data: float) -> list[float]:
        """Noise levels of the solver, descending: its own with the nodes inserted."""
        nodes = self.node_sigmas(sigma_data)
        own = heun_sigmas(self.solver_steps, sigma_data)
        others = [s for s in own if not any(math.isclose(s, node, rel_tol=1e-6) for node in nodes)]
        return sorted(nodes + others, reverse=True)


class DistillTask(DiffusionTask):
    """Trains the head alone, on cached conditions and trajectories."""

    reads = (*STORED, "guidance", "nodes", "end")
    caches = SOURCE

    def __init__(self, model: SoundReactorGenerator, vae: AudioVAE, config: DistillConfig):
        super().__init__(model, vae, config.data)
        self.distill = config

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"model": head_parameters(self.model)}

    @torch.no_grad()
    def cached(self, row: Mapping[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        """Conditions, guidance (b t 1), nodes (b t n k) and ends (b t k) of trajectories.

        The current head is the teacher: to be called before it is trained. The condition is the
        stored one, in half precision, so that teacher and student have the same.
        """
        found = encode_conditions(self, row, generators)
        frames, channels = found["mean"].shape[1:]
        guidance = self.distill.draw_guidance(generators, found["mean"]).expand(-1, frames, -1)
        z = guided(found, guidance)
        noise = normal(generators, frames, channels, like=z)
        sigma_data = self.model.config.head.sigma_data

        def denoise(x: Tensor, sigma: float) -> Tensor:
            return self.model.head(x, x.new_full(x.shape[:-1], sigma), z)

        nodes, end = trajectory(
            denoise,
            noise,
            self.distill.solver_sigmas(sigma_data),
            self.distill.node_sigmas(sigma_data),
        )
        return found | {"guidance": guidance, "nodes": nodes, "end": end}

    def loss(
        self, group: str, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        sigma_data, x = self.model.config.head.sigma_data, batch["nodes"]
        sigma = x.new_tensor(self.distill.node_sigmas(sigma_data)).expand(x.shape[:-1])
        if self.distill.drawn:
            chance = uniform(generators, *x.shape[1:3], like=x)
            chosen = chance.argsort(dim=-1)[..., : self.distill.drawn]  # (b t drawn)
            sigma = sigma.gather(2, chosen)
            x = x.gather(2, chosen[..., None].expand(-1, -1, -1, x.shape[-1]))
        z = guided(batch, batch["guidance"])[:, :, None].expand(*x.shape[:-1], -1)
        # In float32 under autocast, as in consistency tuning.
        with torch.autocast(x.device.type, enabled=False):
            difference = self.model.head(x, sigma, z) - batch["end"][:, :, None]
        error = difference.square().mean(dim=-1)
        return (edm_weight(sigma, sigma_data) * error).mean(), {"error": error.mean()}

    def show(self, batch: dict[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        return {}  # cached rows have no frames


def trajectory(
    denoise: Denoise, noise: Tensor, sigmas: list[float], nodes: list[float]
) -> tuple[Tensor, Tensor]:
    """Points at the levels `nodes` (... n k) and end (... k) of Heun's solver from noise (... k).

    `nodes` must be among `sigmas`. The solver calls `denoise` twice at every level but the first:
    at the predicted point, then at the corrected one, which is the trajectory's.
    """
    points: dict[float, Tensor] = {}

    def observed(x: Tensor, sigma: float) -> Tensor:
        points[sigma] = x
        return denoise(x, sigma)

    end = sample_heun(observed, noise[None], sigmas)
    return torch.stack([points[sigma] for sigma in nodes], dim=-2), end
