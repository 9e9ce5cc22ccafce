"""The sound stream of an output file: pulled piece by piece, exactly as long as the video."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import numpy as np
import torch
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from torch import Tensor

from ...rates import SAMPLE_RATE
from .container import SPEAKERS, Container

LONGEST_PIECE = 48_000  # samples per call of the encoder, at most: bounds memory


def waveform_pieces(
    sound: Tensor | Iterable[Tensor], rate: int = SAMPLE_RATE
) -> Iterator[np.ndarray]:
    """Yield checked float32 pieces (c s), s <= 48000, of a waveform or of its pieces.

    The input is (c s) or (1 c s) at `rate`. Raises ValueError for another shape or type, for a
    changing number of channels, and, with the time, for NaN or infinite samples.
    """
    position, channels = 0, None
    for given in [sound] if isinstance(sound, Tensor) else sound:
        piece = _as_array(given)
        channels = channels or piece.shape[0]
        if piece.shape[0] != channels:
            raise ValueError(
                f"got a piece of {piece.shape[0]} channels after one of {channels}; expected the "
                "same number in all"
            )
        finite = np.isfinite(piece).all(0)
        if not finite.all():
            raise ValueError(
                f"got NaN or infinite sound at {(position + int(finite.argmin())) / rate:.3f} s; "
                "expected finite samples; generate it again, in float32 if it was half precision"
            )
        for start in range(0, piece.shape[1], LONGEST_PIECE):
            yield piece[:, start : start + LONGEST_PIECE]
        position += piece.shape[1]


def check_channels(channels: int, layouts: Mapping[int, str]) -> None:
    """Raise ValueError for a number of channels without a layout."""
    if channels not in layouts:
        raise ValueError(
            f"got {channels} channels; expected one of {list(layouts)}; write them as several files"
        )


def with_channels(pieces: Iterator[np.ndarray], channels: int) -> Iterator[np.ndarray]:
    """Yield each piece (c s) with this number of channels; mono is copied to both of stereo."""
    check_channels(channels, SPEAKERS)
    expected = "1 or 2" if channels == 2 else str(channels)
    for piece in pieces:
        if piece.shape[0] != channels and (piece.shape[0], channels) != (1, 2):
            raise ValueError(
                f"got sound of {piece.shape[0]} channels; expected {expected}; mix it "
                "down to stereo"
            )
        yield np.broadcast_to(piece, (channels, piece.shape[1]))


def _as_array(piece: Tensor) -> np.ndarray:  # (c s) or (1 c s) -> (c s)
    if not isinstance(piece, Tensor) or not piece.is_floating_point():
        kind = getattr(piece, "dtype", type(piece).__name__)
        raise ValueError(f"got sound of type {kind}; expected float tensors of shape (c s)")
    shape = tuple(piece.shape)
    if piece.ndim == 3 and shape[0] == 1:
        piece = piece[0]
    if piece.ndim != 2 or piece.shape[0] == 0:
        raise ValueError(
            f"got a sound piece of shape {shape}; expected (channels, samples), a batch of one at "
            "most; pick one of the batch"
        )
    return piece.detach().to("cpu", torch.float32).numpy()


def add_sound_stream(
    output: OutputContainer, container: Container, channels: int, rate: int
) -> AudioStream:
    """Add a stream of the container's sound codec."""
    stream = output.add_stream(container.sound, rate=rate, options=container.sound_options)
    if not isinstance(stream, AudioStream):
        raise ValueError(
            f"got {container.sound}, an encoder of {stream.type}; expected one of sound; choose "
            "another one for this container"
        )
    context = stream.codec_context
    context.format, context.layout = container.sample_format, container.layouts[channels]
    context.time_base = Fraction(1, rate)
    if container.bit_rate:
        context.bit_rate = container.bit_rate
    return stream


class SoundEncoder:
    """One encoded sound stream at 48 kHz, as long as its input."""

    def __init__(self, output: OutputContainer, container: Container, channels: int = 2):
        self.written, self.peak, self.layout = 0, 0.0, container.layouts[channels]
        self.stream = add_sound_stream(output, container, channels, SAMPLE_RATE)

    def encode(self, piece: np.ndarray) -> list[Packet]:  # (c s)
        """Encode a piece, clipped at full scale."""
        return self.stream.encode(self._frame(piece)) if piece.shape[1] else []

    def finish(self) -> list[Packet]:
        """Flush the encoder; warns if samples were clipped."""
        if self.peak > 1:
            warnings.warn(
                f"the sound peaks at {20 * math.log10(self.peak):+.1f} dBFS and was clipped at 0; "
                "lower its gain",
                stacklevel=2,
            )
        return self.stream.encode(None)

    def _frame(self, piece: np.ndarray) -> AudioFrame:  # (c s)
        self.peak = max(self.peak, float(np.abs(piece).max()))
        clipped = np.ascontiguousarray(piece.clip(-1, 1))
        frame = AudioFrame.from_ndarray(clipped, format="fltp", layout=self.layout)
        frame.sample_rate, frame.pts = SAMPLE_RATE, self.written
        frame.time_base = Fraction(1, SAMPLE_RATE)
        self.written += piece.shape[1]
        return frame


class SoundTrack(SoundEncoder):
    """A sound stream of exactly `samples` samples, pulled from pieces on demand."""

    def __init__(
        self,
        output: OutputContainer,
        container: Container,
        pieces: Iterator[np.ndarray],
        samples: int,
        channels: int = 2,
    ):
        super().__init__(output, container, channels)
        self.pieces, self.samples = iter(pieces), samples

    def packets(self, until: Fraction) -> Iterator[Packet]:
        """Encode the sound up to `until` seconds, or to its end."""
        goal = min(self.samples, math.ceil(until * SAMPLE_RATE))
        while self.written < goal:
            piece = next(self.pieces, None)
            if piece is None:
                raise ValueError(
                    f"got {self.written} samples of sound ({self.written / SAMPLE_RATE:.3f} s); "
                    f"expected {self.samples} ({self.samples / SAMPLE_RATE:.3f} s), as long as "
                    "the picture; generate sound for all of its frames"
                )
            yield from self.encode(piece[:, : self.samples - self.written])

    def last_packets(self) -> Iterator[Packet]:
        """Encode the rest and flush; warns if samples were clipped."""
        yield from self.packets(Fraction(self.samples, SAMPLE_RATE))
        yield from self.finish()
