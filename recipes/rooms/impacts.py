"""Sound of an impact: the modes of both bodies, their sudden acceleration, and the surfaces' grain.

Kinds with a course of their own are a footstep, a key, a latch and a drop of water; every other
kind is one contact.
"""

from __future__ import annotations

import math

import numpy as np

from sr_core.rates import SAMPLE_RATE

from .dry import Dry, add, band
from .log import Body, Impact, Log
from .materials import MATERIALS
from .modal import (
    AIR_DENSITY,
    SOUND_SPEED,
    bank,
    contact_seconds,
    generator,
    gripped,
    pulse,
    struck,
)

LONGEST = 6.0  # s
CHATTER = 0.8  # of the force's sum
BONE = 0.25  # duration of a hand's contact relative to one of cloth: there is bone under the skin
SOLE = 0.03  # share of a step's impulse that is sudden; the rest is the body's weight
GRAIN = {  # Pa in 1 m per N of peak force; band in Hz; decay in ms
    "wood": (0.9e-3, 600, 6000, 5.0),
    "metal": (1.3e-3, 2500, 15000, 6.0),
    "glass": (1.1e-3, 4000, 16000, 3.0),
    "stone": (1.0e-3, 1000, 10000, 5.0),
    "ceramic": (1.0e-3, 2500, 13000, 4.0),
    "plastic": (0.8e-3, 1000, 9000, 4.0),
    "cardboard": (0.9e-3, 250, 4000, 12.0),
    "cloth": (0.6e-3, 120, 1800, 20.0),
}


def impact_sound(log: Log, impact: Impact, index: int) -> Dry:
    """The impact's dry sound, from its first contact on."""
    rng = generator(log.seed, "impact", index)
    moved, other = (log.body(name) for name in impact.bodies)
    make = {"step": _step, "key": _key, "latch": _latch, "drip": _drip}.get(impact.kind, _strike)
    return Dry(impact.time, make(log, impact, moved, other, rng), (impact.point,))


def _strike(
    log: Log, impact: Impact, moved: Body, other: Body, rng: np.random.Generator
) -> np.ndarray:
    return contact(log.seed, (moved, other), impact, impact.impulse, impact.speed, rng)


def contact(
    seed: int,
    bodies: tuple[Body, Body],
    impact: Impact,
    impulse: float,
    speed: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Sound (s,) of one contact with this impulse (N s), proportional to it at one speed (m/s)."""
    held = impact.kind == "strike"  # by a hand, or it is a hand
    seconds = contact_seconds(*bodies, speed)
    if held and bodies[0].material == "cloth":
        seconds *= BONE
    smooth = pulse(seconds)
    force = smooth + chatter(bodies, smooth.size, rng)
    sound = np.zeros(int(LONGEST * SAMPLE_RATE))
    longest = 0
    for body in bodies:
        modes = bank(body, seed)
        if held and body is bodies[0]:
            modes = gripped(modes)
        amplitude = impulse * modes.pressure * modes.shape(impact.point)
        parts = [struck(modes, amplitude, force, sound.size)]
        share = min(map(hardness, bodies)) / hardness(body)  # the softer one forms to the other
        peak = share * impulse * smooth.max() * SAMPLE_RATE
        parts.append(grain(body.material, peak, seconds, rng))
        if not body.fixed:
            parts.append(_acceleration(body, smooth, impulse))
        for part in parts:
            add(sound, part, 0.0)
            longest = max(longest, part.size)
    return sound[:longest]


def chatter(bodies: tuple[Body, Body], samples: int, rng: np.random.Generator) -> np.ndarray:
    """The irregular part (n,) of a contact's force: hard, rough surfaces touch in several places.

    Without it a long contact would leave high modes silent. Its sum is 0.
    """
    share = CHATTER * hardness(bodies[0]) * hardness(bodies[1])
    steps = rng.standard_normal(samples) * np.exp(-np.arange(samples) / (0.4 * samples))
    steps -= steps.mean()
    return share * steps / max(np.abs(steps).sum(), 1e-9)


def hardness(body: Body) -> float:
    """0 to 1: a half where a contact lasts 0.3 ms."""
    return 0.3 / (0.3 + MATERIALS[body.material].softness)


def _acceleration(body: Body, force: np.ndarray, impulse: float) -> np.ndarray:
    """Pressure (n,) of a body set in motion: rho a^3 / (2 c) times the derivative of its
    acceleration (Koss and Alfredson, J. Sound Vib. 27, 1973), a the radius of a sphere of its
    volume."""
    cube = 3 * body.mass / MATERIALS[body.material].density / (4 * np.pi)  # a^3
    change = np.diff(force, prepend=0.0, append=0.0) * SAMPLE_RATE**2
    return AIR_DENSITY * cube / (2 * SOUND_SPEED) * impulse / body.mass * change


def grain(material: str, force: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A burst (s,) of noise: the surfaces touch at many points, one after the other."""
    gain, low, high, decay_ms = GRAIN[material]
    decay = decay_ms / 1000 + 0.5 * seconds
    time = np.arange(int(7 * decay * SAMPLE_RATE)) / SAMPLE_RATE
    noise = rng.standard_normal(time.size) * np.exp(-time / decay)
    rough = 0.6 + 0.8 * MATERIALS[material].roughness
    return band(noise, low, high) * gain * force * rough * rng.uniform(0.7, 1.4)


def _step(
    log: Log, impact: Impact, moved: Body, other: Body, rng: np.random.Generator
) -> np.ndarray:
    """Heel, toe 80 to 150 ms later, and the sole's scuff between them; the leg damps the shoe."""
    sound = np.zeros(int(0.8 * SAMPLE_RATE))
    heel = Body(f"{moved.name} heel", moved.material, "sphere", 0.07, 0.07, max(moved.mass, 0.3))
    pair, impulse = (heel, other), SOLE * impact.impulse
    add(sound, contact(log.seed, pair, impact, impulse, 1.0, rng), 0.0)
    toe = generator(log.seed, "gait").uniform(0.08, 0.15) * rng.uniform(0.9, 1.1)
    share = rng.uniform(0.25, 0.5)
    add(sound, contact(log.seed, pair, impact, share * impulse, 0.5, rng), toe)
    rough = MATERIALS[other.material].roughness
    length = int(rng.uniform(0.06, 0.16) * SAMPLE_RATE)
    scuff = band(rng.standard_normal(length), 400 + 2500 * (1 - rough), 7000) * np.hanning(length)
    add(sound, scuff * 6e-4 * impact.impulse * (0.3 + rough) * rng.uniform(0.3, 1.5), 0.02)
    return sound


def _key(
    log: Log, impact: Impact, moved: Body, other: Body, rng: np.random.Generator
) -> np.ndarray:
    """Down, and up again after 60 to 130 ms, softer and brighter: a key's cap meets its stop."""
    sound = np.zeros(int(0.6 * SAMPLE_RATE))
    cap = Body(f"{moved.name} cap", "plastic", "plate", 0.016, 0.004, 2e-3)
    add(sound, contact(log.seed, (cap, other), impact, impact.impulse, impact.speed, rng), 0.0)
    up = contact(log.seed, (cap, other), impact, 0.35 * impact.impulse, 3 * impact.speed, rng)
    add(sound, up, rng.uniform(0.06, 0.13))
    return sound


def _latch(
    log: Log, impact: Impact, moved: Body, other: Body, rng: np.random.Generator
) -> np.ndarray:
    """The door meets its frame; 12 to 35 ms later the bolt falls into the lock."""
    bolt = Body(f"{moved.name} bolt", "metal", "rod", 0.07, 0.012, 0.06)
    sound = contact(log.seed, (moved, other), impact, impact.impulse, impact.speed, rng)
    longer = np.zeros(max(sound.size, int(0.5 * SAMPLE_RATE)))
    add(longer, sound, 0.0)
    click = contact(log.seed, (bolt, moved), impact, min(0.08 * impact.impulse, 0.05), 2.0, rng)
    add(longer, click, rng.uniform(0.012, 0.035))
    return longer


def _drip(
    log: Log, impact: Impact, moved: Body, other: Body, rng: np.random.Generator
) -> np.ndarray:
    """The drop's click, and 3 to 8 ms later the bubble that it leaves under the surface."""
    sound = np.zeros(int(0.3 * SAMPLE_RATE))
    strength = 0.02 * math.sqrt(max(impact.impulse, 1e-5) / 1e-3)
    time = np.arange(int(0.004 * SAMPLE_RATE)) / SAMPLE_RATE
    click = rng.standard_normal(time.size) * np.exp(-time / 5e-4)
    add(sound, strength * band(click, 1500, 12000), 0.0)
    radius = generator(log.seed, "bubble", other.name).uniform(1.0e-3, 2.8e-3)
    later = rng.uniform(0.003, 0.008)
    add(sound, strength * bubble(radius * rng.uniform(0.85, 1.15), rng.uniform(0, 12)), later)
    return sound


def bubble(radius: float, rise: float) -> np.ndarray:
    """Sound (s,) of amplitude 1 of a bubble in water; its pitch rises at `rise` 1/s.

    Frequency 3.26 m/s / radius (Minnaert 1933), decay 0.13 / radius + 0.0072 radius^-1.5 1/s (van
    den Doel, Physically based models for liquid sounds, 2005).
    """
    frequency, decay = 3.26 / radius, 0.13 / radius + 0.0072 * radius**-1.5
    time = np.arange(min(int(7 / decay * SAMPLE_RATE), SAMPLE_RATE // 4)) / SAMPLE_RATE
    cycles = frequency * (time + rise * time**2 / 2)
    attack = np.minimum(time / 5e-4, 1.0)
    return attack * np.sin(2 * np.pi * cycles) * np.exp(-decay * time)
