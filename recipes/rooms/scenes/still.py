"""Scenes without any sound: things that stand still, seen by a camera that moves; waving arms,
people who turn, and lights that are switched."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from ..camera import Focus
from ..limbs import Arm, add_arm, add_person, dress, flat_hand
from ..room import clutter, floor_or_table
from ..rotations import about, frame, turned
from ..script import Change, Script
from ..world import Pose, World

UP = np.array([0.0, 0.0, 1.0])
MOTIONS = {"handheld": 0.35, "pan": 0.15, "dolly": 0.2, "orbit": 0.15, "zoom": 0.1, "static": 0.05}


def waving(world: World, surface: float) -> None:
    """An arm that moves through the air with stops, and touches nothing."""
    rng = world.rng
    middle = np.array([rng.uniform(-0.05, 0.1), rng.uniform(-0.1, 0.1), surface + 0.3])
    size = rng.uniform(0.03, 0.13, 3)
    hertz, phase = rng.uniform(0.3, 2.0, 3), rng.uniform(0, 6, 3)
    rest = rng.uniform(0.0, 0.6)

    def hand(time: float) -> Pose:
        wave = np.sin(2 * math.pi * hertz * time + phase)
        held = np.sign(wave) * np.maximum(np.abs(wave) - rest, 0)  # stops in the turning points
        tilt = about(np.array([0.0, 1.0, 0.0]), 0.5 * wave[0])
        return middle + size * held, frame(np.array([-1.0, 0, 0]), UP) @ tilt

    look = dress(world)
    shoulder = middle + [0.42, 0.1, 0.15]
    arm = Arm(hand, shoulder, np.array([0.2, -0.6, -0.8]))
    add_arm(world, "arm", arm, look, flat_hand(look.hand))
    if rng.random() < 0.6:
        add_person(world, "person", shoulder, 180.0, look, None)


def passer(world: World) -> None:
    """A person behind, who sways and turns silently."""
    rng = world.rng
    place = np.array([-0.9, rng.uniform(-0.5, 0.5), 1.35])
    hertz, turn = rng.uniform(0.1, 0.35), rng.uniform(10, 40)

    def move(time: float) -> Pose:
        wave = math.sin(2 * math.pi * hertz * time)
        return place + [0.05 * wave, 0.1 * wave, 0], turned(turn * wave)

    add_person(world, "passer", place, 0.0, dress(world), move)


def switching(world: World, seconds: float) -> Change:
    """A light that is switched or dimmed at random times."""
    rng = world.rng
    times = np.sort(rng.uniform(0.5, seconds, int(rng.integers(1, 4))))
    levels = rng.uniform(0.25, 1.0, len(times) + 1)
    base: list[np.ndarray] = []

    def change(model: mujoco.MjModel, time: float) -> None:
        if time == 0.0 or not base:
            base[:] = [model.light_diffuse.copy()]
        model.light_diffuse[:] = base[0] * levels[int(np.searchsorted(times, time))] / levels[0]

    return change


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    _, surface = floor_or_table(world, 0.3)
    clutter(world, (0, 0, surface), 0.0, 0.45, int(rng.integers(3, 10)))
    choice = rng.random()
    if choice < 0.35:
        waving(world, surface)
    elif choice < 0.5:
        passer(world)
    changes = [switching(world, seconds)] if rng.random() < 0.2 else []
    motion = str(rng.choice(list(MOTIONS), p=list(MOTIONS.values())))
    centre = np.array([0, 0, surface + 0.1])
    focus = Focus(centre, rng.uniform(0.3, 0.7), rng.uniform(0, 360), 180.0, lowest=8)
    return Script("still", focus, changes=changes, motion=motion)
