"""A small causal codec on short-time spectra: log magnitudes in, inverse STFT out.

The codec can be trained and run on a CPU: all layers run at the STFT frame rate (one frame per
half window), and only the two Fourier transforms process samples (after Vocos, arXiv 2306.00814,
and ConvNeXt, arXiv 2201.03545). The decoder output is the sum of a predicted spectrum and of noise
with a predicted level, because the phase of noise-like sound is unpredictable and inaudible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

from ..layers.causal import Stateful
from ..rates import SAMPLE_RATE
from .convnext import blocks
from .level import log_level, power_to_usual, rms_of, with_level
from .spectrum import (
    NOISES,
    OUTPUTS,
    TONES,
    hann,
    mean_square,
    mix,
    overlap_add,
    phases,
    power_in_bins,
    transformable,
)
from .tones import continued_phases

CHANNELS = 2
FLOOR = 1e-4  # smallest magnitude of a bin: a signal amplitude of about 1e-5
TINY = 1e-12  # smallest power by which a predicted spectrum is divided


@dataclass(frozen=True)
class SpectralConfig:
    """STFT frames are half a window apart; `fold` frames make one latent.

    With `measured_level` the first channel of the latents is the log RMS of their samples, which
    sets that of the decoded samples; the other channels are those of a sound of any level. With
    `tones` the decoder also predicts magnitudes whose phases continue from frame to frame.
    """

    sample_rate: int = SAMPLE_RATE  # Hz
    latent_channels: int = 32
    window: int = 800  # samples
    fold: int = 4
    width: int = 256
    expansion: int = 3
    kernel: int = 7  # frames
    encoder_blocks: int = 4
    decoder_blocks: int = 8
    measured_level: bool = False
    tones: bool = False

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

    @property
    def shape_channels(self) -> int:
        """Latent channels that the networks write and read."""
        return self.latent_channels - self.measured_level

    @property
    def outputs(self) -> int:
        """Numbers that the decoder predicts per frame and bin, see `mix`."""
        return OUTPUTS + TONES * self.tones


class EncoderState(NamedTuple):
    samples: Tensor  # (b c frame_hop): the first half of the next window
    blocks: tuple


class Encoder(Stateful, nn.Module):
    """Waveform (b c s) -> mean and log-variance of the latents, concatenated: (b 2k t)."""

    def __init__(self, config: SpectralConfig):
        super().__init__()
        self.config = config
        self.embed = nn.Linear(4 * config.bins, config.width)
        self.blocks = blocks(config.encoder_blocks, config.width, config.expansion, config.kernel)
        self.norm = nn.LayerNorm(config.width * config.fold)
        self.out = nn.Linear(config.width * config.fold, 2 * config.shape_channels)

    def forward(  # (b c s) -> (b 2k t)
        self, waveform: Tensor, state: EncoderState | None = None
    ) -> tuple[Tensor, EncoderState]:
        samples, blocks = (None, None) if state is None else state
        level = None
        if self.config.measured_level:
            level = log_level(transformable(waveform), self.config.hop)
        features, samples = self.analyse(waveform, samples, level)
        moments, blocks = self.moments(features, blocks)
        if level is not None:
            moments = with_level(moments, level)
        return rearrange(moments, "b t k -> b k t"), EncoderState(samples, blocks)

    def analyse(  # (b c s), (b t) -> (b frames 4*bins), (b c frame_hop)
        self, waveform: Tensor, past: Tensor | None = None, level: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Log magnitudes of left, right, mid and side, scaled to the order of one.

        With `level` they are relative to it.
        """
        window, hop = self.config.window, self.config.frame_hop
        past = waveform.new_zeros(*waveform.shape[:2], hop) if past is None else past
        waveform = torch.cat([past, waveform], dim=-1)
        frames = waveform.unfold(-1, window, hop) * hann(window, waveform)
        left, right = torch.fft.rfft(transformable(frames)).unbind(dim=1)
        four = torch.stack([left, right, (left + right) / 2, (left - right) / 2], dim=2)
        power = torch.view_as_real(four).square().sum(dim=-1)
        if level is not None:
            gain = power_to_usual(level).repeat_interleave(self.config.fold, dim=1)
            power = power * gain[..., None, None]
        logs = 0.5 * (power + FLOOR**2).log()
        return 0.3 * rearrange(logs, "b t c f -> b t (c f)") + 1, waveform[..., -hop:].clone()

    def moments(  # (b frames 4*bins) -> (b t 2k)
        self, features: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        """The learned part of the encoder."""
        x, state = self.blocks(self.embed(features), state)
        folded = rearrange(x, "b (t f) d -> b t (f d)", f=self.config.fold)
        return self.out(self.norm(folded)), state


class RenderState(NamedTuple):
    tail: Tensor  # (b c frame_hop): second half of the last frame, for overlap-add
    phases: Tensor | None = None  # (b f): running phases, with tones


class DecoderState(NamedTuple):
    position: int  # index of the next latent in the stream; seeds its noise
    render: RenderState
    blocks: tuple


class Decoder(Stateful, nn.Module):
    """Latents (b k t) -> waveform (b c s): inverse STFT of a predicted spectrum plus noise.

    The noise of a latent comes from a CPU generator seeded by the latent's position in the stream.
    It is the same on every machine, in every row of a batch and for any split of the stream.
    """

    def __init__(self, config: SpectralConfig):
        super().__init__()
        self.config = config
        self.embed = nn.Linear(config.shape_channels, config.width * config.fold)
        self.blocks = blocks(config.decoder_blocks, config.width, config.expansion, config.kernel)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.outputs * config.bins)

    def forward(  # (b k t) -> (b c s)
        self, latents: Tensor, state: DecoderState | None = None
    ) -> tuple[Tensor, DecoderState]:
        position, rendered, blocks = (0, None, None) if state is None else state
        latents = rearrange(latents, "b k t -> b t k")
        x, blocks = self.predict(latents, blocks)
        end = position + latents.shape[1]
        noise = torch.cat([self.noise(index) for index in range(position, end)])
        waveform, rendered = self.render(x, noise.to(x), self.rms(latents), rendered)
        return waveform, DecoderState(end, rendered, blocks)

    def rms(self, latents: Tensor) -> Tensor | None:  # (b t k) -> (b t)
        """Root of the expected mean square of a latent's samples; None without a measured level."""
        return rms_of(transformable(latents[..., 0])) if self.config.measured_level else None

    def predict(  # (b t k) -> (b frames outputs*bins)
        self, latents: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        """The learned part of the decoder."""
        x, state = self.features(latents, state)
        return self.head(x), state

    def features(  # (b t k) -> (b frames d)
        self, latents: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        """Inputs of the linear output layer."""
        shape = latents[..., int(self.config.measured_level) :]
        x = rearrange(self.embed(shape), "b t (f d) -> b (t f) d", f=self.config.fold)
        x, state = self.blocks(x, state)
        return self.norm(x), state

    def noise(self, position: int) -> Tensor:  # -> (fold noises f 2)
        """Real and imaginary parts of the noise of one latent, in float32."""
        shape = self.config.fold, NOISES, self.config.bins
        return phases(torch.rand(shape, generator=torch.Generator().manual_seed(position)))

    def render(  # (b t outputs*bins), ([b] t noises f 2), (b latents) -> (b c s)
        self,
        x: Tensor,
        noise: Tensor | None,
        rms: Tensor | None = None,
        state: RenderState | None = None,
    ) -> tuple[Tensor, RenderState]:
        """Predictions -> samples by inverse STFT; `noise` None gives the mean over all noises.

        With `rms` the frames of a latent get the gain with which their expected RMS is this.
        """
        x, window = transformable(x), self.config.window
        tail, running = (None, None) if state is None else state
        predicted = phasors = None
        if self.config.tones or rms is not None:
            predicted = power_in_bins(x, self.config.outputs)
        if self.config.tones and predicted is not None:
            phasors, running = continued_phases(predicted, running)
        spectrum = torch.view_as_complex(mix(x, noise, phasors))
        if rms is not None and predicted is not None:
            gain = rms * (mean_square(predicted, self.config.fold) + TINY).rsqrt()
            spectrum = spectrum * gain.repeat_interleave(self.config.fold, dim=1)[..., None, None]
        frames = torch.fft.irfft(spectrum, n=window) * hann(window, spectrum.real).sqrt()
        frames = rearrange(frames, "b t c s -> b c t s")
        tail = torch.zeros_like(frames[:, :, 0, window // 2 :]) if tail is None else tail
        waveform, tail = overlap_add(frames, tail)
        return waveform, RenderState(tail.clone(), running)
