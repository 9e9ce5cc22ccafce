"""Processes one frame with the transformer in a single pass over its weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from ..layers.attention import CausalAttention, Context, rotary_angles, rotate
from ..models.soundreactor.transformer import Transformer
from .key_value_ring import KeyValueRing


class FrameInputs(NamedTuple):
    """Rotary angles, mask and slots of one frame's pass, shared by all layers."""

    cos: Tensor  # (q d/2)
    sin: Tensor  # (q d/2)
    mask: Tensor  # (q slots), additive: 0 = attend, -inf = masked
    slots: Tensor  # (q), slot of the ring to which each token's key and value are written


def frame_inputs(
    transformer: Transformer,
    ring: KeyValueRing,
    context: Context,
    queries: int,
    whole: bool = False,
) -> FrameInputs:
    """Inputs of the next frame, on the CPU; with `whole` the mask has a fixed size, all slots."""
    config, like = transformer.config, ring.keys.new_empty(0, device="cpu")
    positions = ring.position + torch.tensor([0, 1, 1][:queries])
    cos, sin = rotary_angles(positions, config.width // config.heads, context, like)
    x, filled = ring.pair_slot, ring.filled
    mask = torch.zeros(queries, ring.keys.shape[3] if whole else filled)
    # Slot 0 contains the null token, slot x + 1 the vision token.
    mask[:, filled:] = mask[:2, 0] = mask[0, x + 1] = mask[2:, x + 1] = -torch.inf
    return FrameInputs(cos, sin, mask.to(like.dtype), torch.tensor([x, x + 1, 0][:queries]))


def read_frame(
    transformer: Transformer, tokens: Tensor, ring: KeyValueRing, inputs: FrameInputs
) -> Tensor:
    """Outputs at the tokens of a frame, (b q d) -> (b q d); writes the pair to the ring.

    The tokens are the pair (x, v), audio and vision, and optionally the null token that replaces v.
    x attends to neither v nor null; v and null attend to x but not to each other; later tokens do
    not attend to null. All three are known when the frame arrives, so one pass reads the weights
    once. A separate pass for x before the frame arrives would not reduce the latency after it: the
    pass for v alone has the same depth.
    """
    x, inputs = tokens, FrameInputs(*(part.to(tokens.device) for part in inputs))
    for block, keys, values in zip(transformer.layers(), ring.keys, ring.values, strict=True):
        x = x + _attend(block.attention, block.norm1(x), inputs, keys, values)
        x = x + block.mlp(block.norm2(x))
    return transformer.norm(x)


def _attend(
    attention: CausalAttention, x: Tensor, inputs: FrameInputs, keys: Tensor, values: Tensor
) -> Tensor:  # (b q d), 2 x (b h slots d) -> (b q d)
    q, k, v = rearrange(attention.qkv(x), "b q (qkv h d) -> qkv b h q d", qkv=3, h=attention.heads)
    q, k = rotate(torch.stack([attention.q_norm(q), attention.k_norm(k)]), inputs.cos, inputs.sin)
    keys.index_copy_(2, inputs.slots, k)
    values.index_copy_(2, inputs.slots, v)
    used = inputs.mask.shape[1]
    y = F.scaled_dot_product_attention(
        q, keys[:, :, :used], values[:, :, :used], attn_mask=inputs.mask
    )
    return attention.out(rearrange(y, "b h q d -> b q (h d)"))
