"""Learning-rate schedule of the official VAE."""

from __future__ import annotations

FALL = 200_000  # steps after which the rate is 1 / sqrt(2) of its peak


def inverse_lr(step: int, warmup: int) -> float:
    """Factor of the peak rate: (1 - (1 - 1/warmup)^(step + 1)) / sqrt(1 + step / FALL).

    InverseLR of stable-audio-tools with the settings of SonyResearch/soundreactor_vae, whose
    warm-up factor 0.999 corresponds to a `warmup` of 1000 steps.
    """
    growth = 1 - (1 - 1 / warmup) ** (step + 1) if warmup else 1.0
    return growth / (1 + step / FALL) ** 0.5
