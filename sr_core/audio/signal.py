"""Plain facts about waveforms: channels, and whether they are fit to use."""

from __future__ import annotations

import math

import torch
from einops import repeat
from torch import Tensor

SILENCE_DB = -60.0  # peak, relative to full scale; below it nobody hears anything


def to_stereo(waveform: Tensor) -> Tensor:  # (b c s) -> (b 2 s)
    """Two channels: mono is heard on both sides, stereo is left as it is, more is refused."""
    if waveform.dim() != 3:
        raise ValueError(f"got a waveform {tuple(waveform.shape)}; expected (b c s)")
    channels = waveform.shape[1]
    if channels == 1:
        return repeat(waveform, "b 1 s -> b 2 s")
    if channels == 2:
        return waveform
    raise ValueError(
        f"got {channels} channels; expected mono or stereo; mix the sound down to stereo first"
    )


def check_waveform(waveform: Tensor) -> list[str]:  # (... s) -> warnings
    """What a listener would complain about: clipping and near silence, one sentence each.

    Raises ValueError for an empty waveform or one that is not finite.
    """
    if waveform.numel() == 0:
        raise ValueError(f"got a waveform {tuple(waveform.shape)}; expected at least one sample")
    peak = waveform.abs().amax().item()  # NaN and infinity go through amax
    if not math.isfinite(peak):
        raise ValueError(_where_not_finite(waveform))
    decibels = 20 * math.log10(peak) if peak else -math.inf
    if peak > 1:
        cut = (waveform.abs() > 1).float().mean().item()
        return [f"the sound clips: {cut:.2%} is cut off, peak {decibels:+.1f} dB; lower the gain"]
    if decibels < SILENCE_DB:
        return [f"the sound is next to silent: peak {decibels:.0f} dB; check its source and gain"]
    return []


def _where_not_finite(waveform: Tensor) -> str:
    bad = (~torch.isfinite(waveform)).nonzero()  # one row a sample, its time last
    first = bad[:, -1].min().item()
    return (
        f"got {len(bad)} samples that are not finite, the first at sample {first}; "
        "expected finite numbers; check the source, or compute in float32"
    )
