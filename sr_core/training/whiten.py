"""Latents without correlation: easier for a model to predict than those a VAE settles on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from einops import einsum
from torch import Tensor, nn

from ..audio.spectral import SpectralConfig
from ..audio.vae import AudioVAE
from ..parts import load_any_vae, save_part
from .data import Batches
from .described import describe

WEAKEST = 1e-6  # variance, relative to the strongest direction's, that is still scaled to one


@dataclass(frozen=True)
class WhitenRun:
    """What the statistics are taken from, and what is left out (see `whiten`)."""

    frames: int = 240  # of a row
    rows: int = 192
    drowned: float = 1.0
    seed: int = 0


def train_whiten(data: Path, output: Path, run: WhitenRun, init: Path | None, device: str) -> Path:
    """A VAE of `train vae` -> the same, with latents that are easy to model; minutes, no steps."""
    if init is None:
        raise ValueError("got no VAE to whiten; expected --init with one of `train vae`")
    vae = load_any_vae(init).to(device)
    batches = Batches(data, "train", 1, run.frames, run.seed, needs=("waveform",))
    latents, variances = [], []
    with torch.no_grad():
        for row in range(run.rows):
            batch, _ = batches.at(row, range(1))
            mean, log_variance, _ = vae.encode_moments(batch["waveform"].to(device))
            latents.append(mean[0].float())
            variances.append(log_variance[0].float().exp())
    moments = torch.cat(latents).cpu(), torch.cat(variances).cpu()
    result = whiten(vae.cpu(), *moments, run.drowned)  # in float64, which not every device has
    describe(run, data, init).write(output)
    return save_part(result, output / "vae.safetensors")


@torch.no_grad()
def whiten(
    vae: AudioVAE, latents: Tensor, variances: Tensor, drowned: float = float("inf")
) -> AudioVAE:  # 2 x (n k)
    """The same VAE with a linear map folded in, after which `latents` are decorrelated, variance 1.

    `latents` and `variances` are raw moments of the posterior over a training set. Directions come
    out strongest first. Those with more than `drowned` times as much posterior variance as their
    own are left out: what is decoded hardly depends on them, and a model would learn noise; else
    it does not change. A turned posterior is no longer diagonal: its log-variance becomes a
    constant, the set's mean along each new axis.
    """
    mean, covariance = latents.double().mean(dim=0), torch.cov(latents.double().mT)
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0), vectors.flip(1)
    roots = values.clamp_min(WEAKEST * values[0]).sqrt()
    there, back = vectors.mT / roots[:, None], vectors * roots
    spread = there.square() @ variances.double().mean(dim=0)
    kept = spread <= drowned
    dropped = back[:, ~kept] @ there[~kept] @ mean  # what always stands in for them
    there, back, spread = there[kept], back[:, kept], spread[kept]
    result = AudioVAE(replace(vae.config, latent_channels=len(there))).to(vae.latent_mean)
    old, new = _outermost(vae), _outermost(result)
    own = {id(parameter) for layer in old for parameter in layer.parameters()}
    rest = {n: p for n, p in vae.named_parameters() if id(p) not in own}
    result.load_state_dict(rest, strict=False)
    weight, bias = (p.double().chunk(2)[0] for p in (old[0].weight, old[0].bias))
    new[0].weight.zero_()
    new[0].weight[: len(there)] = einsum(there, weight, "j k, k ... -> j ...")
    new[0].bias.copy_(torch.cat([there @ bias, spread.log()]))
    weight = old[1].weight.double()
    new[1].weight.copy_(einsum(weight, back, "o k ..., k j -> o j ..."))
    constant = einsum(weight, dropped, "o k ..., k -> o ...")
    new[1].bias.copy_(old[1].bias + constant.reshape(len(constant), -1).sum(dim=1))
    # The mean stays outside: folded into a bias it would meet the zeros before a stream's start.
    result.latent_mean.copy_(there @ mean)
    return result.requires_grad_(False)


def _outermost(vae: AudioVAE) -> tuple[nn.Module, nn.Module]:
    """The layer that makes the moments, and the one that takes the latents."""
    if isinstance(vae.config, SpectralConfig):
        return vae.encoder.out, vae.decoder.embed
    return vae.encoder[-1], vae.decoder[0]
