"""MLP-Mixer aggregator: the grid of a frame -> one token; low cost, for small models."""

from __future__ import annotations

from dataclasses import dataclass

from einops import rearrange
from torch import Tensor, nn

from .aggregator import divided


@dataclass(frozen=True)
class MixerAggregatorConfig:
    width: int = 128  # channels of the output token
    channels: int = 64
    depth: int = 2
    stride: int = 2  # patches merged into one position, along height and width


class MixerAggregator(nn.Module):
    """Patch merging, MLP-Mixer blocks (arXiv 2105.01601), then one linear layer over all positions.

    The last layer has separate weights per position, so the token encodes where in the frame a
    change occurs.
    """

    def __init__(self, config: MixerAggregatorConfig, grid: tuple[int, int], channels: int):
        super().__init__()
        rows, columns = divided(grid, config.stride)
        self.grid = (grid[0], grid[1])
        self.stride, tokens = config.stride, rows * columns
        self.project = nn.Linear(channels * config.stride**2, config.channels)
        self.blocks = nn.Sequential(*(Block(tokens, config.channels) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.channels)
        self.readout = nn.Linear(tokens * config.channels, config.width)

    def forward(self, grid: Tensor) -> Tensor:  # (b t n d) -> (b t d'), frames independent
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
    """Token mixing, then channel mixing (MLP-Mixer, arXiv 2105.01601, eq. 1)."""

    def __init__(self, tokens: int, width: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix = nn.Sequential(
            nn.Linear(tokens, 2 * tokens), nn.GELU(), nn.Linear(2 * tokens, tokens)
        )
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:  # (b n d) -> (b n d)
        x = x + self.mix(self.norm1(x).mT).mT
        return x + self.mlp(self.norm2(x))
