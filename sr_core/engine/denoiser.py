"""The head for noise levels that are known beforehand."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.soundreactor.head import Head
from ..sampling.solvers import Denoise


class Denoiser:
    """Reads the head's modulations, over half of its weights, once a latent and not once a step."""

    def __init__(self, head: Head, sigmas: list[float], like: Tensor):
        precise = torch.promote_types(like.dtype, torch.float32)
        self.head = head
        self.places = {sigma: place for place, sigma in enumerate(sigmas)}
        self.sigmas = torch.tensor(sigmas, dtype=precise, device=like.device)

    def given(self, z: Tensor) -> Denoise:
        """`denoise(x, sigma)` of latents (b k) for their condition z (b d)."""
        levels = (self.sigmas.log() / 4)[:, None].expand(-1, len(z))
        modulations = self.head.modulations(levels, z)  # each (evaluations b d)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            place = self.places[sigma]
            own = [part[place] for part in modulations]
            level = self.sigmas[place].expand(len(x))
            return self.head.precondition(
                x, level, lambda y, _: self.head.modulated(y.to(z.dtype), own)
            )

        return denoise
