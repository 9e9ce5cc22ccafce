"""Stage 2: tunes the denoiser to a consistency function by Easy Consistency Tuning (ECT).

The loss is the distance of the network's outputs at two noise levels t > r for the same latent and
noise. The gap t - r shrinks during training; after it a single evaluation denoises a latent (ECT,
arXiv 2406.14548; SoundReactor, arXiv 2510.02110, alg. 2).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ...sampling.settings import Settings
from ..seeding import Generators, normal
from .diffusion import DiffusionConfig, DiffusionTask, draw_latents, listen, log_normal

MAPPINGS = ("cf", "in")


@dataclass(frozen=True)
class ConsistencyConfig:
    """Settings of stage 2; `mapping` "cf" and "in": ECT's for CIFAR-10 and for ImageNet 64x64."""

    data: DiffusionConfig = field(default_factory=DiffusionConfig)
    mapping: str = "cf"
    steps: int = 0  # steps during which the gap t - r shrinks; 0: loop.steps
    dropout: float = 0.2
    head_only: bool = False  # train the head only

    def __post_init__(self):
        if self.mapping not in MAPPINGS:
            raise ValueError(f"got mapping {self.mapping!r}; expected one of {MAPPINGS}")

    @property
    def log_normal(self) -> tuple[float, float]:
        """Mean and standard deviation of ln t."""
        return (-1.1, 2.0) if self.mapping == "cf" else (-0.8, 1.6)

    def ect_r(self, t: Tensor, step: int) -> Tensor:
        """The lower noise level r of the pair (t, r) at a step (ECT, eq. 16 and appendix)."""
        q, stages = (2, 8) if self.mapping == "cf" else (4, 4)
        stage = min(stages - 1, step * stages // self.steps)
        ratio = 1 - (1 + 8 * torch.sigmoid(-t)) / q ** (stage + 1)
        return t * ratio.clamp(min=0)

    def distance(self, one: Tensor, other: Tensor) -> Tensor:  # (... k) -> (...)
        """L2 norm (CF), or pseudo-Huber with c scaled to the dimensions (iCT, 2310.14189) (IN)."""
        c = 0.0 if self.mapping == "cf" else 0.00054 * one.shape[-1] ** 0.5
        squared = (one - other).square().sum(dim=-1)
        # The floor keeps the gradient of the norm finite where both are equal.
        return (squared + c**2).clamp(min=1e-12).sqrt() - c

    def weight(self, t: Tensor, r: Tensor, sigma_data: float) -> Tensor:
        return 1 / (t - r) if self.mapping == "cf" else 1 / t**2 + 1 / sigma_data**2


class ConsistencyTask(DiffusionTask):
    """Trains the whole network or only the head.

    Both noise levels of a pair share the latent, the noise, the condition and the dropout mask.
    """

    def __init__(self, model, vae, config: ConsistencyConfig):
        super().__init__(model, vae, config.data)
        self.tuning = config
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = config.dropout

    def groups(self) -> dict[str, list[nn.Parameter]]:
        # Without the uncertainty of stage 1: it has no gradient here, only weight decay.
        own = self.model.head if self.tuning.head_only else self.model
        unused = {id(parameter) for parameter in self.model.head.uncertainty.parameters()}
        return {"model": [p for p in own.parameters() if id(p) not in unused]}

    def loss(
        self, group: str, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        latents = draw_latents(self.vae, batch, generators)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.tuning.head_only):
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
            at_t, at_r = self._pair(clean, noise, t, r, z)
            distance = self.tuning.distance(at_t, at_r)
            weight = self.tuning.weight(t, r, self.model.config.head.sigma_data)
        return (weight * distance).mean(), {"apart": distance.mean()}

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
        return listen(self, batch, Settings(steps=1))
