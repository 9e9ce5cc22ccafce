"""Write a clip with its generated sound as one file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ..audio.signal import Meter
from ..engine.offline import PIECE, stream
from ..io.read.frames import Frames
from ..io.write.mux import mux
from ..pipeline import Pipeline
from ..sampling.settings import Settings


def soundtrack(
    pipeline: Pipeline,
    frames: Frames,
    settings: Settings,
    seed: int,
    prompt: Tensor | None = None,
    tell: Callable[[str], None] = warnings.warn,
    texts: Sequence[tuple[int, Any]] = (),
    at_once: int = PIECE,
) -> Iterator[Tensor]:
    """Generate the sound of a clip while reading it: pieces (c s) in float32 on the CPU.

    `at_once` is the number of frames per call, reduced for large frames. The other arguments are
    those of `engine.offline.stream`.
    """
    pieces = (piece[None] for piece in frames.pieces(frames.fitting(at_once)))
    for waveform in stream(pipeline, pieces, settings, seed, prompt, tell, texts):
        yield waveform[0].float().cpu()


def write_clip(
    pipeline: Pipeline,
    frames: Frames,
    sound: Iterable[Tensor],  # pieces (c s)
    target: Path,
    old_sound: str,
    gain_db: float = 0.0,
    old_gain_db: float = 0.0,
    encode: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> Meter:
    """Write a clip with its generated sound, and return that sound's level meter.

    The other arguments are those of `io.write.mux.mux`, which itself warns about clipping.
    """
    meter = Meter()

    def measured() -> Iterator[Tensor]:
        for piece in sound:
            meter.add(piece)
            yield piece

    mux(
        frames,
        measured(),
        target,
        old_sound=old_sound,
        gain_db=gain_db,
        old_gain_db=old_gain_db,
        metadata=metadata,
        encode=encode,
        channels=pipeline.config.audio.audio_channels,
    )
    return meter
