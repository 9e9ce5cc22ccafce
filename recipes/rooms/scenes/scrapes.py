"""A hand that rubs or drags a thing over a surface, and at times moves it through the air."""

from __future__ import annotations

import math

import numpy as np

from ..camera import Focus
from ..carry import UP
from ..curves import rubbing
from ..limbs import Arm, add_arm, add_person, dress, flat_hand
from ..log import Impact
from ..materials import MATERIALS
from ..room import clutter, floor_or_table
from ..rotations import frame, smooth, turned
from ..script import Script, triple
from ..things import MAKERS
from ..world import Pose, World

LIFT = 0.05  # m above the surface, of a movement without contact


class Rubbing:
    """Movements between places of a surface: (start, end, from, to, lifted)."""

    def __init__(self, world: World, seconds: float, surface: float) -> None:
        rng = world.rng
        self.moves: list[tuple[float, float, np.ndarray, np.ndarray, bool]] = []
        angle, reach = rng.uniform(0, math.pi), rng.uniform(0.06, 0.16)
        line = np.array([math.cos(angle), math.sin(angle), 0.0]) * reach
        tempo, lifted = rng.uniform(0.18, 0.9), rng.choice([0.0, 0.2, 0.4])
        time, side = rng.uniform(0.3, 1.2), 1.0
        self.begin = now = -line + surface * UP
        while time < seconds:
            to = side * line + surface * UP + rng.normal(0, 0.012, 3) * [1, 1, 0]
            lasting = tempo * float(np.exp(rng.normal(0, 0.25)))
            self.moves.append((time, time + lasting, now, to, bool(rng.random() < lifted)))
            time += lasting + (rng.uniform(0.4, 1.8) if rng.random() < 0.2 else 0.01)
            now, side = to, -side

    def at(self, time: float) -> np.ndarray:
        """Place of the thing's base."""
        place = self.begin
        for start, end, a, b, lifted in self.moves:
            if time < start:
                break
            u = min((time - start) / (end - start), 1.0)
            place = a + smooth(u) * (b - a)
            if lifted:
                place = place + UP * LIFT * min(1.0, 6 * u * (1 - u))
        return place


def events(
    script: Script,
    rubs: Rubbing,
    bodies: tuple[str, str],
    mass: float,
    press: float,
    seconds: float,
    rng: np.random.Generator,
) -> None:
    """A contact for each movement on the surface, an impact at the end of each through the air."""
    for start, end, _, to, lifted in rubs.moves:
        if end >= seconds:
            continue
        if lifted:
            speed = 6 * LIFT / (end - start)
            impulse = min(mass, 0.5) * speed
            script.impacts.append(Impact(end, "drop", bodies, impulse, speed, triple(to)))
        else:
            script.contacts.append(
                rubbing(start, end, "scrape", bodies, rubs.at, press, False, rng)
            )


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    low, surface = floor_or_table(world, 0.2)
    under = "floor" if low else "table"
    material = str(rng.choice(list(MATERIALS)))
    made = MAKERS[material][0](world, material)
    rubs = Rubbing(world, seconds, surface)
    name = f"{material} {made.shape}"
    axes = turned(rng.uniform(0, 360))
    script = Script("scrape", Focus(np.zeros(3), 1.0))
    world.add(name, made.parts, made.finish, lambda t: (rubs.at(t), axes), made.body(name))
    press = min(made.mass, 3.0) * 9.81 + rng.uniform(1, 15)
    events(script, rubs, (name, under), made.mass, press, seconds, rng)
    look = dress(world)
    above = (made.height + 0.014) * UP
    hand_axes = frame(np.array([-1.0, 0, 0]), UP)

    def hand(time: float) -> Pose:
        return rubs.at(time) + above, hand_axes

    shoulder = np.array([rng.uniform(0.36, 0.46), -0.15, surface + made.height + 0.38])
    hint = np.array([0.2, -0.6, -0.8])
    add_arm(world, "arm", Arm(hand, shoulder, hint), look, flat_hand(look.hand))
    if rng.random() < 0.7:
        add_person(world, "person", shoulder, 180.0, look, None)
    clutter(world, (-0.1, 0, surface), 0.35, 0.6, int(rng.integers(0, 5)))
    centre = np.array([0.0, 0, surface + made.height / 2])
    radius = 0.25 * float(np.exp(rng.uniform(0, 0.6)))
    script.focus = Focus(centre, radius, 180.0, 125.0, lowest=8, highest=80)
    return script
