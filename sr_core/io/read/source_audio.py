"""The sound of a source file, aligned with its video."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from ...rates import SAMPLE_RATE
from .audio import decode_sound, sound_stream
from .source import Source, open_source

PIECE = 48_000  # samples
JITTER = Fraction(1, 50)  # seconds; smaller differences between packet times are rounding, not gaps


class SourceAudio:
    """A sound stream of a file as stereo at 48 kHz; sample 0 is at `start` seconds in the file."""

    def __init__(self, source: Source, start: Fraction, track: int = 0):
        self._pieces = _placed(source, start, track)
        self._rest = np.zeros((2, 0), np.float32)

    def read(self, samples: int) -> np.ndarray:  # -> (2 samples)
        """Return the next samples; silence where the file has none."""
        parts, have = [self._rest], self._rest.shape[1]
        while have < samples:
            piece = next(self._pieces, None)
            if piece is None:
                piece = np.zeros((2, samples - have), np.float32)
            parts.append(piece)
            have += piece.shape[1]
        joined = np.concatenate(parts, axis=1)
        self._rest = joined[:, samples:]
        return joined[:, :samples]

    def close(self) -> None:
        """Close the file; some systems cannot replace an open file."""
        self._pieces.close()

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield pieces (2 s) without end."""
        while True:
            yield self.read(PIECE)


def mixed(new: Iterator[np.ndarray], old: SourceAudio, old_gain_db: float) -> Iterator[np.ndarray]:
    """Yield the sum of the new sound and the old one with its gain."""
    for piece in new:
        yield piece + old.read(piece.shape[1]) * np.float32(10 ** (old_gain_db / 20))


def amplified(pieces: Iterator[np.ndarray], gain_db: float) -> Iterator[np.ndarray]:
    """Yield the pieces with a gain."""
    factor = np.float32(10 ** (gain_db / 20))
    for piece in pieces:
        yield piece * factor


def _placed(source: Source, start: Fraction, track: int) -> Generator[np.ndarray, None, None]:
    """Yield the sound from `start` at 48 kHz: earlier samples cut, gaps filled with silence."""
    position: int | None = None
    latest: int | None = None
    resampler: AudioResampler | None = None
    with open_source(source) as container:
        stream = sound_stream(container, source, track)
        for time, rate, wave in decode_sound(container, stream, source, stereo=True):
            if resampler is None or rate != latest:
                yield from _rest(resampler)
                resampler = AudioResampler("fltp", "stereo", SAMPLE_RATE)
                position = position and round(Fraction(position, latest) * rate)
                latest = rate
            place = position if time is None else round((time - start) * rate)
            position = min(place or 0, 0) if position is None else position
            place = position if place is None else place
            for part in _fill(wave, place - position, rate):
                audible = part[:, max(0, -position) :]
                position += part.shape[1]
                yield from _resampled(resampler, audible, rate)
        yield from _rest(resampler)


def _fill(wave: np.ndarray, gap: int, rate: int) -> Iterator[np.ndarray]:
    """Yield `gap` samples of silence, then the wave; a negative gap cuts the overlap."""
    if abs(gap) <= JITTER * rate:
        gap = 0
    for done in range(0, gap, PIECE):
        yield np.zeros((wave.shape[0], min(PIECE, gap - done)), np.float32)
    yield wave[:, max(0, -gap) :]


def _rest(resampler: AudioResampler | None) -> Iterator[np.ndarray]:
    """Flush the resampler."""
    if resampler is not None:
        yield from (frame.to_ndarray() for frame in resampler.resample(None))


def _resampled(resampler: AudioResampler, wave: np.ndarray, rate: int) -> Iterator[np.ndarray]:
    if wave.shape[1] == 0:
        return
    # Not FFmpeg's upmix: it makes mono 3 dB softer in both channels.
    both = np.broadcast_to(wave, (2, wave.shape[1]))
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(both), "fltp", "stereo")
    frame.sample_rate = rate
    for out in resampler.resample(frame):
        yield out.to_ndarray()
