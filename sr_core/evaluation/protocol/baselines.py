"""Sounds for a clip: the model's, the model's without a picture, and through the codec."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...audio.signal import to_stereo
from ...audio.vae import AudioVAE
from ...engine.offline import PIECE, stream
from ...io.read.frames import Frames
from ...models.soundreactor.generator import sample_latents, start_sampler
from ...models.soundreactor.model import SoundReactor
from ...pipeline import Pipeline
from ...sampling.settings import Settings
from ..metrics.mel import SAMPLE_RATE

AT_ONCE = 30  # latents that go through the codec together


def from_model(pipeline: Pipeline, frames: Frames, settings: Settings, seed: int) -> Tensor:
    """What `generate` makes for these frames: (2 s)."""
    pieces = (piece[None] for piece in frames.pieces(frames.fitting(PIECE)))
    return _joined(stream(pipeline, pieces, settings, seed), frames.samples(SAMPLE_RATE))


def from_loops(
    pipeline: Pipeline, frames: Frames, settings: Settings, seed: int, count: int
) -> Iterator[Tensor]:
    """The sound of a clip that is shown `count` times without a break: yields (2 s) a showing."""

    def pieces() -> Iterator[Tensor]:
        for _ in range(count):
            for piece in frames.pieces(frames.fitting(PIECE)):
                yield piece[None]

    waveforms = stream(pipeline, pieces(), settings, seed)
    for _ in range(count):
        showing = list(islice(waveforms, -(-frames.count // frames.fitting(PIECE))))
        yield _joined(showing, frames.count * pipeline.config.audio.hop)


@torch.inference_mode()
def from_nothing(pipeline: Pipeline, frames: Frames, settings: Settings, seed: int) -> Tensor:
    """What the model makes where every frame is the null frame of its training: (2 s)."""
    model = _unseeing(pipeline.model)
    state, decoder = start_sampler(model, replace(settings, guidance=1.0), seed), None
    waveforms = []
    for start in range(0, frames.count, AT_ONCE):
        grid = torch.zeros(1, min(AT_ONCE, frames.count - start), 1, 1)
        latents, state = sample_latents(model, grid, state)
        waveform, decoder = pipeline.vae.decode(latents.to(pipeline.vae.latent_mean), decoder)
        waveforms.append(waveform)
    return _joined(waveforms, frames.samples(SAMPLE_RATE))


@torch.inference_mode()
def through_codec(vae: AudioVAE, waveform: Tensor) -> Tensor:  # (2 s) -> (2 s)
    """The most that a model on these latents can reach: encoded by the mean and decoded."""
    channels, hop, samples = vae.config.audio_channels, vae.config.hop, waveform.shape[-1]
    mixed = waveform if channels == 2 else waveform.mean(0, keepdim=True)
    whole = pad(mixed, (0, -samples % hop))[None].to(vae.latent_mean)
    pieces = whole.split(AT_ONCE * hop, dim=-1) if vae.config.causal else [whole]
    encoder = decoder = None
    decoded = []
    for piece in pieces:
        latents, encoder = vae.encode(piece, encoder)
        out, decoder = vae.decode(latents, decoder)
        decoded.append(out)
    return _joined(decoded, samples)


def _unseeing(model: SoundReactor) -> SoundReactor:
    """The same model with the null token in place of every frame's token."""
    blind = copy.copy(model)
    blind.look = lambda grid: model.unseen(len(grid), grid.shape[1])
    return blind


def _joined(pieces, samples: int) -> Tensor:  # each (1 c s) -> (2 samples)
    waveform = torch.cat([piece.float().cpu() for piece in pieces], dim=-1)
    if not waveform.isfinite().all():
        raise ValueError("got a sound that is not finite; expected numbers; check the checkpoint")
    return to_stereo(waveform)[0, :, :samples]
