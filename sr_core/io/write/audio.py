"""Writing sound files with PyAV."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from torch import Tensor

from ..read.source import MediaError
from .ambisonics import for_ambisonics
from .container import Container, open_output, writing
from .partial import whole_file
from .sound import add_sound_stream, check_channels, waveform_pieces

FILES = {
    ".wav": Container("wav", "pcm_s24le", "s32"),
    ".flac": Container("flac", "flac", "s32"),
}


def write_audio(
    path: str | os.PathLike[str],
    pieces: Tensor | Iterable[Tensor],
    rate: int,
    ambisonic: bool = False,
) -> Path:
    """Write pieces (c s) in -1..1 as 24-bit WAV or FLAC; on an error no file is left.

    `ambisonic`: the channels are W, Y, Z, X (AmbiX), of 6 the last two head-locked stereo. Samples
    outside -1..1 are clipped with a warning. Raises ValueError for NaN, for a number of channels
    other than 1, 2, 4, 6 and 8, and for an unknown suffix.
    """
    target = Path(path)
    container = _container_for(target)
    with whole_file(target) as partial, open_output(partial, target, container) as output:
        peak, position = 0.0, 0
        stream: AudioStream | None = None
        for piece in waveform_pieces(pieces, rate):
            if stream is None:
                container = _checked(container, len(piece), ambisonic)
                stream = add_sound_stream(output, container, len(piece), rate)
            peak = max(peak, float(np.abs(piece).max(initial=0)))
            frame = _frame(piece, container.layouts[len(piece)], rate, position)
            position += piece.shape[1]
            with writing(target):
                output.mux(stream.encode(frame))
        if stream is None:
            raise ValueError("got no sound at all; expected at least one sample")
        with writing(target):
            output.mux(stream.encode(None))
    if peak > 1:
        warnings.warn(
            f"'{target}': the sound peaks at {20 * math.log10(peak):+.1f} dBFS and was clipped "
            "at 0; lower its gain",
            stacklevel=2,
        )
    return target


def _container_for(target: Path) -> Container:
    if target.suffix.lower() not in FILES:
        raise MediaError(
            f"got target '{target}'; expected a name ending in {', '.join(FILES)}; "
            "change the suffix"
        )
    return FILES[target.suffix.lower()]


def _checked(container: Container, channels: int, ambisonic: bool) -> Container:
    """The container for so many channels; ValueError if it has no layout of them."""
    if ambisonic:
        return for_ambisonics(container, channels)
    check_channels(channels, container.layouts)
    return container


def _frame(piece: np.ndarray, layout: str, rate: int, position: int) -> AudioFrame:
    clipped = np.ascontiguousarray(piece.clip(-1, 1))
    frame = AudioFrame.from_ndarray(clipped, "fltp", layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, position, Fraction(1, rate)
    return frame
