"""The whole road: frames in, waveform out, state between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .audio.spectral import SpectralConfig
from .audio.vae import AudioVAE, OobleckConfig
from .models.generator import Generator, GeneratorState
from .models.soundreactor.generator import SoundReactorGenerator
from .models.soundreactor.model import SoundReactorConfig
from .parallel.threads import on_threads, threads_for
from .sampling.settings import Settings
from .vision.difference import TemporalDifference
from .vision.encoder import VisionConfig, VisionEncoder
from .vision.ood import SECONDS, Monitor, OODDetector, clip_statistics, features


@dataclass(frozen=True)
class PipelineConfig:
    vision: VisionConfig = field(default_factory=VisionConfig)
    model: SoundReactorConfig = field(default_factory=SoundReactorConfig)  # or a family's `Config`
    audio: OobleckConfig | SpectralConfig = field(default_factory=OobleckConfig)
    judged_frames: int = 0  # of a clip, to tell a picture unlike the training's; 0: never told

    @property
    def latent_rate(self) -> Fraction:
        """Latents a second."""
        return Fraction(self.audio.sample_rate, self.audio.hop)


class StreamState(NamedTuple):
    """A stream between two frames; a value that may be kept, copied and continued twice."""

    vision: Tensor | None  # the last frame's grid (b n d)
    generator: GeneratorState
    decoder: Any  # the tails of the decoder's convolutions


class Pipeline(nn.Module):
    """Frozen vision and audio around a trained generator.

    `origin` tells how the weights came about: at least {"stage": ...}, "untrained" where they
    are random. `family` is the generator's class. `threads` of the CPU compute its frames; None:
    as many as suit its size.
    """

    threads: int | None = None

    def __init__(
        self,
        config: PipelineConfig,
        origin: dict[str, Any] | None = None,
        family: type[Generator] = SoundReactorGenerator,
    ):
        super().__init__()
        self.config = config
        self.origin = origin or {"stage": "untrained"}
        self.vision = VisionEncoder(config.vision)
        self.difference = TemporalDifference()
        self.model = family(
            config.model,
            grid=config.vision.grid,
            grid_channels=2 * config.vision.channels,
            latent_channels=config.audio.latent_channels,
        )
        self.vae = AudioVAE(config.audio)
        # Checkpoints store the detector under this name.
        self.familiar: OODDetector | None = None
        if config.judged_frames:
            self.familiar = OODDetector(config.vision.channels, config.judged_frames)

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second."""
        model = self.model
        return self.config.latent_rate * model.frames_per_step / model.latents_per_step

    @property
    def samples_per_step(self) -> int:
        """Samples of a channel that a step of the generator gives."""
        return self.model.latents_per_step * self.config.audio.hop

    def frames_for(self, samples: int) -> int:
        """Frames of the whole steps that give at least so many samples."""
        return self.model.frames_per_step * max(0, -(-samples // self.samples_per_step))

    def fit_ood(self, grids: Iterable[Tensor], clips: int) -> None:
        """Fit the out-of-distribution detector to grids with differences, each (b t n 2d).

        `clips` is their number; with fewer than `ood.FEWEST` nothing is out of distribution.
        """
        wanted = round(SECONDS * self.frame_rate)
        seen = [clip_statistics(grid[:, :wanted]) for grid in grids]
        self.familiar = OODDetector(self.config.vision.channels, seen[0].frames)
        found = torch.cat([features(each, self.model.grid_scale) for each in seen])
        self.familiar.fit(found, clips)
        self.config = replace(self.config, judged_frames=self.familiar.frames)

    @cached_property
    def _size(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

    def computing(self) -> AbstractContextManager[None]:
        """A context in which this pipeline's parts run, on their number of threads."""
        return on_threads(self.threads or threads_for(self._size, self.vae.latent_mean.device))

    @torch.inference_mode()
    def start(
        self, settings: Settings, seed: int, batch: int = 1, prompt: Tensor | None = None
    ) -> StreamState:
        """A stream before its first frame; `prompt` (b c s) is sound that it continues."""
        if not self.config.audio.causal:
            raise ValueError(
                "got a non-causal VAE, which needs the whole of a sound at once; expected a causal "
                "one for streaming; sample all latents first and decode them in one call"
            )
        if prompt is None:
            return StreamState(None, self.model.begin(settings, seed, batch), None)
        with self.computing():
            latents, _ = self.vae.encode(prompt.to(self.vae.latent_mean))
            _, decoder = self.vae.decode(latents)
            generator = self.model.begin(settings, seed, batch, latents)
        return StreamState(None, generator, decoder)

    @torch.inference_mode()
    def step(self, frames: Tensor, state: StreamState) -> tuple[Tensor, StreamState]:
        """The sound of the next frames: (b t 3 h w), 0..1 or uint8 -> (b c s).

        It is that of the generator's whole steps; frames of a step that is not complete wait in the
        state. s is 0 where no step is complete.
        """
        with self.computing():
            grid, vision = self.difference(self.vision(frames), state.vision)
            latents, generator = self.model(grid, state.generator)
            waveform, decoder = self.vae.decode(latents.to(self.vae.latent_mean), state.decoder)
        return waveform, StreamState(vision, generator, decoder)

    def complaints(self) -> list[str]:
        """What a user of these weights should know before they generate anything."""
        if self.origin.get("stage") != "untrained":
            return []
        return ["is untrained: its weights are random, and so is its sound; choose a trained one"]

    def monitor(self, tell: Callable[[str], None]) -> Monitor:
        """An observer of a clip's first seconds that warns if they are out of distribution."""
        scale = None if self.familiar is None else self.model.grid_scale
        return Monitor(self.familiar, scale, self.origin, tell)
