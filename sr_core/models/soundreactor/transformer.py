"""The causal transformer over interleaved audio and vision tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from ...layers.attention import AttentionLayout, CausalAttention, Context, KVState, attention_layout
from ...layers.blocks import SwiGLU

TransformerState = tuple[KVState, ...]
PAIR = 2  # tokens per frame: an audio token and the vision token after it


@dataclass(frozen=True)
class TransformerConfig:
    width: int = 1024
    depth: int = 18
    heads: int = 16
    hidden: int = 3072  # SwiGLU width; gives 245 M parameters, the paper's "about 250 M"
    rope_base: float = 10_000.0
    qk_norm: bool = False
    train_frames: int = 240  # frames of a training sequence, 8 s at 30 Hz; set by training


class Transformer(nn.Module):
    """LLaMA-style decoder (arXiv 2302.13971): pre-RMSNorm, SwiGLU, rotary positions."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.RMSNorm(config.width, eps=1e-6)

    def layers(self) -> Iterator[Block]:
        """The blocks in order."""
        for block in self.blocks:
            if isinstance(block, Block):
                yield block

    def forward(
        self, x: Tensor, state: TransformerState | None = None, context: Context | None = None
    ) -> tuple[Tensor, TransformerState]:  # (b t d) -> (b t d)
        """Process tokens that follow those in the state; `context` must not change in a stream."""
        context = context or Context(base=self.config.rope_base)
        position = state[0].position if state else 0
        shared = attention_layout(x, self.config.width // self.config.heads, position, context)
        states = []
        for block, past in zip(self.blocks, state or [None] * len(self.blocks), strict=True):
            x, after = block(x, shared, past)
            states.append(after)
        return self.norm(x), tuple(states)


class Block(nn.Module):
    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.norm1 = nn.RMSNorm(config.width, eps=1e-6)
        self.attention = CausalAttention(config.width, config.heads, config.qk_norm)
        self.norm2 = nn.RMSNorm(config.width, eps=1e-6)
        self.mlp = SwiGLU(config.width, config.hidden)
        self.dropout = nn.Dropout(0.0)  # 0 except in consistency tuning

    def forward(
        self, x: Tensor, shared: AttentionLayout, state: KVState | None
    ) -> tuple[Tensor, KVState]:
        attended, state = self.attention(self.norm1(x), shared, state)
        x = x + self.dropout(attended)
        return x + self.dropout(self.mlp(self.norm2(x))), state
