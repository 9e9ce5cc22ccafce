"""Procedural surfaces: images of noise, grain, weave and tiles, and colours of materials."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np

SIDE = 128  # texels
Colour = np.ndarray  # (3), 0..1


def noise(rng: np.random.Generator, slope: float = 1.6, stretch: float = 1.0) -> np.ndarray:
    """Periodic noise (h w) of zero mean and deviation 1 whose amplitude falls by f^-slope.

    With `stretch` above 1 it is drawn out along x.
    """
    y, x = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    frequency = np.hypot(y, x * stretch)
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((SIDE, SIDE))) / frequency**slope
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(SIDE, SIDE))
    return field / field.std()


def hue(h: float, s: float, v: float) -> Colour:
    return np.array(colorsys.hsv_to_rgb(h % 1.0, min(max(s, 0.0), 1.0), min(max(v, 0.0), 1.0)))


def any_colour(rng: np.random.Generator) -> Colour:
    return hue(rng.random(), rng.beta(1.3, 2.2), rng.uniform(0.2, 0.95))


def shaded(colour: Colour, field: np.ndarray, depth: float) -> np.ndarray:
    """A colour times (1 + depth * field): (h w) -> (h w 3)."""
    return colour * (1 + depth * field)[..., None]


def blend(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colours or images a and b mixed by `weight` (h w) of b."""
    share = np.clip(weight, 0, 1)[..., None]
    return a * (1 - share) + b * share


def texels(image: np.ndarray) -> np.ndarray:
    """0..1 -> uint8 (h w 3)."""
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def _steps(period: int, width: int = 1) -> np.ndarray:
    return (np.arange(SIDE) % period < width).astype(float)


def grain(rng: np.random.Generator) -> np.ndarray:
    """Wood: rings that are cut lengthwise."""
    base = hue(rng.uniform(0.04, 0.11), rng.uniform(0.3, 0.75), rng.uniform(0.25, 0.85))
    y = np.linspace(0, 1, SIDE, endpoint=False)[:, None]
    rings = np.sin(2 * np.pi * (rng.integers(3, 9) * y + 0.35 * noise(rng, 2.0, 6.0)))
    field = 0.6 * rings + 0.5 * noise(rng, 0.8, 12.0)
    return shaded(base, field, rng.uniform(0.05, 0.2))


def brushed(rng: np.random.Generator) -> np.ndarray:
    kinds = [(0.6, 0.03, 0.7), (0.12, 0.5, 0.75), (0.05, 0.6, 0.65), (0.6, 0.1, 0.3)]
    h, s, v = kinds[rng.choice(4, p=[0.5, 0.15, 0.1, 0.25])]
    painted = rng.random() < 0.25
    base = any_colour(rng) if painted else hue(h, s, v * rng.uniform(0.7, 1.2))
    return shaded(base, noise(rng, 0.6, 20.0), 0.04) * (1 + 0.08 * noise(rng, 2.0))[..., None]


def plain(rng: np.random.Generator) -> np.ndarray:
    return shaded(any_colour(rng), noise(rng, 1.8), rng.uniform(0.0, 0.05))


def clear(rng: np.random.Generator) -> np.ndarray:
    tint = hue(rng.choice([0.35, 0.5, 0.08, 0.6]), rng.uniform(0.03, 0.5), rng.uniform(0.6, 0.95))
    return shaded(tint, noise(rng, 2.0), 0.02)


def mineral(rng: np.random.Generator) -> np.ndarray:
    base = hue(rng.uniform(0.02, 0.16), rng.uniform(0.0, 0.35), rng.uniform(0.25, 0.85))
    other = base * rng.uniform(0.3, 1.5)
    spots = noise(rng, rng.uniform(0.2, 1.8))
    veins = np.exp(-20 * np.abs(noise(rng, 2.2)))
    image = blend(base, other, 0.5 + 0.35 * spots)
    return blend(image, base * 0.4, veins * rng.uniform(0, 0.7))


def glazed(rng: np.random.Generator) -> np.ndarray:
    white = hue(rng.random(), 0.06, rng.uniform(0.75, 0.97))
    base = white if rng.random() < 0.6 else any_colour(rng)
    image = shaded(base, noise(rng, 2.0), 0.03)
    if rng.random() < 0.5:
        bands = _steps(int(rng.choice([16, 32, 64])), int(rng.integers(2, 10)))
        image = blend(image, any_colour(rng), np.tile(bands[:, None], (1, SIDE)))
    return image


def corrugated(rng: np.random.Generator) -> np.ndarray:
    base = hue(rng.uniform(0.07, 0.1), rng.uniform(0.3, 0.5), rng.uniform(0.5, 0.8))
    ribs = np.sin(np.arange(SIDE) * 2 * np.pi / 4)[:, None] * np.ones(SIDE)
    image = shaded(base, 0.3 * ribs + 0.6 * noise(rng, 1.2), 0.05)
    if rng.random() < 0.4:  # a printed label
        y, x = rng.integers(10, 60, 2)
        image[y : y + rng.integers(15, 60), x : x + rng.integers(15, 60)] *= any_colour(rng)
    return image


def weave(rng: np.random.Generator) -> np.ndarray:
    base, other = any_colour(rng), any_colour(rng)
    threads = np.sin(np.arange(SIDE) * np.pi / 2)
    field = threads[:, None] * threads[None] + 0.5 * noise(rng, 1.0)
    pattern = rng.integers(4)
    period = int(rng.choice([8, 16, 32, 64]))
    stripes = _steps(period, period // 2)
    rows, columns = stripes[:, None] * np.ones(SIDE), stripes[None] * np.ones((SIDE, 1))
    weight = [0 * rows, rows, (rows + columns) / 2, rows * columns][pattern]
    return blend(base, other, weight * rng.uniform(0.4, 1)) * (1 + 0.08 * field)[..., None]


def skin(rng: np.random.Generator) -> np.ndarray:
    lightness = rng.uniform(0.3, 0.92)
    base = hue(rng.uniform(0.03, 0.075), 0.75 - 0.45 * lightness, lightness)
    return shaded(base, noise(rng, 1.5), 0.035)


def tiles(rng: np.random.Generator) -> np.ndarray:
    period = int(rng.choice([32, 64]))
    tile = glazed(rng) if rng.random() < 0.5 else mineral(rng)
    number = SIDE // period
    tone = 1 + rng.uniform(0, 0.12) * rng.standard_normal((number, number))
    image = tile * np.kron(tone, np.ones((period, period)))[..., None]
    joint = _steps(period, 2)
    lines = np.maximum(joint[:, None], joint[None])
    return blend(image, hue(0.1, 0.05, rng.uniform(0.2, 0.8)), lines)


def planks(rng: np.random.Generator) -> np.ndarray:
    image, width = grain(rng), int(rng.choice([16, 32]))
    for row in range(0, SIDE, width):
        image[row : row + width] = np.roll(image[row : row + width], rng.integers(SIDE), 1)
        image[row : row + width] *= rng.uniform(0.85, 1.12)
        image[row : row + width, rng.integers(SIDE)] *= 0.4
    return blend(image, np.zeros(3), np.tile(_steps(width)[:, None] * 0.6, (1, SIDE)))


def carpet(rng: np.random.Generator) -> np.ndarray:
    image = weave(rng) if rng.random() < 0.4 else shaded(any_colour(rng), noise(rng, 0.3), 0.12)
    return np.clip(image, 0, 1) * (1 + 0.1 * noise(rng, 0.1))[..., None]


def grass(rng: np.random.Generator) -> np.ndarray:
    base = hue(rng.uniform(0.2, 0.36), rng.uniform(0.4, 0.8), rng.uniform(0.25, 0.6))
    return shaded(base, noise(rng, 0.7), 0.25) * (1 + 0.15 * noise(rng, 1.8))[..., None]


def gravel(rng: np.random.Generator) -> np.ndarray:
    return shaded(mineral(rng).mean((0, 1)), np.sign(noise(rng, 0.9)) + noise(rng, 0.3), 0.17)


def grating(rng: np.random.Generator) -> np.ndarray:
    step = _steps(16, 5)
    holes = step[:, None] * step[None]
    return blend(brushed(rng), np.full(3, 0.1), holes)


SURFACES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "wood": grain,
    "metal": brushed,
    "glass": clear,
    "stone": mineral,
    "ceramic": glazed,
    "plastic": plain,
    "cardboard": corrugated,
    "cloth": weave,
    "skin": skin,
    "tiles": tiles,
    "planks": planks,
    "carpet": carpet,
    "grass": grass,
    "gravel": gravel,
    "grating": grating,
}
SPECULAR = {
    "metal": 0.8,
    "glass": 0.9,
    "ceramic": 0.7,
    "plastic": 0.4,
    "tiles": 0.4,
    "grating": 0.6,
}
