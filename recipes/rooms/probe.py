"""The probe: a small causal network that predicts onsets and loudness rises from frozen features.

What it finds in a picture bounds from below what a generator on the same features can find.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from einops import rearrange
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[2]))  # the package's folder

from sr_core.checkpoint import write_weights  # noqa: E402
from sr_core.config import from_dict, to_dict  # noqa: E402
from sr_core.vision.difference import TemporalDifference  # noqa: E402

FORMAT = "soundreactor.probe"  # metadata key of a probe's file: its configuration as JSON
RISE_WEIGHT = 0.3  # of the loss of the rises, relative to that of the onsets

State = tuple[Tensor, Tensor]  # the last grid (b n k), the recurrent state (1 b d)


@dataclass(frozen=True)
class ProbeConfig:
    channels: int = 24  # of the grid
    rows: int = 14
    columns: int = 18
    cell: int = 32  # channels after the first layer, which sees one cell and its difference
    width: int = 64
    hidden: int = 192  # of the recurrent layer
    dropout: float = 0.2


class Probe(nn.Module):
    """Grids (b t n k) -> onset logits and loudness rises (b t 2); the state is explicit.

    Each frame passes convolutions over the grid and its temporal difference; a GRU over time
    follows, so that no output depends on later frames.
    """

    mean: Tensor  # (2k), of the features with which it was trained
    scale: Tensor  # (2k), their standard deviation

    def __init__(self, config: ProbeConfig):
        super().__init__()
        self.config = config
        cell, width = config.cell, config.width
        self.register_buffer("mean", torch.zeros(2 * config.channels))
        self.register_buffer("scale", torch.ones(2 * config.channels))
        self.difference = TemporalDifference()
        self.cells = nn.Linear(2 * config.channels, cell)
        self.near = nn.Conv2d(cell, width, 3, stride=2, padding=1)
        self.far = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.frame = nn.Linear(4 * width, 2 * width)
        self.dropout = nn.Dropout(config.dropout)
        self.time = nn.GRU(2 * width, config.hidden, batch_first=True)
        self.head = nn.Linear(config.hidden, 2)

    def forward(self, grid: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        last, hidden = state or (None, None)
        x, last = self.difference(grid, last)
        x = F.relu(self._cells(x))
        x = rearrange(x, "b t (r c) d -> (b t) d r c", r=self.config.rows)
        x = F.relu(self.far(F.relu(self.near(x))))
        x = torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)
        x = self.dropout(F.relu(self.frame(x)))
        y, hidden = self.time(rearrange(x, "(b t) d -> b t d", b=len(grid)), hidden)
        return self.head(self.dropout(y)), (last, hidden)

    def _cells(self, x: Tensor) -> Tensor:  # (b t n 2k) -> (b t n d)
        """The first layer of (x - mean) / scale.

        Both are applied to its weights and not to the grids, which are by far larger: a step of
        training takes half of the time.
        """
        weight = self.cells.weight / self.scale
        return F.linear(x, weight, self.cells.bias - weight @ self.mean)

    @torch.inference_mode()
    def outputs(self, grid: Tensor) -> Tensor:  # (t n k) -> (t 2)
        """Onset logit and rise of each frame of a clip."""
        state, found = None, []
        for piece in grid.split(64):
            y, state = self(piece[None].float(), state)
            found.append(y[0])
        return torch.cat(found)

    def scores(self, grid: Tensor) -> Tensor:  # (t n k) -> (t)
        """The onset logit of each frame of a clip."""
        return self.outputs(grid)[:, 0]


@dataclass(frozen=True)
class Prior:
    """Share of frames with an onset, mean rise, and the weight of a frame with an onset.

    The weight is the square root of the odds against an onset: onsets count more than their share,
    without the many false alarms of equal weight.
    """

    share: float
    rise: float

    @property
    def weight(self) -> float:
        return math.sqrt((1 - self.share) / self.share)

    @property
    def logit(self) -> float:
        """Logit of the constant with the smallest weighted loss (focal loss, 1708.02002, 4.1)."""
        return math.log(self.weight * self.share / (1 - self.share))


def start_at(probe: Probe, prior: Prior) -> None:
    """Let the probe predict the prior for every frame, before it is trained."""
    with torch.no_grad():
        probe.head.weight.mul_(0.1)
        probe.head.bias.copy_(torch.tensor([prior.logit, prior.rise]))


def loss(output: Tensor, targets: Tensor, prior: Prior) -> Tensor:  # (b t 2), (b t 2) -> ()
    """Weighted cross entropy of the onsets and smooth L1 of the rises."""
    weight = torch.tensor(prior.weight)
    onsets = F.binary_cross_entropy_with_logits(output[..., 0], targets[..., 0], pos_weight=weight)
    return onsets + RISE_WEIGHT * F.smooth_l1_loss(output[..., 1], targets[..., 1])


def save_probe(probe: Probe, path: Path) -> Path:
    return write_weights(probe.state_dict(), path, {FORMAT: json.dumps(to_dict(probe.config))})


def load_probe(path: Path) -> Probe:
    """Load a probe in eval mode; ValueError for another file."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
    if FORMAT not in metadata:
        raise ValueError(f"got {path} without {FORMAT} metadata; expected a probe; train one")
    probe = Probe(from_dict(ProbeConfig, json.loads(metadata[FORMAT])))
    probe.load_state_dict(load_file(path))
    return probe.eval().requires_grad_(False)
