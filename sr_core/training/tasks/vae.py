"""Training of an audio VAE (Oobleck or spectral): reconstruction, KL, adversarial losses."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
from einops import rearrange
from torch import Tensor

from ...audio.spectral import SpectralConfig
from ...audio.spectrum import NOISES, phases
from ...audio.vae import AudioVAE
from ..seeding import Generators, normal, uniform
from .discriminator import Discriminator, DiscriminatorConfig
from .energy import EnergyConfig, energy_distance
from .losses import (
    StftConfig,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    kl_divergence,
    stft_distance,
)
from .task import Pace, Task

DISCRIMINATOR = "discriminator"


@dataclass(frozen=True)
class VAETaskConfig:
    """Losses and their weights: those of SonyResearch/soundreactor_vae, and `energy`."""

    stft: StftConfig = field(default_factory=StftConfig)
    energy: EnergyConfig = field(default_factory=EnergyConfig)
    waveform: float = 0.0  # weight of the mean absolute difference of samples
    kl: float = 1e-5  # weight
    anchor: float = 0.0  # weight of `anchor_distance`; 0 leaves it out
    noise_from: int = 0  # first step with noise in a spectral decoder; -1: never
    noise_share: float = 0.0  # share of the power of an --init decoder moved to noise; 0: none
    encoder_until: int = -1  # step from which the encoder is frozen; -1: never
    adversarial: float = 0.0  # weight, 0.1 in the official VAE; 0 leaves the discriminator out
    matching: float = 5.0  # weight of feature matching
    discriminator_rate: float = 2.0  # factor of the learning rate; official: 3e-4 and 1.5e-4
    discriminator_clip: float = 10.0  # largest norm of its gradient; 1000 for the VAE
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each logged loss in the total."""
        return {
            "stft": self.stft.weight,
            "energy": self.energy.weight,
            "waveform": self.waveform,
            "kl": self.kl,
            "anchor": self.anchor,
            "adversarial": self.adversarial,
            "matching": self.matching,
        }


class VAETask(Task):
    """Trains a VAE on {"waveform": (b c s)}; s: a multiple of the hop, at least the largest FFT.

    With an anchor a row also has "anchored" (b t), 1 for latents that must stay those of the VAE
    `before` (default: a copy of the initial one); the decoder is trained on those. So a model that
    was trained on these latents stays valid, and the decoder can be put behind it.

    To train the noise of a spectral decoder, two sounds are generated from one latent. Their energy
    distance to the recording is minimal where the noise has the recording's level and width.
    """

    reads: tuple[str, ...] = ("waveform",)

    def __init__(self, vae: AudioVAE, config: VAETaskConfig, before: AudioVAE | None = None):
        super().__init__()
        self.vae = vae
        self.config = config
        self.before = None
        if config.anchor:
            self.reads = ("waveform", "anchored")
            self.before = copy.deepcopy(before or vae).requires_grad_(False)
        channels = vae.config.audio_channels
        self.discriminator = (
            Discriminator(config.discriminator, channels) if config.adversarial else None
        )

    def groups(self) -> dict[str, list[torch.nn.Parameter]]:
        groups = {"generator": list(self.vae.parameters())}
        return (
            groups
            if self.discriminator is None
            else groups | {DISCRIMINATOR: list(self.discriminator.parameters())}
        )

    def pace(self, group: str) -> Pace:
        if group != DISCRIMINATOR:
            return Pace()
        return Pace(self.config.discriminator_rate, self.config.discriminator_clip)

    def trained(self) -> AudioVAE:
        return self.vae

    def loss(
        self, group: str, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:  # {"waveform": (b c s)}
        waveform = batch["waveform"]
        if self.discriminator is not None and group == DISCRIMINATOR:
            return self._discriminator_loss(self.discriminator, waveform, generators)
        mean, log_variance = self._moments(waveform)
        decoded = mean
        anchors: dict[str, Tensor] = {}
        if self.before is not None:
            decoded, anchors = self._anchored(self.before, mean, batch)
        sounds = self._decoded(decoded, log_variance, generators)
        losses = self._spectral(sounds, waveform, generators) | anchors
        losses["waveform"] = (sounds[0] - waveform).abs().mean()
        losses["kl"] = kl_divergence(mean, log_variance).mean()
        if self.discriminator is not None:
            losses |= _adversarial_losses(self.discriminator, sounds[0], waveform)
        weighted = [self.config.weights[name] * value for name, value in losses.items()]
        return torch.stack(weighted).sum(), {name: value.detach() for name, value in losses.items()}

    def show(self, batch: dict[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        decoded = self.vae.decode(self.vae.encode(batch["waveform"])[0])[0]
        return {
            f"{row}/{name}": sound[row]
            for name, sound in (("reference", batch["waveform"]), ("decoded", decoded))
            for row in range(len(decoded))
        }

    def _spectral(
        self, sounds: list[Tensor], waveform: Tensor, generators: Generators
    ) -> dict[str, Tensor]:
        losses, config = {}, self.config
        if config.stft.weight:
            losses["stft"] = stft_distance(sounds[0], waveform, config.stft).mean()
        if config.energy.weight:
            energy = energy_distance(sounds, waveform, config.energy, generators)
            losses["energy"] = energy.mean()
        return losses

    def _anchored(
        self, before: AudioVAE, mean: Tensor, batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:  # (b t k) -> (b t k)
        """What the decoder gets: latents of the encoder before where they are anchored."""
        with torch.no_grad():
            kept = before.encode_moments(batch["waveform"])[0].float()
        anchored = batch["anchored"]
        distances = anchor_distance(mean, kept, anchored, self.vae.latent_scale)
        decoded = torch.where(anchored[:, :, None] > 0, kept, mean)
        return decoded, {"anchor": distances.mean()}

    def _moments(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        is_trained = self.config.encoder_until < 0 or self.step < self.config.encoder_until
        with torch.set_grad_enabled(is_trained and torch.is_grad_enabled()):
            mean, log_variance, _ = self.vae.encode_moments(waveform)
        return mean.float(), log_variance.float()

    def _decoded(
        self, mean: Tensor, log_variance: Tensor, generators: Generators
    ) -> list[Tensor]:  # 2 x (b t k) -> 1 or 2 x (b c s)
        b, t, k = mean.shape
        raw = mean + (0.5 * log_variance).exp() * normal(generators, t, k, like=mean)
        decoder, config = self.vae.decoder, self.vae.config
        if not isinstance(config, SpectralConfig):
            return [decoder(rearrange(raw, "b t k -> b k t"))[0]]
        x, rms = decoder.predict(raw)[0], decoder.rms(raw)
        if not 0 <= self.config.noise_from <= self.step:
            return [decoder.render(x, None, rms)[0]]
        shape = t * config.fold, NOISES, config.bins
        noises = [phases(uniform(generators, *shape, like=x)) for _ in range(2)]
        return [decoder.render(x, noise, rms)[0] for noise in noises]

    def _discriminator_loss(
        self, discriminator: Discriminator, waveform: Tensor, generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.no_grad():
            fake = self._decoded(*self._moments(waveform), generators)[0]
        return hinge_discriminator(discriminator(waveform)[0], discriminator(fake)[0]), {}


def anchor_distance(
    mean: Tensor, before: Tensor, anchored: Tensor, scale: Tensor
) -> Tensor:  # (b t k), (b t k), (b t), (k) -> (b)
    """Mean square of the change of normalised latents, 0 where `anchored` is 0."""
    return (((mean - before) / scale).square().mean(dim=-1) * anchored).mean(dim=-1)


def _adversarial_losses(
    discriminator: Discriminator, fake: Tensor, real: Tensor
) -> dict[str, Tensor]:
    scores, features = discriminator(fake)
    with torch.no_grad():
        _, real_features = discriminator(real)
    return {
        "adversarial": hinge_generator(scores),
        "matching": feature_matching(real_features, features),
    }
