"""Blocks of causal convolutions at the frame rate of a spectral codec (arXiv 2201.03545)."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers.causal import CausalConv1d, Stateful, StatefulSequence


class Block(Stateful, nn.Module):
    """Causal ConvNeXt block; its state is the state of its convolution."""

    def __init__(self, width: int, expansion: int, kernel: int):
        super().__init__()
        self.depthwise = CausalConv1d(width, width, kernel, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, width * expansion)
        self.down = nn.Linear(width * expansion, width)

    def forward(  # (b t d) -> (b t d)
        self, x: Tensor, state: Tensor | tuple | None = None
    ) -> tuple[Tensor, Tensor | tuple]:
        y, state = self.depthwise(rearrange(x, "b t d -> b d t"), state)
        y = self.norm(rearrange(y, "b d t -> b t d"))
        return x + self.down(F.gelu(self.up(y))), state


def blocks(count: int, width: int, expansion: int, kernel: int) -> StatefulSequence:
    return StatefulSequence(*(Block(width, expansion, kernel) for _ in range(count)))
