"""Software rendering of a model by EGL (Mesa's llvmpipe), on one core."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import mujoco
import numpy as np

MOST_GEOMS = 3000


class Picture:
    """An OpenGL context for one model; to be closed."""

    def __init__(self, model: mujoco.MjModel, width: int, height: int) -> None:
        os.environ.setdefault("LP_NUM_THREADS", "1")  # read by Mesa when a context is made
        from mujoco.egl import GLContext

        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        self.context = GLContext(width, height)
        self.context.make_current()
        self.drawn = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.drawn)
        self.scene = mujoco.MjvScene(model, MOST_GEOMS)
        self.option, self.view = mujoco.MjvOption(), mujoco.MjvCamera()
        self.view.type, self.view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
        self.area = mujoco.MjrRect(0, 0, width, height)
        self.model = model

    def draw(
        self,
        data: mujoco.MjData,
        decor: Sequence[Callable[[mujoco.MjvScene, float], None]],
        time: float,
    ) -> np.ndarray:
        """What the model's first camera sees, with `decor` of a time: uint8 (h w 3)."""
        kinds = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self.model, data, self.option, None, self.view, kinds, self.scene)
        for add in decor:
            add(self.scene, time)
        mujoco.mjr_render(self.area, self.scene, self.drawn)
        image = np.empty((self.area.height, self.area.width, 3), np.uint8)
        mujoco.mjr_readPixels(image, None, self.area, self.drawn)
        return image[::-1]

    def close(self) -> None:
        self.drawn.free()
        self.context.free()
