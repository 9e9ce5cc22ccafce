"""Whitening of a VAE: a linear map to latents that are decorrelated and of unit variance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import torch
from einops import einsum
from torch import Tensor, nn

from ...audio.oobleck import OobleckConfig
from ...audio.pairs import PairsConfig
from ...audio.spectral import SpectralConfig
from ...audio.vae import AudioVAE

WEAKEST = 1e-6  # floor of the variance of a component, relative to that of the largest


class _Affine(Protocol):
    """A linear or convolutional layer with bias."""

    weight: Tensor
    bias: Tensor

    def parameters(self) -> Iterator[nn.Parameter]: ...


@torch.no_grad()
def whiten(
    vae: AudioVAE, latents: Tensor, variances: Tensor, drowned: float = float("inf")
) -> AudioVAE:  # 2 x (n k)
    """Fold the whitening transform of `latents` into the outermost layers of a copy of the VAE.

    `latents` and `variances` are the means and variances of the posterior over a training set. The
    new channels are the principal components in order of their variance. Components whose mean
    posterior variance exceeds `drowned` times their own variance are removed, as the decoder hardly
    depends on them; with all components kept the reconstruction does not change. The covariance of
    the transformed posterior is not diagonal, so its log-variance is replaced by a constant: the
    mean over the set along each component. A measured level remains the first channel, normalised
    by its own mean and deviation. Raises ValueError for a VAE in pairs, whose pairs share weights.
    """
    config = _with_own_latents(vae)
    measured = isinstance(config, SpectralConfig) and config.measured_level
    level, latents = latents.double().tensor_split([int(measured)], dim=1)
    mean, covariance = latents.mean(dim=0), torch.cov(latents.mT)
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0), vectors.flip(1)
    roots = values.clamp_min(WEAKEST * values[0]).sqrt()
    forward, inverse = vectors.mT / roots[:, None], vectors * roots
    spread = forward.square() @ variances[:, int(measured) :].double().mean(dim=0)
    kept = spread <= drowned
    dropped = inverse[:, ~kept] @ forward[~kept] @ mean  # replaces removed components: their mean
    forward, inverse, spread = forward[kept], inverse[:, kept], spread[kept]
    result = AudioVAE(replace(config, latent_channels=measured + len(forward)))
    result = result.to(vae.latent_mean)
    old, new = _outermost(vae), _outermost(result)
    own = {id(parameter) for layer in old for parameter in layer.parameters()}
    rest = {n: p for n, p in vae.named_parameters() if id(p) not in own}
    result.load_state_dict(rest, strict=False)
    weight, bias = (p.double().chunk(2)[0] for p in (old[0].weight, old[0].bias))
    new[0].weight.zero_()
    new[0].weight[: len(forward)] = einsum(forward, weight, "j k, k ... -> j ...")
    new[0].bias.copy_(torch.cat([forward @ bias, spread.log()]))
    _fold(old[1], new[1], inverse, dropped)
    # Not folded into a decoder bias, which would also apply to the zero padding at stream start.
    _normalise(result, level, forward @ mean)
    return result.requires_grad_(False)


def _with_own_latents(vae: AudioVAE) -> OobleckConfig | SpectralConfig:
    if isinstance(vae.config, PairsConfig):
        raise ValueError(
            "got a VAE that encodes pairs of channels; expected one that encodes all at once; "
            "whiten the stereo VAE before it is used for pairs"
        )
    return vae.config


def _fold(old: _Affine, new: _Affine, inverse: Tensor, dropped: Tensor) -> None:  # (k j), (k)
    """The decoder's first layer after the inverse transform and a constant of latents."""
    weight = old.weight.double()
    new.weight.copy_(einsum(weight, inverse, "o k ..., k j -> o j ..."))
    constant = einsum(weight, dropped, "o k ..., k -> o ...")
    new.bias.copy_(old.bias + constant.reshape(len(constant), -1).sum(dim=1))


def _normalise(vae: AudioVAE, level: Tensor, means: Tensor) -> None:  # (n 0) or (n 1), (k)
    vae.latent_mean.copy_(torch.cat([level.mean(dim=0), means]))
    if level.shape[1]:
        vae.latent_scale[0] = level.std()


def _outermost(vae: AudioVAE) -> tuple[_Affine, _Affine]:
    """The last layer of the encoder (moments) and the first layer of the decoder (latents)."""
    if isinstance(vae.config, SpectralConfig):
        return vae.encoder.out, vae.decoder.embed
    return vae.encoder[-1], vae.decoder[0]
