"""One frame through the transformer in a single pass over its weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from ..layers.attention import CausalAttention, Context, rotate, turns
from ..model.transformer import Transformer
from .ring import KeyValueRing


class Turn(NamedTuple):
    """What all layers share in one frame's pass."""

    cos: Tensor  # (q d/2)
    sin: Tensor  # (q d/2)
    mask: Tensor  # (q slots), 0 where seen and -inf elsewhere
    pair: int  # slot of the ring where the pair goes


def read_frame(
    transformer: Transformer, tokens: Tensor, ring: KeyValueRing, context: Context
) -> Tensor:
    """Outputs at a frame's tokens (b q d) -> (b q d); the ring then holds the pair.

    The tokens are the pair (x, v) and, with a third, the null token in v's place. x sees neither
    of the others; v and null see x and not one another; nothing later sees null. All three are
    known when a frame arrives, and reading the weights is what a step costs on a CPU.
    """
    turn = _turn(transformer, tokens, ring, context)
    x = tokens
    for layer, block in enumerate(transformer.blocks):
        x = x + _attend(block.attention, block.norm1(x), turn, ring, layer)
        x = x + block.mlp(block.norm2(x))
    ring.position += 2
    return transformer.norm(x)


def _turn(transformer: Transformer, tokens: Tensor, ring: KeyValueRing, context: Context) -> Turn:
    queries, config = tokens.shape[1], transformer.config
    positions = ring.position + torch.tensor([0, 1, 1][:queries])
    cos, sin = turns(positions, config.width // config.heads, context, tokens)
    v = ring.pair_slot + 1
    mask = torch.zeros(queries, ring.filled)
    mask[:2, 0] = mask[0, v] = mask[2:, v] = -torch.inf
    return Turn(cos, sin, mask.to(tokens), ring.pair_slot)


def _attend(
    attention: CausalAttention, x: Tensor, turn: Turn, ring: KeyValueRing, layer: int
) -> Tensor:  # (b q d) -> (b q d)
    q, k, v = rearrange(attention.qkv(x), "b q (qkv h d) -> qkv b h q d", qkv=3, h=attention.heads)
    q, k = rotate(torch.stack([attention.q_norm(q), attention.k_norm(k)]), turn.cos, turn.sin)
    keys, values = ring.keys[layer], ring.values[layer]
    for past, new in ((keys, k), (values, v)):
        past[:, :, turn.pair : turn.pair + 2] = new[:, :, :2]
        past[:, :, : new.shape[2] - 2] = new[:, :, 2:]  # slot 0 is for the null token, if any
    seen = slice(0, ring.filled)
    y = F.scaled_dot_product_attention(q, keys[:, :, seen], values[:, :, seen], attn_mask=turn.mask)
    return attention.out(rearrange(y, "b h q d -> b q (h d)"))
