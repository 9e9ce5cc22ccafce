"""Level and loudness of a sound: overall, and per video frame."""

from __future__ import annotations

import math

from einops import reduce
from torch import Tensor

from ...audio.torchaudio_loader import load_torchaudio
from ...rates import HOP, SAMPLE_RATE

SILENCE_DB = -80.0  # lowest level of a sound that is reported
ENVELOPE_FLOOR_DB = -60.0  # lowest level of a frame
SILENT_DB = -55.0  # level below which a frame counts as silent
GATE = SAMPLE_RATE * 2 // 5  # samples: a block of BS.1770, 400 ms
HEADROOM = 0.3  # largest peak before K-weighting, whose absolute impulse response sums to 3.33


def level_db(waveform: Tensor, floor_db: float = SILENCE_DB) -> float:  # (c s)
    """Mean power relative to full scale in dB."""
    return float(decibels(waveform.double().square().mean(), floor_db))


def loudness_lufs(waveform: Tensor) -> float | None:  # (c s)
    """Integrated loudness (ITU-R BS.1770-4), by torchaudio; 0.04 LU less than with BS.1770 filters.

    None for less than 400 ms, and where no block of 400 ms is above -70 LUFS. torchaudio clips its
    filter output at full scale, so a loud sound is measured at a lower gain; with a peak of 1 the
    gate is therefore at -59.5 instead of -70 LUFS.
    """
    if waveform.shape[-1] < GATE:
        return None
    gain = min(1.0, HEADROOM / max(float(waveform.abs().max()), HEADROOM))
    measured = load_torchaudio().functional.loudness(waveform.float() * gain, SAMPLE_RATE)
    loudness = float(measured) - 20 * math.log10(gain)
    return loudness if math.isfinite(loudness) else None


def decibels(power: Tensor, floor_db: float) -> Tensor:
    return 10 * power.clamp_min(10 ** (floor_db / 10)).log10()


def loudness_envelope(waveform: Tensor) -> Tensor:  # (c s) -> (t) dB at 30 Hz
    """Level of every complete frame of 1600 samples, at least -60 dB."""
    whole = waveform.shape[-1] // HOP * HOP
    power = reduce(waveform[:, :whole].square(), "c (t n) -> t", "mean", n=HOP)
    return decibels(power, ENVELOPE_FLOOR_DB)


def silent_share(envelope: Tensor) -> float:  # (t) dB
    """Share of frames below -55 dB; 0 where there is no frame."""
    return float((envelope < SILENT_DB).double().mean()) if len(envelope) else 0.0


def envelope_correlation(envelope: Tensor, reference: Tensor) -> float | None:  # (t), (t)
    """Pearson's r; 0 for a constant envelope, None for a constant reference."""
    x, y = envelope.double() - envelope.double().mean(), reference.double()
    y = y - y.mean()
    if float(y.norm()) < 1e-6:
        return None
    return float(x @ y / (x.norm() * y.norm()).clamp_min(1e-12))
