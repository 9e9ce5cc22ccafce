"""A frame's grid -> one token with convolutions: the cheap way, for small models."""

from __future__ import annotations

from dataclasses import dataclass

from einops import rearrange
from torch import Tensor, nn

from .aggregator import divided


@dataclass(frozen=True)
class ConvAggregatorConfig:
    width: int = 128  # of the token
    channels: int = 64
    depth: int = 2
    stride: int = 2  # patches folded into one place, along height and width
    kernel: int = 5


class ConvAggregator(nn.Module):
    """Fold, ConvNeXt blocks (arXiv 2201.03545), then one linear map of all places.

    The last map keeps the places apart, so that a flash in the middle and one at the edge differ.
    """

    def __init__(self, config: ConvAggregatorConfig, grid: tuple[int, int], channels: int):
        super().__init__()
        rows, columns = divided(grid, config.stride)
        self.grid = tuple(grid)
        self.project = nn.Conv2d(channels, config.channels, config.stride, stride=config.stride)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.channels)
        self.readout = nn.Linear(rows * columns * config.channels, config.width)

    def forward(self, grid: Tensor) -> Tensor:  # (b t n d) -> (b t d'), each frame on its own
        batch = grid.shape[0]
        x = rearrange(grid, "b t (h w) d -> (b t) d h w", h=self.grid[0])
        x = rearrange(self.blocks(self.project(x)), "b d h w -> b h w d")
        x = self.readout(rearrange(self.norm(x), "b h w d -> b (h w d)"))
        return rearrange(x, "(b t) d -> b t d", b=batch)


class Block(nn.Module):
    def __init__(self, config: ConvAggregatorConfig):
        super().__init__()
        width = config.channels
        self.mix = nn.Conv2d(width, width, config.kernel, padding=config.kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:  # (b d h w) -> (b d h w)
        y = self.mlp(self.norm(rearrange(self.mix(x), "b d h w -> b h w d")))
        return x + rearrange(y, "b h w d -> b d h w")
