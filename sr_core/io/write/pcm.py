"""Plain samples as they are made: into a pipe, or out of the sound card."""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO

import numpy as np

from ...rates import SAMPLE_RATE
from ..read.source import MediaError

SPEAKER_SECONDS = 0.1  # that the sound card may hold: short enough for a game, long enough to last


def pcm(piece: np.ndarray, form: str) -> bytes:  # (c s) -> the channels in turn
    """Interleave samples as 16-bit integers, clipped at full scale, or as 32-bit floats."""
    samples = np.ascontiguousarray(piece.T)
    if form == "f32le":
        return samples.astype("<f4").tobytes()
    return np.rint(samples.clip(-1, 1) * 32767).astype("<i2").tobytes()


class Pipe:
    """Samples written to a binary stream, each piece at once."""

    def __init__(self, file: BinaryIO, form: str):
        self.file, self.form = file, form

    def write_audio(self, piece: np.ndarray) -> None:  # (c s)
        self.file.write(pcm(piece, self.form))
        self.file.flush()

    def close(self, end: Fraction | None = None) -> None:
        """Nothing is left to write: what was heard cannot be cut any more."""


class Speaker:
    """The default sound card, through the optional package sounddevice."""

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
        """Play a piece after those before it; waits while the card holds enough."""
        self._stream.write(np.ascontiguousarray(piece.clip(-1, 1).T, dtype=np.float32))

    def close(self, end: Fraction | None = None) -> None:
        """Play what is left, then let the card go."""
        self._stream.stop()
        self._stream.close()
