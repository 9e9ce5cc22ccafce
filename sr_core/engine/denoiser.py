"""The diffusion head for a fixed list of noise levels."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.soundreactor.head import Head
from ..sampling.solvers import Denoise


class Denoiser:
    """Computes the head's modulations for all noise levels of a latent in one call.

    Their layers have over half of the head's weights, which are then read once per latent and not
    once per solver step.
    """

    def __init__(self, head: Head, sigmas: list[float], like: Tensor):
        precise = torch.promote_types(like.dtype, torch.float32)
        self.head = head
        self.index = {sigma: index for index, sigma in enumerate(sigmas)}
        self.sigmas = torch.tensor(sigmas, dtype=precise, device=like.device)

    def given(self, z: Tensor) -> Denoise:
        """The function `denoise(x, sigma)` of latents x (b k) for their condition z (b d)."""
        levels = (self.sigmas.log() / 4)[:, None].expand(-1, len(z))
        modulations = self.head.modulations(levels, z)  # each (evaluations b d)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            index = self.index[sigma]
            selected = [part[index] for part in modulations]
            level = self.sigmas[index].expand(len(x))
            return self.head.precondition(
                x, level, lambda y, _: self.head.modulated(y.to(z.dtype), selected)
            )

        return denoise
