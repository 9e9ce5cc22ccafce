"""Synthetic sounds at 48 kHz: impacts, rolling, noise, tones, sweeps, clicks; a function of a seed.

Every generator takes a `numpy` random generator and a length, and gives (samples,) or (2, samples)
float64 of any level: `scene` normalises them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sr_core.rates import SAMPLE_RATE

Wave = NDArray[np.float64]
Make = Callable[[Generator, int], Wave]

# Frequency ratios of the modes of a free bar and of a circular membrane (Fletcher and Rossing, "The
# Physics of Musical Instruments", ch. 2 and 3).
BAR = (1.0, 2.756, 5.404, 8.933, 13.34, 18.64)
MEMBRANE = (1.0, 1.593, 2.135, 2.295, 2.653, 2.917, 3.156, 3.5, 3.6, 4.06)


def between(random: Generator, low: float, high: float) -> float:
    """Log-uniform between two positive numbers."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def impacts(random: Generator, samples: int) -> Wave:
    """Hits on one to three objects at random times, each with its own strength."""
    out = np.zeros(samples)
    bodies = [_struck(random) for _ in range(random.integers(1, 4))]
    for start in onset_times(random, samples):
        hit = bodies[random.integers(len(bodies))] * between(random, 0.1, 1.0)
        part = hit[: samples - start]
        out[start : start + len(part)] += part
    return out


def onset_times(random: Generator, samples: int) -> list[int]:
    """Start times in samples, at least one: even with jitter, or Poisson; 0.4 to 10 per second."""
    rate = between(random, 0.4, 10)
    if random.random() < 0.5:
        steps = np.full(int(samples / SAMPLE_RATE * rate) + 2, SAMPLE_RATE / rate)
        steps *= random.normal(1, 0.04, len(steps))
    else:
        steps = random.exponential(SAMPLE_RATE / rate, int(samples / SAMPLE_RATE * rate * 2) + 2)
    times = np.cumsum(np.abs(steps)) - steps[0] * random.random()
    return [int(time) for time in times if 0 <= time < samples - 64] or [0]


def _struck(random: Generator) -> Wave:
    """One hit: a bank of decaying modes and a burst of filtered noise."""
    length = int(SAMPLE_RATE * between(random, 0.1, 2.5))
    modes = _modes(random, length)
    burst = noise(random, length) * _decay(length, between(random, 0.002, 0.12))
    burst = burst / (np.abs(burst).max() + 1e-9)
    return modes * between(random, 0.02, 1) + burst * between(random, 0.05, 1)


def _modes(random: Generator, length: int) -> Wave:
    pitch = between(random, 45, 3000)
    kind = random.integers(3)
    if kind == 2:
        ratios = np.exp(random.uniform(0, np.log(30), random.integers(4, 40)))
    else:
        ratios = np.array(BAR if kind == 0 else MEMBRANE) * random.normal(1, 0.01)
    frequencies = np.minimum(pitch * ratios, 20_000)
    # Losses grow with frequency: T60 falls by a random power of it.
    longest, slope = between(random, 0.03, 2.5), random.uniform(0, 1.2)
    time = np.arange(length) / SAMPLE_RATE
    out = np.zeros(length)
    for frequency in frequencies:
        seconds = longest * (frequency / frequencies.min()) ** -slope
        phase, size = random.uniform(0, 2 * np.pi), random.exponential()
        out += size * np.sin(2 * np.pi * frequency * time + phase) * np.exp(-6.91 * time / seconds)
    return out / (np.abs(out).max() + 1e-9)


def _decay(length: int, seconds: float) -> Wave:
    """Exponential decay by 60 dB in `seconds` times 3, after a rise of up to 1 ms."""
    time = np.arange(length) / SAMPLE_RATE
    return np.minimum(1, time / 3e-4) * np.exp(-time / (seconds / 2.3))


def noise(random: Generator, samples: int) -> Wave:
    """Gaussian noise with a random slope and a random band."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    shape = np.maximum(frequencies, 20) ** -random.uniform(-0.2, 1.3)
    if random.random() < 0.6:
        low, high = np.sort([between(random, 30, 18_000) for _ in range(2)])
        shape *= 1 / (1 + (low / np.maximum(frequencies, 1)) ** 4)
        shape *= 1 / (1 + (frequencies / (high * 1.2)) ** between(random, 2, 12))
    return np.fft.irfft(spectrum * shape / (shape.max() + 1e-9), samples)


def shaped_noise(random: Generator, samples: int) -> Wave:
    """Noise whose level is constant, drifts, or is switched; two bands may alternate."""
    first = _unit(noise(random, samples))
    kind = random.integers(4)
    if kind == 0:
        return first
    if kind == 1:
        return first * 10 ** (_drift(random, samples) * random.uniform(3, 20) / 20)
    gate = (_drift(random, samples) > random.normal(0, 0.5)).astype(float)
    gate = np.convolve(gate, np.hanning(240) / np.hanning(240).sum(), "same")
    return first * gate + (_unit(noise(random, samples)) * (1 - gate) if kind == 2 else 0)


def rolling(random: Generator, samples: int) -> Wave:
    """Rolling and scraping: dense random small impacts that excite modes, at a varying speed."""
    speed = 10 ** (_drift(random, samples) * 0.4) * between(random, 20, 2000)
    strikes = (random.random(samples) < speed / SAMPLE_RATE) * random.exponential(1, samples)
    strikes += random.standard_normal(samples) * between(random, 0.001, 0.1)
    body = _modes(random, int(SAMPLE_RATE * between(random, 0.01, 0.4)))
    return convolved(strikes * 10 ** (_drift(random, samples) * 0.3), body)


def tones(random: Generator, samples: int) -> Wave:
    """Notes: harmonics with vibrato, attack and decay."""
    out, tilt = np.zeros(samples), random.uniform(0.3, 2)
    for start in onset_times(random, samples)[:24]:
        length = min(samples - start, int(SAMPLE_RATE * between(random, 0.06, 3)))
        time = np.arange(length) / SAMPLE_RATE
        depth = between(random, 1e-4, 0.02)
        bend = depth * np.sin(2 * np.pi * random.uniform(2, 8) * time)
        pitch = between(random, 50, 4000)
        phase = 2 * np.pi * np.cumsum(pitch * (1 + bend)) / SAMPLE_RATE
        count = int(min(random.integers(1, 24), 20_000 / pitch))
        note = sum(np.sin(k * phase) * k**-tilt for k in range(1, count + 1))
        rise, fall = between(random, 0.002, 0.2), between(random, 0.05, 2)
        shape = np.minimum(1, time / rise) * np.exp(-time / fall)
        shape *= np.minimum(1, (length - np.arange(length)) / 480)
        out[start : start + length] += note * shape * between(random, 0.1, 1)
    return out


def sweeps(random: Generator, samples: int) -> Wave:
    """Tones whose frequency glides, up and down."""
    octaves = _drift(random, samples) * random.uniform(0.3, 2)
    frequency = np.clip(between(random, 100, 6000) * 2**octaves, 20, 20_000)
    level = 10 ** (_drift(random, samples) * 0.3)
    return np.sin(2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE) * level


def clicks(random: Generator, samples: int) -> Wave:
    """Pulses of 1 to 100 samples."""
    out = np.zeros(samples)
    for start in onset_times(random, samples):
        pulse = np.hanning(random.integers(1, 100) + 2)
        if random.random() < 0.5:
            pulse = pulse * random.standard_normal(len(pulse))
        out[start : start + len(pulse)] += (pulse * between(random, 0.1, 1))[: samples - start]
    return out


def convolved(wave: Wave, response: Wave) -> Wave:
    """Convolution along the last axis, as long as `wave`."""
    samples = wave.shape[-1]
    size = 1 << (samples + response.shape[-1] - 1).bit_length()
    product = np.fft.rfft(wave, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[..., :samples]


def _unit(wave: Wave) -> Wave:
    return wave / (wave.std() + 1e-9)


def _drift(random: Generator, samples: int) -> Wave:
    """A smooth random course of standard deviation about 1; 0.5 to 10 changes per second."""
    count = max(4, int(samples / SAMPLE_RATE * between(random, 0.5, 10)) + 2)
    return np.interp(np.linspace(0, count - 1, samples), range(count), random.normal(size=count))


KINDS: dict[str, Make] = {
    "impacts": impacts,
    "rolling": rolling,
    "noise": shaped_noise,
    "tones": tones,
    "sweeps": sweeps,
    "clicks": clicks,
}
