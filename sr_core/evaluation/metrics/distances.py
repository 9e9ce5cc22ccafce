"""Distances between two sounds (spectra) and between two sets of sounds (embeddings)."""

from __future__ import annotations

import torch
from einops import rearrange, reduce
from torch import Tensor

from ...audio.torchaudio_loader import load_torchaudio

RESOLUTIONS = (2048, 1024, 512, 256, 128)  # FFT sizes in samples
QUIETEST = 1e-4  # floor of the magnitudes of an unscaled STFT, before logarithms are compared
BANDWIDTH, MMD_SCALE = 10.0, 1000.0  # as in SonyResearch/soundreactor_v2a_eval


def mel_distance(log_mel: Tensor, reference: Tensor) -> float:  # (m t), (m t)
    """Mean absolute difference of two log-mel spectrograms, in their unit."""
    return float((log_mel - reference).abs().mean())


def mel_spread(log_mel: Tensor) -> float:  # (m t)
    """Standard deviation over time, averaged over bands; nearly 0 for a constant hiss."""
    return float(log_mel.std(dim=1, correction=0).mean())


def stft_distance(waveform: Tensor, reference: Tensor) -> float:  # (2 s), (2 s)
    """Multi-resolution STFT distance over left, right, mid and side.

    Mean over resolutions of spectral convergence plus the mean absolute difference of natural
    logarithms of the magnitudes (Yamamoto et al., Parallel WaveGAN, eq. 5 and 6).
    """
    total = 0.0
    for size in RESOLUTIONS:
        x, y = _magnitudes(waveform, size), _magnitudes(reference, size)
        total += float((x - y).norm() / y.norm().clamp_min(QUIETEST))
        total += float((x.log() - y.log()).abs().mean())
    return total / len(RESOLUTIONS)


def _magnitudes(waveform: Tensor, size: int) -> Tensor:  # (2 s) -> (4 f t)
    left, right = waveform.float()
    channels = torch.stack([left, right, (left + right) / 2, (left - right) / 2])
    spectrum = torch.stft(
        channels,
        size,
        size // 4,
        window=torch.hann_window(size),
        pad_mode="constant",
        return_complex=True,
    )
    return spectrum.abs().clamp_min(QUIETEST)


def frechet_distance(embeddings: Tensor, reference: Tensor) -> float | None:  # (n d), (m d)
    """Squared Frechet distance of two fitted normal distributions (Heusel et al., FID, eq. 6).

    None where a set has fewer than two embeddings. With fewer than d embeddings per set the
    distance is biased upwards.
    """
    if len(embeddings) < 2 or len(reference) < 2:
        return None
    x, y = embeddings.double(), reference.double()
    cov_x, cov_y = (torch.cov(rearrange(z, "n d -> d n"), correction=1) for z in (x, y))
    return frechet_from_moments(x.mean(0), cov_x, y.mean(0), cov_y)


def frechet_from_moments(
    mean_x: Tensor, cov_x: Tensor, mean_y: Tensor, cov_y: Tensor
) -> float:  # (d), (d d), the same, all float64
    """Squared Frechet distance from means and covariances; negative rounding errors become 0.

    torchaudio computes the eigenvalues of the product of the covariances. Eigenvalues that are
    exactly zero (fewer points than dimensions) come out as rounding errors, whose square roots make
    the distance too small by less than 1e-7 of the traces of the covariances (in float64).
    """
    distance = load_torchaudio().functional.frechet_distance(mean_x, cov_x, mean_y, cov_y)
    return float(distance.clamp_min(0))


def mmd(embeddings: Tensor, reference: Tensor) -> float | None:  # (n d), (m d)
    """Squared maximum mean discrepancy x 1000, Gaussian kernel of bandwidth 10 (biased)."""
    if not len(embeddings) or not len(reference):
        return None
    x, y = embeddings, reference
    value = kernel_mean(x, x) + kernel_mean(y, y) - 2 * kernel_mean(x, y)
    return float(mmd_of(torch.tensor(value, dtype=torch.float64)))


def mmd_of(squared: Tensor) -> Tensor:
    """Squared MMD x 1000; negative rounding errors become 0."""
    return MMD_SCALE * squared.clamp_min(0)


def kernel_mean(x: Tensor, y: Tensor) -> float:  # (n d), (m d)
    """Mean of the Gaussian kernel over all pairs, computed for 1000 rows of x at a time."""
    total = 0.0
    for rows in x.double().split(1000):
        squares = torch.cdist(rows, y.double()).square()
        total += float(reduce((-squares / (2 * BANDWIDTH**2)).exp(), "n m ->", "sum"))
    return total / (len(x) * len(y))
