"""Training of a vision encoder: its grid has to predict the audio features of the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional as F

from ...models.soundreactor.mixer_aggregator import MixerAggregator, MixerAggregatorConfig
from ...vision.difference import TemporalDifference
from ...vision.encoder import VisionConfig, VisionEncoder, normalise
from ..data.audio_targets import BANDS, band_levels, rises
from ..data.statistics import Moments
from ..seeding import Generators, normal, uniform
from .task import Task

MIDDLE_DB, RANGE_DB = -50.0, 20.0  # brings levels near 0 and 1
ONSETS = 0.1  # share of frames with one that the first guess assumes


@dataclass(frozen=True)
class VisionTaskConfig:
    """Weights of the losses, and how frames are varied."""

    head: MixerAggregatorConfig = field(default_factory=MixerAggregatorConfig)
    width: int = 64  # of the space where what is seen and what is heard meet
    temperature: float = 0.1
    near: int = 1  # frames on each side that sound too alike to be called wrong
    around: int = 2  # frames of sound on each side that belong to a frame's
    contrast: float = 1.0
    levels: float = 1.0
    onsets: float = 1.0
    onset_db: float = 2.0  # mean rise of the bands that makes an onset
    onset_weight: float = 4.0  # of a frame with one against a frame without
    noise: float = 0.3  # deviation on tokens: what they tell has to be large, so a PCA keeps it
    mirror: float = 0.5  # share of rows seen in a mirror, where no latents tell left from right
    brightness: float = 0.2  # largest change of gain (as a logarithm) and of offset


class VisionTask(Task):
    """Trains a backbone on {"frames": (b t 3 h w), "waveform": (b c s), "mean": (b t k) or none}.

    Each frame is encoded alone; the heads see its tokens and their difference to the frame before,
    as the model will. They are thrown away. The contrast is among the rows that are taken at once.
    """

    reads = ("frames", "waveform")

    def __init__(self, config: VisionTaskConfig, vision: VisionConfig, latent: Moments | None):
        super().__init__()
        self.config, self.difference = config, TemporalDifference()
        self.backbone = VisionEncoder(vision).backbone.requires_grad_(True)
        tokens, features = vision.backbone.width, 2 * BANDS + (len(latent.mean) if latent else 0)
        self.head = MixerAggregator(config.head, vision.grid, 2 * tokens)
        self.see = nn.Linear(config.head.width, config.width)
        self.predict = nn.Linear(config.head.width, 2 * BANDS + 1)
        nn.init.zeros_(self.predict.weight)
        nn.init.zeros_(self.predict.bias)
        nn.init.constant_(self.predict.bias[-1:], math.log(ONSETS / (1 - ONSETS)))
        size = 2 * config.around + 1
        self.hear = nn.Sequential(
            nn.Conv1d(features, 2 * config.width, size, padding=config.around),
            nn.GELU(),
            nn.Conv1d(2 * config.width, config.width, 1),
        )
        self.latent = latent

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"model": list(self.parameters())}

    def trained(self) -> nn.Module:
        return self.backbone

    def loss(
        self, group: str, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        config = self.config
        token = self.head(self.looked_at(batch, generators))
        levels = band_levels(batch["waveform"])
        rise = rises(levels)
        target = torch.cat([(levels - MIDDLE_DB) / RANGE_DB, rise / RANGE_DB], dim=-1)
        onset = (rise.mean(dim=-1) > config.onset_db).float()
        heard = self.hear(rearrange(self._features(target, batch), "b t f -> b f t")).mT
        # A row's first frame has no frame before it: neither difference nor rise is known.
        token, target, onset, heard = (x[:, 1:].float() for x in (token, target, onset, heard))
        guess = self.predict(token).float()
        every, own = contrast(self.see(token), heard, config.temperature, config.near)
        weight = torch.tensor(config.onset_weight, device=onset.device)
        losses = {
            "contrast": every,
            "contrast_in_time": own,
            "levels": F.smooth_l1_loss(guess[..., :-1], target, beta=0.1),
            "onsets": F.binary_cross_entropy_with_logits(guess[..., -1], onset, pos_weight=weight),
        }
        total = config.contrast * (every + own) / 2
        total = total + config.levels * losses["levels"] + config.onsets * losses["onsets"]
        return total, {name: value.detach() for name, value in losses.items()}

    def looked_at(self, batch: dict[str, Tensor], generators: Generators) -> Tensor:
        """Varied frames as noisy tokens beside their differences: (b t n 2d)."""
        frames = varied(batch["frames"], self.config, generators, "mean" not in batch)
        tokens = self.backbone(normalise(frames))
        noise = normal(generators, *tokens.shape[1:], like=tokens)
        return self.difference(tokens + self.config.noise * noise)[0]

    def _features(self, target: Tensor, batch: dict[str, Tensor]) -> Tensor:  # (b t f)
        if self.latent is None:
            return target
        mean, scale = (x.to(target) for x in (self.latent.mean, self.latent.deviation()))
        return torch.cat([target, (batch["mean"] - mean) / scale], dim=-1)


def varied(
    frames: Tensor, config: VisionTaskConfig, generators: Generators, may_mirror: bool
) -> Tensor:  # (b t 3 h w) uint8 -> the same, float 0..1
    """Each row in its own light, and some in a mirror: all frames of a row alike."""
    mirror, gain, offset = rearrange(uniform(generators, 3, like=frames), "b k -> k b 1 1 1 1")
    pixels = frames.float() / 255
    gain, offset = ((2 * x - 1) * config.brightness for x in (gain, offset))
    pixels = (pixels * gain.exp() + offset).clamp(0, 1)
    return torch.where(mirror < config.mirror * may_mirror, pixels.flip(-1), pixels)


def contrast(seen: Tensor, heard: Tensor, temperature: float, near: int) -> tuple[Tensor, Tensor]:
    """InfoNCE (arXiv 1807.03748) both ways, of 2 x (b t d): against all frames of all rows, and
    against other times of the same row alone.

    Frames up to `near` away sound nearly the same and count neither way.
    """
    rows, frames = seen.shape[:2]
    seen, heard = F.normalize(seen, dim=-1), F.normalize(heard, dim=-1)
    alike = torch.einsum("btd,rud->btru", seen, heard) / temperature
    time = torch.arange(frames, device=seen.device)
    apart = (time[:, None] - time).abs()
    close = (apart > 0) & (apart <= near)
    same = torch.eye(rows, dtype=torch.bool, device=seen.device)
    alike = alike.masked_fill(same[:, None, :, None] & close[:, None], -torch.inf)
    each = alike[torch.arange(rows), :, torch.arange(rows)]  # (b t t)
    return _nce(rearrange(alike, "b t r u -> 1 (b t) (r u)")), _nce(each)


def _nce(alike: Tensor) -> Tensor:  # (b n n), what belongs together on the diagonal
    own = repeat(torch.arange(alike.shape[1], device=alike.device), "n -> b n", b=len(alike))
    return (F.cross_entropy(alike.mT, own) + F.cross_entropy(alike, own)) / 2
