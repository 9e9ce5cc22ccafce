"""The scripted player: what it heads for, how it turns and walks, when it pauses."""

from __future__ import annotations

import math
import random

from .engine import Engine
from .level import CELL, Cell, Level
from .plan import Plan
from .sight import BARREL, Seen, look
from .sounds import Pose, wrapped
from .spots import ITEMS
from .weapons import SAW, Gun

# What is done when nothing is in sight, and how often it is chosen.
DENSE_MOODS = {"walk": 0.7, "sweep": 0.2, "pause": 0.1}
SPARSE_MOODS = {"walk": 0.5, "sweep": 0.25, "pause": 0.25}
FASTEST = 9.0  # degrees a frame
NIMBLE = 1.6  # change of that in one frame
LOOK_AHEAD = 4  # cells of a route
PATIENCE = 75  # frames that are spent on one item
ASIDE = (20.0, 36.0)  # degrees; the picture ends at 45


class Player:
    """Fights what it sees, else walks the map, looks around or waits; all of it by its seed."""

    def __init__(self, plan: Plan, level: Level | None) -> None:
        """`level` None: an arena whose plan is not known, the player keeps to its place."""
        self.rng = random.Random(plan.player_seed)
        self.level, self.theme = level, plan.theme
        self.gun = Gun(self.rng, plan.sparse)
        self.moods = SPARSE_MOODS if plan.sparse else DENSE_MOODS
        self.mood, self.left = "walk", 0
        self.turn = 0.0  # degrees a frame, to the right
        self.sweep = 0.0
        self.route: list[Cell] = []
        self.strafe, self.strafe_left = 0, 0
        self.use_in = self.rng.randint(6, 20) if plan.theme == "door" else self.rng.randint(30, 90)
        self.glance, self.glance_left = 0.0, 0
        self.frames = 0
        self.aside, self.aside_left = 0.0, 0
        self.tried: dict[int, int] = {}  # item -> frames spent on it
        self.trail: list[tuple[float, float]] = []

    def act(self, engine: Engine) -> dict[str, float]:
        """The buttons of the next frame."""
        pose = engine.pose
        self.frames += 1
        seen = look(engine.labels, pose)
        target = self._target(seen)
        action = self.gun.act(target, self._open_ahead(pose))
        if action.get("ATTACK") and self.glance_left <= 0 and self.rng.random() < 0.08:
            # Looking aside after a shot moves its impact, and what it hit, to the side.
            self.glance, self.glance_left = self.rng.choice((-1, 1)) * self.rng.uniform(25, 70), 30
        want, forward = self._intent(pose, seen, target)
        if self.theme == "door" and self.frames < 45:
            want, forward = self._wait_for_door()
        self.glance_left -= 1
        if self.glance_left > 0:
            want = self.glance if self.glance_left > 15 else -self.glance
        action["TURN_LEFT_RIGHT_DELTA"] = self._turned(want)
        action["MOVE_FORWARD"] = forward > 0 and abs(want) < 60
        action["MOVE_BACKWARD"] = forward < 0
        action["MOVE_LEFT"] = self.strafe < 0
        action["MOVE_RIGHT"] = self.strafe > 0
        action["SPEED"] = self.frames // 70 % 3 != 0
        action["USE"] = self._use(pose, forward > 0)
        return action

    def _target(self, seen: list[Seen]) -> Seen | None:
        foes = [s for s in seen if s.category == "Monster"]
        barrels = [s for s in seen if s.name == BARREL and s.distance > 150]
        if barrels and (self.theme == "barrel" or not foes):
            return min(barrels, key=lambda s: abs(s.bearing))
        return max(foes, key=lambda s: 3 * s.half_width - 0.3 * abs(s.bearing), default=None)

    def _open_ahead(self, pose: Pose) -> float:
        if self.level is None or self.gun.slot not in (5, 7):
            return math.inf
        return self.level.open_ahead(pose.x, pose.y, pose.angle)

    def _intent(self, pose: Pose, seen: list[Seen], target: Seen | None) -> tuple[float, int]:
        """Degrees to the right of where to look, and forward (1), stay (0) or back (-1)."""
        if target is not None and self.theme == "aside":
            return self._watch_aside(target)
        if target is not None:
            return self._engage(target)
        self.strafe = 0
        items = [
            s
            for s in seen
            if s.category in ITEMS and s.distance < 450 and self.tried.get(s.id, 0) < PATIENCE
        ]
        if items and self.mood != "pause":
            item = min(items, key=lambda s: s.distance)
            self.tried[item.id] = self.tried.get(item.id, 0) + 1
            return item.bearing, 1
        return self._idle(pose)

    def _engage(self, target: Seen) -> tuple[float, int]:
        near = 60 if self.gun.slot == SAW else 300 if target.name == BARREL else 180
        self.strafe_left -= 1
        if self.strafe_left <= 0:
            self.strafe, self.strafe_left = self.rng.choice((-1, 0, 0, 1)), self.rng.randint(10, 40)
        if target.distance > 2.2 * near or self.gun.slot == SAW:
            return target.bearing, 1
        return target.bearing, -1 if target.distance < near else 0

    def _watch_aside(self, target: Seen) -> tuple[float, int]:
        """Keep it in view on one side, then on the other, at a distance and without a shot."""
        self.aside_left -= 1
        if self.aside_left <= 0:
            self.aside = self.rng.choice((-1, 1)) * self.rng.uniform(*ASIDE)
            self.aside_left = self.rng.randint(40, 140)
        return target.bearing - self.aside, -1 if target.distance < 150 else 0

    def _idle(self, pose: Pose) -> tuple[float, int]:
        self.left -= 1
        if self.left <= 0:
            self.mood = self.rng.choices(list(self.moods), list(self.moods.values()))[0]
            self.left = self.rng.randint(*((60, 200) if self.mood == "walk" else (20, 60)))
            self.sweep = self.rng.choice((-1, 1)) * self.rng.uniform(8, 30)
        if self.mood == "pause":
            return 0.0, 0
        if self.mood == "sweep" or self.level is None:
            return self.sweep, 0
        return self._walk(pose, self.level)

    def _walk(self, pose: Pose, level: Level) -> tuple[float, int]:
        here = level.cell(pose.x, pose.y)
        if here in self.route[:12]:
            self.route = self.route[self.route.index(here) + 1 :]
        if not self.route:
            self.route = level.route(pose.x, pose.y, self.rng)
        if not self.route:  # locked in: turn on the spot, USE may open something
            return 40.0 if self.sweep > 0 else -40.0, 1
        x, y = level.centre(self.route[min(LOOK_AHEAD, len(self.route)) - 1])
        heading = math.degrees(math.atan2(y - pose.y, x - pose.x))
        return wrapped(pose.angle - heading), 1

    def _wait_for_door(self) -> tuple[float, int]:
        """Stand while it opens, and look past it, so that it is heard from the side as well."""
        self.strafe = 0
        return (0.0 if self.frames < 15 else self.sweep * 0.3), 0

    def _turned(self, want: float) -> float:
        goal = max(-FASTEST, min(FASTEST, 0.28 * want + self.rng.gauss(0, 0.2)))
        self.turn += max(-NIMBLE, min(NIMBLE, goal - self.turn))
        return self.turn

    def _use(self, pose: Pose, walking: bool) -> bool:
        """Press USE now and then, and where walking leads nowhere: most often that is a door."""
        self.trail = [*self.trail[-14:], (pose.x, pose.y)]
        moved = math.dist(self.trail[0], (pose.x, pose.y))
        self.use_in -= 1
        if walking and len(self.trail) == 15 and moved < CELL / 2:
            self.trail, self.route, self.left = [], [], 0
            self.strafe = self.rng.choice((-1, 1))
            self.use_in = 0
        if self.use_in > 0:
            return False
        self.use_in = self.rng.randint(50, 140)
        return True
