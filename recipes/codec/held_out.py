"""Sounds of the held-out sources, for measurements: sequences of recordings at several levels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator

from sr_core.io.write.audio import write_audio
from sr_core.rates import SAMPLE_RATE

from .sources import SOURCES, Recording, recordings_of
from .synth import Wave, between

CLIPS = 12  # per source
SECONDS = 6
LEVELS_DB = (-40.0, -12.0)  # RMS

Read = Callable[[Recording], np.ndarray]  # -> (c s)


def write_held_out(packages: Path, output: Path, read: Read) -> None:
    """Writes CLIPS lossless files for every held-out source, in a folder of its name."""
    for source in (source for source in SOURCES if source.held_out):
        found = list(recordings_of(source, packages))
        folder = output / source.name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(CLIPS):
            random = np.random.default_rng([number, *source.name.encode()])
            write_flac(folder / f"{number:02d}.flac", sequence(random, found, read))


def sequence(random: Generator, found: list[Recording], read: Read) -> Wave:  # -> (2 s)
    """Recordings one after the other, with pauses, at a level of LEVELS_DB but never clipped."""
    samples = SECONDS * SAMPLE_RATE
    out, at = np.zeros((2, samples)), int(0.1 * SAMPLE_RATE)
    while at < samples:
        wave = read(found[random.integers(len(found))]) * between(random, 0.3, 1)
        wave = wave[:, : min(samples - at, 4 * SAMPLE_RATE)]
        out[:, at : at + wave.shape[1]] += wave
        at += int(wave.shape[1] * random.uniform(0.5, 1) + between(random, 0.05, 0.6) * SAMPLE_RATE)
    out *= 10 ** (random.uniform(*LEVELS_DB) / 20) / (np.sqrt((out**2).mean()) + 1e-9)
    return out * min(1.0, 0.98 / np.abs(out).max())


def write_flac(path: Path, wave: Wave) -> None:  # (2 s)
    """Writes FLAC at 48 kHz, rounded to 16 bits."""
    rounded = np.round(np.clip(wave, -1, 1) * 32767) / 32768
    write_audio(path, torch.from_numpy(rounded).float(), SAMPLE_RATE)
