"""Aggregator: the grid of features of a frame -> one token."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class AggregatorConfig:
    width: int = 512
    depth: int = 2
    heads: int = 8
    stride: int = 2  # patches, kernel and stride of the convolution along height and width
    mlp_ratio: int = 4


class Aggregator(nn.Module):
    """Projection with spatial downsampling, then a shallow transformer with one readout token.

    The learned readout token is appended at the end; every other token has a learned position
    embedding (SoundReactor, arXiv 2510.02110, fig. 2).
    """

    def __init__(self, config: AggregatorConfig, grid: tuple[int, int], channels: int):
        super().__init__()
        rows, columns = divided(grid, config.stride)
        self.grid = (grid[0], grid[1])
        self.project = nn.Conv2d(channels, config.width, config.stride, stride=config.stride)
        self.positions = nn.Parameter(torch.empty(rows * columns, config.width).normal_(std=0.02))
        self.readout = nn.Parameter(torch.empty(1, config.width).normal_(std=0.02))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, grid: Tensor) -> Tensor:  # (b t n d) -> (b t d'), frames independent
        batch = grid.shape[0]
        x = rearrange(grid, "b t (h w) d -> (b t) d h w", h=self.grid[0])
        x = rearrange(self.project(x), "b d h w -> b (h w) d") + self.positions
        x = torch.cat([x, self.readout.expand(len(x), -1, -1)], dim=1)
        for block in self.blocks:
            x = block(x)
        return rearrange(self.norm(x[:, -1]), "(b t) d -> b t d", b=batch)


def divided(grid: tuple[int, int], stride: int) -> tuple[int, int]:
    """Rows and columns after downsampling; ValueError unless `stride` divides both sides."""
    if grid[0] % stride or grid[1] % stride:
        raise ValueError(
            f"got a grid of {grid[0]}x{grid[1]} patches; expected both to be multiples of the "
            f"aggregator's stride {stride}; choose another frame size or stride"
        )
    return grid[0] // stride, grid[1] // stride


def check_grid(grid: Tensor, sides: tuple[int, int], channels: int) -> None:
    """Raise ValueError unless grid is (b t n d) with n = rows x columns and d = channels."""
    expected = (sides[0] * sides[1], channels)
    if grid.ndim != 4 or tuple(grid.shape[2:]) != expected:
        raise ValueError(
            f"got a grid of shape {tuple(grid.shape)}; expected (batch, time, {expected[0]}, "
            f"{expected[1]}); use the vision encoder of the same checkpoint, and the temporal "
            "difference once"
        )


class Block(nn.Module):
    """Pre-norm attention over the tokens of one frame, then an MLP."""

    def __init__(self, config: AggregatorConfig):
        super().__init__()
        width, hidden = config.width, config.mlp_ratio * config.width
        self.heads = config.heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:  # (b n d) -> (b n d)
        qkv = self.qkv(self.norm1(x))
        q, k, v = rearrange(qkv, "b n (qkv h d) -> qkv b h n d", qkv=3, h=self.heads)
        attended = F.scaled_dot_product_attention(q, k, v)
        x = x + self.out(rearrange(attended, "b h n d -> b n (h d)"))
        return x + self.mlp(self.norm2(x))
