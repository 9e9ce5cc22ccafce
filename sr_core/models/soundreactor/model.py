"""The trained whole: frames' grids and past latents -> the condition of the next latent."""

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

    The transformer reads x_0, v_1, x_1, v_2, ...: x_i is the i-th latent, v_i the i-th frame's
    token and x_0 a learned start. Its outputs at x_(i-1) and at v_i together are z_i, which
    conditions the head that draws x_i; so z_i knows the frames up to i and the latents before i.
    """

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
        mixer = isinstance(config.aggregator, MixerAggregatorConfig)
        aggregator = MixerAggregator if mixer else Aggregator
        self.aggregator = aggregator(config.aggregator, grid, grid_channels)
        # Differences are far smaller than what they are differences of: both are brought to the
        # training set's unit variance. The identity until it is fitted.
        self.register_buffer("grid_mean", torch.zeros(grid_channels))
        self.register_buffer("grid_scale", torch.ones(grid_channels))
        self.audio_input = nn.Linear(latent_channels, width)
        self.vision_input = nn.Linear(config.aggregator.width, width)
        self.start = nn.Parameter(torch.empty(width).normal_(std=0.02))  # in the place of x_0
        self.null = nn.Parameter(
            torch.empty(config.aggregator.width).normal_(std=0.02)
        )  # of no frame
        self.transformer = Transformer(config.transformer)
        self.head = Head(config.head, latent_channels, 2 * width)

    def encode_frames(self, grid: Tensor) -> Tensor:
        """The token of each frame, on its own: (b t n d) -> (b t d')."""
        check_grid(grid, self.aggregator.grid, len(self.grid_mean))
        return self.aggregator((grid.to(self.start) - self.grid_mean) / self.grid_scale)

    def condition(
        self, tokens: Tensor, latents: Tensor, context: Context | None = None
    ) -> tuple[Tensor, TransformerState]:
        """Teacher forcing: all tokens (b t d) and their latents (b t k) -> z (b t 2d), state.

        The last latent is not read: it becomes the first input of the step that follows.
        """
        audio = self.audio_input(latents[:, :-1])
        audio = torch.cat([self.embed_audio(None, len(latents)), audio], dim=1)
        pairs = torch.stack([audio, self.vision_input(tokens)], dim=2)
        y, state = self.transformer(rearrange(pairs, "b t pair d -> b (t pair) d"), None, context)
        return rearrange(y, "b (t pair) d -> b t (pair d)", pair=2), state

    def embed_audio(self, latent: Tensor | None, batch: int) -> Tensor:
        """The token of a latent (b k), or of the start where there is none: (b 1 d)."""
        if latent is None:
            return self.start.expand(batch, 1, -1)
        return self.audio_input(latent)[:, None]

    def null_tokens(self, batch: int, frames: int) -> Tensor:
        """Tokens of frames that are not known, in place of the aggregator's: (b t d)."""
        return self.null.expand(batch, frames, -1)
