"""Plain facts about waveforms: channels, and whether they are fit to use."""

from __future__ import annotations

import math

import torch
from einops import repeat
from torch import Tensor

SILENCE_DB = -60.0  # peak, relative to full scale; below it nobody hears anything


def to_stereo(waveform: Tensor) -> Tensor:  # (b c s) -> (b 2 s)
    """Two channels: mono is copied to both, stereo is unchanged, more raise ValueError."""
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


class Meter:
    """What a listener would complain about, for a sound that comes in pieces."""

    def __init__(self) -> None:
        self.peak, self.samples, self.clipped = 0.0, 0, 0

    def add(self, waveform: Tensor) -> None:  # (... s)
        """Hear a piece; raises ValueError where it is not finite."""
        peak = waveform.abs().amax().item() if waveform.numel() else 0.0
        if not math.isfinite(peak):  # NaN and infinity go through amax
            raise ValueError(_where_not_finite(waveform))
        self.peak = max(self.peak, peak)
        self.samples += waveform.numel()
        self.clipped += int((waveform.abs() > 1).sum()) if peak > 1 else 0

    def complaints(self) -> list[str]:
        """Clipping or near silence, one sentence."""
        return self.clipping() or self.faintness()

    def clipping(self) -> list[str]:
        if not self.clipped:
            return []
        share, decibels = self.clipped / self.samples, 20 * math.log10(self.peak)
        return [f"the sound clips: {share:.2%} is cut off, peak {decibels:+.1f} dB; lower the gain"]

    def faintness(self) -> list[str]:
        """What is left to say where the file's encoder already tells of clipping."""
        decibels = 20 * math.log10(self.peak) if self.peak else -math.inf
        if decibels >= SILENCE_DB:
            return []
        return [f"the sound is next to silent: peak {decibels:.0f} dB; check its source and gain"]


def check_waveform(waveform: Tensor) -> list[str]:  # (... s) -> warnings
    """What a listener would complain about in a whole sound.

    Raises ValueError for an empty waveform or one that is not finite.
    """
    if waveform.numel() == 0:
        raise ValueError(f"got a waveform {tuple(waveform.shape)}; expected at least one sample")
    meter = Meter()
    meter.add(waveform)
    return meter.complaints()


def _where_not_finite(waveform: Tensor) -> str:
    bad = (~torch.isfinite(waveform)).nonzero()  # one row a sample, its time last
    first = bad[:, -1].min().item()
    return (
        f"got {len(bad)} samples that are not finite, the first at sample {first}; "
        "expected finite numbers; check the source, or compute in float32"
    )
