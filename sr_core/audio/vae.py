"""Audio VAE: waveform of stereo or of first-order Ambisonics <-> normalised latents."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

import torch
from einops import rearrange
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from . import oobleck, pairs, spectral
from .oobleck import OobleckConfig
from .pairs import PairsConfig
from .spectral import SpectralConfig

CodecConfig: TypeAlias = OobleckConfig | SpectralConfig | PairsConfig

# Causal and non-causal weights have the same names and shapes. An empty tensor with one of these
# names records the kind in the file, and makes a strict load refuse a file of the other kind.
MARKERS = {True: "marker_causal", False: "marker_noncausal"}
CODECS: dict[type, ModuleType] = {
    OobleckConfig: oobleck,
    SpectralConfig: spectral,
    PairsConfig: pairs,
}


class AudioVAE(nn.Module):
    """Waveforms (b c s) <-> latents (b t k), one latent per `config.hop` samples.

    Latents are (raw - latent_mean) / latent_scale, the scale of the model's inputs and outputs;
    mean 0 and scale 1 until fitted. Encoder and decoder have separate streaming states. A
    non-causal VAE uses future samples, so it neither takes nor returns a state. New weights are
    random.
    """

    latent_mean: Tensor  # (k)
    latent_scale: Tensor  # (k)

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.config = config
        codec = CODECS[type(config)]
        self.encoder = codec.Encoder(config)
        self.decoder = codec.Decoder(config)
        self.register_buffer("latent_mean", torch.zeros(config.latent_channels))
        self.register_buffer("latent_scale", torch.ones(config.latent_channels))
        self.register_buffer(MARKERS[config.causal], torch.zeros(0))

    def encode_moments(
        self, waveform: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, Tensor, tuple | None]:  # (b c s) -> 2 x (b t k)
        """Mean and log-variance of the posterior, not normalised; s is a multiple of the hop."""
        self._check(waveform, state)
        moments, state = self.encoder(waveform, state)
        mean, log_variance = rearrange(moments, "b (two k) t -> two b t k", two=2)
        return mean, log_variance.clamp(-30, 20), state if self.config.causal else None

    def encode(
        self, waveform: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple | None]:  # (b c s) -> (b t k)
        """Latents of a waveform: the posterior's mean."""
        raw, _, state = self.encode_moments(waveform, state)
        return (raw - self.latent_mean) / self.latent_scale, state

    def decode(
        self, latents: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple | None]:  # (b t k) -> (b c hop*t)
        """Waveform of normalised latents: exactly hop * t samples, also for t = 0."""
        expected = self.config.latent_channels
        if latents.dim() != 3 or latents.shape[2] != expected:
            raise ValueError(f"got latents {tuple(latents.shape)}; expected (b t {expected})")
        self._refuse_state(state)
        if latents.shape[1] == 0:
            return latents.new_zeros(len(latents), self.config.audio_channels, 0), state
        raw = rearrange(latents * self.latent_scale + self.latent_mean, "b t k -> b k t")
        waveform, state = self.decoder(raw, state)
        return waveform, state if self.config.causal else None

    def _check(self, waveform: Tensor, state: tuple | None) -> None:
        channels, hop = self.config.audio_channels, self.config.hop
        if waveform.dim() != 3 or waveform.shape[1] != channels or waveform.shape[2] == 0:
            advice = (
                "encode it as W Y Z X" if channels == 4 else "mix down or duplicate its channels"
            )
            raise ValueError(
                f"got a waveform {tuple(waveform.shape)}; expected (b {channels} s), s > 0; "
                f"{advice}"
            )
        if waveform.shape[2] % hop:
            raise ValueError(
                f"got {waveform.shape[2]} samples; expected a multiple of {hop}; "
                f"pad {-waveform.shape[2] % hop} zeros at the end"
            )
        self._refuse_state(state)

    def _refuse_state(self, state: tuple | None) -> None:
        if state is not None and not self.config.causal:
            raise ValueError(
                "got a state for a non-causal VAE, which uses future samples; expected None; "
                "pass the whole sound in one call, or use a causal VAE to stream"
            )


def load_vae(path: str | os.PathLike) -> AudioVAE:
    """Loads a frozen float32 VAE from a file of `convert_vae`; the weights determine its config."""
    try:
        weights = load_file(Path(path))
    except (OSError, SafetensorError) as error:
        raise ValueError(
            f"got {path}, not a readable safetensors file ({error}); expected a converted VAE; "
            "run `python -m sr_core convert vae SOURCE TARGET`"
        ) from error
    try:
        return vae_from_weights(weights)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def vae_from_weights(weights: Mapping[str, Tensor]) -> AudioVAE:
    """Builds a frozen float32 VAE from this package's names -> tensors; ValueError for others."""
    with torch.device("meta"):
        vae = AudioVAE(read_config(weights))
    try:
        vae.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        what = textwrap.shorten(str(error), 300)
        raise ValueError(f"got weights that do not fit an Oobleck VAE: {what}") from error
    return vae.float().eval().requires_grad_(False)


def read_config(weights: Mapping[str, Tensor]) -> OobleckConfig:
    """Causality, channels, widths and strides from names and shapes of this package's weights."""
    downs = sorted(
        (int(match[1]), weights[name].shape)
        for name in weights
        if (match := re.fullmatch(r"encoder\.(\d+)\.4\.weight", name))
    )
    kinds = [causal for causal, marker in MARKERS.items() if marker in weights]
    if not downs or len(kinds) != 1 or not {"encoder.0.weight", "decoder.0.weight"} <= set(weights):
        raise ValueError(
            "got weights without the names of a converted VAE; expected encoder.0.weight, "
            "decoder.0.weight and one marker tensor; run `python -m sr_core convert vae SOURCE "
            "TARGET`"
        )
    channels, audio_channels, _ = weights["encoder.0.weight"].shape
    return OobleckConfig(
        audio_channels=audio_channels,
        latent_channels=weights["decoder.0.weight"].shape[1],
        channels=channels,
        multipliers=tuple(shape[0] // channels for _, shape in downs),
        strides=tuple(shape[2] // 2 for _, shape in downs),  # kernels are two strides long
        causal=kinds[0],
    )
