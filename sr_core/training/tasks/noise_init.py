"""Initialisation of the noise levels of a spectral decoder from its predicted spectrum."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor

from ...audio.spectral import FLOOR
from ...audio.spectrum import NOISE_OFFSET
from ...audio.vae import AudioVAE

RIDGE = 0.01  # ridge penalty, relative to the variance of the features (about 1)


@torch.no_grad()
def initialise_noise(vae: AudioVAE, waveform: Tensor, share: float) -> None:  # (b c s)
    """Move a share of the power that the decoder predicts in each bin to its noise, in place.

    A decoder trained without noise renders noise-like sound as tones, and noise that starts at a
    low level receives too small a gradient to grow. The noise levels are fitted by least squares
    to the spectrum predicted for `waveform`, which should have several times as many frames as the
    decoder has channels. Raises ValueError for a share outside of 0..1.
    """
    if not 0 < share < 1:
        raise ValueError(f"got a noise share of {share}; expected more than 0 and less than 1")
    decoder, outputs = vae.decoder, vae.decoder.config.outputs
    features, _ = decoder.features(vae.encode_moments(waveform)[0])
    features = rearrange(features, "b t d -> (b t) d").double()
    size, real, imaginary = rearrange(
        decoder.head(features.to(waveform)).double(), "t (n f) -> n t f", n=outputs
    )[:6].split(2)
    power = (real.square() + imaginary.square()) * (2 * size.clamp(max=8)).exp()
    # The division by 2 is due to the power of `phases`, which is 2.
    level = (power * share / 2 + FLOOR**2).log() / 2 + NOISE_OFFSET
    level = rearrange(level, "n t f -> t (n f)")
    inputs = torch.cat([features, torch.ones_like(features[:, :1])], dim=1)
    # The ridge limits the weights: large ones amplify half-precision rounding and unusual frames.
    ridge = RIDGE * len(inputs) * torch.eye(inputs.shape[1]).to(inputs)
    fitted = torch.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ level)
    weight, bias = (
        rearrange(p, "(n f) ... -> n f ...", n=outputs) for p in decoder.head.parameters()
    )
    weight[2:6] *= math.sqrt(1 - share)
    bias[2:6] *= math.sqrt(1 - share)
    weight[6:8] = rearrange(fitted[:-1], "d (n f) -> n f d", n=2)
    bias[6:8] = rearrange(fitted[-1], "(n f) -> n f", n=2)
