"""Raw pixels of patches as features: only the PCA after them is fitted; very low cost."""

from __future__ import annotations

from dataclasses import dataclass

from einops import rearrange
from torch import Tensor, nn


@dataclass(frozen=True)
class PatchesConfig:
    side: int = 7  # pixels

    @property
    def patch(self) -> int:
        return self.side

    @property
    def width(self) -> int:
        return 3 * self.side**2


class Patches(nn.Module):
    """Normalised frames (b t 3 h w) -> the pixels of each patch (b t n d), in row-major order."""

    def __init__(self, config: PatchesConfig):
        super().__init__()
        self.config = config

    def forward(self, frames: Tensor) -> Tensor:  # (b t 3 h w) -> (b t n d)
        side = self.config.side
        return rearrange(frames, "b t c (h p) (w q) -> b t (h w) (c p q)", p=side, q=side)
