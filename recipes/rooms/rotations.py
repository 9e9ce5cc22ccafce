"""Rotation matrices (3 3), whose columns are a body's axes in the world."""

from __future__ import annotations

import math

import mujoco
import numpy as np


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def about(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rotation by `angle` (radians) about `axis` (3), by Rodrigues' formula."""
    x, y, z = unit(np.asarray(axis, float))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def turned(degrees: float) -> np.ndarray:
    """Rotation about the vertical."""
    return about(np.array([0.0, 0.0, 1.0]), math.radians(degrees))


def frame(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Axes whose first is `x` and whose third is as near to `z` as it can be."""
    x = unit(np.asarray(x, float))
    y = np.cross(z, x)
    y = unit(y) if np.linalg.norm(y) > 1e-6 else unit(np.cross([0.3, 1.0, 0.1], x))
    return np.stack([x, y, np.cross(x, y)], axis=1)


def along(z: np.ndarray) -> np.ndarray:
    """Axes whose third is `z`, for capsules and cylinders."""
    z = unit(np.asarray(z, float))
    other = np.array([1.0, 0.0, 0.0]) if abs(z[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    y = unit(np.cross(z, other))
    return np.stack([np.cross(y, z), y, z], axis=1)


def quaternion(matrix: np.ndarray) -> np.ndarray:
    """(3 3) -> (w x y z)."""
    result = np.zeros(4)
    mujoco.mju_mat2Quat(result, np.ascontiguousarray(matrix, float).ravel())
    return result


def smooth(value: float) -> float:
    """0 to 1 with zero speed at both ends, for values that are clipped to 0..1 (minimum jerk:
    Flash and Hogan 1985)."""
    v = min(max(value, 0.0), 1.0)
    return v * v * v * (10 - 15 * v + 6 * v * v)
