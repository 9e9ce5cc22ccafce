"""A frame's grid -> one token with matrix products alone: the cheap way, for small models."""

from __future__ import annotations

from dataclasses import dataclass

from einops import rearrange
from torch import Tensor, nn

from .aggregator import divided


@dataclass(frozen=True)
class MixerAggregatorConfig:
    width: int = 128  # of the token
    channels: int = 64
    depth: int = 2
    stride: int = 2  # patches folded into one place, along height and width


class MixerAggregator(nn.Module):
    """Fold, MLP-Mixer blocks (arXiv 2105.01601), then one linear map of all places.

    The last map keeps the places apart, so that a flash in the middle and one at the edge differ.
    """

    def __init__(self, config: MixerAggregatorConfig, grid: tuple[int, int], channels: int):
        super().__init__()
        rows, columns = divided(grid, config.stride)
        self.grid, self.stride, places = tuple(grid), config.stride, rows * columns
        self.project = nn.Linear(channels * config.stride**2, config.channels)
        self.blocks = nn.Sequential(*(Block(places, config.channels) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.channels)
        self.readout = nn.Linear(places * config.channels, config.width)

    def forward(self, grid: Tensor) -> Tensor:  # (b t n d) -> (b t d'), each frame on its own
        batch, (rows, columns), side = grid.shape[0], self.grid, self.stride
        x = rearrange(
            grid,
            "b t (h p w q) d -> (b t) (h w) (p q d)",
            h=rows // side,
            w=columns // side,
            p=side,
            q=side,
        )
        x = self.norm(self.blocks(self.project(x)))
        return rearrange(self.readout(x.flatten(1)), "(b t) d -> b t d", b=batch)


class Block(nn.Module):
    """Places exchange what they have, then each thinks about it."""

    def __init__(self, places: int, width: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix = nn.Sequential(
            nn.Linear(places, 2 * places), nn.GELU(), nn.Linear(2 * places, places)
        )
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:  # (b n d) -> (b n d)
        x = x + self.mix(self.norm1(x).mT).mT
        return x + self.mlp(self.norm2(x))
