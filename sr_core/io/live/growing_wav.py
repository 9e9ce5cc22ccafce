"""A WAV file that is written during generation and memory-mapped (not read) when complete."""

from __future__ import annotations

import os
import struct
import weakref
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

HEADER = 128  # bytes before the samples
FLOAT, BYTES = 3, 4  # WAVE_FORMAT_IEEE_FLOAT; bytes per sample
LARGEST = 2**32 - 1 - HEADER  # largest size of the samples in RIFF, in bytes; above it: RF64


class _Mapped(np.memmap):
    """The samples of a recording, which keep its file as long as they are referenced."""

    recording: GrowingWav


class GrowingWav:
    """A growing float32 WAV file of at most `samples` samples; it is readable at any time.

    The file is removed when neither this object nor its waveform is referenced any more.
    """

    def __init__(self, path: str | os.PathLike[str], rate: int, samples: int, channels: int = 2):
        self.path, self.rate, self.samples, self.channels = Path(path), rate, samples, channels
        self.made = 0
        # Unbuffered: other readers can read added samples at once.
        self._file = open(self.path, "w+b", buffering=0)
        weakref.finalize(self, _remove, self.path)
        self._file.write(header(rate, channels, samples))

    def add(self, waveform: Tensor) -> int:  # (c s)
        """Append the samples that still fit; returns their number."""
        piece = waveform[:, : self.samples - self.made].detach().to("cpu", torch.float32)
        self._file.write(rearrange(piece, "c s -> s c").contiguous().numpy().data)
        self.made += piece.shape[1]
        return piece.shape[1]

    def close(self) -> None:
        """Write the final length into the header and close the file."""
        self._file.seek(0)
        self._file.write(header(self.rate, self.channels, self.made))
        self._file.close()

    def waveform(self) -> Tensor:  # (1 c s)
        """The samples of the closed file; writes to the tensor do not change the file."""
        shape = (self.made, self.channels)
        mapped = _Mapped(self.path, np.float32, mode="c", offset=HEADER, shape=shape)
        mapped.recording = self
        return rearrange(torch.from_numpy(mapped), "s c -> 1 c s")


def header(rate: int, channels: int, samples: int) -> bytes:
    """The first HEADER bytes of a float32 WAV, or of an RF64 (EBU Tech 3306) above 4 GB."""
    frame = channels * BYTES
    size = samples * frame
    large = size > LARGEST
    sizes = struct.pack("<QQQI", HEADER - 8 + size, size, samples, 0)
    form = struct.pack("<HHIIHH", FLOAT, channels, rate, rate * frame, frame, 8 * BYTES)
    riff, data = (0xFFFFFFFF, 0xFFFFFFFF) if large else (HEADER - 8 + size, size)
    chunks = [
        (b"RF64" if large else b"RIFF") + struct.pack("<I", riff) + b"WAVE",
        (b"ds64" if large else b"JUNK") + struct.pack("<I", len(sizes)) + sizes,
        b"fmt " + struct.pack("<I", len(form)) + form,
        b"fact" + struct.pack("<II", 4, min(samples, 0xFFFFFFFF)),
    ]
    filling = HEADER - 8 - 8 - sum(map(len, chunks))
    chunks.append(b"JUNK" + struct.pack("<I", filling) + bytes(filling))
    return b"".join([*chunks, b"data" + struct.pack("<I", data)])


def _remove(path: Path) -> None:
    with suppress(OSError):  # some systems cannot remove a mapped file: the folder's owner does
        path.unlink()
