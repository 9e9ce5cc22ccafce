"""Multi-scale STFT discriminator of Encodec (arXiv 2210.13438, sec. 3.4).

It applies convolutions to complex spectra at several resolutions. The training of the official VAE
uses it too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.2  # negative slope of the leaky ReLU


@dataclass(frozen=True)
class DiscriminatorConfig:
    channels: int = 64
    sizes: tuple[int, ...] = (2048, 1024, 512, 256, 128)  # FFT sizes in samples; hop: a quarter


class Discriminator(nn.Module):
    """Waveform (b c s) -> per scale a score map (b 1 t f) and a list of intermediate features."""

    def __init__(self, config: DiscriminatorConfig, audio_channels: int = 2):
        super().__init__()
        self.scales = nn.ModuleList(
            Scale(size, 2 * audio_channels, config.channels) for size in config.sizes
        )

    def forward(self, waveform: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:  # (b c s)
        found = [scale(waveform) for scale in self.scales]
        return [score for score, _ in found], [features for _, features in found]


class Scale(nn.Module):
    """One resolution: 2D convolutions over (t f) of real and imaginary parts of all channels."""

    def __init__(self, size: int, inputs: int, channels: int):
        super().__init__()
        self.size = size
        self.convolutions = nn.ModuleList(
            [
                _convolution(inputs, channels, (3, 9)),  # as in the official code not normalised
                *(
                    weight_norm(_convolution(channels, channels, (3, 9), 2, dilation))
                    for dilation in (1, 2, 4)
                ),
                weight_norm(_convolution(channels, channels, (3, 3))),
            ]
        )
        self.score = weight_norm(_convolution(channels, 1, (3, 3)))

    def forward(self, waveform: Tensor) -> tuple[Tensor, list[Tensor]]:  # (b c s) -> (b 1 t f)
        b = len(waveform)
        window = torch.hann_window(self.size, device=waveform.device)
        spectrum = torch.stft(
            rearrange(waveform, "b c s -> (b c) s").float(),
            self.size,
            hop_length=self.size // 4,
            window=window / window.norm(),
            center=False,
            return_complex=True,
        )
        parts = torch.view_as_real(spectrum)
        x, features = rearrange(parts, "(b c) f t two -> b (two c) t f", b=b), []
        for convolution in self.convolutions:
            x = F.leaky_relu(convolution(x), SLOPE)
            features.append(x)
        return self.score(x), features


def _convolution(
    inputs: int, outputs: int, kernel: tuple[int, int], stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """Convolution over (t f) with stride along frequency and dilation along time."""
    padding = (dilation * (kernel[0] - 1) // 2, (kernel[1] - 1) // 2)
    return nn.Conv2d(inputs, outputs, kernel, (1, stride), padding, dilation=(dilation, 1))
