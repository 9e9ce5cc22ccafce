"""Distance of a sound to the sound of a clip, compared with the distances of baselines."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import reduce
from torch import Tensor

from .mel import log_mel

COLUMNS, BANDS_AT_ONCE = 12, 4  # columns (100 ms) and bands of a log-mel cell: 16 cells high
AUDIBLE_DB = 60.0  # range below the loudest cell of the clip; softer cells count as silent
STEADY_DB = 3.0  # allowed distance above `floor`, at least, where the sound is steady
HALF = 0.5  # allowed distance above `floor`, as a share of a baseline's
FFT, HOP = 2048, 512  # samples
SILENCE, OTHER_PART, HISS = "silence", "another part of it", "hiss of its mean spectrum"


@dataclass(frozen=True)
class Likeness:
    """Distances in dB to the sound of a clip: of a sound that should resemble it, and baselines."""

    distance: float
    floor: float  # distance between two draws of noise with the clip's mean spectrum
    baselines: dict[str, float]

    @property
    def limit(self) -> float:
        """The largest distance of a sound that is clearly closer than all baselines.

        For a steady sound two baselines (another part of it, and hiss) are already as close as
        possible; there a sound passes if it is within STEADY_DB of `floor`.
        """
        limits = []
        for name, distance in self.baselines.items():
            margin = HALF * (distance - self.floor)
            limits.append(self.floor + (margin if name == SILENCE else max(margin, STEADY_DB)))
        return min(limits)

    @property
    def is_like(self) -> bool:
        return self.distance <= self.limit

    def __str__(self) -> str:
        others = ", ".join(f"{name} {distance:.1f}" for name, distance in self.baselines.items())
        return (
            f"{self.distance:.1f} dB from the clip's own sound, limit {self.limit:.1f} "
            f"({others}, two draws of such hiss {self.floor:.1f})"
        )


def likeness(waveform: Tensor, own: Tensor) -> Likeness:  # (2 s), (2 s)
    generator = torch.Generator().manual_seed(0)
    one, two = (_hiss(own, generator) for _ in range(2))
    others = {
        SILENCE: torch.zeros_like(own),
        OTHER_PART: own.roll(own.shape[-1] // 2, dims=-1),
        HISS: one,
    }
    baselines = {name: cell_distance_db(other, own) for name, other in others.items()}
    floor = min(cell_distance_db(two, one), *baselines.values())
    return Likeness(cell_distance_db(waveform, own), floor, baselines)


def cell_distance_db(waveform: Tensor, own: Tensor) -> float:  # (2 s), (2 s)
    """Mean absolute difference of the levels in cells of 100 ms x 4 of the 64 mel bands.

    Cells are wide so that two draws of the same noise have a small distance.
    """
    x, y = _cells(waveform), _cells(own)
    softest = y.max() - AUDIBLE_DB
    return float((x.clamp_min(softest) - y.clamp_min(softest)).abs().mean())


def _cells(waveform: Tensor) -> Tensor:  # (2 s) -> (m t) dB
    power = 10 ** (log_mel(waveform) / 10)
    whole = power[:, : power.shape[1] // COLUMNS * COLUMNS]
    cells = reduce(whole, "(m k) (t n) -> m t", "mean", k=BANDS_AT_ONCE, n=COLUMNS)
    return 10 * cells.log10()


def _hiss(own: Tensor, generator: torch.Generator) -> Tensor:  # (2 s) -> (2 s)
    """Stationary noise; each channel has the mean spectrum of that channel of the clip."""
    window = torch.hann_window(FFT)

    def spectrum(waveform: Tensor) -> Tensor:
        return torch.stft(waveform, FFT, HOP, window=window, return_complex=True)

    noise = spectrum(torch.randn(own.shape, generator=generator))
    target, white = (x.abs().square().mean(dim=-1).sqrt() for x in (spectrum(own), noise))
    shaped = noise * (target / white.clamp_min(1e-9))[..., None]
    return torch.istft(shaped, FFT, HOP, window=window, length=own.shape[-1])
