"""Oobleck: the convolutional encoder and decoder of the audio VAE, causal or non-causal.

The layers and their order are those of stable-audio-tools as used by SoundReactor (arXiv
2510.02110): widths increase from block to block, kernels of resampling layers are two strides
long, no final tanh.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from ..layers.blocks import SnakeBeta
from ..layers.causal import CausalConv1d, CausalConvTranspose1d, StatefulSequence
from ..rates import SAMPLE_RATE


@dataclass(frozen=True)
class OobleckConfig:
    """Widths are channels * multiplier; strides are ordered from the waveform to the latents."""

    sample_rate: int = SAMPLE_RATE  # Hz
    audio_channels: int = 2
    latent_channels: int = 64
    channels: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4, 8, 16)
    strides: tuple[int, ...] = (2, 4, 5, 5, 8)
    causal: bool = True

    def __post_init__(self):
        if len(self.multipliers) != len(self.strides) or min(self.strides, default=0) < 2:
            raise ValueError(
                f"got multipliers {self.multipliers} and strides {self.strides}; "
                "expected one multiplier per stride, and every stride at least 2"
            )

    @property
    def hop(self) -> int:
        """Samples per latent."""
        return math.prod(self.strides)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels before the encoder's first block and after each of its blocks."""
        return (self.channels, *(self.channels * multiplier for multiplier in self.multipliers))


class Encoder(StatefulSequence):
    """Waveform (b c s) -> mean and log-variance of the latents, concatenated: (b 2k t)."""

    def __init__(self, config: OobleckConfig):
        widths, causal = config.widths, config.causal
        blocks = [
            StatefulSequence(
                *residual_units(width, causal),
                SnakeBeta(width),
                downsampling(width, wider, stride, causal),
            )
            for width, wider, stride in zip(widths, widths[1:], config.strides, strict=False)
        ]
        super().__init__(
            convolution(config.audio_channels, widths[0], 7, causal),
            *blocks,
            SnakeBeta(widths[-1]),
            convolution(widths[-1], 2 * config.latent_channels, 3, causal),
        )


class Decoder(StatefulSequence):
    """Latents (b k t) -> waveform (b c s); the blocks of the encoder in reverse order."""

    def __init__(self, config: OobleckConfig):
        widths, causal = config.widths, config.causal
        blocks = [
            StatefulSequence(
                SnakeBeta(wider),
                upsampling(wider, width, stride, causal),
                *residual_units(width, causal),
            )
            for width, wider, stride in zip(widths, widths[1:], config.strides, strict=False)
        ]
        super().__init__(
            convolution(config.latent_channels, widths[-1], 7, causal),
            *reversed(blocks),
            SnakeBeta(widths[0]),
            convolution(widths[0], config.audio_channels, 7, causal, bias=False),
        )


class ResidualUnit(StatefulSequence):
    """A dilated and a pointwise convolution with a residual connection."""

    def __init__(self, width: int, dilation: int, causal: bool):
        super().__init__(
            SnakeBeta(width),
            convolution(width, width, 7, causal, dilation=dilation),
            SnakeBeta(width),
            convolution(width, width, 1, causal),
        )

    def forward(  # (b c s) -> (b c s)
        self, x: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        y, state = super().forward(x, state)
        return x + y, state


def residual_units(width: int, causal: bool) -> list[ResidualUnit]:
    return [ResidualUnit(width, dilation, causal) for dilation in (1, 3, 9)]


def convolution(
    inputs: int, outputs: int, kernel: int, causal: bool, dilation: int = 1, bias: bool = True
) -> nn.Module:
    if causal:
        return CausalConv1d(inputs, outputs, kernel, dilation=dilation, bias=bias)
    padding = dilation * (kernel - 1) // 2
    return nn.Conv1d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=bias)


def downsampling(inputs: int, outputs: int, stride: int, causal: bool) -> nn.Module:
    if causal:
        return CausalConv1d(inputs, outputs, 2 * stride, stride=stride)
    # The reference pads one stride in all, with the extra sample of an odd stride on the left.
    # Equal padding gives the same result: no window reaches the extra sample on the right.
    padding = (stride + 1) // 2
    return nn.Conv1d(
        inputs, outputs, 2 * stride, stride=stride, padding=padding, padding_mode="reflect"
    )


def upsampling(inputs: int, outputs: int, stride: int, causal: bool) -> nn.Module:
    if causal:
        return CausalConvTranspose1d(inputs, outputs, 2 * stride, stride=stride)
    # One stride of outputs is trimmed in all, the extra sample of an odd stride on the left.
    # `padding` trims both sides equally; output_padding restores that sample on the right.
    padding, extra = (stride + 1) // 2, stride % 2
    return nn.ConvTranspose1d(
        inputs, outputs, 2 * stride, stride=stride, padding=padding, output_padding=extra
    )
