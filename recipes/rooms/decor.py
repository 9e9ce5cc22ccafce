"""Geoms that are drawn at one time only: drops, flames, ripples, wheels' dust."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

KINDS = {
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
}


def put(
    scene: mujoco.MjvScene,
    kind: str,
    size: Sequence[float],
    place: np.ndarray,
    rgba: Sequence[float],
    axes: np.ndarray | None = None,
    glow: float = 0.0,
) -> None:
    """Adds a geom to what is drawn; nothing once the scene is full. `size` as in the model."""
    if scene.ngeom >= scene.maxgeom:
        return
    geom = scene.geoms[scene.ngeom]
    turn = np.eye(3) if axes is None else axes
    full = np.zeros(3)
    full[: len(size)] = size
    mujoco.mjv_initGeom(
        geom, KINDS[kind], full, np.asarray(place, float), turn.ravel(), np.float32(rgba)
    )
    geom.emission = glow
    scene.ngeom += 1
