"""Waveform utilities: conversion to stereo, and warnings about clipping or near silence."""

from __future__ import annotations

import math

import torch
from einops import repeat
from torch import Tensor

SILENCE_DB = -60.0  # peak relative to full scale, below which a sound counts as inaudible


def to_stereo(waveform: Tensor) -> Tensor:  # (b c s) -> (b 2 s)
    """Converts to two channels: duplicates mono, keeps stereo; ValueError for more channels."""
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
    """Warnings about clipping or near silence, for a waveform that arrives in pieces."""

    def __init__(self) -> None:
        self.peak, self.samples, self.clipped = 0.0, 0, 0

    def add(self, waveform: Tensor) -> None:  # (... s)
        """Adds a piece to the statistics; ValueError where a sample is not finite."""
        peak = waveform.abs().amax().item() if waveform.numel() else 0.0
        if not math.isfinite(peak):  # amax propagates NaN and infinity
            raise ValueError(_not_finite_message(waveform))
        self.peak = max(self.peak, peak)
        self.samples += waveform.numel()
        self.clipped += int((waveform.abs() > 1).sum()) if peak > 1 else 0

    def complaints(self) -> list[str]:
        """At most one warning: clipping, or else near silence."""
        return self.clipping() or self.faintness()

    def clipping(self) -> list[str]:
        if not self.clipped:
            return []
        share, decibels = self.clipped / self.samples, 20 * math.log10(self.peak)
        return [f"the sound clips: {share:.2%} is cut off, peak {decibels:+.1f} dB; lower the gain"]

    def faintness(self) -> list[str]:
        """The warning about near silence alone, for files whose encoder reports clipping."""
        decibels = 20 * math.log10(self.peak) if self.peak else -math.inf
        if decibels >= SILENCE_DB:
            return []
        return [f"the sound is next to silent: peak {decibels:.0f} dB; check its source and gain"]


def check_waveform(waveform: Tensor) -> list[str]:  # (... s) -> warnings
    """Warnings about clipping or near silence in a whole waveform.

    Raises ValueError for an empty waveform or one with samples that are not finite.
    """
    if waveform.numel() == 0:
        raise ValueError(f"got a waveform {tuple(waveform.shape)}; expected at least one sample")
    meter = Meter()
    meter.add(waveform)
    return meter.complaints()


def _not_finite_message(waveform: Tensor) -> str:
    bad = (~torch.isfinite(waveform)).nonzero()  # one row per sample; last column: time
    first = bad[:, -1].min().item()
    return (
        f"got {len(bad)} samples that are not finite, the first at sample {first}; "
        "expected finite numbers; check the source, or compute in float32"
    )
