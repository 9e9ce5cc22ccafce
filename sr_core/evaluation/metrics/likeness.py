"""Distance of a sound to a clip's own sound, beside the distances of uninformed baselines."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import reduce
from torch import Tensor

from .mel import log_mel

COLUMNS, BANDS_AT_ONCE = 12, 4  # of a log-mel spectrogram that are one cell: 100 ms, 16 bands
AUDIBLE_DB = 60.0  # below the loudest cell of the clip; what is softer is silence
STEADY_DB = 3.0  # further than two draws of one noise that a steady sound may be
HALF = 0.5  # of the way from there to a baseline that a sound may be at most
FFT, HOP = 2048, 512  # samples
SILENCE, OTHER_PART, HISS = "silence", "another part of it", "hiss of its mean spectrum"


@dataclass(frozen=True)
class Likeness:
    """Distances in dB to a clip's own sound: of one that should be like it, and of baselines."""

    distance: float
    floor: float  # between two draws of hiss of the clip's mean spectrum
    baselines: dict[str, float]

    @property
    def limit(self) -> float:
        """The largest distance of a sound that is clearly nearer than all baselines.

        Where a sound is steady, another part of it and hiss are as near as can be, and a sound is
        like it that is about as near.
        """
        limits = []
        for name, distance in self.baselines.items():
            room = HALF * (distance - self.floor)
            limits.append(self.floor + (room if name == SILENCE else max(room, STEADY_DB)))
        return min(limits)

    @property
    def is_like(self) -> bool:
        return self.distance <= self.limit

    def __str__(self) -> str:
        others = ", ".join(f"{name} {distance:.1f}" for name, distance in self.baselines.items())
        return (
            f"{self.distance:.1f} dB from the clip's own sound, at most {self.limit:.1f} wanted "
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
    """Mean absolute difference of the levels in cells of 100 ms and a sixteenth of all mel bands.

    Cells are wide, so that two draws of one noise are near each other.
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
    """Steady noise whose channels have the mean spectra of the clip's."""
    window = torch.hann_window(FFT)

    def spectrum(waveform: Tensor) -> Tensor:
        return torch.stft(waveform, FFT, HOP, window=window, return_complex=True)

    noise = spectrum(torch.randn(own.shape, generator=generator))
    wanted, there = (x.abs().square().mean(dim=-1).sqrt() for x in (spectrum(own), noise))
    shaped = noise * (wanted / there.clamp_min(1e-9))[..., None]
    return torch.istft(shaped, FFT, HOP, window=window, length=own.shape[-1])
