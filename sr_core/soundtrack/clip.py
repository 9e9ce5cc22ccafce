"""One clip of a stream that may span several clips: generate its latents, or its sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from ..engine.session import Session
from ..io.read.frames import Frames
from ..pipeline import Pipeline, StreamState
from .clip_state import ClipState
from .decoding import Decoded, Decoding, moved
from .features import Features, later

Tell = Callable[[str], None]
Show = Callable[[Iterable[Any], int], Iterator[Any]]  # items and their number -> the same items


def sample_clip(
    features: Features, start: ClipState, device: torch.device, tell: Tell, show: Show
) -> tuple[Tensor, ClipState]:  # (b t k)
    """Generate a clip's latents (not decoded) and the state at its end, both on `device`.

    `tell` is as in `Pipeline.monitor`; `show` wraps the iteration, for a progress bar.
    """
    pipeline, samples = features.pipeline, _samples(features.frames, features.pipeline)
    count = pipeline.frames_for(samples - start.surplus)
    latents = [torch.zeros(1, 0, pipeline.model.latent_channels, device=device)]
    vision = moved(start.vision, torch.device("cpu"))  # the pieces are on the CPU too
    # No CUDA graphs: capturing them for each clip would take longer than it saves.
    session = Session(pipeline, StreamState(None, start.generator, None), tell, graphs=False)
    for piece in show(_feature_pieces(features, start, vision, session) if count else (), count):
        latents.append(session.generate(session.encode_features(piece)).float().to(device))
        vision = features.last_grid(piece)
    joined = torch.cat(latents, dim=1)
    decoding = Decoding(start.source, start.decoding, joined)
    surplus = start.surplus + joined.shape[1] * pipeline.config.audio.hop - samples
    end = session.state()._replace(vision=vision)
    return joined, start.after(end, decoding, surplus, device)


def play_clip(
    frames: Frames,
    pipeline: Pipeline,
    start: ClipState,
    add: Callable[[Tensor], None],
    device: torch.device,
    tell: Tell,
    show: Show,
) -> ClipState:
    """Generate a clip's sound, pass each piece (b c s) to `add`, and return the state at its end.

    The state is stored on `device`; `tell` and `show` are as in `sample_clip`.
    """
    session = Session(pipeline, start.stream(pipeline, device), tell)
    last = start.decoded(pipeline, device).last
    if start.surplus and last is not None:
        add(last[..., -start.surplus :])
    samples = _samples(frames, pipeline)
    count = pipeline.frames_for(samples - start.surplus)
    pieces = later(frames, _seconds(start, pipeline)).pieces(1) if count else iter(())
    made = 0
    for waveform in show(_waveform_pieces(pieces, session), count):
        if waveform.shape[-1]:
            last, made = waveform, made + waveform.shape[-1]
            add(waveform)
    end = session.state()
    decoding = Decoding.of(start.source, Decoded(last, end.decoder), device)
    return start.after(end, decoding, start.surplus + made - samples, device)


def _feature_pieces(
    features: Features, start: ClipState, vision: Tensor | None, session: Session
) -> Iterator[Tensor]:
    """Features of each frame; the last frame is repeated until the last step is complete."""
    last: Tensor | None = None
    for piece in features.pieces(_seconds(start, features.pipeline), vision):
        yield piece
        last = piece
    while session.incomplete and last is not None:
        last = features.still(last)
        yield last


def _waveform_pieces(pieces: Iterator[Tensor], session: Session) -> Iterator[Tensor]:
    last: Tensor | None = None
    for last in pieces:
        yield session.step(last[None]).float()
    while session.incomplete and last is not None:
        yield session.step(last[None]).float()


def _samples(frames: Frames, pipeline: Pipeline) -> int:
    return frames.samples(pipeline.config.audio.sample_rate)


def _seconds(start: ClipState, pipeline: Pipeline) -> Fraction:
    return Fraction(start.surplus, pipeline.config.audio.sample_rate)
