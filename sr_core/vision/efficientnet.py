"""EfficientNet-Lite (arXiv 1905.11946): frames -> convolutional features, inference only.

The Lite variants (tensorflow/tpu, models/official/efficientnet/lite) have ReLU6 in place of swish
and no squeeze-and-excitation. Only the stages up to stride 16 exist here. Batch norms are folded
into the convolutions by `convert_efficientnet`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import from_dict
from .converted import read_description
from .dinov2 import check_frames

# Metadata key of a converted file: JSON with "config", "license" and "source". It is the only key,
# as in `dinov2.py`.
EFFICIENTNET_FORMAT = "soundreactor.efficientnet"

# Of the stages up to stride 16 (arXiv 1905.11946, table 1); the stem has kernel 3 and stride 2.
KERNELS = (3, 3, 5, 3, 5)
STRIDES = (1, 2, 2, 2, 1)
EXPANSIONS = (1, 6, 6, 6, 6)
FINE = 3  # number of stages up to stride 8
BATCH = 16  # frames that pass the network at once; more exceed the processor's cache


@dataclass(frozen=True)
class EfficientNetConfig:
    """`lite0` by default; the five stages are those up to stride 16."""

    stem: int = 32  # channels
    stage_channels: tuple[int, ...] = (16, 24, 40, 80, 112)
    stage_blocks: tuple[int, ...] = (1, 2, 2, 3, 3)

    def __post_init__(self):
        counts = len(self.stage_channels), len(self.stage_blocks)
        if counts != (len(KERNELS), len(KERNELS)):
            raise ValueError(
                f"got {counts[0]} numbers of channels and {counts[1]} of blocks; expected "
                f"{len(KERNELS)} of each, one per stage up to stride 16"
            )
        if min(self.stem, *self.stage_channels, *self.stage_blocks) < 1:
            raise ValueError(f"got {self}; expected numbers of 1 or more")

    @property
    def patch(self) -> int:
        """Pixels along the side of a cell of the grid."""
        return 8

    @property
    def width(self) -> int:
        return self.stage_channels[FINE - 1] + self.stage_channels[-1]


class EfficientNet(nn.Module):
    """Features of stride 8 and, repeated over 2x2 cells, of stride 16, of each frame independently.

    Both are outputs of linear projections, before any activation.
    """

    def __init__(self, config: EfficientNetConfig):
        super().__init__()
        self.config = config
        self.stem = SameConv2d(3, config.stem, 3, stride=2)
        inputs = (config.stem, *config.stage_channels[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(
                InvertedResidual(before, channels, kernel, stride, expansion),
                *(
                    InvertedResidual(channels, channels, kernel, 1, expansion)
                    for _ in range(blocks - 1)
                ),
            )
            for before, channels, blocks, kernel, stride, expansion in zip(
                inputs,
                config.stage_channels,
                config.stage_blocks,
                KERNELS,
                STRIDES,
                EXPANSIONS,
                strict=True,
            )
        )
        self.requires_grad_(False)

    def forward(self, frames: Tensor) -> Tensor:  # (b t 3 h w), already normalised -> (b t n d)
        """The n = ceil(h/8) ceil(w/8) cells are in row-major order; d is `config.width`.

        Raises ValueError for another shape.
        """
        check_frames(frames)
        pixels = rearrange(frames, "b t c h w -> (b t) c h w")
        grids = torch.cat([self._grids(some) for some in pixels.split(BATCH)])
        return rearrange(grids, "(b t) h w d -> b t (h w) d", b=frames.shape[0])

    def _grids(self, pixels: Tensor) -> Tensor:  # (b 3 h w) -> (b h/8 w/8 d)
        x = F.relu6(rearrange(self.stem(pixels), "b d h w -> b h w d"))
        for stage in self.stages[:FINE]:
            x = stage(x)
        fine = x
        for stage in self.stages[FINE:]:
            x = stage(x)
        coarse = repeat(x, "b h w d -> b (h p) (w q) d", p=2, q=2)
        rows, columns = fine.shape[1:3]  # an odd number of cells leaves half of the last one
        return torch.cat([fine, coarse[:, :rows, :columns]], dim=-1)


class InvertedResidual(nn.Module):
    """MBConv: expansion, depthwise convolution, linear projection (arXiv 1801.04381).

    Channels are the last axis, so that the 1x1 convolutions are matrix products: on one thread of a
    CPU they take about half of the time of PyTorch's convolutions.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.expand = nn.Linear(inputs, hidden) if expansion > 1 else None
        self.depthwise = SameConv2d(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.project = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:  # (b h w d) -> (b h/stride w/stride d')
        y = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        y = self.depthwise(rearrange(y, "b h w d -> b d h w"))
        y = self.project(F.relu6(rearrange(y, "b d h w -> b h w d"), inplace=True))
        return x + y if self.residual else y


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "SAME" padding: ceil(side / stride) outputs along each side.

    Where the number of padding zeros is odd, there is one more at the bottom and at the right.
    """

    def forward(self, x: Tensor) -> Tensor:  # (b d h w) -> (b d' h/stride w/stride)
        top, bottom = self._padding(x.shape[-2])
        left, right = self._padding(x.shape[-1])
        if (top, left) == (bottom, right):
            return F.conv2d(x, self.weight, self.bias, self.stride, (top, left), 1, self.groups)
        return super().forward(F.pad(x, (left, right, top, bottom)))

    def _padding(self, side: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        zeros = max(0, (-(-side // stride) - 1) * stride + kernel - side)
        return zeros // 2, zeros - zeros // 2


def load_efficientnet(path: str | os.PathLike) -> EfficientNet:
    """Load a file written by `convert_efficientnet`: float32, frozen, in eval mode.

    Raises ValueError for any other file.
    """
    described = read_description(path, EFFICIENTNET_FORMAT, "efficientnet")
    with torch.device("meta"):
        backbone = EfficientNet(from_dict(EfficientNetConfig, described["config"]))
    backbone.load_state_dict(load_file(path), strict=True, assign=True)
    return backbone.eval()
