"""How loud a sound is, over all and from frame to frame, and whether it stays so."""

from __future__ import annotations

import torch
from einops import rearrange, reduce
from torch import Tensor

from .mel import SAMPLE_RATE, log_mel
from .onsets import find_onsets, onset_strength

FRAME = SAMPLE_RATE // 30  # samples
SILENCE_DB = -80.0  # what is below is not told apart
ENVELOPE_FLOOR_DB = -60.0


def level_db(waveform: Tensor, floor_db: float = SILENCE_DB) -> float:  # (c s)
    """Mean power relative to full scale in dB."""
    return float(decibels(waveform.double().square().mean(), floor_db))


def decibels(power: Tensor, floor_db: float) -> Tensor:
    return 10 * power.clamp_min(10 ** (floor_db / 10)).log10()


def loudness_envelope(waveform: Tensor) -> Tensor:  # (c s) -> (t) dB at 30 Hz
    """The level of every whole frame of 1600 samples, at least -60 dB."""
    whole = waveform.shape[-1] // FRAME * FRAME
    power = reduce(waveform[:, :whole].square(), "c (t n) -> t", "mean", n=FRAME)
    return decibels(power, ENVELOPE_FLOOR_DB)


def envelope_correlation(envelope: Tensor, reference: Tensor) -> float | None:  # (t), (t)
    """Pearson's r; a sound that never changes has 0, None where the reference never does."""
    x, y = envelope.double() - envelope.double().mean(), reference.double()
    y = y - y.mean()
    if float(y.norm()) < 1e-6:
        return None
    return float(x @ y / (x.norm() * y.norm()).clamp_min(1e-12))


def loop_stability(waveform: Tensor, period: int) -> dict[str, float]:  # (c s), samples
    """The last whole loop of a sound against its second one (the first has no past yet).

    Raises ValueError where there are fewer than three loops.
    """
    loops = waveform.shape[-1] // period
    if loops < 3:
        raise ValueError(
            f"got {waveform.shape[-1]} samples, {loops} loops of {period}; expected three or more; "
            "generate a longer sound"
        )
    pieces = rearrange(waveform[:, : loops * period], "c (n s) -> n c s", n=loops)
    levels = torch.tensor([level_db(piece) for piece in (pieces[1], pieces[-1])])
    rates = [
        len(find_onsets(onset_strength(log_mel(piece)))) * SAMPLE_RATE / period
        for piece in (pieces[1], pieces[-1])
    ]
    return {
        "loops": loops,
        "second_level_db": float(levels[0]),
        "last_level_db": float(levels[1]),
        "level_change_db": float(levels[1] - levels[0]),
        "second_onsets_per_s": rates[0],
        "last_onsets_per_s": rates[1],
        "onset_rate_change": (rates[1] - rates[0]) / max(rates[0], SAMPLE_RATE / period),
    }
