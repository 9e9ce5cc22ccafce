"""Scenes: recordings and synthetic sounds, placed in stereo and in a room, at a random level.

A scene is a function of its random generator and of the recordings. Levels are those of the whole
scene, -50 to -3 dB RMS, so that a codec hears every kind of sound at every level.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from sr_core.rates import SAMPLE_RATE

from .synth import KINDS, Wave, between, convolved, noise, onset_times

Draw = Callable[[Generator], Wave]  # a recording (c s), c = 1 or 2, at 48 kHz

SHARES = {"recordings": 0.55, "synthetic": 0.27, "both": 0.18}
LEVELS_DB = (-50.0, -8.0)  # RMS of a scene
LOUDEST = 0.98  # largest sample
LOWPASS = (7000, 11_000, 14_000, 15_500, 16_000, 18_000)  # Hz: what lossy coding leaves
FLOORS_DB = (-75.0, -30.0)  # background noise relative to the scene


def scene(random: Generator, samples: int, draw: Draw) -> Wave:  # -> (2 samples)
    kind = random.choice(list(SHARES), p=list(SHARES.values()))
    layers = []
    if kind != "synthetic":
        layers += [in_place(random, recorded(random, samples, draw))]
    if kind != "recordings":
        layers += [synthetic(random, samples)]
    if random.random() < 0.2:
        layers += [synthetic(random, samples)]
    total = sum(_unit(layer) * between(random, 0.1, 1) for layer in layers)
    return levelled(random, coloured(random, total))


def recorded(random: Generator, samples: int, draw: Draw) -> Wave:  # -> (2 samples)
    """A sequence of few different recordings, each repeated with varying strength and speed."""
    out = np.zeros((2, samples))
    chosen = [draw(random) for _ in range(random.integers(1, 5))]
    for start in onset_times(random, samples):
        wave = played_at(chosen[random.integers(len(chosen))], random)
        begin = random.integers(max(1, wave.shape[1] // 2)) if random.random() < 0.15 else 0
        part = wave[:, begin : begin + samples - start] * between(random, 0.15, 1)
        fade = min(96, part.shape[1])
        if begin:
            part[:, :fade] *= np.linspace(0, 1, fade)
        out[:, start : start + part.shape[1]] += part
    return out


def played_at(wave: Wave, random: Generator) -> Wave:  # (c s) -> (c s')
    """The recording at another speed (0.7 to 1.4) in half of the cases."""
    if random.random() < 0.5:
        return wave
    count = int(wave.shape[1] / between(random, 0.7, 1.4))
    times = np.linspace(0, wave.shape[1] - 1, max(2, count))
    return np.stack([np.interp(times, np.arange(wave.shape[1]), row) for row in wave])


def synthetic(random: Generator, samples: int) -> Wave:  # -> (2 samples)
    name = random.choice(list(KINDS), p=[0.34, 0.16, 0.2, 0.15, 0.07, 0.08])
    wave = KINDS[name](random, samples)
    if random.random() < 0.25:  # two independent channels
        wave = np.stack([wave, KINDS[name](random, samples)])
    return in_place(random, wave)


def in_place(random: Generator, wave: Wave) -> Wave:  # (s) or (c s) -> (2 s)
    """Width, balance and, in half of the cases, a room."""
    pair = np.broadcast_to(wave, (2, wave.shape[-1]))
    mid, side = (pair[0] + pair[1]) / 2, (pair[0] - pair[1]) / 2
    width = random.choice([0.0, 1.0, random.uniform(0, 1.5)])
    pair = np.stack([mid + width * side, mid - width * side])
    angle = np.pi / 4 * (1 + np.clip(random.normal(0, 0.5), -1, 1) * (random.random() < 0.6))
    pair = pair * np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]])
    return in_room(random, pair) if random.random() < 0.5 else pair


def in_room(random: Generator, pair: Wave) -> Wave:  # (2 s)
    """Adds exponentially decaying noise, RT60 0.1 to 0.8 s, different in both channels."""
    seconds = between(random, 0.1, 0.8)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tails = random.standard_normal((2, len(time))) * np.exp(-6.91 * time / seconds)
    tails[:, : int(between(random, 5e-4, 0.02) * SAMPLE_RATE)] = 0  # the first reflection
    tails = tails + random.uniform(0, 1) * tails.mean(axis=0)
    high = between(random, 2000, 16_000)
    spectrum = np.fft.rfft(tails)
    spectrum /= 1 + (np.fft.rfftfreq(len(time), 1 / SAMPLE_RATE) / high) ** 2
    wet = convolved(pair, np.fft.irfft(spectrum, len(time)))
    size = np.sqrt((pair**2).mean() / ((wet**2).mean() + 1e-12))
    return pair + wet * size * 10 ** (random.uniform(-22, 3) / 20)


def coloured(random: Generator, pair: Wave) -> Wave:  # (2 s)
    """Background noise, and the upper band limit of a lossy recording, each in some cases."""
    if random.random() < 0.5:
        floor = np.stack([noise(random, pair.shape[1]) for _ in range(2)])
        floor = floor + random.uniform(0, 2) * floor.mean(axis=0)
        pair = _unit(pair) + _unit(floor) * 10 ** (random.uniform(*FLOORS_DB) / 20)
    if random.random() < 0.4:
        spectrum = np.fft.rfft(pair)
        frequencies = np.fft.rfftfreq(pair.shape[1], 1 / SAMPLE_RATE)
        edge = random.choice(LOWPASS)
        spectrum *= np.clip((edge + 300 - frequencies) / 300, 0, 1)
        pair = np.fft.irfft(spectrum, pair.shape[1])
    return pair


def levelled(random: Generator, pair: Wave) -> Wave:  # (2 s)
    """A random level; softer where a sample would be above LOUDEST."""
    pair = _unit(pair) * 10 ** (random.uniform(*LEVELS_DB) / 20)
    return pair * min(1.0, LOUDEST / (np.abs(pair).max() + 1e-9))


def _unit(wave: Wave) -> Wave:
    return wave / (np.sqrt((wave**2).mean()) + 1e-9)
