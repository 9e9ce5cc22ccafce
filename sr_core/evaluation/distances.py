"""How far one sound, or a set of them, is from another: spectra, and clouds of embeddings."""

from __future__ import annotations

import torch
from einops import rearrange, reduce
from torch import Tensor

RESOLUTIONS = (2048, 1024, 512, 256, 128)  # samples
QUIETEST = 1e-4  # magnitude of an unscaled STFT below which logarithms are not compared
BANDWIDTH, MMD_SCALE = 10.0, 1000.0  # as in SonyResearch/soundreactor_v2a_eval


def mel_distance_db(log_mel: Tensor, reference: Tensor) -> float:  # (m t), (m t) dB
    """Mean absolute difference of two log-mel spectrograms."""
    return float((log_mel - reference).abs().mean())


def mel_spread_db(log_mel: Tensor) -> float:  # (m t) dB
    """Standard deviation over time, the bands' mean: a constant hiss has next to none."""
    return float(log_mel.std(dim=1, correction=0).mean())


def stft_distance(waveform: Tensor, reference: Tensor) -> float:  # (2 s), (2 s)
    """Multi-resolution STFT distance over left, right, mid and side.

    The mean over resolutions of spectral convergence and of the mean absolute difference of
    natural logarithms of the magnitudes (Yamamoto et al., Parallel WaveGAN, eq. 5 and 6).
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
    """Squared Frechet distance of the two normal distributions (Heusel et al., FID, eq. 6).

    None for fewer than two embeddings a side. Fewer than d of them make it too large for all.
    """
    if len(embeddings) < 2 or len(reference) < 2:
        return None
    x, y = embeddings.double(), reference.double()
    cov_x, cov_y = (torch.cov(rearrange(z, "n d -> d n"), correction=1) for z in (x, y))
    values, vectors = torch.linalg.eigh(cov_x)
    root = vectors * values.clamp_min(0).sqrt() @ rearrange(vectors, "d e -> e d")
    shared = torch.linalg.eigvalsh(root @ cov_y @ root).clamp_min(0).sqrt().sum()
    means = (x.mean(0) - y.mean(0)).square().sum()
    return float((means + cov_x.trace() + cov_y.trace() - 2 * shared).clamp_min(0))


def mmd(embeddings: Tensor, reference: Tensor) -> float | None:  # (n d), (m d)
    """Squared maximum mean discrepancy x 1000, Gaussian kernel of bandwidth 10 (biased)."""
    if not len(embeddings) or not len(reference):
        return None
    x, y = embeddings.double(), reference.double()
    value = _kernel(x, x) + _kernel(y, y) - 2 * _kernel(x, y)
    return MMD_SCALE * max(0.0, value)


def _kernel(x: Tensor, y: Tensor) -> float:
    """Mean of the kernel over all pairs, a thousand rows at once."""
    total = 0.0
    for rows in x.split(1000):
        squares = torch.cdist(rows, y).square()
        total += float(reduce((-squares / (2 * BANDWIDTH**2)).exp(), "n m ->", "sum"))
    return total / (len(x) * len(y))
