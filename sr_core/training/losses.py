"""Losses of the audio VAE: pure functions of waveforms, moments and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from ..audio.mel import mel_bank
from .chance import Generators

SAMPLES_A_BAND = 32  # of an FFT: wide enough to hold a bin at any size
FLOOR = 1e-5  # magnitude, where white noise has its RMS; 16-bit rounding is about as loud


@dataclass(frozen=True)
class SpectraConfig:
    """Comparison of magnitudes; sizes and hop (FFT / 4) as in SonyResearch/soundreactor_vae."""

    sizes: tuple[int, ...] = (2048, 1024, 512, 256, 128, 64, 32)  # samples, multiples of 4
    drawn: int = 0  # sizes that each row draws a step, to save time; 0: all
    ears: float = 0.5  # weight of left and of right
    sides: float = 1.0  # weight of half their sum and half their difference
    convergence: float = 1.0  # weight of the distance relative to the reference's norm
    logarithmic: float = 1.0  # weight of the mean distance of log magnitudes
    level: float = 0.0  # weight of the mean distance of the frames' log levels
    bands: float = 0.0  # and of the log levels of their mel bands, one for 32 of an FFT's samples
    perceptual: bool = False  # A-weighting; the logarithmic part does not change by it
    sample_rate: int = 48000  # Hz, for the weighting alone


def spectral_distance(
    sounds: Sequence[Tensor],
    reference: Tensor,
    config: SpectraConfig,
    generators: Generators | None = None,
) -> Tensor:  # 1 or 2 x (b 2 s), (b 2 s) -> (b)
    """Distance of one sound, or energy distance of two drawn from one distribution.

    (d(y1, x) + d(y2, x) - d(y1, y2)) / 2 is least where the y are distributed as x is (Szekely and
    Rizzo, 2013), and for equal y it is d(y, x). Spectra of a half-second sound at FFT 2048 leave
    out what does not fill a last window.
    """
    total = torch.zeros(len(reference), device=reference.device)
    drawn = config.drawn or len(config.sizes)
    chosen = _draw(len(reference), len(config.sizes), drawn, generators)
    for number, size in enumerate(config.sizes):
        rows = [row for row, numbers in enumerate(chosen) if number in numbers]
        if rows:
            index = torch.tensor(rows, device=reference.device)
            those = [magnitudes(sound[index], size, config) for sound in sounds]
            target = magnitudes(reference[index], size, config)
            total = total.index_add(0, index, _energy(those, target, config) / drawn)
    return total


def magnitudes(  # (b 2 s) -> (b 4 t f)
    waveform: Tensor, size: int, config: SpectraConfig
) -> Tensor:
    """Of left, right, mid and side; the magnitudes of white noise are about its RMS."""
    hop = size // 4
    steps = rearrange(
        waveform[..., : waveform.shape[-1] // hop * hop], "b c (t h) -> b c t h", h=hop
    )
    count = steps.shape[2] - 3
    if count < 1:
        raise ValueError(
            f"got {waveform.shape[-1]} samples for an FFT of {size}; expected at least as many; "
            "take longer pieces or smaller sizes"
        )
    # Slices, not unfold: their gradients are plain additions.
    frames = torch.cat([steps[:, :, i : i + count] for i in range(4)], dim=-1)
    window = torch.hann_window(size, device=waveform.device)
    spectrum = torch.view_as_real(torch.fft.rfft(frames.float() * (window / window.norm())))
    left, right = spectrum.unbind(dim=1)
    four = torch.stack([left, right, (left + right) / 2, (left - right) / 2], dim=1)
    real, imaginary = four.unbind(dim=-1)
    found = (real.square() + imaginary.square() + FLOOR**2).sqrt()
    if config.perceptual:
        frequencies = torch.fft.rfftfreq(size, 1 / config.sample_rate, device=waveform.device)
        found = found * a_weighting(frequencies).clamp_min(1e-4)  # of zeros there is no logarithm
    return found


def a_weighting(frequencies: Tensor) -> Tensor:  # (f) Hz -> (f)
    """Gain by frequency of IEC 61672's curve A, 1 at 1 kHz, 0 at 0 Hz."""
    f2 = frequencies.square()
    poles = ((f2 + 107.7**2) * (f2 + 737.9**2)).sqrt() * (f2 + 20.6**2) * (f2 + 12194.0**2)
    return 1.2589 * 12194.0**2 * f2.square() / poles


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:  # 2 x (b t k) -> (b)
    """From the standard normal: summed over channels, averaged over time."""
    variance = log_variance.exp()
    return 0.5 * (mean.square() + variance - log_variance - 1).sum(dim=-1).mean(dim=-1)


def hinge_discriminator(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:  # n x (b ...)
    """Of the scores of several scales: real ones above 1, generated ones below -1."""
    pairs = zip(real, fake, strict=True)
    return sum(F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in pairs) / len(real)


def hinge_generator(fake: Sequence[Tensor]) -> Tensor:  # n x (b ...)
    return -sum(score.mean() for score in fake) / len(fake)


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:  # n x (b ...)
    """Mean distance of a discriminator's features, relative to the real ones' size (Encodec)."""
    pairs = zip(real, fake, strict=True)
    return sum((r - f).abs().mean() / r.abs().mean() for r, f in pairs) / len(real)


def _energy(sounds: list[Tensor], target: Tensor, config: SpectraConfig) -> Tensor:
    norm = (target.square().sum(dim=(2, 3)) * _weights(config, target)).sum(dim=1).sqrt()
    far = sum(_distance(sound, target, norm, config) for sound in sounds) / len(sounds)
    if len(sounds) == 1:
        return far
    return far - _distance(sounds[0], sounds[1], norm, config) / 2


def _distance(a: Tensor, b: Tensor, norm: Tensor, config: SpectraConfig) -> Tensor:
    """Of magnitudes (b 4 t f); `norm` (b) is the reference's, so that twice as loud is the same."""
    weights = _weights(config, a)
    # A root has no slope at zero; the floor's own norm keeps silence from being infinitely far.
    floor = FLOOR**2 * a[0].numel()
    apart = ((a - b).square().sum(dim=(2, 3)) * weights).sum(dim=1)
    apart = (apart + floor * 1e-4).sqrt()
    logs = ((a.log() - b.log()).abs().mean(dim=(2, 3)) * weights).sum(dim=1)
    total = config.convergence * apart / (norm + floor**0.5) + config.logarithmic * logs
    if config.level:
        levels = ((_level(a) - _level(b)).abs().mean(dim=2) * weights).sum(dim=1)
        total = total + config.level * levels
    if config.bands:
        bands = (_band_levels(a, config) - _band_levels(b, config)).abs().mean(dim=(2, 3))
        total = total + config.bands * (bands * weights).sum(dim=1)
    return total


def _level(magnitudes: Tensor) -> Tensor:  # (b 4 t f) -> (b 4 t)
    """Natural logarithm of the RMS of every frame."""
    return 0.5 * magnitudes.square().mean(dim=3).log()


def _band_levels(magnitudes: Tensor, config: SpectraConfig) -> Tensor:  # (b 4 t f) -> (b 4 t m)
    """Natural logarithm of the RMS of every mel band; none is too narrow to hold a bin."""
    size = 2 * (magnitudes.shape[3] - 1)
    bank = mel_bank(size, max(1, size // SAMPLES_A_BAND), config.sample_rate).to(magnitudes)
    return 0.5 * (magnitudes.square() @ (bank / bank.sum(dim=1, keepdim=True)).T).log()


def _weights(config: SpectraConfig, like: Tensor) -> Tensor:  # -> (4)
    four = like.new_tensor([config.ears, config.ears, config.sides, config.sides])
    return four / four.sum()


def _draw(rows: int, sizes: int, drawn: int, generators: Generators | None) -> list[list[int]]:
    if drawn >= sizes:
        return [list(range(sizes))] * rows
    if generators is None:
        raise ValueError("got no generators to draw FFT sizes by; expected one a row")
    return [torch.randperm(sizes, generator=g)[:drawn].tolist() for g in generators]
