"""A body's modal bank, the pulse of a contact, and the ringing of the one after the other."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from sr_core.rates import SAMPLE_RATE

from .log import Body, Point
from .materials import MATERIALS
from .modes import area, frequencies, is_membrane, plate_speed, wall

AIR_DENSITY, SOUND_SPEED = 1.2, 343.0  # kg/m^3, m/s
LOWEST, HIGHEST = 25.0, 18_000.0  # Hz, of a mode
MODES = 64
ATTACHED = 0.03  # loss factor that its support adds to a fixed body
HELD = (1.0, 9.0)  # 1/s, decay rate that a hand or a support adds to a body that is free
FALLEN = 7.5  # nepers, 65 dB: by then a mode is over
GRIP = 70.0  # 1/s, decay rate that a hand adds to the tool in it
BLOCK = 256  # samples
GROUPS = 4
LOCAL = 0.2  # share of a thin body's mass that moves at a contact
SUPPORT = 0.05  # level of a fixed body's modes: what stands on it and under it holds them
UNBAFFLED = 0.05  # level of a thin free body's modes: its two sides cancel each other in part


@dataclass(frozen=True)
class Bank:
    """Modes of one body; `pressure` is Pa in 1 m per N s of impulse."""

    frequency: np.ndarray  # (m,) Hz
    decay: np.ndarray  # (m,) 1/s, rate of the amplitude
    pressure: np.ndarray  # (m,)
    wave: np.ndarray  # (m 3) rad/m, of the mode's shape
    phase: np.ndarray  # (m,) rad

    def shape(self, point: Point) -> np.ndarray:
        """Displacement (m,) of each mode at the point, rms about 1."""
        return np.sqrt(2) * np.cos(self.wave @ np.asarray(point) + self.phase)


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Random numbers that depend on the seed and on what they are for."""
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])


def gripped(modes: Bank) -> Bank:
    """The modes of a tool in a hand: damped and softer."""
    return replace(modes, decay=modes.decay + GRIP, pressure=0.4 * modes.pressure)


@lru_cache(256)
def bank(body: Body, seed: int) -> Bank:
    """The modes of a body: from the formulas of `modes`, scattered as real bodies are."""
    rng = generator(seed, "bank", body.name)
    found = frequencies(body) * rng.uniform(0.9, 1.1)  # sizes and materials scatter
    within = found[(found > LOWEST) & (found < HIGHEST)]
    if within.size == 0:
        within = np.clip(found[:1], LOWEST, HIGHEST)
    chosen, weight = _thinned(within)
    if is_membrane(body):  # the low modes take most of a stroke's energy
        weight = weight * (chosen[0] / chosen) ** 1.5
    if body.shape in ("shell", "plate", "sphere"):  # no body is round: modes split into pairs
        chosen = np.concatenate([chosen, chosen * (1 + rng.uniform(0.001, 0.006, chosen.size))])
        weight = np.concatenate([weight, weight * rng.uniform(0.2, 0.8, weight.size)])
    chosen = np.clip(chosen * (1 + 0.012 * rng.standard_normal(chosen.size)), LOWEST, HIGHEST)
    efficiency = radiation(body, chosen)
    weight = _baffle(body) * weight * np.exp(0.4 * rng.standard_normal(chosen.size))
    direction = rng.standard_normal((chosen.size, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    number = 1 + np.arange(chosen.size) % 8
    return Bank(
        chosen,
        decay_rates(body, chosen, efficiency, 0.0 if body.fixed else rng.uniform(*HELD)),
        weight * AIR_DENSITY * SOUND_SPEED * np.sqrt(area(body) * efficiency / (4 * np.pi))
        / modal_mass(body),
        direction * (np.pi * number / body.size)[:, None],
        rng.uniform(0, 2 * np.pi, chosen.size),
    )  # fmt: skip


def _thinned(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most MODES modes, as many in each octave as far as there are; with the amplitude of each,
    as many incoherent modes as it stands for."""
    if found.size <= MODES:
        return found, np.ones(found.size)
    edges = np.geomspace(found[0], found[-1] * 1.001, MODES + 1)
    place = np.digitize(found, edges) - 1
    kept, count = np.unique(place, return_counts=True)
    first = np.searchsorted(place, kept)
    middle = found[first + count // 2]
    return middle, np.sqrt(count)


def modal_mass(body: Body) -> float:
    """Mass in kg that moves with a mode: a quarter of the whole (Fletcher and Rossing, ch. 3).

    Air of several times its mass moves with a drumhead.
    """
    skin = MATERIALS[body.material].density * 0.6 * body.size**2 * body.thickness
    if is_membrane(body):
        return skin
    if body.fixed and body.shape == "plate":
        return skin / 4
    return body.mass / 4


def radiation(body: Body, frequency: np.ndarray) -> np.ndarray:
    """Radiation efficiency (m,), 0 to 1: small below the coincidence frequency of a plate and
    where the body is small against the wavelength (Fahy, Sound and Structural Vibration, ch. 3)."""
    thickness = wall(body) or body.thickness
    speed = plate_speed(MATERIALS[body.material])
    coincidence = SOUND_SPEED**2 / (1.8 * speed * thickness)
    least = 0.3 if is_membrane(body) else 0.02
    plate = np.maximum(1 / (1 + (coincidence / frequency) ** 2), least)
    size = 2 * np.pi * frequency / SOUND_SPEED * np.sqrt(area(body) / np.pi)
    return plate * size**2 / (1 + size**2)


def decay_rates(
    body: Body, frequency: np.ndarray, efficiency: np.ndarray, held: float
) -> np.ndarray:
    """Decay rate (m,) in 1/s: of the material, of the radiated power, and `held`.

    Radiation: rho c sigma S v^2 leaves a kinetic energy of m v^2 / 2 by half that rate.
    """
    loss = MATERIALS[body.material].damping + (ATTACHED if body.fixed else 0.0)
    radiated = AIR_DENSITY * SOUND_SPEED * area(body) * efficiency / (8 * modal_mass(body))
    return np.pi * loss * frequency + np.minimum(radiated, 60.0) + held


def ring(bank: Bank, amplitude: np.ndarray, samples: int) -> np.ndarray:
    """Sum (s,) of decaying cosines of these complex amplitudes (m,), at most `samples` long.

    A product of two tables: exp(p (a B + b)) = exp(p a B) exp(p b), with blocks of B samples; modes
    that decay fast are in short sums of their own.
    """
    pole = poles(bank)
    needed = np.minimum((FALLEN / bank.decay * SAMPLE_RATE).astype(int) + BLOCK, samples)
    sound = np.zeros(int(needed.max()))
    order = np.argsort(needed)
    for group in np.array_split(order, min(GROUPS, order.size)):
        blocks = -(-int(needed[group].max()) // BLOCK)
        rows = amplitude[group] * np.exp(np.outer(np.arange(blocks) * BLOCK, pole[group]))
        columns = np.exp(np.outer(pole[group], np.arange(BLOCK)))
        part = (rows.real @ columns.real - rows.imag @ columns.imag).ravel()[: sound.size]
        sound[: part.size] += part
    return sound


def poles(bank: Bank) -> np.ndarray:
    """Complex exponent (m,) of each mode per sample."""
    return (-bank.decay + 2j * np.pi * bank.frequency) / SAMPLE_RATE


def struck(bank: Bank, amplitude: np.ndarray, force: np.ndarray, samples: int) -> np.ndarray:
    """Sound (s,) of the modes of these amplitudes (m,) under a short force (n,).

    After the force, each mode goes on with the sum of force(n) exp(-p n); before its end the modes'
    response is convolved with it.
    """
    pole, time = poles(bank), np.arange(force.size)
    after = ring(bank, amplitude * (np.exp(-np.outer(pole, time)) @ force), samples)
    response = ring(bank, amplitude, force.size)
    during = np.convolve(force, response)[: force.size]
    after[: force.size] = during[: after.size]
    return after


def contact_seconds(first: Body, second: Body, speed: float) -> float:
    """Duration of a contact by Hertz' law: tau ~ (m^2 / (K^2 v))^(1/5), with compliances 1/K added.

    `softness` holds for 50 g at 1 m/s; the radius grows with the mass, which leaves m^(1/3)
    (Johnson, Contact Mechanics, sec. 11.4).
    """
    light = [MATERIALS[body.material].softness / 1000 for body in (first, second)]
    masses = [_moving_mass(body) for body in (first, second)]
    reduced = masses[0] * masses[1] / sum(masses)
    base = float(np.sum(np.array(light) ** 2.5) ** 0.4)
    seconds = base * (reduced / 0.05) ** (1 / 3) * max(speed, 0.01) ** -0.2
    return float(np.clip(seconds, 8e-5, 0.03))


def _moving_mass(body: Body) -> float:
    """Mass in kg behind a contact: of a thin body only what is near."""
    if body.fixed:
        return 1e3
    return max(body.mass * (LOCAL if _thin(body) else 1.0), 1e-3)


def _thin(body: Body) -> bool:
    return body.shape in ("plate", "rod", "shell") or wall(body) is not None


def _baffle(body: Body) -> float:
    if body.fixed:
        return SUPPORT
    return UNBAFFLED if _thin(body) else 0.3


def pulse(seconds: float) -> np.ndarray:
    """Force (s,) of a contact in 1/sample, of sum 1: Hertz' sin^1.5 over its duration."""
    count = max(int(round(seconds * SAMPLE_RATE)), 2)
    force = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 1.5
    return force / force.sum()
