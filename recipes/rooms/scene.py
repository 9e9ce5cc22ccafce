"""Scenes of everyday events: their frames and the log that their sound is made from.

World axes: the origin is at the middle of the room's floor, so x is within +-room[0] / 2, y within
+-room[1] / 2 and z from 0 to room[2].
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .camera import Camera, make_camera, vertical_degrees
from .contacts import logged
from .log import FRAME_RATE, Log
from .physics import Physics
from .picture import Picture
from .room import lights, make_world, occlude
from .rotations import about
from .scenes import KINDS, SHARES
from .script import Script
from .world import World

BLURRED = 0.2  # share of clips with motion blur
SUBFRAMES = 2
EXPOSURE = 1 / 60  # s
OCCLUDED = 0.12  # share of clips with an object between the camera and what sounds


def render_scene(
    seed: int,
    seconds: float = 10.0,
    size: tuple[int, int] = (200, 150),
    kind: str | None = None,
) -> tuple[np.ndarray, Log]:
    """Frames (t h w 3) uint8 at FRAME_RATE, and the log; `size`: width and height.

    The result depends on the arguments only; without a kind, `seed` chooses one by SHARES.
    """
    scene = Scene(seed, seconds, size[0] / size[1], kind)
    frames = np.stack(list(scene.frames(size)))
    return frames, scene.log()


class Scene:
    """A world with its script, its camera and its physics."""

    def __init__(self, seed: int, seconds: float, aspect: float, kind: str | None = None) -> None:
        names = list(KINDS)
        if kind is None:
            shares = np.array([SHARES[name] for name in names])
            kind = str(np.random.default_rng(seed).choice(names, p=shares / shares.sum()))
        if kind not in KINDS:
            raise ValueError(f"got kind '{kind}'; expected one of {names}")
        module = KINDS[kind]
        self.world: World = make_world(seed, names.index(kind), getattr(module, "OUTDOOR", False))
        self.script: Script = module.build(self.world, seconds)
        self.seed, self.seconds, self.aspect = seed, seconds, aspect
        focus = self.script.focus
        lights(self.world, focus.centre, focus.radius)
        self.camera: Camera = make_camera(self.world, focus, seconds, aspect, self.script.motion)
        if self.script.surface is not None and self.world.rng.random() < OCCLUDED:
            occlude(self.world, focus.centre, self.camera.place, self.script.surface)
        self.subframes = SUBFRAMES if self.world.rng.random() < BLURRED else 1
        low, high = (0.06, 0.3) if self.script.dark else (0.27, 0.5)
        self.brightness = self.world.rng.uniform(low, high)  # of the first frame, in the mean
        self.physics = Physics(self.world)

    def frames(self, size: tuple[int, int]) -> Iterator[np.ndarray]:
        """uint8 (h w 3) each; advances the physics."""
        # Twice the size and the mean of 2x2 is faster with llvmpipe than its multisampling; two
        # pictures of different times that lie half a pixel apart smooth the edges as well.
        scale = 2 if self.subframes == 1 else 1
        picture = Picture(self.physics.model, size[0] * scale, size[1] * scale)
        self._expose(float(self._draw(picture, 0.0).mean()) / 255)
        for number in range(round(self.seconds * FRAME_RATE)):
            total = np.zeros((size[1], size[0], 3), np.uint16)
            for part in range(self.subframes):
                time = number / FRAME_RATE + part * EXPOSURE / self.subframes
                drawn = self._draw(picture, time, 0.5 * part / size[0])
                for row in range(scale):
                    for column in range(scale):
                        total += drawn[row::scale, column::scale]
            yield (total // (self.subframes * scale * scale)).astype(np.uint8)
        picture.close()

    def _expose(self, mean: float) -> None:
        """Scales all lights so that the first frame's mean becomes that of an exposed picture."""
        gain = min(max(self.brightness / max(mean, 0.02), 0.4), 3.5)
        head = self.physics.model.vis.headlight
        for light in (self.physics.model.light_diffuse, head.ambient, head.diffuse):
            light *= gain

    def _draw(self, picture: Picture, time: float, shift: float = 0.0) -> np.ndarray:
        """One picture; `shift`: share of the field of view that it is displaced by."""
        model = self.physics.model
        self.physics.advance(time)
        for change in self.script.changes:
            change(model, time)
        degrees = self.camera.at(time)[2]
        model.cam_fovy[0] = vertical_degrees(degrees, self.aspect)
        if shift:
            angle = shift * np.radians(degrees)
            turn = about(np.array([1.0, 1.0, 0.0]), 1.4 * angle)
            axes = self.physics.data.cam_xmat[0].reshape(3, 3)
            self.physics.data.cam_xmat[0] = (axes @ turn).ravel()
        return picture.draw(self.physics.data, self.script.decor, time)

    def log(self) -> Log:
        """The log of what has been advanced through."""
        world, script = self.world, self.script
        model = self.physics.model
        names = {i: model.body(i).name for i in range(model.nbody)}
        names = {i: name for i, name in names.items() if name in world.bodies}
        impacts, contacts = logged(self.physics.records, names, script.labels, self.seconds)
        return Log(
            script.kind,
            self.seed,
            self.seconds,
            world.room,
            self.camera.listener(),
            tuple(world.bodies.values()),
            tuple(sorted([*impacts, *script.impacts], key=lambda e: e.time)),
            tuple(sorted([*contacts, *script.contacts], key=lambda e: e.start)),
            tuple(script.sources),
            tuple(sorted(script.misses)),
        )


if __name__ == "__main__":
    from .sheet import main

    main()
