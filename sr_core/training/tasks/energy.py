"""Spectral energy distance, a loss of this project, which trains the noise of a decoder.

The official loss is minimal at one most likely magnitude, which is too soft for noise-like sound.
The codec of `recipes/freedoom` was trained with this loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from ...audio.mel import mel_bank
from ...rates import SAMPLE_RATE
from ..seeding import Generators

SAMPLES_A_BAND = 32  # FFT samples per mel band, so that every band contains a bin
FLOOR = 1e-5  # smallest magnitude (white noise of this RMS); about that of 16-bit rounding
CHANNEL_WEIGHTS = (1 / 6, 1 / 6, 1 / 3, 1 / 3)  # weights of left, right, mid and side


@dataclass(frozen=True)
class EnergyConfig:
    """Weights and FFT sizes of the distance of magnitudes; the hop is a quarter of the FFT."""

    weight: float = 0.0  # weight of the loss; 0 leaves it out
    sizes: tuple[int, ...] = (2048, 1024, 512, 256, 128, 64, 32)  # samples, multiples of 4
    drawn: int = 0  # number of sizes drawn per row and step, to save time; 0: all
    convergence: float = 1.0  # weight of the distance relative to the reference's norm
    logarithmic: float = 1.0  # weight of the mean distance of log magnitudes
    level: float = 0.0  # weight of the mean distance of log levels of frames
    bands: float = 0.0  # weight of the mean distance of log levels of mel bands
    floor: float = FLOOR  # smallest magnitude; softer differences do not count
    sample_rate: int = SAMPLE_RATE  # Hz, used for mel bands only


def energy_distance(
    sounds: Sequence[Tensor],
    reference: Tensor,
    config: EnergyConfig,
    generators: Generators | None = None,
) -> Tensor:  # 1 or 2 x (b 2 s), (b 2 s) -> (b)
    """Distance of one sound to the reference, or energy distance of two independent samples y.

    (d(y1, x) + d(y2, x) - d(y1, y2)) / 2 is minimal where y has the distribution of x (Szekely and
    Rizzo, 2013); for equal y it is d(y, x). Samples after the last complete window are ignored.
    """
    total = torch.zeros(len(reference), device=reference.device)
    drawn = config.drawn or len(config.sizes)
    chosen = _draw(len(reference), len(config.sizes), drawn, generators)
    for number, size in enumerate(config.sizes):
        rows = [row for row, numbers in enumerate(chosen) if number in numbers]
        if rows:
            index = torch.tensor(rows, device=reference.device)
            generated = [magnitudes(sound[index], size, config.floor) for sound in sounds]
            target = magnitudes(reference[index], size, config.floor)
            total = total.index_add(0, index, _energy(generated, target, config) / drawn)
    return total


def magnitudes(  # (b 2 s) -> (b 4 t f)
    waveform: Tensor, size: int, floor: float = FLOOR
) -> Tensor:
    """Magnitudes of left, right, mid and side, scaled so that white noise has about its RMS."""
    if waveform.shape[1] != 2:
        raise ValueError(
            f"got {waveform.shape[1]} channels for the energy loss; expected left and right; set "
            "its weight to 0 and that of the STFT loss above 0"
        )
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
    # Slices instead of unfold, because their backward pass is faster: plain additions.
    frames = torch.cat([steps[:, :, i : i + count] for i in range(4)], dim=-1)
    window = torch.hann_window(size, device=waveform.device)
    spectrum = torch.view_as_real(torch.fft.rfft(frames.float() * (window / window.norm())))
    left, right = spectrum.unbind(dim=1)
    four = torch.stack([left, right, (left + right) / 2, (left - right) / 2], dim=1)
    real, imaginary = four.unbind(dim=-1)
    return (real.square() + imaginary.square() + floor**2).sqrt()


def _energy(sounds: list[Tensor], target: Tensor, config: EnergyConfig) -> Tensor:
    norm = _weighted(target.square().sum(dim=(2, 3))).sqrt()
    mean = torch.stack([_distance(sound, target, norm, config) for sound in sounds]).mean(dim=0)
    if len(sounds) == 1:
        return mean
    return mean - _distance(sounds[0], sounds[1], norm, config) / 2


def _distance(a: Tensor, b: Tensor, norm: Tensor, config: EnergyConfig) -> Tensor:
    """Distance of magnitudes (b 4 t f) -> (b), independent of a common gain by the reference's
    `norm` (b)."""
    # The floors keep the gradient finite at distance 0, and the distance finite for silence.
    floor = config.floor**2 * a[0].numel()
    difference = _weighted((a - b).square().sum(dim=(2, 3)))
    difference = (difference + floor * 1e-4).sqrt()
    logs = _weighted((a.log() - b.log()).abs().mean(dim=(2, 3)))
    total = config.convergence * difference / (norm + floor**0.5) + config.logarithmic * logs
    if config.level:
        levels = (_level(a) - _level(b)).abs().mean(dim=2)
        total = total + config.level * _weighted(levels)
    if config.bands:
        bands = (_band_levels(a, config) - _band_levels(b, config)).abs().mean(dim=(2, 3))
        total = total + config.bands * _weighted(bands)
    return total


def _weighted(channels: Tensor) -> Tensor:  # (b 4) -> (b)
    """Weighted sum over channels; a matrix product would be in bfloat16 under autocast."""
    return (channels * channels.new_tensor(CHANNEL_WEIGHTS)).sum(dim=1)


def _level(magnitudes: Tensor) -> Tensor:  # (b 4 t f) -> (b 4 t)
    """Natural logarithm of the RMS per frame."""
    return 0.5 * magnitudes.square().mean(dim=3).log()


def _band_levels(magnitudes: Tensor, config: EnergyConfig) -> Tensor:  # (b 4 t f) -> (b 4 t m)
    """Natural logarithm of the RMS per mel band; every band contains at least one bin."""
    size = 2 * (magnitudes.shape[3] - 1)
    bank = mel_bank(size, max(1, size // SAMPLES_A_BAND), config.sample_rate).to(magnitudes)
    return 0.5 * (magnitudes.square() @ (bank / bank.sum(dim=1, keepdim=True)).T).log()


def _draw(rows: int, sizes: int, drawn: int, generators: Generators | None) -> list[list[int]]:
    if drawn >= sizes:
        return [list(range(sizes))] * rows
    if generators is None:
        raise ValueError("got no generators to draw FFT sizes; expected one per row")
    return [torch.randperm(sizes, generator=g)[:drawn].tolist() for g in generators]
