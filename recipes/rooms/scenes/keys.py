"""Fingers that type on a keyboard or play piano keys; some fingers stop above the key."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np

from ..camera import Focus
from ..limbs import Arm, Dress, add_arm, dress
from ..log import Body, Impact
from ..room import clutter, floor, table, walls
from ..rotations import along, smooth
from ..script import Script, triple
from ..world import Part, Pose, World

UP = np.array([0.0, 0.0, 1.0])
AXES = np.array([[-1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]])  # a hand at x > 0 that points along -x
FINGERS = ((-0.03, 0.085), (-0.01, 0.1), (0.011, 0.095), (0.031, 0.078))  # m, y and tip's x
DIP = 0.016  # m, of a fingertip that presses
REACH = (0.095, 0.0, 0.02)


@dataclass(frozen=True)
class Press:
    time: float  # s, when the key is down
    finger: int
    key: float  # m, y of the key
    hit: bool
    lasting: float


@dataclass
class Hand:
    presses: list[Press]
    rest: np.ndarray

    def place(self, time: float) -> np.ndarray:
        """The hand shifts to the next key before it is pressed."""
        times = [press.time for press in self.presses]
        number = bisect.bisect_left(times, time)
        after = self.presses[min(number, len(self.presses) - 1)]
        before = self.presses[max(number - 1, 0)]
        a, b = (p.key + FINGERS[p.finger][0] for p in (before, after))
        share = smooth((time - before.time - 0.05) / max(after.time - before.time - 0.07, 0.02))
        return self.rest + np.array([0, a + share * (b - a), 0])

    def dip(self, finger: int, time: float) -> float:
        """m that a fingertip is below its rest."""
        depth = 0.0
        for press in self.presses:
            if press.finger == finger and abs(time - press.time) < 0.5:
                down = smooth((time - press.time + 0.07) / 0.14) * 2  # 1 at the contact
                up = smooth((time - press.time - press.lasting) / 0.1)
                deep = DIP if press.hit else 0.55 * DIP
                depth = max(depth, deep * min(down, 1.0) * (1 - up))
        return depth


def presses(rng: np.random.Generator, seconds: float, wide: float, side: float) -> list[Press]:
    made, time = [], rng.uniform(0.2, 1.0)
    pace, misses = rng.uniform(0.13, 0.6), float(rng.choice([0.0, 0.1, 0.3]))
    while time < seconds or not made:
        key = side * wide / 4 + rng.uniform(-1, 1) * wide / 5
        hit = bool(rng.random() >= misses)
        made.append(Press(time, int(rng.integers(4)), key, hit, rng.uniform(0.03, 0.12)))
        time += pace * float(np.exp(rng.normal(0, 0.35))) + 0.06
        if rng.random() < 0.06:
            time += rng.uniform(0.5, 1.5)
    return made


def keyboard(world: World, surface: float, piano: bool) -> tuple[str, float, float]:
    """A keyboard; its body, its width along y and the height of its keys."""
    rng = world.rng
    wide = rng.uniform(0.7, 1.0) if piano else rng.uniform(0.32, 0.44)
    pale, dark = world.colour([0.93, 0.92, 0.88], 0.5), world.colour([0.06] * 3, 0.5)
    shade = world.colour(np.full(3, rng.choice([0.12, 0.3, 0.75])), 0.3)
    case = world.finish("wood" if piano else "plastic")
    high = 0.035 if piano else 0.018
    parts = [Part("box", (0.09, wide / 2 + 0.02, high / 2), (0.0, 0, high / 2))]
    if piano:
        parts.append(Part("box", (0.05, wide / 2 + 0.02, 0.05), (-0.14, 0, 0.05)))
        number = int(wide / 0.0235)
        for i in range(number):
            y = (i - number / 2 + 0.5) * 0.0235
            parts.append(Part("box", (0.075, 0.0112, 0.006), (0, y, high + 0.006), None, pale))
            if i % 7 not in (2, 6):
                spot = (-0.03, y + 0.0118, high + 0.016)
                parts.append(Part("box", (0.045, 0.006, 0.006), spot, None, dark))
    else:
        for row in range(5):
            for i in range(int(wide / 0.021)):
                y = -wide / 2 + 0.014 + i * 0.0205 + 0.004 * row
                spot = (-0.055 + 0.0215 * row, y, high + 0.003)
                parts.append(Part("box", (0.0092, 0.0088, 0.003), spot, None, shade))
    material = "wood" if piano else "plastic"
    body = Body("keyboard", material, "box", wide, high, 8.0 if piano else 0.7)
    world.add("keyboard", parts, case, (surface * UP, np.eye(3)), body)
    return "keyboard", wide, surface + high + (0.012 if piano else 0.006)


def add_hand(world: World, name: str, hand: Hand, look: Dress, shoulder: np.ndarray) -> None:
    parts = [Part("ellipsoid", (0.05, 0.042, 0.017), (0.0, 0, 0.012), None, look.hand)]
    thumb = along(np.array([1.0, -0.7, -0.2]))
    parts.append(Part("capsule", (0.01, 0.028), (0.0, -0.045, 0.0), thumb, look.hand))
    hint = np.array([0.2, float(np.sign(shoulder[1])) * 0.6, -0.6])
    arm = Arm(lambda t: (hand.place(t), AXES), shoulder, hint, (-0.06, 0, 0.015))
    add_arm(world, name, arm, look, parts)
    for number, (y, x) in enumerate(FINGERS):

        def path(time: float, number: int = number, y: float = y, x: float = x) -> Pose:
            root = np.array([0.035, y, 0.014])
            tip = np.array([x, y * 1.05, -0.012 - hand.dip(number, time)])
            middle = (root + tip) / 2
            return hand.place(time) + AXES @ middle, along(AXES @ (tip - root))

        long = (float(np.hypot(x - 0.035, 0.026)) / 2,)
        world.add(f"{name} finger {number}", [Part("capsule", (0.0085, *long))], look.hand, path)


def build(world: World, seconds: float) -> Script:
    rng = world.rng
    floor(world)
    walls(world)
    surface = table(world)[1]
    piano = rng.random() < 0.5
    body, wide, top = keyboard(world, surface, piano)
    look = dress(world)
    script = Script("keys", Focus(np.zeros(3), 1.0))
    sides = (-1.0, 1.0) if rng.random() < 0.75 else (rng.choice([-1.0, 1.0]),)
    for side in sides:
        name = "left hand" if side < 0 else "right hand"
        made = presses(rng, seconds, wide, side)
        rest = np.array([0.075 + rng.uniform(-0.01, 0.02), 0, top + 0.0085 + 0.012 + DIP])
        add_hand(world, name, Hand(made, rest), look, np.array([0.5, 0.2 * side, top + 0.3]))
        world.bodies[name] = Body(name, "cloth", "rod", 0.08, 0.017, 0.05)
        for press in made:
            point = np.array([rest[0] - FINGERS[press.finger][1], press.key, top])
            speed = 1.9 * 2 * DIP / 0.14
            if press.time < seconds and press.hit:
                impact = Impact(press.time, "key", (name, body), 0.06 * speed, speed, triple(point))
                script.impacts.append(impact)
            elif press.time < seconds:
                script.misses.append(press.time)
    clutter(world, (-0.1, 0, surface), 0.4, 0.7, int(rng.integers(0, 4)))
    centre = np.array([0.03, 0, top + 0.02])
    towards = 180.0 if rng.random() < 0.6 else 0.0
    radius = rng.uniform(0.16, 0.35)
    script.focus = Focus(centre, radius, towards, 90.0, lowest=15, highest=75)
    return script
