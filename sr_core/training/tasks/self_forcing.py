"""Trains the model on its own histories, so that its errors do not accumulate in generation.

In stage 1 the past latents are the real ones; in generation they are the model's own. Here the past
is drawn by the model itself (Self Forcing, arXiv 2506.08009), and the loss compares whole stretches
with the real ones by an energy score: with past latents of its own, a model that is trained to
match single real latents would forget what it has begun. The result draws with one evaluation, so
consistency tuning is not needed after it.

Latents are drawn twice: without gradient one after the other, then all at once with the same noise,
which gives the same latents. So gradients reach the weights through every frame, but not through
the latents that are fed back, and a step costs little more than one of stage 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...audio.vae import AudioVAE
from ...models.soundreactor.generator import Past, SoundReactorGenerator, context_of
from ...sampling.settings import Settings
from ..seeding import Generators, generator_of, normal, uniform
from .diffusion import DiffusionConfig, DiffusionTask, draw_latents, listen
from .energy_score import energy_score
from .marginals import marginal_distance
from .rollout import draw_at_once, roll_out
from .sound_predictor import COLUMNS, NATS_PER_DB, Heard, SoundPredictor

SAMPLING = Settings(steps=1, guidance=1.0)  # how the result is sampled


@dataclass(frozen=True)
class SelfForcingConfig:
    """Settings of self forcing; a roll-out follows a history of 0 to `longest_history` frames."""

    many: float = 0.15  # share of steps in which latents are drawn with 4 evaluations, not 1
    unseen: float = 0.1  # share of rows whose frames are all replaced by the null token
    with_history: float = 0.5  # share of steps with a history before the roll-out
    longest_history: int = 90  # frames
    foreign: float = 0.2  # share of histories with the sound of another row
    constant: float = 0.15  # share of histories that repeat one latent of another row
    cut: float = 0.15  # share of histories with both frames and sound of another row
    scales: tuple[int, ...] = (1, 2, 4, 8)  # frames over which means are compared
    # Dispersions are those of `energy_score`, one for each scale; without any, 1 for all.
    dispersions: tuple[float, ...] = ()
    mel: float = 2.0  # weight of the log-mel spectrogram, relative to the latents
    mel_dispersions: tuple[float, ...] = ()
    level: float = 0.0  # weight of the frames' level, relative to the latents
    level_dispersions: tuple[float, ...] = ()
    marginals: float = 0.0  # weight of the distributions of level and log-mel over all frames

    def __post_init__(self) -> None:
        for name in ("dispersions", "mel_dispersions", "level_dispersions"):
            if len(getattr(self, name)) not in (0, len(self.scales)):
                raise ValueError(
                    f"got {len(getattr(self, name))} {name}; expected one for each of the "
                    f"{len(self.scales)} scales, or none"
                )

    @property
    def hears(self) -> bool:
        """Whether the loss needs the sound of latents."""
        return bool(self.mel or self.level or self.marginals)


class SelfForcingTask(DiffusionTask):
    """Trains transformer and head on roll-outs; the aggregator stays as it is."""

    def __init__(
        self,
        model: SoundReactorGenerator,
        vae: AudioVAE,
        predictor: SoundPredictor | None,
        config: SelfForcingConfig,
    ):
        super().__init__(model, vae, DiffusionConfig(unseen=config.unseen))
        self.predictor, self.forcing = predictor, config

    def groups(self) -> dict[str, list[nn.Parameter]]:
        unused = (self.model.aggregator, self.model.head.uncertainty)
        frozen = {id(parameter) for module in unused for parameter in module.parameters()}
        return {"model": [p for p in self.model.parameters() if id(p) not in frozen]}

    def loss(
        self, group: str, batch: dict[str, Tensor], generators: Generators
    ) -> tuple[Tensor, dict[str, Tensor]]:
        latents, tokens = draw_latents(self.vae, batch, generators), self._tokens(batch, generators)
        count, evaluations = self._draw_lengths(latents.shape[1])
        tokens, history = self._histories(tokens, latents, count, generators)
        shape = (evaluations, latents.shape[1] - count, latents.shape[2])
        # Two independent samples of each row.
        noise = torch.cat([normal(generators, *shape, like=latents) for _ in range(2)])
        drawn = self._drawn(twice(tokens), twice(history), noise)
        total, facts = self._compare(drawn, latents[:, count:])
        if not self.training:
            # The score after real histories: the difference is what errors that accumulate cost.
            z, _ = self.model.condition(twice(tokens), twice(latents), self._context)
            after_real = draw_at_once(self.model, z[:, count:], noise)
            facts["real_history"] = self._compare(after_real, latents[:, count:])[0].mean()
        return total.mean(), facts

    @property
    def _context(self):
        return context_of(self.model, SAMPLING)

    def _tokens(self, batch: dict[str, Tensor], generators: Generators) -> Tensor:  # -> (b t d)
        with torch.no_grad():
            grid, _ = self.difference(batch["grid"])
            tokens = self.model.encode_frames(grid)
        unseen = uniform(generators, 1, 1, like=tokens) < self.forcing.unseen
        return torch.where(unseen, self.model.null_tokens(*tokens.shape[:2]), tokens)

    def _draw_lengths(self, frames: int) -> tuple[int, int]:
        """Frames of the history and evaluations per latent: the same for all rows of a step."""
        config, generator = self.forcing, generator_of("self forcing", self.step)
        with_history, place, many = torch.rand(3, generator=generator).tolist()
        longest = min(config.longest_history, frames - 1)
        count = round(place * longest) if with_history < config.with_history else 0
        return count, 4 if many < config.many else 1

    def _histories(
        self, tokens: Tensor, latents: Tensor, count: int, generators: Generators
    ) -> tuple[Tensor, Tensor]:  # (b t d), (b t k) -> (b t d), (b count k)
        """Tokens of all frames and past latents of the first `count`.

        A history is the row's own or, for shares of the rows, one that does not fit its frames:
        so the model learns to recover from any sound.
        """
        config, own, other = self.forcing, latents[:, :count], latents[:, :count].roll(1, 0)
        if count == 0:
            return tokens, own
        kind = uniform(generators, 1, 1, like=latents)
        edges = (config.foreign, config.constant, config.cut)
        foreign, constant, cut = (sum(edges[: n + 1]) for n in range(3))
        history = torch.where(kind < cut, other, own)
        repeated = (kind >= foreign) & (kind < constant)
        history = torch.where(repeated, other[:, -1:].expand_as(other), history)
        seen = torch.where((kind >= constant) & (kind < cut), tokens.roll(1, 0), tokens)
        return torch.cat([seen[:, :count], tokens[:, count:]], dim=1), history

    def _drawn(self, tokens: Tensor, history: Tensor, noise: Tensor) -> Tensor:
        """Latents after `history`: (n t d), (n count k), (n evaluations rest k) -> (n rest k)."""
        count, past = history.shape[1], None
        device = tokens.device.type
        with torch.no_grad(), torch.autocast(device, enabled=False):
            if count:
                _, state = self.model.condition(tokens[:, :count], history, self._context)
                past = Past(state, history[:, -1])
            # A copy, because autograd refuses tensors of inference mode.
            drawn = roll_out(self.model, tokens[:, count:], noise, past).clone()
        z, _ = self.model.condition(tokens, torch.cat([history, drawn], dim=1), self._context)
        return draw_at_once(self.model, z[:, count:], noise)

    def _compare(self, drawn: Tensor, real: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss per row of two samples (2b t k) against (b t k), and its parts."""
        config = self.forcing
        one, other = drawn.chunk(2)
        loss = energy_score(one, other, real, config.scales, config.dispersions)
        facts = {"latents": loss.mean()}
        if self.predictor is not None:
            heard = [self.predictor(x) for x in (one, other, real)]
            for name, part in self._compare_sounds(*heard).items():
                loss = loss + getattr(config, name) * part
                facts[name] = part.mean()
            louder = (heard[0].level + heard[1].level) / 2 - heard[2].level
            facts["louder_db"] = louder.detach().mean() / NATS_PER_DB
        within = (one - other).detach().square().mean().sqrt() / 2**0.5
        return loss, facts | {"within": within, "deviation": drawn.detach().std()}

    def _compare_sounds(
        self, one: Heard, other: Heard, real: Heard
    ) -> dict[str, Tensor]:  # -> (b) or ()
        """Parts of the loss that depend on how latents sound, by the name of their weight."""
        config, level = self.forcing, real.level
        size = real.mel.shape[2] ** 0.5  # root mean squares over bands and columns
        mel = energy_score(
            one.mel / size, other.mel / size, real.mel / size, config.scales, config.mel_dispersions
        )
        bands = torch.cat([band_means(one), band_means(other)])
        levels = torch.cat([one.level, other.level])
        return {
            "mel": mel,
            "level": energy_score(
                one.level, other.level, level, config.scales, config.level_dispersions
            ),
            "marginals": marginal_distance(bands, band_means(real))
            + marginal_distance(levels, level),
        }

    def show(self, batch: dict[str, Tensor], generators: Generators) -> dict[str, Tensor]:
        return listen(self, batch, SAMPLING)


def twice(x: Tensor) -> Tensor:  # (b ...) -> (2b ...)
    return torch.cat([x, x])


def band_means(heard: Heard) -> Tensor:  # -> (b t bands)
    """Log-mel spectrogram of latents, averaged over their columns."""
    return heard.mel.unflatten(2, (COLUMNS, -1)).mean(dim=2)
