"""Balls, cans and bottles that roll down a ramp or across a table or the floor."""

from __future__ import annotations

import math

import numpy as np

from ..camera import Focus
from ..log import Body
from ..room import clutter, floor, table, walls
from ..rotations import about
from ..script import Script
from ..things import Thing, ball, bottle, cylinder
from ..world import Part, World
from .drops import BOUNCE, appears, centred, held

UP = np.array([0.0, 0.0, 1.0])
Y = np.array([0.0, 1.0, 0.0])
LYING = about(np.array([1.0, 0.0, 0.0]), math.pi / 2)  # the axis of a cylinder along y


def roller(world: World) -> tuple[Thing, str, np.ndarray]:
    """A thing that rolls along x, its material and its axes."""
    rng = world.rng
    material = str(rng.choice(["wood", "metal", "glass", "stone", "plastic", "ceramic"]))
    if rng.random() < 0.6:
        return ball(world, material, rng.uniform(0.015, 0.07)), material, np.eye(3)
    maker = bottle if material in ("glass", "plastic") and rng.random() < 0.5 else cylinder
    return maker(world, material), material, LYING


def ramp(world: World, surface: float) -> tuple[np.ndarray, np.ndarray, float]:
    """A board that slopes down along x; its upper end, its axes and its length."""
    rng = world.rng
    slope, half = rng.uniform(0.1, 0.4), rng.uniform(0.2, 0.4)
    axes = about(Y, slope)
    material = str(rng.choice(["wood", "wood", "plastic", "metal", "cardboard"]))
    lower = np.array([-0.05, 0, surface])
    middle = lower - axes[:, 0] * half - axes[:, 2] * 0.008
    rails = [Part("box", (half, 0.006, 0.02), (0, y, 0.012)) for y in (-0.13, 0.13)]
    prop = np.array([0, 0, 0.0])
    body = Body("ramp", material, "plate", 2 * half, 0.016, 2.0)
    finish = world.finish(material)
    parts = [Part("box", (half, 0.13, 0.008)), *rails]
    world.add("ramp", parts, finish, (middle + prop, axes), body)
    top = middle - axes[:, 0] * half
    high = max(float(top[2] - surface) / 2 - 0.006, 0.005)
    support = Part("box", (0.05, 0.1, high), (float(top[0]) + 0.06, 0, surface + high))
    world.add("support", [support], world.finish("wood"), (np.zeros(3), np.eye(3)))
    return top, axes, 2 * half


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    floor(world)
    walls(world)
    low, sloped = rng.random() < 0.55, rng.random() < 0.5
    surface = 0.0 if low else table(world)[1]
    top, tilt, length = ramp(world, surface) if sloped else (np.zeros(3), np.eye(3), 0.0)
    labels = {}
    number = int(rng.integers(1, 5))
    for i in range(number):
        made, material, axes = roller(world)
        radius = made.width if axes is LYING else made.height / 2
        time = 0.5 + (seconds - 2.5) * (i + rng.uniform(0, 0.6)) / number
        name = f"{material} {made.shape} {i}"
        if sloped:
            start = top + tilt[:, 0] * length * rng.uniform(0.1, 0.35)
            start = start + tilt[:, 2] * (radius + 0.0005) + Y * rng.uniform(-0.04, 0.04)
            release = appears(i, start, tilt @ axes, time, np.zeros(6))
            if i == 0:
                release = held(start, tilt @ axes, time, np.zeros(6))
        else:
            speed, side = rng.uniform(0.4, 1.6), rng.choice([-1, 1])
            edge = 0.48 if not low else 0.9
            start = np.array([-side * edge, rng.uniform(-0.15, 0.15), surface + radius + 0.0005])
            spin = np.array([side * speed, rng.normal(0, 0.05), 0, 0, 0, 0])
            spin[3:] = axes.T @ (side * speed / radius * Y)
            release = appears(i, start, axes, time, spin)
        bounce = BOUNCE[material] * 0.8
        world.add(name, centred(made), made.finish, release, made.body(name), bounce, 0.5)
        labels[name] = ("drop", "bounce")
    clutter(world, (0, 0.3, surface), 0.25, 0.5, int(rng.integers(0, 3)))
    centre = np.array([-0.1 if sloped else 0.0, 0, surface + 0.05])
    focus = Focus(centre, rng.uniform(0.3, 0.5), rng.uniform(0, 360), 180, lowest=8, highest=60)
    return Script("roll", focus, labels=labels)
