"""One frame through the transformer in a single pass over its weights."""

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
    """Rotary angles, mask and slots that all layers share in one frame's pass."""

    cos: Tensor  # (q d/2)
    sin: Tensor  # (q d/2)
    mask: Tensor  # (q slots), 0 where seen and -inf elsewhere
    slots: Tensor  # (q) of the ring, where each query's key and value go


def frame_inputs(
    transformer: Transformer,
    ring: KeyValueRing,
    context: Context,
    queries: int,
    whole: bool = False,
) -> FrameInputs:
    """The next frame's inputs, made on the CPU; with `whole` the mask spans all slots."""
    config, like = transformer.config, ring.keys.new_empty(0, device="cpu")
    positions = ring.position + torch.tensor([0, 1, 1][:queries])
    cos, sin = rotary_angles(positions, config.width // config.heads, context, like)
    x, filled = ring.pair_slot, ring.filled
    mask = torch.zeros(queries, ring.keys.shape[3] if whole else filled)
    # Slot 0 has the null token, slot x + 1 the frame's.
    mask[:, filled:] = mask[:2, 0] = mask[0, x + 1] = mask[2:, x + 1] = -torch.inf
    return FrameInputs(cos, sin, mask.to(like.dtype), torch.tensor([x, x + 1, 0][:queries]))


def read_frame(
    transformer: Transformer, tokens: Tensor, ring: KeyValueRing, inputs: FrameInputs
) -> Tensor:
    """Outputs at a frame's tokens (b q d) -> (b q d); the ring's slots then hold the pair.

    The tokens are the pair (x, v) and, with a third, the null token in v's place. x sees neither
    of the others; v and null see x and not one another; nothing later sees null. All three are
    known when a frame arrives, and one pass reads the weights once; nor would it be quicker after
    the picture to have read x before, as v's pass is as deep as that of all three.
    """
    x, inputs = tokens, FrameInputs(*(part.to(tokens.device) for part in inputs))
    for block, keys, values in zip(transformer.blocks, ring.keys, ring.values, strict=True):
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
    seen = inputs.mask.shape[1]
    y = F.scaled_dot_product_attention(
        q, keys[:, :, :seen], values[:, :, :seen], attn_mask=inputs.mask
    )
    return attention.out(rearrange(y, "b h q d -> b q (h d)"))
