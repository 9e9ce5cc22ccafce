"""Training of a vision encoder by prediction of the audio features of each frame."""

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

MIDDLE_DB, RANGE_DB = -50.0, 20.0  # offset and scale of levels, for targets of the order of one
ONSETS = 0.1  # initial prediction: probability of an onset in a frame


@dataclass(frozen=True)
class VisionTaskConfig:
    """Weights of the losses, and the augmentation of frames."""

    head: MixerAggregatorConfig = field(default_factory=MixerAggregatorConfig)
    width: int = 64  # width of the joint embedding of vision and audio
    temperature: float = 0.1
    near: int = 1  # frames to either side that are excluded from the negatives
    around: int = 2  # frames to either side in the audio embedding of a frame
    contrast: float = 1.0  # weight
    levels: float = 1.0  # weight
    onsets: float = 1.0  # weight
    onset_db: float = 2.0  # mean increase of the bands above which a frame has an onset
    onset_weight: float = 4.0  # weight of frames with an onset relative to other frames
    noise: float = 0.3  # deviation of token noise: makes useful features large, as the PCA needs
    mirror: float = 0.5  # share of rows flipped horizontally, if the data has no latents
    brightness: float = 0.2  # largest change of log gain and of offset


class VisionTask(Task):
    """Trains a backbone on {"frames": (b t 3 h w), "waveform": (b c s), "mean": (b t k) or none}.

    Frames are encoded independently. As in the model, the input of the heads is the tokens and
    their difference to the previous frame. The heads are discarded after training. The contrastive
    loss compares the rows of one part.
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
        audio = self.hear(rearrange(self._features(target, batch), "b t f -> b f t")).mT
        # Without the first frame of a row, whose difference and increase are undefined.
        token, target, onset, audio = (x[:, 1:].float() for x in (token, target, onset, audio))
        predicted = self.predict(token).float()
        every, own = contrast(self.see(token), audio, config.temperature, config.near)
        weight = torch.tensor(config.onset_weight, device=onset.device)
        losses = {
            "contrast": every,
            "contrast_in_time": own,
            "levels": F.smooth_l1_loss(predicted[..., :-1], target, beta=0.1),
            "onsets": F.binary_cross_entropy_with_logits(
                predicted[..., -1], onset, pos_weight=weight
            ),
        }
        total = config.contrast * (every + own) / 2
        total = total + config.levels * losses["levels"] + config.onsets * losses["onsets"]
        return total, {name: value.detach() for name, value in losses.items()}

    def looked_at(self, batch: dict[str, Tensor], generators: Generators) -> Tensor:
        """Noisy tokens of augmented frames, concatenated with their differences: (b t n 2d)."""
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
    """Augments brightness and flips some rows; the same for all frames of a row."""
    mirror, gain, offset = rearrange(uniform(generators, 3, like=frames), "b k -> k b 1 1 1 1")
    pixels = frames.float() / 255
    gain, offset = ((2 * x - 1) * config.brightness for x in (gain, offset))
    pixels = (pixels * gain.exp() + offset).clamp(0, 1)
    return torch.where(mirror < config.mirror * may_mirror, pixels.flip(-1), pixels)


def contrast(vision: Tensor, audio: Tensor, temperature: float, near: int) -> tuple[Tensor, Tensor]:
    """Symmetric InfoNCE (arXiv 1807.03748) of 2 x (b t d): with the frames of all rows as
    negatives, and with other frames of the same row as negatives.

    Frames of the same row up to `near` apart sound nearly the same, so they are no negatives.
    """
    rows, frames = vision.shape[:2]
    vision, audio = F.normalize(vision, dim=-1), F.normalize(audio, dim=-1)
    similarity = torch.einsum("btd,rud->btru", vision, audio) / temperature
    time = torch.arange(frames, device=vision.device)
    distance = (time[:, None] - time).abs()
    close = (distance > 0) & (distance <= near)
    same = torch.eye(rows, dtype=torch.bool, device=vision.device)
    similarity = similarity.masked_fill(same[:, None, :, None] & close[:, None], -torch.inf)
    each = similarity[torch.arange(rows), :, torch.arange(rows)]  # (b t t)
    return _nce(rearrange(similarity, "b t r u -> 1 (b t) (r u)")), _nce(each)


def _nce(similarity: Tensor) -> Tensor:  # (b n n), positive pairs on the diagonal
    own = torch.arange(similarity.shape[1], device=similarity.device)
    own = repeat(own, "n -> b n", b=len(similarity))
    return (F.cross_entropy(similarity.mT, own) + F.cross_entropy(similarity, own)) / 2
