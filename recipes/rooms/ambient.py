"""Sources without a contact of two bodies: rain, fire, drips, a tap, wind, a motor.

Each maker returns a sound (s,) in Pa in 1 m for an amplitude level (s,) of 0 to 1.
"""

from __future__ import annotations

import numpy as np

from sr_core.rates import HOP, SAMPLE_RATE

from .dry import Dry, add, band, rms
from .impacts import bubble
from .log import Log, Source
from .modal import generator

LOUDNESS = {  # Pa, rms in 1 m at level 1; 0.02 Pa are 60 dB
    "rain": 0.03,
    "fire": 0.02,
    "drip": 0.01,
    "tap": 0.03,
    "wind": 0.03,
    "motor": 0.05,
}


def source_sound(log: Log, source: Source, index: int) -> Dry:
    """The source's dry sound over its whole duration.

    Raises ValueError for a kind that is not one of LOUDNESS.
    """
    make = {
        "rain": _rain,
        "fire": _fire,
        "drip": _drips,
        "tap": _tap,
        "wind": _wind,
        "motor": _motor,
    }.get(source.kind)
    if make is None:
        raise ValueError(
            f"got a source of kind '{source.kind}'; expected one of {sorted(LOUDNESS)}; add a "
            "maker for it to ambient.py"
        )
    at = np.arange(len(source.level) * HOP) / HOP
    level = np.interp(at, np.arange(len(source.level)), np.clip(source.level, 0, None))
    rng = generator(log.seed, "source", index)
    sound = LOUDNESS[source.kind] * make(level, rng)
    return Dry(source.start, sound, source.path, source.extent)


def _slow(samples: int, per_second: float, rng: np.random.Generator) -> np.ndarray:
    """A random course (s,), normal, with about so many independent values a second."""
    count = int(samples / SAMPLE_RATE * per_second) + 3
    at = np.arange(samples) * per_second / SAMPLE_RATE
    return np.interp(at, np.arange(count), rng.standard_normal(count))


def _bursts(
    level: np.ndarray, per_second: float, decay_ms: tuple[float, float], spread: float,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Poisson bursts (s,) of white noise as often as the level says, lognormal amplitudes."""
    found = np.flatnonzero(rng.random(level.size) < per_second * level / SAMPLE_RATE)
    sound = np.zeros(level.size)
    for first in found:
        decay = rng.uniform(*decay_ms) / 1000 * SAMPLE_RATE
        time = np.arange(min(int(5 * decay) + 2, level.size - first))
        burst = rng.standard_normal(time.size) * np.exp(-time / decay)
        sound[first : first + time.size] += burst * np.exp(spread * rng.standard_normal())
    return sound


def _rain(level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Very many far drops are noise; the near ones are heard one by one."""
    low = rng.uniform(300, 1200)
    far = band(rng.standard_normal(level.size), low, rng.uniform(5000, 11000))
    near = np.zeros(level.size)
    chance = rng.uniform(40, 220) * level / SAMPLE_RATE
    hits = np.flatnonzero(rng.random(level.size) < chance)
    near[hits] = np.exp(0.8 * rng.standard_normal(hits.size)) * rng.choice([-1, 1], hits.size)
    kernel = rng.standard_normal(240) * np.exp(-np.arange(240) / rng.uniform(12, 60))
    near = band(np.convolve(near, kernel)[: level.size], 600, 9000)
    return (far / rms(far) + 0.5 * near) * level * (1 + 0.08 * _slow(level.size, 2, rng))


def _fire(level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Crackles, a low rumble of the flames' turbulence, and a hiss."""
    rumble = band(rng.standard_normal(level.size), 30, 160)
    rumble *= np.clip(1 + 0.5 * _slow(level.size, 6, rng), 0, None) / rms(rumble)
    hiss = band(rng.standard_normal(level.size), 1500, 7000)
    small = _bursts(level, rng.uniform(8, 25), (0.3, 2.0), 0.7, rng)
    large = _bursts(level, rng.uniform(0.5, 2.5), (1.5, 6.0), 0.5, rng)
    crackle = 5.0 * band(small, 900, 12000) + 9.0 * band(large, 400, 6000)
    return (0.7 * rumble + 0.15 * hiss / rms(hiss)) * level + crackle * np.sqrt(level)


def _drips(level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Single drops into water, about two a second at level 1."""
    sound, radius = np.zeros(level.size), rng.uniform(1e-3, 2.5e-3)
    for first in np.flatnonzero(rng.random(level.size) < 2 * level / SAMPLE_RATE):
        drop = bubble(radius * rng.uniform(0.8, 1.25), rng.uniform(0, 12))
        add(sound, 8 * drop * np.exp(0.3 * rng.standard_normal()), first / SAMPLE_RATE)
    return sound


def _tap(level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A jet's noise and many bubbles; more water is brighter."""
    noise = rng.standard_normal(level.size)
    dull, bright = band(noise, 400, 2500), band(noise, 2000, 9000)
    jet = dull / rms(dull) * 0.7 + bright / rms(bright) * 0.8 * level
    bubbles = np.zeros(level.size)
    for first in np.flatnonzero(rng.random(level.size) < 60 * np.sqrt(level) / SAMPLE_RATE):
        one = bubble(rng.uniform(0.8e-3, 4e-3), rng.uniform(0, 8))
        add(bubbles, one * np.exp(0.6 * rng.standard_normal()), first / SAMPLE_RATE)
    basin = rng.uniform(250, 700)
    hum = band(noise, basin, basin * 1.3, 2)
    return (jet * (1 + 0.1 * _slow(level.size, 10, rng)) + 0.8 * bubbles) * level + (
        0.12 * hum / rms(hum) * level
    )


def _wind(level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Low noise, and whistling bands that get higher and louder in a gust."""
    gust = level * np.clip(1 + 0.35 * _slow(level.size, 1.5, rng), 0.1, None)
    noise = rng.standard_normal(level.size)
    sound = band(noise, 40, rng.uniform(200, 500)) * 3
    weights = np.clip(1 - np.abs(np.arange(4)[:, None] - 3 * np.clip(gust, 0, 1)), 0, 1)
    centre = rng.uniform(250, 450)
    for octave, weight in enumerate(weights):
        low = centre * 1.7**octave
        sound += 0.8 * weight * band(noise, low, 1.25 * low, 2)
    return sound / 1.2 * gust


def _motor(level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Harmonics of the turning speed, which follows the level, and noise at its rhythm."""
    lowest = rng.uniform(25, 110)
    speed = lowest * (0.4 + 0.6 * level) * (1 + 0.01 * _slow(level.size, 8, rng))
    cycles = 2 * np.pi * np.cumsum(speed) / SAMPLE_RATE
    sound = np.zeros(level.size)
    for order in range(1, 25):
        strength = order ** -rng.uniform(0.5, 1.1) * np.exp(0.5 * rng.standard_normal())
        sound += strength * np.sin(order * cycles + rng.uniform(0, 2 * np.pi))
    noise = band(rng.standard_normal(level.size), 500, 8000)
    rhythm = 1 + 0.6 * np.cos(rng.integers(1, 5) * cycles)
    return (0.5 * sound + 0.4 * noise / rms(noise) * rhythm) * level**1.3
