"""Conditions of the head as training data: computed once, because the head alone is tuned.

Frames, aggregator and transformer are frozen then, so the condition of a latent is a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ...models.soundreactor.generator import SoundReactorGenerator, context_of
from ...models.soundreactor.teacher_forcing import guide, teacher_forced
from ...sampling.settings import Settings
from ..seeding import Generators, uniform
from .diffusion import DiffusionConfig, DiffusionTask, draw_latents

STORED = ("condition", "null", "mean", "log_variance")  # tensors of a cached row
SOURCE = ("grid", "mean", "log_variance")  # tensors of the data from which they are computed


@dataclass(frozen=True)
class CachedConfig:
    """Settings of the cached conditions, and of the guidance with which the head is tuned."""

    data: DiffusionConfig = field(default_factory=DiffusionConfig)
    copies: int = 2  # copies of a clip, with other draws of the posterior and of history noise
    guidance_low: float = 1.0  # guidance is uniform between these two for each row; 1: none
    guidance_high: float = 1.0

    def __post_init__(self) -> None:
        if self.copies < 1 or not 0 <= self.guidance_low <= self.guidance_high:
            raise ValueError(
                f"got {self.copies} copies and guidance {self.guidance_low} to "
                f"{self.guidance_high}; expected at least 1 copy, and 0 <= guidance_low <= "
                "guidance_high"
            )

    def recorded(self) -> dict[str, Any]:
        """The settings on which cached conditions depend, as JSON values."""
        return {
            "copies": self.copies,
            "history_noise": self.data.history_noise,
            "history_noisy": self.data.history_noisy,
        }

    def draw_guidance(self, generators: Generators, like: Tensor) -> Tensor:  # (b 1 1)
        chance = uniform(generators, 1, 1, like=like)
        return self.guidance_low + (self.guidance_high - self.guidance_low) * chance


@torch.no_grad()
def encode_conditions(
    task: DiffusionTask, row: Mapping[str, Tensor], generators: Generators
) -> dict[str, Tensor]:
    """The tensors `STORED` (b t ...) of a row of the data (1 t ...), one copy per generator.

    The fed-back latents are drawn as in stage 1, but no row is without frames. A row may be longer
    than the training sequences: attention has the window of sampling. The target of a frame is
    drawn from `mean` and `log_variance` when it is used: its condition depends on earlier latents
    only, and the posterior's noise is independent between frames, so this is the same distribution
    as in stage 1.
    """
    task.eval()
    latents = draw_latents(task.vae, dict(row), generators)  # (b t k)
    grid, _ = task.difference(row["grid"])
    tokens = task.model.encode_frames(grid).expand(len(latents), -1, -1)
    history = task.corrupt_history(latents, generators)
    context = context_of(task.model, Settings())
    seen, null = teacher_forced(task.model, tokens, history, context)
    copied = {name: row[name].expand_as(latents) for name in ("mean", "log_variance")}
    return {"condition": seen.half(), "null": null.half(), **copied}


def guided(batch: Mapping[str, Tensor], guidance: Tensor) -> Tensor:
    """Conditions (b t 2d) in float32 of cached rows, with guidance (b 1 1) or (b t 1)."""
    return guide(batch["condition"].float(), batch["null"].float(), guidance)


def head_parameters(model: SoundReactorGenerator) -> list[nn.Parameter]:
    """The parameters of the head without the uncertainty of stage 1, which later losses lack."""
    unused = {id(parameter) for parameter in model.head.uncertainty.parameters()}
    return [parameter for parameter in model.head.parameters() if id(parameter) not in unused]
