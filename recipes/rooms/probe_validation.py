"""What probes know of clips that they were not trained on: loss and shifted-onset AUC."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))  # the package's folder

from recipes.rooms.probe import Prior, Probe, loss  # noqa: E402
from recipes.rooms.probe_features import Look, encode, onsets_of, targets_of  # noqa: E402
from sr_core.evaluation.metrics.shifted_onsets import shifted_onset_wins  # noqa: E402
from sr_core.evaluation.protocol.clips import read_sound  # noqa: E402
from sr_core.io.read.video import open_video  # noqa: E402
from sr_core.vision.encoder import VisionEncoder  # noqa: E402


@dataclass(frozen=True)
class Recording:
    """Features of a clip's picture, and what is heard."""

    grid: Tensor  # (t n k)
    targets: Tensor  # (t 2), of `targets_of`
    onsets: Tensor  # (n) seconds


def auc(scores: Tensor, onsets: Tensor) -> float | None:  # (t), (n) seconds
    """Shifted-onset AUC; None with fewer than two onsets, or less than 2 s."""
    wins = shifted_onset_wins(scores, onsets)
    return sum(wins) / len(wins) if wins else None


def read_recording(clip: Path, encoder: VisionEncoder) -> Recording:
    """The whole clip, as it is; ValueError for a clip without sound."""
    frames = open_video(clip)
    waveform = read_sound(frames)
    grid = encode(frames, encoder, Look())
    targets = targets_of(waveform, frames.count)[: len(grid)]
    return Recording(grid, targets, onsets_of(waveform))


def validate(
    probe: Probe, recordings: Sequence[Recording], prior: Prior
) -> tuple[float, float]:  # mean loss, mean AUC
    """Means over clips; those with too few onsets have no AUC. The probe's mode is kept.

    Raises ValueError where no clip has an AUC.
    """
    training = probe.training
    probe.eval()
    losses, aucs = list[float](), list[float]()
    for each in recordings:
        output = probe.outputs(each.grid)
        losses.append(loss(output, each.targets, prior).item())
        value = auc(output[:, 0], each.onsets)
        if value is not None:
            aucs.append(value)
    probe.train(training)
    if not aucs:
        raise ValueError(f"got {len(recordings)} clips without two onsets; expected some with them")
    return sum(losses) / len(losses), sum(aucs) / len(aucs)
