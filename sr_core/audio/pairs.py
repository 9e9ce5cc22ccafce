"""A codec of first-order Ambisonics in two passes of a stereo VAE: W X, then Y Z.

This is what SwanSphere's code (arXiv 2605.30940) does with Stable Audio's VAE: 2 x 64 latents.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from einops import rearrange
from torch import Tensor

from . import oobleck
from .oobleck import OobleckConfig

PAIRED = [0, 3, 1, 2]  # W Y Z X -> W X Y Z
CHANNELS = [0, 2, 3, 1]  # W X Y Z -> W Y Z X


def _stable_audio() -> OobleckConfig:
    return OobleckConfig(sample_rate=44_100, strides=(2, 4, 4, 8, 8), causal=False)


@dataclass(frozen=True)
class PairsConfig:
    """The VAE of both pairs; by default in the shape of Stable Audio's."""

    stereo: OobleckConfig = field(default_factory=_stable_audio)

    def __post_init__(self):
        if self.stereo.audio_channels != 2:
            raise ValueError(
                f"got a VAE of {self.stereo.audio_channels} channels for each pair; expected 2; "
                "take the config of a stereo VAE"
            )

    @property
    def sample_rate(self) -> int:
        """Hz"""
        return self.stereo.sample_rate

    @property
    def audio_channels(self) -> int:
        return 4

    @property
    def latent_channels(self) -> int:
        """Those of W X, then those of Y Z."""
        return 2 * self.stereo.latent_channels

    @property
    def hop(self) -> int:
        """Samples per latent."""
        return self.stereo.hop

    @property
    def causal(self) -> bool:
        return self.stereo.causal


class Encoder(oobleck.Encoder):
    """Waveform (b c s) -> mean and log-variance of the latents, concatenated: (b 2k t).

    The pairs are rows of one batch, so the state is that of 2 b rows.
    """

    def __init__(self, config: PairsConfig):
        super().__init__(config.stereo)

    def forward(  # (b c s) -> (b 2k t)
        self, waveform: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        pairs = rearrange(waveform[:, PAIRED], "b (p c) s -> (b p) c s", p=2)
        moments, state = super().forward(pairs, state)
        return rearrange(moments, "(b p) (two k) t -> b (two p k) t", p=2, two=2), state


class Decoder(oobleck.Decoder):
    """Latents (b k t) -> waveform (b c s)."""

    def __init__(self, config: PairsConfig):
        super().__init__(config.stereo)

    def forward(  # (b k t) -> (b c s)
        self, latents: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        pairs, state = super().forward(rearrange(latents, "b (p k) t -> (b p) k t", p=2), state)
        return rearrange(pairs, "(b p) c s -> b (p c) s", p=2)[:, CHANNELS], state
