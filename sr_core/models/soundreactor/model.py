"""The trained network: grids of frames and past latents -> condition of the next latent."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from einops import rearrange
from torch import Tensor, nn

from ...layers.attention import Context
from .aggregator import Aggregator, AggregatorConfig, check_grid
from .head import Head, HeadConfig
from .mixer_aggregator import MixerAggregator, MixerAggregatorConfig
from .transformer import Transformer, TransformerConfig, TransformerState


@dataclass(frozen=True)
class SoundReactorConfig:
    aggregator: AggregatorConfig | MixerAggregatorConfig = field(default_factory=AggregatorConfig)
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    head: HeadConfig = field(default_factory=HeadConfig)


class SoundReactor(nn.Module):
    """Aggregator, causal transformer and diffusion head (SoundReactor, arXiv 2510.02110, fig. 2).

    The transformer's input is x_0, v_1, x_1, v_2, ...: x_i is the i-th latent, v_i the token of the
    i-th frame and x_0 a learned start token. Its outputs at x_(i-1) and v_i, concatenated, are z_i,
    the condition with which the head draws x_i. z_i depends on frames 1..i and latents 1..i-1.
    """

    grid_mean: Tensor  # (d)
    grid_scale: Tensor  # (d)

    def __init__(
        self,
        config: SoundReactorConfig,
        grid: tuple[int, int] = (16, 28),
        grid_channels: int = 118,
        latent_channels: int = 64,
    ):
        super().__init__()
        width = config.transformer.width
        self.config, self.latent_channels = config, latent_channels
        self.aggregator = _aggregator(config.aggregator, grid, grid_channels)
        # Temporal differences are much smaller than the features: each channel is normalised to
        # unit variance over the training set. The identity before it is fitted.
        self.register_buffer("grid_mean", torch.zeros(grid_channels))
        self.register_buffer("grid_scale", torch.ones(grid_channels))
        self.audio_input = nn.Linear(latent_channels, width)
        self.vision_input = nn.Linear(config.aggregator.width, width)
        self.start = nn.Parameter(torch.empty(width).normal_(std=0.02))  # x_0
        # Token of an unknown frame, for guidance.
        self.null = nn.Parameter(torch.empty(config.aggregator.width).normal_(std=0.02))
        self.transformer = Transformer(config.transformer)
        self.head = Head(config.head, latent_channels, 2 * width)

    def encode_frames(self, grid: Tensor) -> Tensor:
        """One token per frame, computed from that frame only: (b t n d) -> (b t d')."""
        check_grid(grid, self.aggregator.grid, len(self.grid_mean))
        return self.aggregator((grid.to(self.start) - self.grid_mean) / self.grid_scale)

    def condition(
        self, tokens: Tensor, latents: Tensor, context: Context | None = None
    ) -> tuple[Tensor, TransformerState]:
        """Teacher forcing: all tokens (b t d) and their latents (b t k) -> z (b t 2d), state.

        The last latent is not an input here: it is the first input of the next step.
        """
        audio = self.audio_input(latents[:, :-1])
        audio = torch.cat([self.embed_audio(None, len(latents)), audio], dim=1)
        pairs = torch.stack([audio, self.vision_input(tokens)], dim=2)
        y, state = self.transformer(rearrange(pairs, "b t pair d -> b (t pair) d"), None, context)
        return rearrange(y, "b (t pair) d -> b t (pair d)", pair=2), state

    def embed_audio(self, latent: Tensor | None, batch: int) -> Tensor:
        """The token (b 1 d) of a latent (b k), or the start token for None."""
        if latent is None:
            return self.start.expand(batch, 1, -1)
        return self.audio_input(latent)[:, None]

    def null_tokens(self, batch: int, frames: int) -> Tensor:
        """Null tokens (b t d) in place of the aggregator's output, for unknown frames."""
        return self.null.expand(batch, frames, -1)


def _aggregator(
    config: AggregatorConfig | MixerAggregatorConfig, grid: tuple[int, int], channels: int
) -> Aggregator | MixerAggregator:
    if isinstance(config, MixerAggregatorConfig):
        return MixerAggregator(config, grid, channels)
    return Aggregator(config, grid, channels)
