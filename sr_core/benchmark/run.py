"""Timing by the paper's protocol: one video, 480p frames, after a warm-up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from ..engine.fast_soundreactor import FastSoundReactor
from ..engine.session import Session
from ..pipeline import Pipeline, StreamState
from ..sampling.settings import Settings
from .hardware import peak_mib, seconds_now
from .measurable import generator_of
from .peer import Peer

WARM_UP = 30  # frames
PAIRS = 40  # measurements of each peer, spread over the run
PARTS = ("vision", "transformer", "head", "decode")


class Times(NamedTuple):
    """Times in milliseconds, one entry per measurement."""

    parts: dict[str, list[float]]
    against: dict[str, tuple[list[float], list[float]]]  # ours, theirs
    peak_mib: float | None  # peak memory before the peers are created
    share: float  # CPU time / wall time of this process, clipped to 1

    @property
    def token(self) -> list[float]:
        """Time from the frame to its latent."""
        return [sum(times) for times in zip(*(self.parts[part] for part in PARTS[:3]), strict=True)]

    @property
    def waveform(self) -> list[float]:
        """Time from the frame to its samples."""
        return [sum(times) for times in zip(*self.parts.values(), strict=True)]


def synthetic_frame() -> Tensor:  # -> (1 1 3 h w)
    return torch.randint(0, 256, (1, 1, 3, 480, 854), dtype=torch.uint8)


@torch.inference_mode()
def measure(
    pipeline: Pipeline,
    settings: Settings,
    frames: int,
    make_peers: Callable[[], Mapping[str, Peer]],
) -> Times:
    """Time `frames` frames of one stream, with measurements of the peers between them.

    The attention window is full from the first frame on.
    """
    device, frame = pipeline.vae.latent_mean.device, synthetic_frame()
    session = Session(pipeline, _full(pipeline, settings))
    generator = generator_of(session)
    for _ in range(WARM_UP):
        session.step(frame)
    peak = peak_mib(device)
    peers = make_peers()
    for peer in peers.values():
        _time_pair(peer, device, 0), _time_pair(peer, device, 1)
    parts: dict[str, list[float]] = {part: [] for part in PARTS}
    against: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in peers}
    every = max(1, frames // PAIRS)
    began, worked = time.perf_counter(), time.process_time()
    for n in tqdm(range(frames), unit="frame", dynamic_ncols=True, disable=None):
        for part, spent in zip(PARTS, _frame(session, generator, frame, device), strict=True):
            parts[part].append(1000 * spent)
        for name, peer in peers.items() if n % every == 0 else ():
            for side, spent in enumerate(_time_pair(peer, device, n // every)):
                against[name][side].append(1000 * spent)
    share = (time.process_time() - worked) / (time.perf_counter() - began)
    return Times(parts, against, peak, min(1.0, share))


def plain_peer(pipeline: Pipeline, settings: Settings) -> Peer:
    """A whole frame by `Session` (ours) and by `Pipeline.step` (theirs), on separate streams."""
    frame = synthetic_frame()
    session = Session(pipeline, _full(pipeline, settings))
    state = _full(pipeline, settings)

    def theirs() -> Tensor:
        nonlocal state
        waveform, state = pipeline.step(frame, state)
        return waveform

    return Peer(lambda: session.step(frame), theirs)


def _full(pipeline: Pipeline, settings: Settings) -> StreamState:
    """A stream with a full attention window, from a prompt of zero latents."""
    config = pipeline.config
    frames = config.model.transformer.train_frames
    latents = torch.zeros(1, frames, config.audio.latent_channels)
    state = pipeline.start(settings, 0)
    return state._replace(generator=pipeline.model.begin(settings, 0, 1, latents))


def _frame(
    session: Session, generator: FastSoundReactor, frame: Tensor, device: torch.device
) -> list[float]:
    """Time of each part for one frame, in seconds."""
    times = [seconds_now(device)]
    with session.pipeline.computing():
        token = session.encode(frame)
        times.append(seconds_now(device))
        z = generator.condition(token)
        times.append(seconds_now(device))
        latent = generator.draw(z)
        times.append(seconds_now(device))
        session.decode(latent[:, None])
        times.append(seconds_now(device))
    return [later - earlier for earlier, later in zip(times, times[1:], strict=False)]


def _time_pair(peer: Peer, device: torch.device, index: int) -> list[float]:
    """Times of ours and theirs in seconds; the order alternates with `index`."""
    spent = [0.0, 0.0]
    sides = [0, 1] if index % 2 else [1, 0]
    for side in sides:
        began = seconds_now(device)
        peer[side]()
        spent[side] = seconds_now(device) - began
    return spent
