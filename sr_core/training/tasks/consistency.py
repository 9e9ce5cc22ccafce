"""Stage 2: tunes the denoiser to a consistency function by Easy Consistency Tuning (ECT).

The loss is the distance of the network's outputs at two noise levels t > r for the same latent and
noise. The gap t - r shrinks during training; after it a single evaluation denoises a latent (ECT,
arXiv 2406.14548; SoundReactor, arXiv 2510.02110, alg. 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...sampling.settings import Settings
from ..seeding import Generators, normal
from .diffusion import DiffusionTask, draw_latents, listen, log_normal
from .head_conditions import (
    SOURCE,
    STORED,
    CachedConfig,
    encode_conditions,
    guided,
    head_parameters,
)


@dataclass(frozen=True)
class ConsistencyConfig(CachedConfig):
    """Settings of stage 2, with ECT's constants for CIFAR-10 (arXiv 2406.14548, appendix).

    Copies and guidance apply to `head_only`.
    """

    steps: int = 0  # steps during which the gap t - r shrinks; 0: loop.steps
    dropout: float = 0.2
    head_only: bool = False  # train the head only, on cached conditions

    log_normal: ClassVar[tuple[float, float]] = (-1.1, 2.0)  # mean and standard deviation of ln t
    q: ClassVar[int] = 2
    stages: ClassVar[int] = 8

    def ect_r(self, t: Tensor, step: int) -> Tensor:
        """The lower noise level r of the pair (t, r) at a step (ECT, eq. 16 and appendix)."""
        stage = min(self.stages - 1, step * self.stages // self.steps)
        ratio = 1 - (1 + 8 * torch.sigmoid(-t)) / self.q ** (stage + 1)
        return t * ratio.clamp(min=0)


def l2_distance(one: Tensor, other: Tensor) -> Tensor:  # (... k) -> (...)
    """L2 norm of the difference, with a gradient that is finite where both agree exactly."""
    return (one - other).square().sum(dim=-1).clamp(min=1e-12).sqrt()


class ConsistencyTask(DiffusionTask):
    """Trains the whole network, or only the head on cached conditions.

    Both noise levels of a pair share the latent, the noise, the condition and the dropout mask.
    """

    def __init__(self, model, vae, config: ConsistencyConfig):
        super().__init__(model, vae, config.data)
        self.tuning = config
        if config.head_only:
            self.reads, self.caches = STORED, SOURCE
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = config.dropout

    def groups(self) -> dict[str, list[nn.Parameter]]:
        # Without the uncertainty of stage 1: it has no gradient here, only weight decay.
        if self.tuning.head_only:
            return {"model": head_parameters(self.model)}
        unused = {id(parameter) for parameter in self.model.head.uncertainty.parameters()}
        return {"model": [p for p in self.model.parameters() if id(p) not in unused]}

    def cached(self, row: Mapping[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        return encode_conditions(self, row, generators)

    def loss(
        self, group: str, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        latents = draw_latents(self.vae, batch, generators)
        if self.tuning.head_only:
            z = guided(batch, self.tuning.draw_guidance(generators, latents))
        else:
            z = self.conditions(batch["grid"], latents, generators)
        levels, (frames, channels) = self.config.levels, latents.shape[1:]
        mean, deviation = self.tuning.log_normal
        t = log_normal(normal(generators, levels, frames, like=latents), mean, deviation)
        r = self.tuning.ect_r(t, self.step)
        noise = normal(generators, levels, frames, channels, like=latents)
        clean = latents[:, None].expand_as(noise)
        # The head stays in float32 under autocast: half precision would round off a small t - r.
        with torch.autocast(latents.device.type, enabled=False):
            z = z.float()[:, None].expand(-1, levels, -1, -1)
            distance = l2_distance(*self._pair(clean, noise, t, r, z))
        return (distance / (t - r)).mean(), {"apart": distance.mean()}

    def _pair(
        self, clean: Tensor, noise: Tensor, t: Tensor, r: Tensor, z: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Outputs of the head at t, and at r without gradient, with the same dropout mask."""
        devices = [clean.device] if clean.is_cuda else []
        with torch.random.fork_rng(devices):
            at_t = self.model.head(clean + t[..., None] * noise, t, z)
        with torch.no_grad():
            at_r = self.model.head(clean + r[..., None] * noise, r.clamp(min=1e-4), z)
            # At r = 0 the consistency function is the identity (boundary condition).
            at_r = torch.where((r > 0)[..., None], at_r, clean)
        return at_t, at_r.nan_to_num()

    def show(self, batch: dict[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        if self.tuning.head_only:
            return {}  # cached rows have no frames
        return listen(self, batch, Settings(steps=1))
