"""A small causal codec on short-time spectra: log magnitudes in, inverse STFT out.

The codec can be trained and run on a CPU: all layers run at the STFT frame rate (one frame per
half window), and only the two Fourier transforms process samples (after Vocos, arXiv 2306.00814,
and ConvNeXt, arXiv 2201.03545). The decoder output is the sum of a predicted spectrum and of noise
with a predicted level, because the phase of noise-like sound is unpredictable and inaudible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers.causal import CausalConv1d, Stateful, StatefulSequence
from ..rates import SAMPLE_RATE

CHANNELS = 2
OUTPUTS = 9  # numbers that the decoder predicts per frame and bin, see `mix`
NOISES = 2  # independent noises per frame: one with a level per channel, one in opposite phase
NOISE_OFFSET = 3.0  # subtracted from predicted log noise levels, so that training starts soft
FLOOR = 1e-4  # smallest magnitude of a bin: a signal amplitude of about 1e-5


@dataclass(frozen=True)
class SpectralConfig:
    """STFT frames are half a window apart; `fold` frames make one latent."""

    sample_rate: int = SAMPLE_RATE  # Hz
    latent_channels: int = 32
    window: int = 800  # samples
    fold: int = 4
    width: int = 256
    expansion: int = 3
    kernel: int = 7  # frames
    encoder_blocks: int = 4
    decoder_blocks: int = 8

    def __post_init__(self):
        if self.window % 4 or min(self.window, self.fold) < 1:
            raise ValueError(
                f"got window {self.window} and fold {self.fold}; expected a multiple of 4 and at "
                "least 1; windows overlap by half"
            )

    @property
    def audio_channels(self) -> int:
        return CHANNELS

    @property
    def causal(self) -> bool:
        return True

    @property
    def frame_hop(self) -> int:
        """Hop of the STFT in samples."""
        return self.window // 2

    @property
    def hop(self) -> int:
        """Samples per latent."""
        return self.frame_hop * self.fold

    @property
    def bins(self) -> int:
        return self.window // 2 + 1


class Block(Stateful, nn.Module):
    """Causal ConvNeXt block; its state is the state of its convolution."""

    def __init__(self, config: SpectralConfig):
        super().__init__()
        width, hidden = config.width, config.width * config.expansion
        self.depthwise = CausalConv1d(width, width, config.kernel, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def forward(  # (b t d) -> (b t d)
        self, x: Tensor, state: Tensor | tuple | None = None
    ) -> tuple[Tensor, Tensor | tuple]:
        y, state = self.depthwise(rearrange(x, "b t d -> b d t"), state)
        y = self.norm(rearrange(y, "b d t -> b t d"))
        return x + self.down(F.gelu(self.up(y))), state


class EncoderState(NamedTuple):
    samples: Tensor  # (b c frame_hop): the first half of the next window
    blocks: tuple


class Encoder(Stateful, nn.Module):
    """Waveform (b c s) -> mean and log-variance of the latents, concatenated: (b 2k t)."""

    def __init__(self, config: SpectralConfig):
        super().__init__()
        self.config = config
        self.embed = nn.Linear(4 * config.bins, config.width)
        self.blocks = StatefulSequence(*(Block(config) for _ in range(config.encoder_blocks)))
        self.norm = nn.LayerNorm(config.width * config.fold)
        self.out = nn.Linear(config.width * config.fold, 2 * config.latent_channels)

    def forward(  # (b c s) -> (b 2k t)
        self, waveform: Tensor, state: EncoderState | None = None
    ) -> tuple[Tensor, EncoderState]:
        features, samples = self.analyse(waveform, None if state is None else state.samples)
        moments, blocks = self.moments(features, None if state is None else state.blocks)
        return rearrange(moments, "b t k -> b k t"), EncoderState(samples, blocks)

    def analyse(  # (b c s) -> (b frames 4*bins), (b c frame_hop)
        self, waveform: Tensor, past: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Log magnitudes of left, right, mid and side, scaled to the order of one."""
        window, hop = self.config.window, self.config.frame_hop
        past = waveform.new_zeros(*waveform.shape[:2], hop) if past is None else past
        waveform = torch.cat([past, waveform], dim=-1)
        frames = waveform.unfold(-1, window, hop) * hann(window, waveform)
        left, right = torch.fft.rfft(_transformable(frames)).unbind(dim=1)
        four = torch.stack([left, right, (left + right) / 2, (left - right) / 2], dim=2)
        logs = 0.5 * (torch.view_as_real(four).square().sum(dim=-1) + FLOOR**2).log()
        return 0.3 * rearrange(logs, "b t c f -> b t (c f)") + 1, waveform[..., -hop:].clone()

    def moments(  # (b frames 4*bins) -> (b t 2k)
        self, features: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        """The learned part of the encoder."""
        x, state = self.blocks(self.embed(features), state)
        folded = rearrange(x, "b (t f) d -> b t (f d)", f=self.config.fold)
        return self.out(self.norm(folded)), state


class DecoderState(NamedTuple):
    position: int  # index of the next latent in the stream; seeds its noise
    tail: Tensor  # (b c frame_hop): second half of the last frame, for overlap-add
    blocks: tuple


class Decoder(Stateful, nn.Module):
    """Latents (b k t) -> waveform (b c s): inverse STFT of a predicted spectrum plus noise.

    The noise of a latent comes from a CPU generator seeded by the latent's position in the stream.
    It is the same on every machine, in every row of a batch and for any split of the stream.
    """

    def __init__(self, config: SpectralConfig):
        super().__init__()
        self.config = config
        self.embed = nn.Linear(config.latent_channels, config.width * config.fold)
        self.blocks = StatefulSequence(*(Block(config) for _ in range(config.decoder_blocks)))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, OUTPUTS * config.bins)

    def forward(  # (b k t) -> (b c s)
        self, latents: Tensor, state: DecoderState | None = None
    ) -> tuple[Tensor, DecoderState]:
        position, tail, blocks = (0, None, None) if state is None else state
        x, blocks = self.predict(rearrange(latents, "b k t -> b t k"), blocks)
        end = position + latents.shape[-1]
        noise = torch.cat([self.noise(index) for index in range(position, end)])
        waveform, tail = self.render(x, noise.to(x), tail)
        return waveform, DecoderState(end, tail, blocks)

    def predict(  # (b t k) -> (b frames 9*bins)
        self, latents: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        """The learned part of the decoder."""
        x, state = self.features(latents, state)
        return self.head(x), state

    def features(  # (b t k) -> (b frames d)
        self, latents: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        """Inputs of the linear output layer."""
        x = rearrange(self.embed(latents), "b t (f d) -> b (t f) d", f=self.config.fold)
        x, state = self.blocks(x, state)
        return self.norm(x), state

    def noise(self, position: int) -> Tensor:  # -> (fold noises f 2)
        """Real and imaginary parts of the noise of one latent, in float32."""
        shape = self.config.fold, NOISES, self.config.bins
        return phases(torch.rand(shape, generator=torch.Generator().manual_seed(position)))

    def render(
        self, x: Tensor, noise: Tensor | None, tail: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:  # (b t 9*bins), ([b] t noises f 2) -> (b c s), (b c frame_hop)
        """Predictions -> samples by inverse STFT; `noise` None gives the mean over all noises."""
        spectrum = torch.view_as_complex(mix(_transformable(x), noise))
        window = self.config.window
        frames = torch.fft.irfft(spectrum, n=window) * hann(window, spectrum.real).sqrt()
        rising, falling = rearrange(frames, "b t c s -> b c t s").chunk(2, dim=-1)
        tail = torch.zeros_like(falling[:, :, 0]) if tail is None else tail
        previous = torch.cat([tail[:, :, None], falling[:, :, :-1]], dim=2)
        return rearrange(rising + previous, "b c t s -> b c (t s)"), falling[:, :, -1].clone()


def mix(x: Tensor, noise: Tensor | None) -> Tensor:  # (b t 9*f), ([b] t noises f 2) -> (b t c f 2)
    """Decoder outputs -> real and imaginary parts of the spectra of left and right.

    A predicted magnitude times a predicted complex number covers both loud and soft sounds.
    """
    x = rearrange(x, "b t (n f) -> b t n f", n=OUTPUTS)
    size, real, imaginary, panned, opposed = x.split([2, 2, 2, 2, 1], dim=2)
    sound = torch.stack([real, imaginary], dim=-1) * size.clamp(max=8).exp()[..., None]
    if noise is None:
        return sound
    first, second = noise.split(1, dim=-3)
    panned, opposed = ((x - NOISE_OFFSET).clamp(max=6).exp() for x in (panned, opposed))
    opposed = torch.cat([opposed, -opposed], dim=2)
    return sound + panned[..., None] * first + opposed[..., None] * second


def phases(fraction: Tensor) -> Tensor:  # (...) in 0..1, of a full rotation -> (... 2)
    """Real and imaginary parts of complex numbers of power 2 with the given phases.

    The magnitude is constant because overlapping windows already vary the level: with random
    magnitudes the level of a hiss varies more than in a recording.
    """
    angles = 2 * torch.pi * fraction
    return math.sqrt(2) * torch.stack([angles.cos(), angles.sin()], dim=-1)


def hann(size: int, like: Tensor) -> Tensor:  # -> (size)
    """Periodic Hann window; copies shifted by half its size sum to one."""
    return torch.hann_window(size, dtype=like.dtype, device=like.device)


def _transformable(x: Tensor) -> Tensor:
    """Converts half precision to float32: FFTs support single and double precision only."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
