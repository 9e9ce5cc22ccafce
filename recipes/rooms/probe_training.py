"""Training of probes on cached features: one per seed, all on the same clips."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))  # the package's folder

from recipes.rooms.probe import Prior, Probe, ProbeConfig, loss, start_at  # noqa: E402
from recipes.rooms.probe_validation import Recording, validate  # noqa: E402
from sr_core.components import load_vision  # noqa: E402
from sr_core.rates import FRAME_RATE  # noqa: E402

BATCH = 8
WINDOW = 48  # frames
UNSCORED = 8  # first frames of a window, in which the recurrent state is not yet filled
RATE = 2e-3  # learning rate, decreasing to 0 along a cosine
DECAY = 0.05
SLOWEST = 12.0  # Hz, lowest frame rate that is imitated
STEADY = 0.4  # share of windows at the full frame rate
COUNTED = 96  # windows from which mean, scale and prior are taken
CHECKS = 10  # times that the loss is printed and the probe is validated

Read = Callable[[torch.Generator], tuple[Tensor, Tensor]]


def held(count: int, rate: float, phase: float) -> Tensor:  # -> (count)
    """Which of `count` frames at 30 Hz is shown in each, if a source of `rate` Hz holds its frames.

    `phase`, 0..1, is the time of the source's first frame in its own frames.
    """
    shown = torch.floor(torch.arange(count) * (rate / FRAME_RATE) + phase)
    return ((shown - phase) * (FRAME_RATE / rate)).floor().long().clamp(0, count - 1)


def windows(folder: Path) -> Read:
    """Reads random windows of a cache: grids (b t n k) and targets (b t 2)."""
    paths = sorted((folder / "grids").glob("*.safetensors"))
    if not paths:
        raise ValueError(f"got {folder} without features; expected those of probe_features.py")

    def read(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        drawn = [_window(paths, generator) for _ in range(BATCH)]
        grids, targets = zip(*drawn, strict=True)
        return torch.stack(grids).float(), torch.stack(targets)

    return read


def _window(paths: list[Path], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    path = paths[int(torch.randint(len(paths), (), generator=generator))]
    start, steady, rate, phase = torch.rand(4, generator=generator).tolist()
    with safe_open(path, "pt") as file:
        count = file.get_slice("grid").get_shape()[0]
        first = int(start * (max(count, WINDOW) - WINDOW + 1))
        grid = file.get_slice("grid")[first : first + WINDOW]
        targets = file.get_slice("targets")[first : first + WINDOW]
    if len(grid) < WINDOW:  # a short clip stands still at its end
        rest = WINDOW - len(grid)
        grid = torch.cat([grid, grid[-1:].expand(rest, -1, -1)])
        targets = torch.cat([targets, targets.new_zeros(rest, 2)])
    if steady >= STEADY:
        grid = grid[held(WINDOW, SLOWEST + rate * (FRAME_RATE - SLOWEST), phase)]
    return grid, targets


def prepared(folder: Path, read: Read, seed: int) -> tuple[Probe, Prior]:
    """A probe for a cache's grids, scaled to them, that predicts their prior."""
    vision = load_vision(folder / "vision.safetensors").config
    rows, columns = vision.grid
    torch.manual_seed(seed)
    probe = Probe(ProbeConfig(vision.channels, rows, columns))
    generator = torch.Generator().manual_seed(0)
    batches = [read(generator) for _ in range(COUNTED // BATCH)]
    features = torch.cat([probe.difference(grid)[0].flatten(0, 2) for grid, _ in batches])
    probe.mean.copy_(features.mean(0))
    probe.scale.copy_(features.std(0).clamp_min(1e-6))
    share, rise = torch.cat([targets for _, targets in batches]).mean((0, 1)).tolist()
    prior = Prior(min(max(share, 0.01), 0.99), rise)
    start_at(probe, prior)
    return probe, prior


class Best:
    """Keeps a probe's weights of the check with the highest AUC on clips for validation."""

    def __init__(self, recordings: Sequence[Recording], prior: Prior):
        self.recordings, self.prior = recordings, prior
        self.auc, self.weights = -1.0, dict[str, Tensor]()

    def check(self, probe: Probe) -> str:
        """Validates the probe; the result in words, "" without clips."""
        if not self.recordings:
            return ""
        value, auc = validate(probe, self.recordings, self.prior)
        if auc > self.auc:
            self.auc, self.weights = auc, {k: v.clone() for k, v in probe.state_dict().items()}
        return f", validation loss {value:.4f} AUC {auc:.4f}"

    def restore(self, probe: Probe) -> None:
        """Gives the probe its best weights; without clips it keeps its last ones."""
        if self.weights:
            probe.load_state_dict(self.weights)


def train(folder: Path, seed: int, steps: int, recordings: Sequence[Recording] = ()) -> Probe:
    """A probe trained on a cache for a number of steps; prints its loss at CHECKS times.

    With recordings for validation it is the probe of the check with the highest AUC on them.
    """
    read = windows(folder)
    probe, prior = prepared(folder, read, seed)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(1000 + seed)
    probe.train()
    begun, total, best = time.process_time(), 0.0, Best(recordings, prior)
    every = max(1, steps // CHECKS)
    for step in range(1, steps + 1):
        grid, targets = read(generator)
        output, _ = probe(grid)
        value = loss(output[:, UNSCORED:], targets[:, UNSCORED:], prior)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(probe.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += value.item()
        if step % every == 0:
            spent = time.process_time() - begun
            text = f"seed {seed} step {step} loss {total / every:.4f} after {spent:.0f} s of CPU"
            print(text + best.check(probe), file=sys.stderr, flush=True)
            total = 0.0
    best.restore(probe)
    return probe.eval().requires_grad_(False)
