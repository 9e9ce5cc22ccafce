"""How loud a sound is, over all and from frame to frame."""

from __future__ import annotations

from einops import reduce
from torch import Tensor

from ...rates import HOP

SILENCE_DB = -80.0  # what is below is not told apart
ENVELOPE_FLOOR_DB = -60.0
SILENT_DB = -55.0  # a frame that is softer is counted as silent


def level_db(waveform: Tensor, floor_db: float = SILENCE_DB) -> float:  # (c s)
    """Mean power relative to full scale in dB."""
    return float(decibels(waveform.double().square().mean(), floor_db))


def decibels(power: Tensor, floor_db: float) -> Tensor:
    return 10 * power.clamp_min(10 ** (floor_db / 10)).log10()


def loudness_envelope(waveform: Tensor) -> Tensor:  # (c s) -> (t) dB at 30 Hz
    """The level of every whole frame of 1600 samples, at least -60 dB."""
    whole = waveform.shape[-1] // HOP * HOP
    power = reduce(waveform[:, :whole].square(), "c (t n) -> t", "mean", n=HOP)
    return decibels(power, ENVELOPE_FLOOR_DB)


def silent_share(envelope: Tensor) -> float:  # (t) dB
    """Share of frames below -55 dB; of a sound shorter than a frame 0."""
    return float((envelope < SILENT_DB).double().mean()) if len(envelope) else 0.0


def envelope_correlation(envelope: Tensor, reference: Tensor) -> float | None:  # (t), (t)
    """Pearson's r; a sound that never changes has 0, None where the reference never does."""
    x, y = envelope.double() - envelope.double().mean(), reference.double()
    y = y - y.mean()
    if float(y.norm()) < 1e-6:
        return None
    return float(x @ y / (x.norm() * y.norm()).clamp_min(1e-12))
