"""The state of a stream at the end of a clip, which the next clip continues."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor

from ..models.generator import GeneratorState
from ..pipeline import Pipeline, StreamState
from ..sampling.settings import Settings
from .decoding import START, Decoded, Decoding, moved

PAST_TWICE = "got both a prompt and a state; expected one of them; disconnect the other"


@dataclass(frozen=True, eq=False)
class ClipState:
    """State of a stream between two clips, immutable; tensors stay on the device of storage."""

    source: str  # identifier of the checkpoint
    seed: int
    vision: Tensor | None  # (b n d), grid of the last frame, without temporal difference
    generator: GeneratorState
    decoding: Decoding | None = None  # None before the first latent
    surplus: int = 0  # samples already generated beyond the clip's end, by its last step

    def decoded(self, pipeline: Pipeline, device: torch.device) -> Decoded:
        """The decoder's output and state at the clip's end, computed if needed, on `device`."""
        if self.decoding is None:
            return START
        return self.decoding.after(pipeline, self.source, device)

    def stream(self, pipeline: Pipeline, device: torch.device) -> StreamState:
        """The state in the form of `Pipeline`, on the devices of its modules."""
        decoder = moved(self.decoded(pipeline, device).state, pipeline.vae.latent_mean.device)
        return StreamState(
            moved(self.vision, pipeline.vision.pca_mean.device), self.generator, decoder
        )

    def after(
        self, end: StreamState, decoding: Decoding, surplus: int, device: torch.device
    ) -> ClipState:
        """The state of the same stream after the next clip, stored on `device`."""
        return replace(
            self,
            vision=moved(end.vision, device),
            generator=_moved(end.generator, device),
            decoding=decoding,
            surplus=surplus,
        )


def begin_clip(
    state: ClipState | None,
    pipeline: Pipeline,
    source: str,
    settings: Settings,
    seed: int,
    prompt: Tensor | None = None,  # (b t k)
    text: str | None = None,
) -> ClipState:
    """State at a clip's beginning: start of a stream, after a prompt, or continuing `state`.

    A `text` applies from here on; None keeps that of the state. Raises ValueError for a state of
    another checkpoint or other settings.
    """
    if state is not None and prompt is not None:
        raise ValueError(PAST_TWICE)
    if state is None:
        before = None if prompt is None else Decoding(source, None, prompt)
        begun = ClipState(source, seed, None, _begin(pipeline, settings, seed, prompt), before)
    else:
        begun = _continued(state, pipeline, source, settings, seed)
    if text is None:
        return begun
    with torch.inference_mode(), pipeline.computing():
        encoded = pipeline.model.encode_text(text)
    return replace(begun, generator=begun.generator._replace(text=encoded))


def _continued(
    state: ClipState, pipeline: Pipeline, source: str, settings: Settings, seed: int
) -> ClipState:
    _check(state, source, settings)
    if not pipeline.config.audio.causal:
        raise ValueError(
            "got a state for a checkpoint with a non-causal VAE, which decodes a whole sound at "
            "once; expected none; generate the clip in one piece"
        )
    generator = _moved(state.generator, next(pipeline.model.parameters()).device)
    if seed != state.seed:
        generator = generator._replace(noise=_begin(pipeline, settings, seed).noise)
    return replace(state, seed=seed, generator=generator)


def _begin(
    pipeline: Pipeline, settings: Settings, seed: int, prompt: Tensor | None = None
) -> GeneratorState:
    with torch.inference_mode(), pipeline.computing():
        return pipeline.model.begin(settings, seed, prompt=prompt)


def _check(state: ClipState, source: str, settings: Settings) -> None:
    if state.source != source:
        theirs, ours = (Path(name.rsplit(" ", 2)[0]).name for name in (state.source, source))
        raise ValueError(
            f"got a state of checkpoint {theirs}; expected one of {ours}, unchanged since; connect "
            "both nodes to the same Load SoundReactor Model"
        )
    before = state.generator.settings
    names = [field.name for field in fields(Settings) if field.name != "length"]
    for name in names:
        if getattr(before, name) != getattr(settings, name):
            raise ValueError(
                f"got a state drawn with {name} {getattr(before, name)}; expected {name} "
                f"{getattr(settings, name)}, the value of this node; set both nodes to the same"
            )


def _moved(state: GeneratorState, device: torch.device) -> GeneratorState:
    """Move all but the noise state, which is that of a CPU random generator."""
    return moved(state, device)._replace(noise=state.noise)
