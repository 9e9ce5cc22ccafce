"""Causal self-attention with rotary positions and an explicit key-value cache of bounded size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


class KVState(NamedTuple):
    """Key-value cache of the previous tokens; keys are stored rotated."""

    keys: Tensor  # (b h t d)
    values: Tensor  # (b h t d)
    position: int  # number of tokens processed so far, including those outside the window


@dataclass(frozen=True)
class Context:
    """Attention window and parameters of the rotary position embedding.

    The window is counted in groups: a token attends to its own group and to the `window - 1`
    groups before it. A group (an audio latent and the frame after it) leaves the window as a whole.
    """

    base: float = 10_000.0  # base of the rotary frequencies (RoFormer, arXiv 2104.09864)
    scale: float = 1.0  # divisor of positions: position interpolation, arXiv 2306.15595
    window: int | None = None  # number of groups; None: unlimited
    group: int = 1  # tokens per group

    def first_seen(self, position: int) -> int:
        """The earliest position that a query at `position` attends to."""
        if self.window is None:
            return 0
        return max(0, (position // self.group - self.window + 1) * self.group)


class AttentionLayout(NamedTuple):
    """Rotary angles and attention mask of one call, shared by all layers."""

    cos: Tensor  # (t d/2)
    sin: Tensor  # (t d/2)
    mask: Tensor | None  # (t past+t), True: attend; None: every query attends to every key
    causal: bool  # no past and no window limit, so the kernel's own causal mask is sufficient
    first_kept: int  # earliest position that the next call attends to


def attention_layout(
    x: Tensor, head_width: int, position: int, context: Context
) -> AttentionLayout:
    """Angles and mask of the new tokens x (b t d), which follow `position` previous tokens."""
    length = x.shape[1]
    end = position + length
    cos, sin = rotary_angles(torch.arange(position, end), head_width, context, x)
    start = context.first_seen(position)
    causal = position == 0 and length > 1 and context.first_seen(end - 1) == 0
    mask = None if length == 1 or causal else _mask(start, position, end, context).to(x.device)
    return AttentionLayout(cos, sin, mask, causal, context.first_seen(end))


def rotary_angles(positions: Tensor, head_width: int, context: Context, like: Tensor):
    """cos and sin of the rotary angles, with dtype and device of `like`: (t) -> 2 x (t d/2).

    Angles are computed in float64 on the CPU: positions are unbounded (ten hours at 30 Hz are
    2e6 tokens) and some devices have no float64.
    """
    frequencies = context.base ** -(torch.arange(0, head_width, 2).double() / head_width)
    angles = positions.double()[:, None] / context.scale * frequencies
    return tuple(part.to(like.device, like.dtype) for part in (angles.cos(), angles.sin()))


def _mask(start: int, position: int, end: int, context: Context) -> Tensor:
    queries, keys = torch.arange(position, end)[:, None], torch.arange(start, end)[None]
    visible = keys <= queries
    if context.window is not None:
        visible &= queries // context.group - keys // context.group < context.window
    return visible


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:  # (b h t d), (t d/2) -> (b h t d)
    """Rotary position embedding (RoFormer, arXiv 2104.09864), pairing the two halves of a head."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class CausalAttention(nn.Module):
    """Multi-head attention of new tokens to themselves and to the cached past."""

    def __init__(self, width: int, heads: int, qk_norm: bool = False):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        make_norm = (lambda: nn.RMSNorm(width // heads, eps=1e-6)) if qk_norm else nn.Identity
        self.q_norm, self.k_norm = make_norm(), make_norm()

    def forward(self, x: Tensor, layout: AttentionLayout, state: KVState | None = None):
        """Output (b t d) and the state after x (b t d); `layout` is `attention_layout(x, ...)`."""
        q, k, v = rearrange(self.qkv(x), "b t (qkv h d) -> qkv b h t d", qkv=3, h=self.heads)
        q = rotate(self.q_norm(q), layout.cos, layout.sin)
        k = rotate(self.k_norm(k), layout.cos, layout.sin)
        position = 0
        if state is not None:
            position = state.position
            k, v = torch.cat([state.keys, k], dim=2), torch.cat([state.values, v], dim=2)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=layout.mask, is_causal=layout.causal)
        end = position + x.shape[1]
        kept = end - layout.first_kept
        state = KVState(k[:, :, k.shape[2] - kept :], v[:, :, v.shape[2] - kept :], end)
        return self.out(rearrange(y, "b h t d -> b t (h d)")), state
