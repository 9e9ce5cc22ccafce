"""The complete pipeline: frames -> waveform, with an explicit state between calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .audio.limiter import Limiter, LimiterState
from .audio.vae import AudioVAE, CodecConfig, OobleckConfig
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
    audio: CodecConfig = field(default_factory=OobleckConfig)
    judged_frames: int = 0  # frames of a clip that the OOD detector uses; 0: no detector

    @property
    def latent_rate(self) -> Fraction:
        """Latents per second."""
        return Fraction(self.audio.sample_rate, self.audio.hop)


class DecoderState(NamedTuple):
    """State of the sound between two latents; immutable."""

    vae: Any  # states of the decoder's convolutions
    limiter: LimiterState


class StreamState(NamedTuple):
    """State of a stream between two frames; immutable, can be continued repeatedly."""

    vision: Tensor | None  # (b n d), grid of the last frame
    generator: GeneratorState
    decoder: DecoderState | None


Decode = Callable[[Tensor, Any], tuple[Tensor, Any]]


def limited_sound(
    decode: Decode, limiter: Limiter, latents: Tensor, state: DecoderState | None
) -> tuple[Tensor, DecoderState | None]:
    """What `decode`, of a VAE, gives for latents (b t k), after `limiter`; float32 or float64."""
    waveform, vae = decode(latents, state and state.vae)
    waveform = waveform.to(torch.promote_types(waveform.dtype, torch.float32))
    if not latents.shape[1]:
        return waveform, state
    waveform, limited = limiter(waveform, state and state.limiter)
    return waveform, DecoderState(vae, limited)


class Pipeline(nn.Module):
    """Frozen vision encoder, trained generator and frozen VAE.

    `origin` describes how the weights were made: at least {"stage": ...}, "untrained" for random
    weights. `family` is the generator's class. `recommended` are the sampling settings that the
    checkpoint recommends, by default the family's. `threads` is the number of CPU threads; None:
    chosen by the number of parameters.
    """

    threads: int | None = None

    def __init__(
        self,
        config: PipelineConfig,
        origin: dict[str, Any] | None = None,
        family: type[Generator] = SoundReactorGenerator,
        recommended: Settings | None = None,
    ):
        super().__init__()
        self.config = config
        self.recommended = recommended or family.fallback
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
        self.limiter = Limiter(config.audio.hop)
        # The name is a key of stored checkpoints.
        self.familiar: OODDetector | None = None
        if config.judged_frames:
            self.familiar = OODDetector(config.vision.channels, config.judged_frames)

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second."""
        model = self.model
        return self.config.latent_rate * model.frames_per_step / model.latents_per_step

    @property
    def samples_per_step(self) -> int:
        """Samples per channel of one generator step."""
        return self.model.latents_per_step * self.config.audio.hop

    def frames_for(self, samples: int) -> int:
        """Number of frames, in complete steps, that give at least `samples` samples."""
        return self.model.frames_per_step * max(0, -(-samples // self.samples_per_step))

    def fit_ood(self, grids: Iterable[Tensor], clips: int) -> OODDetector:
        """Fit the OOD detector to grids with temporal differences, each (b t n 2d); return it.

        `clips` is the number of clips; below `ood.FEWEST` the detector never warns.
        """
        frames = round(SECONDS * self.frame_rate)
        statistics = [clip_statistics(grid[:, :frames]) for grid in grids]
        detector = OODDetector(self.config.vision.channels, statistics[0].frames)
        rows = torch.cat([features(clip, self.model.grid_scale) for clip in statistics])
        detector.fit(rows, clips)
        self.familiar = detector
        self.config = replace(self.config, judged_frames=detector.frames)
        return detector

    @cached_property
    def _size(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

    def computing(self) -> AbstractContextManager[None]:
        """A context manager that sets this pipeline's number of CPU threads."""
        return on_threads(self.threads or threads_for(self._size, self.vae.latent_mean.device))

    @torch.inference_mode()
    def start(
        self,
        settings: Settings | None = None,
        seed: int = 0,
        batch: int = 1,
        prompt: Tensor | None = None,
    ) -> StreamState:
        """The state before the first frame; `prompt` (b c s) is a waveform to continue.

        `settings` None: those that the checkpoint recommends.
        """
        settings = settings or self.recommended
        if not self.config.audio.causal:
            raise ValueError(
                "got a non-causal VAE, which decodes a whole sound at once; expected a causal "
                "one for streaming; sample all latents first and decode them in one call"
            )
        if prompt is None:
            return StreamState(None, self.model.begin(settings, seed, batch), None)
        with self.computing():
            latents, _ = self.vae.encode(prompt.to(self.vae.latent_mean))
            _, decoder = self.decode(latents)
            generator = self.model.begin(settings, seed, batch, latents)
        return StreamState(None, generator, decoder)

    @torch.inference_mode()
    def step(self, frames: Tensor, state: StreamState) -> tuple[Tensor, StreamState]:
        """Sound of the next frames: (b t 3 h w), 0..1 or uint8 -> (b c s).

        Only complete generator steps give sound; the frames of an incomplete step remain in the
        state. s is 0 if no step is complete.
        """
        with self.computing():
            grid, vision = self.difference(self.vision(frames), state.vision)
            latents, generator = self.model(grid, state.generator)
            waveform, decoder = self.decode(latents, state.decoder)
        return waveform, StreamState(vision, generator, decoder)

    def decode(
        self, latents: Tensor, state: DecoderState | None = None
    ) -> tuple[Tensor, DecoderState | None]:  # (b t k) -> (b c hop*t)
        """Sound of normalised latents, with a true peak of at most -1 dB."""
        return limited_sound(self.vae.decode, self.limiter, latents.to(self.vae.latent_mean), state)

    def complaints(self) -> list[str]:
        """Warnings about these weights, to be shown before generation."""
        if self.origin.get("stage") != "untrained":
            return []
        return ["is untrained: its weights and its sound are random; choose a trained checkpoint"]

    def monitor(self, tell: Callable[[str], None]) -> Monitor:
        """A monitor that passes a warning to `tell` if a clip's start is out of distribution."""
        scale = None if self.familiar is None else self.model.grid_scale
        return Monitor(self.familiar, scale, self.origin, tell)
