"""Roll-outs: latents of frames drawn by the model after its own latents, as in generation."""

from __future__ import annotations

import torch
from torch import Tensor

from ...engine.fast_soundreactor import FastSoundReactor
from ...models.soundreactor.generator import Past, SoundReactorGenerator, solve
from ...sampling.settings import Settings


@torch.inference_mode()
def roll_out(
    model: SoundReactorGenerator,
    tokens: Tensor,
    noise: Tensor,
    past: Past | None = None,
) -> Tensor:  # (b t d), (b evaluations t k) -> (b t k)
    """Draw the latents of all frames one after the other, without guidance and gradients.

    `noise` is that of every evaluation of consistency sampling; `past` is the state of the frames
    before, if any.
    """
    settings = Settings(steps=noise.shape[1], guidance=1.0)
    tokens, start = tokens.detach(), model.begin(settings, 0, len(tokens))._replace(past=past)
    stream = FastSoundReactor(model, start, graphs=False)
    latents = [
        stream.draw(stream.condition(tokens[:, n : n + 1]), noise[:, :, n].transpose(0, 1))
        for n in range(tokens.shape[1])
    ]
    return torch.stack(latents, dim=1)


def draw_at_once(
    model: SoundReactorGenerator, z: Tensor, noise: Tensor
) -> Tensor:  # (b t 2d), (b evaluations t k) -> (b t k)
    """Draw the latents of all frames from their conditions: equals `roll_out`, with gradients."""
    return solve(model, z, noise.transpose(0, 1), Settings(steps=noise.shape[1]))
