"""The STATE socket: the state of a stream at the end of a clip, which the next clip continues."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor

from ..sr_core.models.soundreactor.generator import SamplerState, start_sampler
from ..sr_core.pipeline import StreamState
from ..sr_core.sampling.settings import Settings
from . import host
from .decoding import START, Decoded, Decoding, moved

TIP = (
    "The clip before this one, from another sampler or Live node: sound goes on from its end "
    "without a seam. The same seed draws what one uncut clip would get, another seed a new take."
)
OUT_TIP = (
    "Where the sound stands at the end of this clip, for the node that makes the next one. It may "
    "be used by several nodes and again later."
)
PAST_TWICE = "got a prompt and a state; expected one of them; disconnect the other"


@dataclass(frozen=True, eq=False)
class State:
    """A stream between two clips, a value; what the STATE socket carries, on the output device."""

    source: str  # of the checkpoint
    seed: int
    vision: Tensor | None  # (b n d): the last frame's own features
    sampler: SamplerState
    decoding: Decoding | None = None  # None before the first latent
    surplus: int = 0  # samples made, for the last frame, beyond the clip's end

    def frames(self, samples: int, hop: int) -> int:
        """How many frames a clip of that many samples still needs."""
        return max(0, -(-(samples - self.surplus) // hop))

    def decoded(self, vae: host.Part) -> Decoded:
        return START if self.decoding is None else self.decoding.after(vae)

    def stream(self, loaded: host.Loaded) -> StreamState:
        """The same as a pipeline takes it, on the devices of its modules."""
        vision, vae = host.Part(loaded, "vision"), host.Part(loaded, "vae")
        decoder = moved(self.decoded(vae).state, vae.device)
        return StreamState(moved(self.vision, vision.device), self.sampler, decoder)

    def after(
        self, vision: Tensor | None, sampler: SamplerState, decoding: Decoding, surplus: int
    ) -> State:
        """The same stream a clip later."""
        device = host.output_device()
        return replace(
            self,
            vision=moved(vision, device),
            sampler=_moved(sampler, device),
            decoding=decoding,
            surplus=surplus,
        )


def begin(
    state: State | None,
    model: host.Part,
    settings: Settings,
    seed: int,
    prompt: Tensor | None = None,  # (b t k)
) -> State:
    """Where a clip begins: at a stream's start, after a prompt, or where `state` ends.

    Raises ValueError for a state of another checkpoint or other settings.
    """
    source = model.loaded.source
    if state is None:
        before = None if prompt is None else Decoding(source, None, prompt)
        return State(source, seed, None, _start(model, settings, seed, prompt), before)
    if prompt is not None:
        raise ValueError(PAST_TWICE)
    _check(state, source, settings)
    if not model.loaded.pipeline.config.audio.causal:
        raise ValueError(
            "got a state for a checkpoint whose VAE needs a whole sound at once; expected none; "
            "make the clip in one piece"
        )
    sampler = _moved(state.sampler, model.device)
    if seed != state.seed:
        sampler = sampler._replace(noise=_start(model, settings, seed).noise)
    return replace(state, seed=seed, sampler=sampler)


def _start(
    model: host.Part, settings: Settings, seed: int, prompt: Tensor | None = None
) -> SamplerState:
    with model.computing():
        return start_sampler(model.module, settings, seed, prompt=prompt)


def _check(state: State, source: str, settings: Settings) -> None:
    if state.source != source:
        theirs, ours = (Path(name.rsplit(" ", 2)[0]).name for name in (state.source, source))
        raise ValueError(
            f"got a state of checkpoint {theirs}; expected one of {ours}, as it is now; connect "
            "both nodes to the same Load SoundReactor Model"
        )
    before = state.sampler.settings
    names = [field.name for field in fields(Settings) if field.name != "length"]
    for name in names:
        if getattr(before, name) != getattr(settings, name):
            raise ValueError(
                f"got a state drawn with {name} {getattr(before, name)}; expected {name} "
                f"{getattr(settings, name)}, as it is set here; set both nodes alike"
            )


def _moved(sampler: SamplerState, device: torch.device) -> SamplerState:
    """The noise stays where it is: its generator is the CPU's."""
    return moved(sampler, device)._replace(noise=sampler.noise)
