"""Limiter: keeps the true peak of a stream of sound at or below a ceiling, without delay.

True peak: the largest magnitude of the signal between its samples too, found by oversampling
(ITU-R BS.1770-4, annex 2). The limiter works on blocks. Within a block it sees what comes, so its
gain falls before a peak and not at it; the first samples of a block can fall at once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad

CEILING_DB = -1.0  # of full scale
OVERSAMPLING = 8
REACH = 12  # samples on each side of an instant that its interpolation uses
# What this interpolation can miss of frequencies up to 20 kHz at a rate of 48 kHz: between two
# instants (0.17 dB, cos(pi / 16), at Nyquist), and by its transition band. More is missed above.
MISSED_DB = 0.5
ATTACK_DB = 2.0 / 48  # per sample, before a peak: 2 dB per millisecond at 48 kHz
RELEASE_DB = 30.0 / 48000  # per sample, after it: 30 dB per second
ATTEMPTS = 6
SILENT_DB = -200.0


class LimiterState(NamedTuple):
    """What a block needs of those before it."""

    tail: Tensor  # (b c 2*REACH), the last samples returned
    gain_db: Tensor  # (b), gain of the last sample


def _interpolation() -> Tensor:  # (OVERSAMPLING 1 2*REACH)
    """Windowed sinc: row k interpolates k / OVERSAMPLING of a sample after sample REACH - 1."""
    instants = torch.arange(OVERSAMPLING, dtype=torch.float64)[:, None] / OVERSAMPLING
    offsets = torch.arange(2 * REACH, dtype=torch.float64) - (REACH - 1) - instants
    window = torch.cos(math.pi * offsets / (2 * REACH)).square()
    return (torch.sinc(offsets) * window).float()[:, None]


INTERPOLATION = _interpolation()
# No instant is larger than this times the largest sample.
MOST = float(INTERPOLATION.abs().sum(-1).max())


def magnitudes(waveform: Tensor) -> Tensor:  # (b c s) -> (b s-2*REACH+1)
    """Largest magnitude of all channels from each sample to the next.

    The first is that of sample REACH - 1, the last that of sample s - REACH - 1.
    """
    flat = waveform.reshape(-1, 1, waveform.shape[-1])
    between = conv1d(flat, INTERPOLATION.to(flat)).abs().amax(1)
    return between.reshape(*waveform.shape[:2], -1).amax(1)


def true_peak_db(waveform: Tensor) -> float:  # (c s)
    """True peak relative to full scale in dB; -inf for silence."""
    peak = float(magnitudes(pad(waveform[None].float(), (2 * REACH, 2 * REACH))).max())
    return 20 * math.log10(peak) if peak > 0 else -math.inf


class Limiter:
    """`y, state = limiter(x, state)`: sound whose true peak is at most `ceiling_db`.

    Samples that need no reduction are returned unchanged. All channels have the same gain, so that
    directions stay. A stream gives the same sound in calls of any number of whole blocks.
    """

    def __init__(self, block: int, ceiling_db: float = CEILING_DB):
        """`block` is the number of samples of a block, at least 2."""
        if block < 2:
            raise ValueError(f"got blocks of {block} samples; expected at least 2")
        self.block, self.ceiling_db = block, ceiling_db - MISSED_DB
        self.ceiling = 10 ** (self.ceiling_db / 20)

    def __call__(
        self, waveform: Tensor, state: LimiterState | None = None
    ) -> tuple[Tensor, LimiterState]:  # (b c s) -> (b c s)
        if state is None:
            batch, channels, _ = waveform.shape
            state = LimiterState(
                waveform.new_zeros(batch, channels, 2 * REACH), waveform.new_zeros(batch)
            )
        blocks = []
        for piece in waveform.split(self.block, dim=-1):
            limited, state = self._limit(piece, state)
            blocks.append(limited)
        return (torch.cat(blocks, dim=-1) if len(blocks) != 1 else blocks[0]), state

    def _limit(self, x: Tensor, state: LimiterState) -> tuple[Tensor, LimiterState]:
        if not x.shape[-1]:
            return x, state
        over = self._over(x, state)
        if not _any(over):
            return x, _state(x, state.tail, state.gain_db)
        gain_db = self._gain_db(x, state)
        y = torch.where(over[:, None, None], x * _linear(gain_db)[:, None], x)
        last = torch.where(over, gain_db[:, -1], state.gain_db)
        return y, _state(y, state.tail, last)

    def _over(self, x: Tensor, state: LimiterState) -> Tensor:  # (b c s) -> (b)
        """Whether a gain is needed; not where samples are NaN, which a later check reports."""
        returning = state.gain_db < 0
        largest = torch.maximum(x.abs().amax(), state.tail.abs().amax())
        if _any(largest * MOST <= self.ceiling):
            return returning
        return (self._magnitudes(x, state.tail).amax(-1) > self.ceiling) | returning

    def _gain_db(self, x: Tensor, state: LimiterState) -> Tensor:  # (b c s) -> (b s)
        """A gain curve with which the block, after its tail, stays below the ceiling."""
        wanted = x.new_zeros(len(x), x.shape[-1])
        for _ in range(ATTEMPTS):
            curve = _sloped(wanted, state.gain_db)
            excess = self._excess_db(x * _linear(curve)[:, None], state.tail)
            if not _any(excess > 0):
                return curve
            wanted = torch.where(excess > 0, curve - excess - 1e-3, wanted)
        return self._uniform(x, state, curve)

    def _uniform(self, x: Tensor, state: LimiterState, curve: Tensor) -> Tensor:
        """The curve lowered as a whole, at most to silence, after which the tail stays below."""
        for _ in range(ATTEMPTS):
            excess = self._excess_db(x * _linear(curve)[:, None], state.tail).amax(-1)
            if not _any(excess > 0):
                return curve
            curve = curve - ((2 * excess + 0.5) * (excess > 0))[:, None]
        return torch.full_like(curve, SILENT_DB)

    def _excess_db(self, y: Tensor, tail: Tensor) -> Tensor:  # (b c s) -> (b s)
        """How far the signal beside each sample is above the ceiling; at most 0 where it is not."""
        size = self._magnitudes(y, tail)
        before, within, after = size.split([REACH, y.shape[-1], REACH], dim=-1)
        # Instants before the block's first sample depend on it, those after the last on that.
        first = torch.maximum(within[:, 0], before.amax(-1))
        last = torch.maximum(within[:, -1], after.amax(-1))
        beside = torch.cat([first[:, None], within[:, 1:-1], last[:, None]], dim=-1)
        beside = torch.maximum(beside, pad(beside[:, :-1], (1, 0)))  # from the sample before
        return 20 * (beside / self.ceiling).clamp_min(1e-6).log10()

    @staticmethod
    def _magnitudes(x: Tensor, tail: Tensor) -> Tensor:  # (b c s) -> (b REACH+s+REACH)
        """Those that depend on the block, with silence after it."""
        return magnitudes(torch.cat([tail, pad(x, (0, 2 * REACH))], dim=-1))[:, 1:]


def _sloped(wanted: Tensor, before: Tensor) -> Tensor:  # (b s), (b) -> (b s)
    """The highest curve at or below `wanted` with limited slopes, after a last gain `before`."""
    steps = torch.arange(wanted.shape[-1] + 1).to(wanted)
    curve = torch.cat([before[:, None], wanted], dim=-1)
    curve = (curve - RELEASE_DB * steps).cummin(-1).values + RELEASE_DB * steps
    curve = curve[:, 1:].clamp(max=0)
    steps = steps[1:]
    return (curve + ATTACK_DB * steps).flip(-1).cummin(-1).values.flip(-1) - ATTACK_DB * steps


def _any(condition: Tensor) -> bool:
    return bool(condition.any())


def _linear(gain_db: Tensor) -> Tensor:
    return 10 ** (gain_db / 20)


def _state(y: Tensor, tail: Tensor, gain_db: Tensor) -> LimiterState:
    return LimiterState(torch.cat([tail, y], dim=-1)[..., -2 * REACH :].clone(), gain_db)
