"""Sounds for a clip: from the model, from the model with null frames, and through the codec."""

from __future__ import annotations

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
from ...pipeline import Pipeline
from ...rates import SAMPLE_RATE
from ...sampling.settings import Settings

AT_ONCE = 30  # latents or frames per forward pass


def from_model(pipeline: Pipeline, frames: Frames, settings: Settings, seed: int) -> Tensor:
    """The sound that `generate` produces for these frames: (2 s)."""
    pieces = (piece[None] for piece in frames.pieces(frames.fitting(PIECE)))
    return _joined(stream(pipeline, pieces, settings, seed), frames.samples(SAMPLE_RATE))


def from_loops(
    pipeline: Pipeline, frames: Frames, settings: Settings, seed: int, count: int
) -> Iterator[Tensor]:
    """Yields the sound (2 s) of each of `count` repetitions of a clip in one continuous stream."""

    def pieces() -> Iterator[Tensor]:
        for _ in range(count):
            for piece in frames.pieces(frames.fitting(PIECE)):
                yield piece[None]

    waveforms = stream(pipeline, pieces(), settings, seed)
    for _ in range(count):
        repetition = list(islice(waveforms, -(-frames.count // frames.fitting(PIECE))))
        yield _joined(repetition, frames.count * pipeline.config.audio.hop)


@torch.inference_mode()
def from_nothing(pipeline: Pipeline, frames: Frames, settings: Settings, seed: int) -> Tensor:
    """The sound of the model with the null token of its training for every frame: (2 s)."""
    model, samples = pipeline.model, frames.samples(SAMPLE_RATE)
    state, decoder = model.begin(replace(settings, guidance=1.0), seed), None
    waveforms = []
    for tokens in model.null_tokens(1, pipeline.frames_for(samples)).split(AT_ONCE, dim=1):
        latents, state = model.draw(tokens, state)
        waveform, decoder = pipeline.decode(latents, decoder)
        waveforms.append(waveform)
    return _joined(waveforms, samples)


@torch.inference_mode()
def through_codec(vae: AudioVAE, waveform: Tensor) -> Tensor:  # (2 s) -> (2 s)
    """Encodes (posterior mean) and decodes a waveform: the ceiling of a model on these latents."""
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


def _joined(pieces, samples: int) -> Tensor:  # each (1 c s) -> (2 samples)
    waveform = torch.cat([piece.float().cpu() for piece in pieces], dim=-1)
    if not waveform.isfinite().all():
        raise ValueError("got a sound that is not finite; expected numbers; check the checkpoint")
    return to_stereo(waveform)[0, :, :samples]
