"""A second family of generators: three frames a step, four channels of sound, led by text."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import nn

from sr_core.models.generator import Generator, GeneratorState
from sr_core.pipeline import Pipeline
from tests.conftest import TINY

FORMAT = "three-1"


@dataclass(frozen=True)
class ThreeConfig:
    width: int = 6


class Three(Generator):
    """Its past is a hidden vector; a text adds to it in every step."""

    Config = ThreeConfig
    frames_per_step = latents_per_step = 3

    def __init__(self, config, grid, grid_channels, latent_channels):
        super().__init__()
        self.config, self.latent_channels = config, latent_channels
        self.token = nn.Linear(grid_channels, config.width)
        self.words = nn.Embedding(256, config.width)
        self.hidden = nn.Linear(4 * config.width, config.width)
        self.output = nn.Linear(config.width, 3 * latent_channels)

    def begin(self, settings, seed, batch=1, prompt=None):
        noise = torch.Generator().manual_seed(seed).get_state()
        start = self.token.weight.new_zeros(batch, self.config.width)
        past = start if prompt is None else start + prompt.mean(dim=(1, 2))[:, None]
        return GeneratorState(settings, batch, noise, past)

    def encode_frames(self, features):
        return self.token(features.to(self.token.weight).mean(dim=2))

    def null_tokens(self, batch, frames):
        return self.token.bias.expand(batch, frames, -1)

    def encode_text(self, prompt):
        return self.words(torch.tensor(list(prompt.encode()))).mean(dim=0)

    def step(self, tokens, state):
        assert tokens.shape[1] == 3
        generator = torch.Generator()
        generator.set_state(state.noise)
        seen = rearrange(tokens, "b t d -> b (t d)")
        past = torch.tanh(self.hidden(torch.cat([state.past, seen], dim=-1)))
        if state.text is not None:
            past = past + state.text
        noise = torch.randn(state.batch, 3, self.latent_channels, generator=generator).to(past)
        latents = rearrange(self.output(past), "b (t k) -> b t k", t=3) + 0.1 * noise
        return latents, state._replace(past=past, noise=generator.get_state())


def three_pipeline(channels: int = 4) -> Pipeline:
    """In float64; random weights."""
    torch.manual_seed(0)
    audio = replace(TINY.audio, audio_channels=channels)
    config = replace(TINY, model=ThreeConfig(), audio=audio)
    pipeline = Pipeline(config, {"stage": "diffusion"}, Three)
    return pipeline.double().eval().requires_grad_(False)
