"""Latents without correlation: easier for a model to predict than those a VAE settles on."""

from __future__ import annotations

import torch
from einops import einsum
from torch import Tensor, nn

from ..audio.spectral import SpectralConfig
from ..audio.vae import AudioVAE

WEAKEST = 1e-6  # variance, relative to the strongest direction's, that is still scaled to one


@torch.no_grad()
def whiten(vae: AudioVAE, latents: Tensor, variances: Tensor) -> None:  # 2 x (n k)
    """Fold a linear map into a VAE, in place, after which `latents` are decorrelated, variance 1.

    `latents` and `variances` are raw moments of the posterior over a training set; what is decoded
    does not change. Directions come out strongest first. A turned posterior is no longer diagonal:
    its log-variance becomes a constant, the set's mean along each new axis.
    """
    mean, covariance = latents.double().mean(dim=0), torch.cov(latents.double().mT)
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0), vectors.flip(1)
    roots = values.clamp_min(WEAKEST * values[0]).sqrt()
    there, back = vectors.mT / roots[:, None], vectors * roots
    last, first = _outermost(vae)
    spread = there.square() @ variances.double().mean(dim=0)
    k = len(mean)
    weight, bias = last.weight.double(), last.bias.double()
    weight[:k], bias[:k] = einsum(there, weight[:k], "j k, k ... -> j ..."), there @ bias[:k]
    weight[k:], bias[k:] = 0, spread.log()
    last.weight.copy_(weight)
    last.bias.copy_(bias)
    first.weight.copy_(einsum(first.weight.double(), back, "o k ..., k j -> o j ..."))
    # The mean stays outside: folded into a bias it would meet the zeros before a stream's start.
    vae.latent_mean.copy_(there @ mean)
    vae.latent_scale.fill_(1)


def _outermost(vae: AudioVAE) -> tuple[nn.Module, nn.Module]:
    """The layer that makes the moments, and the one that takes the latents."""
    if isinstance(vae.config, SpectralConfig):
        return vae.encoder.out, vae.decoder.embed
    return vae.encoder[-1], vae.decoder[0]
