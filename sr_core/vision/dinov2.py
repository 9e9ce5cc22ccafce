"""DINOv2 with registers (arXiv 2304.07193, 2309.16588): frames -> patch tokens, inference only.

Parameters have the names of facebookresearch/dinov2, so official weights load without renaming.
"""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass

import torch
from einops import rearrange
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import from_dict
from .converted import read_description

# Metadata key of the configuration (JSON) in a converted file. It is the only key: safetensors
# writes several keys in random order, and checkpoints refer to such files by their sha256.
DINOV2_FORMAT = "soundreactor.dinov2"


@dataclass(frozen=True)
class DINOv2Config:
    """`vits14_reg` by default; width, depth and heads are 768, 12, 12 in `vitb14_reg` and 1024, 24,
    16 in `vitl14_reg`.
    """

    width: int = 384
    depth: int = 12
    heads: int = 6
    registers: int = 4
    patch: int = 14  # pixels
    mlp_ratio: int = 4
    position_grid: int = 37  # patches along each side of the stored position embedding

    def __post_init__(self):
        if self.width % self.heads:
            raise ValueError(
                f"got width {self.width} and {self.heads} heads; expected a width that the number "
                "of heads divides"
            )


class DINOv2(nn.Module):
    """Vision transformer that returns the normalised patch tokens of each frame independently."""

    def __init__(self, config: DINOv2Config):
        super().__init__()
        self.config = config
        width = config.width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.register_tokens = nn.Parameter(torch.zeros(1, config.registers, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.position_grid**2, width))
        self.patch_embed = PatchEmbed(width, config.patch)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self._interpolated: dict[tuple[int, int], Tensor] = {}  # filled only in copies made by `at`
        self._initialise()
        self.requires_grad_(False)

    def forward(self, frames: Tensor) -> Tensor:  # (b t 3 h w), already normalised -> (b t n d)
        """Raises ValueError for another shape, or a side that is not a multiple of the patch."""
        check_frames(frames)
        grid = self._grid(*frames.shape[-2:])
        x = self.patch_embed(rearrange(frames, "b t c h w -> (b t) c h w"))
        x = x + (self._interpolated[grid] if grid in self._interpolated else self._positions(grid))
        # Registers come after the class token and have no position.
        extra = torch.cat([self.cls_token + self.pos_embed[:, :1], self.register_tokens], dim=1)
        x = torch.cat([extra.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x[:, extra.shape[1] :])
        return rearrange(x, "(b t) n d -> b t n d", b=frames.shape[0])

    def at(self, grid: tuple[int, int]) -> DINOv2:
        """A copy that shares the parameters and caches the position embedding of one grid."""
        clone = copy.copy(self)
        clone._interpolated = {grid: self._positions(grid)}
        return clone

    def _grid(self, height: int, width: int) -> tuple[int, int]:
        patch = self.config.patch
        if not height or not width or height % patch or width % patch:
            raise ValueError(
                f"got frames of {height}x{width} pixels; expected height and width in multiples of "
                f"{patch}; resize them first, as VisionEncoder does"
            )
        return height // patch, width // patch

    def _positions(self, grid: tuple[int, int]) -> Tensor:  # -> (1 n d)
        # Not cached here: copying the module or moving it to a device would not update a cache, so
        # only `at` creates one. Computed in float32 at least, as in the official code.
        side = self.config.position_grid
        stored = rearrange(self.pos_embed[:, 1:], "b (h w) d -> b d h w", h=side)
        exact = stored.to(torch.promote_types(stored.dtype, torch.float32))
        resized = F.interpolate(exact, size=grid, mode="bicubic", antialias=True)
        return rearrange(resized, "b d h w -> b (h w) d").to(stored.dtype)

    def _initialise(self) -> None:
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        nn.init.normal_(self.register_tokens, std=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)


class PatchEmbed(nn.Module):
    """Linear projection of each patch's pixels."""

    def __init__(self, width: int, patch: int):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, frames: Tensor) -> Tensor:  # (b 3 h w) -> (b n d)
        return rearrange(self.proj(frames), "b d h w -> b (h w) d")


class Block(nn.Module):
    """Pre-norm attention and MLP, each followed by a learned scale per channel."""

    def __init__(self, config: DINOv2Config):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=1e-6)
        self.attn = Attention(config.width, config.heads)
        self.ls1 = LayerScale(config.width)
        self.norm2 = nn.LayerNorm(config.width, eps=1e-6)
        self.mlp = MLP(config.width, config.mlp_ratio * config.width)
        self.ls2 = LayerScale(config.width)

    def forward(self, x: Tensor) -> Tensor:  # (b n d) -> (b n d)
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class Attention(nn.Module):
    """Multi-head self-attention over the tokens of one frame."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:  # (b n d) -> (b n d)
        q, k, v = rearrange(self.qkv(x), "b n (qkv h d) -> qkv b h n d", qkv=3, h=self.heads)
        attended = F.scaled_dot_product_attention(q, k, v)
        return self.proj(rearrange(attended, "b h n d -> b n (h d)"))


class LayerScale(nn.Module):
    """Learned factor per channel (CaiT, arXiv 2103.17239)."""

    def __init__(self, width: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:  # (... d) -> (... d)
        return x * self.gamma


class MLP(nn.Module):
    """Two linear layers with an exact (not approximated) GELU between them."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:  # (... d) -> (... d)
        return self.fc2(F.gelu(self.fc1(x)))


def load_dinov2(path: str | os.PathLike) -> DINOv2:
    """Load a file written by `convert_dinov2`: float32, frozen, in eval mode.

    Raises ValueError for any other file.
    """
    described = read_description(path, DINOV2_FORMAT, "dinov2")
    with torch.device("meta"):
        backbone = DINOv2(from_dict(DINOv2Config, described))
    backbone.load_state_dict(load_file(path), strict=True, assign=True)
    return backbone.eval()


def check_frames(frames: Tensor) -> None:
    """Raises ValueError unless the shape is (b t 3 h w)."""
    if frames.ndim != 5 or frames.shape[2] != 3:
        raise ValueError(
            f"got frames of shape {tuple(frames.shape)}; expected (batch, time, 3, height, width); "
            "move the colour axis to position 2, drop an alpha channel, repeat a grey one 3 times"
        )
