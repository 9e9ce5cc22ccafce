"""Conditions of known latents with and without each frame, in one masked pass, for guidance."""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from ...layers.attention import AttentionLayout, Context, rotary_angles
from .model import SoundReactor
from .transformer import PAIR

QUERIES = 3  # tokens per frame: audio token, vision token and the null token that replaces it


class Conditions(NamedTuple):
    """Conditions of all frames of a clip."""

    seen: Tensor  # z (b t 2d), as of `SoundReactor.condition`
    null: Tensor  # (b t d), output at the null token in place of the frame's vision token


def guide(seen: Tensor, null: Tensor, guidance: float | Tensor) -> Tensor:
    """The condition of a guidance scale (SoundReactor, arXiv 2510.02110, alg. 3).

    seen (... 2d), null (... d), guidance a number or (... 1) -> (... 2d). Guidance changes the half
    of the vision token; 1 is no guidance.
    """
    audio, vision = seen.chunk(2, dim=-1)
    return torch.cat([audio, null + guidance * (vision - null)], dim=-1)


def teacher_forced(
    model: SoundReactor, tokens: Tensor, latents: Tensor, context: Context
) -> Conditions:
    """Teacher forcing with a null branch: all tokens (b t d') and their latents (b t k).

    Equals step-by-step sampling with `null_history` "shared", where each frame's null token follows
    the real frames before it. The last latent is not an input.
    """
    audio = model.audio_input(latents[:, :-1])
    audio = torch.cat([model.embed_audio(None, len(latents)), audio], dim=1)
    vision = model.vision_input(tokens)
    null = model.vision_input(model.null_tokens(*tokens.shape[:2]))
    x = rearrange(torch.stack([audio, vision, null], dim=2), "b t q d -> b (t q) d")
    layout = null_layout(model, tokens.shape[1], context, x)
    for block in model.transformer.layers():
        x, _ = block(x, layout, None)
    y = rearrange(model.transformer.norm(x), "b (t q) d -> q b t d", q=QUERIES)
    return Conditions(torch.cat([y[0], y[1]], dim=-1), y[2])


def null_layout(
    model: SoundReactor, frames: int, context: Context, like: Tensor
) -> AttentionLayout:
    """Angles and mask of `frames` triples (audio, vision, null).

    A null token has the position of its frame's vision token and attends to the pairs before it,
    to its frame's audio token and to itself; no other token attends to it.
    """
    config = model.config.transformer
    order = torch.arange(frames * QUERIES)
    frame, kind = order // QUERIES, order % QUERIES
    position = frame * PAIR + kind.clamp(max=1)
    is_null = kind == QUERIES - 1
    # A null query and the vision token of its frame have the same position.
    before = position[None] < position[:, None]
    same = order[None] == order[:, None]
    mask = (before & ~is_null[None]) | same
    if context.window is not None:
        groups = position // context.group
        mask &= groups[:, None] - groups[None] < context.window
    cos, sin = rotary_angles(position, config.width // config.heads, context, like)
    return AttentionLayout(cos, sin, mask.to(like.device), False, len(order))
