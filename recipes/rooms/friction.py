"""Sound of sliding and rolling: noise from the surfaces' profile, filtered by the bodies' modes."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from sr_core.rates import SAMPLE_RATE

from .dry import Dry, band, rms
from .log import CONTACT_RATE, Contact, Log
from .materials import MATERIALS
from .modal import bank, generator, ring

SQUEAKY = {"hinge": 1.0, "wheel": 0.35, "drawer": 0.15}  # share of stick-slip by kind
RINGING = 0.6  # s of a body's response that is used
SCALES, COARSEST = 6, 1.2e-3  # of the profile; m, the distance of its longest asperities
LOUDNESS = 0.5  # Pa in 1 m at 1 m/s and 10 N on the roughest surface


def contact_sound(log: Log, contact: Contact, index: int) -> Dry:
    """The contact's dry sound over its whole duration, with the bodies' ringing after it."""
    rng = generator(log.seed, "contact", index)
    slip, roll, force = (_at_sample_rate(v) for v in (contact.slip, contact.roll, contact.force))
    load = np.sqrt(np.maximum(force, 0.0) / 10)
    rough = float(np.mean([MATERIALS[log.body(n).material].roughness for n in contact.bodies]))
    noise = _profile(slip, rough, rng) * load
    size = log.body(contact.bodies[0]).size
    noise += _rolling(roll, rough, size, rng) * load
    if contact.kind in SQUEAKY:
        speed = np.maximum(slip, roll)
        share = SQUEAKY[contact.kind]
        noise = (1 - share / 2) * noise + share * _squeak(speed, log.seed, contact, rng) * load
    return Dry(contact.start, LOUDNESS * _through_bodies(noise, log, contact), contact.path)


def _at_sample_rate(values: tuple[float, ...]) -> np.ndarray:
    """Absolute values (s,) at the sample rate of what is given at CONTACT_RATE."""
    step = SAMPLE_RATE // CONTACT_RATE
    at = np.arange(len(values) * step) / step
    return np.interp(at, np.arange(len(values)), np.abs(np.asarray(values, dtype=float)))


def _profile(speed: np.ndarray, rough: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (s,) of an asperity profile that is passed at a speed: its band follows the speed.

    Its level follows speed^0.8, between the exponents measured on dry contacts (Ben Abdelounis, Le
    Bot, Perret-Liaudet and Zahouani, Wear 268, 2010).
    """
    if speed.max() < 1e-3:
        return np.zeros_like(speed)
    noise = np.zeros_like(speed)
    travelled = np.cumsum(speed) / SAMPLE_RATE
    for scale in range(SCALES):
        at = travelled / (COARSEST * (0.5 + rough) * 1.87**-scale)
        first = np.floor(at).astype(int)
        heights = rng.standard_normal(min(int(at[-1]) + 3, 4_000_000))
        between = at - first
        low, high = heights[first % heights.size], heights[(first + 1) % heights.size]
        share = 1.5 ** (scale * (rough - 1.0))
        noise += share * (low * (1 - between) + high * between)
    return np.diff(noise, prepend=noise[0]) * 1.2 * (0.15 + rough) + noise * 0.15 * rough * (
        np.minimum(speed, 3.0) ** 0.8
    )


def _rolling(speed: np.ndarray, rough: float, size: float, rng: np.random.Generator) -> np.ndarray:
    """Irregular small impacts (s,) as often as the surfaces' bumps pass, modulated by the turn."""
    if speed.max() < 1e-3:
        return np.zeros_like(speed)
    travelled = np.cumsum(speed) / SAMPLE_RATE
    turns = travelled / (np.pi * size)
    chance = np.minimum(speed / (1.5e-3 + 4e-3 * rough) / SAMPLE_RATE, 0.2)
    hits = rng.random(speed.size) < chance
    noise = np.zeros_like(speed)
    noise[hits] = np.exp(0.9 * rng.standard_normal(int(hits.sum())))
    noise = band(noise, None, 1500 + 2500 * (1 - rough))
    phase, depth = rng.uniform(0, 1), rng.uniform(0.3, 0.8)
    modulation = 1 + depth * np.cos(2 * np.pi * (turns + phase))
    modulation += 0.5 * depth * np.cos(2 * np.pi * (3 * turns + 2 * phase))
    rumble = band(rng.standard_normal(speed.size), 30, 250) * 0.6
    smooth = band(rng.standard_normal(speed.size), 200, 3000) * 0.15
    return (1.5 * noise + rumble + smooth) * modulation * speed * (0.3 + rough)


def _squeak(speed: np.ndarray, seed: int, contact: Contact, rng: np.random.Generator) -> np.ndarray:
    """Stick-slip (s,): a sawtooth whose pitch follows the speed a little, in separate bursts."""
    own = generator(seed, "squeak", *contact.bodies)
    pitch, bend = own.uniform(250, 900), own.uniform(0.1, 0.5)
    count = max(speed.size // 2400 + 2, 4)  # one value each 50 ms
    at = np.arange(speed.size) / 2400
    wander = np.interp(at, np.arange(count), np.cumsum(0.04 * rng.standard_normal(count)))
    gate = np.interp(at, np.arange(count), rng.standard_normal(count) + own.uniform(-0.5, 0.7))
    usual = max(float(np.median(speed[speed > 1e-3])) if (speed > 1e-3).any() else 1.0, 1e-3)
    frequency = pitch * np.exp(wander) * np.clip(speed / usual, 0.2, 3) ** bend
    jitter = 1 + 0.03 * band(rng.standard_normal(speed.size), None, 300) * 10
    cycles = np.cumsum(frequency * jitter) / SAMPLE_RATE
    saw = np.diff(cycles % 1.0, prepend=0.0)
    moving = np.clip(speed / (0.3 * usual), 0, 1)
    return band(saw, 200, 6000) * np.clip(gate, 0, 1) * moving * 4


def _through_bodies(noise: np.ndarray, log: Log, contact: Contact) -> np.ndarray:
    """The excitation (s,) plain, and through the modes of both bodies at equal level."""
    middle = contact.path[len(contact.path) // 2]
    level, parts = rms(noise), [0.5 * noise]
    for name in contact.bodies:
        modes = bank(log.body(name), log.seed)
        response = ring(modes, modes.pressure * modes.shape(middle), int(RINGING * SAMPLE_RATE))
        heard = fftconvolve(noise, response)[: noise.size + response.size]
        parts.append(heard * (level / max(rms(heard), 1e-12)))
    sound = np.zeros(max(part.size for part in parts))
    for part in parts:
        sound[: part.size] += part
    return band(sound, 60, None)
