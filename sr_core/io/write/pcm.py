"""Raw samples, written to a pipe or played on the sound card."""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO

import numpy as np

from ...rates import SAMPLE_RATE
from ..read.source import MediaError

SPEAKER_SECONDS = 0.1  # latency of the sound card: low enough for games, without dropouts


def pcm(piece: np.ndarray, form: str) -> bytes:  # (c s) -> interleaved
    """Interleave samples as 16-bit integers, clipped at full scale, or as 32-bit floats."""
    samples = np.ascontiguousarray(piece.T)
    if form == "f32le":
        return samples.astype("<f4").tobytes()
    return np.rint(samples.clip(-1, 1) * 32767).astype("<i2").tobytes()


class Pipe:
    """Writes samples to a binary stream and flushes after each piece."""

    def __init__(self, file: BinaryIO, form: str):
        self.file, self.form = file, form

    def write_audio(self, piece: np.ndarray) -> None:  # (c s)
        self.file.write(pcm(piece, self.form))
        self.file.flush()

    def close(self, end: Fraction | None = None) -> None:
        """Does nothing: `end` is ignored, as written samples cannot be cut."""


class Speaker:
    """Plays samples on the default sound card, with the optional package sounddevice."""

    def __init__(self, channels: int = 2):
        try:
            import sounddevice
        except (ImportError, OSError) as error:  # OSError: PortAudio itself is not there
            raise MediaError(
                f"playing needs the package sounddevice and PortAudio ({error}); "
                "`pip install sounddevice`, on Linux also `apt install libportaudio2`; or write "
                "with -o"
            ) from error
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=SAMPLE_RATE, channels=channels, dtype="float32", latency=SPEAKER_SECONDS
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise MediaError(
                f"the sound card cannot be opened ({error}); check the system's sound settings"
            ) from error

    def write_audio(self, piece: np.ndarray) -> None:  # (c s)
        """Play a piece after the previous ones; blocks while the card's buffer is full."""
        self._stream.write(np.ascontiguousarray(piece.clip(-1, 1).T, dtype=np.float32))

    def close(self, end: Fraction | None = None) -> None:
        """Play the buffered samples, then close the card; `end` is ignored."""
        self._stream.stop()
        self._stream.close()
