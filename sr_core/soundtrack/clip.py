"""One clip of a stream that goes on from clip to clip: its latents, or its sound at once."""

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
    """A clip's latents on `device` and the state at its end; they are not decoded.

    `tell` is as in `Pipeline.monitor`; `show` wraps what is done, for a progress bar.
    """
    pipeline, samples = features.pipeline, _samples(features.frames, features.pipeline)
    count = pipeline.frames_for(samples - start.surplus)
    latents = [torch.zeros(1, 0, pipeline.model.latent_channels, device=device)]
    vision = moved(start.vision, torch.device("cpu"))  # as the pieces are
    # No graphs: a clip is soon over, and they would be captured for each anew.
    session = Session(pipeline, StreamState(None, start.generator, None), tell, graphs=False)
    for piece in show(_drawn_from(features, start, vision, session) if count else (), count):
        latents.append(session.generate(session.encode_features(piece)).float().to(device))
        vision = features.last_grid(piece)
    whole = torch.cat(latents, dim=1)
    decoding = Decoding(start.source, start.decoding, whole)
    surplus = start.surplus + whole.shape[1] * pipeline.config.audio.hop - samples
    end = session.state()._replace(vision=vision)
    return whole, start.after(end, decoding, surplus, device)


def play_clip(
    frames: Frames,
    pipeline: Pipeline,
    start: ClipState,
    add: Callable[[Tensor], None],
    device: torch.device,
    tell: Tell,
    show: Show,
) -> ClipState:
    """Give a clip's sound to `add` as it is made, pieces (b c s); the state at its end.

    `device` is where that is stored; `tell` and `show` are as in `sample_clip`.
    """
    session = Session(pipeline, start.stream(pipeline, device), tell)
    last = start.decoded(pipeline, device).last
    if start.surplus:
        add(last[..., -start.surplus :])
    samples = _samples(frames, pipeline)
    count = pipeline.frames_for(samples - start.surplus)
    pieces = later(frames, _seconds(start, pipeline)).pieces(1) if count else iter(())
    made = 0
    for waveform in show(_played(pieces, session), count):
        if waveform.shape[-1]:
            last, made = waveform, made + waveform.shape[-1]
            add(waveform)
    end = session.state()
    decoding = Decoding.of(start.source, Decoded(last, end.decoder), device)
    return start.after(end, decoding, start.surplus + made - samples, device)


def _drawn_from(
    features: Features, start: ClipState, vision: Tensor | None, session: Session
) -> Iterator[Tensor]:
    """Features of each frame, the last repeated until the generator's last step is complete."""
    piece = None
    for piece in features.pieces(_seconds(start, features.pipeline), vision):
        yield piece
    while session.incomplete:
        piece = features.still(piece)
        yield piece


def _played(pieces: Iterator[Tensor], session: Session) -> Iterator[Tensor]:
    frame = None
    for frame in pieces:
        yield session.step(frame[None]).float()
    while session.incomplete:
        yield session.step(frame[None]).float()


def _samples(frames: Frames, pipeline: Pipeline) -> int:
    return frames.samples(pipeline.config.audio.sample_rate)


def _seconds(start: ClipState, pipeline: Pipeline) -> Fraction:
    return Fraction(start.surplus, pipeline.config.audio.sample_rate)
