"""Rotation of a field, constant or changing, by unit quaternions (... 4) of w, x, y, z.

A rotation takes what comes from direction v to direction R v. By angles in radians: yaw turns to
the left (azimuth + yaw), pitch raises what is ahead (elevation + pitch), roll raises what is at
the left. Roll is applied first, then pitch, then yaw: R = Rz(yaw) Ry(-pitch) Rx(roll), with
right-handed rotations Rx, Ry and Rz. A head's orientation has the same angles, in the order yaw,
pitch, roll on the head's own axes; what this head hears is the field rotated by the inverse.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from .keyframes import segments

TO_XYZ, TO_YZX = (2, 0, 1), (1, 2, 0)  # from Y, Z, X of a field to a vector, and back


def compose(a: Tensor, b: Tensor) -> Tensor:  # (... 4), (... 4) -> (... 4)
    """The rotation b followed by a: the Hamilton product of their quaternions."""
    (aw, ax, ay, az), (bw, bx, by, bz) = a.unbind(-1), b.unbind(-1)
    return torch.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        dim=-1,
    )


def inverse(rotation: Tensor) -> Tensor:  # (... 4) -> (... 4)
    return torch.cat([rotation[..., :1], -rotation[..., 1:]], dim=-1)


def quaternion(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:  # (...) each -> (... 4)
    """The rotation by yaw, pitch and roll in radians."""
    yaw, pitch, roll = torch.broadcast_tensors(yaw, pitch, roll)
    none = torch.zeros_like(yaw)
    about_z = torch.stack([(yaw / 2).cos(), none, none, (yaw / 2).sin()], dim=-1)
    about_y = torch.stack([(pitch / 2).cos(), none, -(pitch / 2).sin(), none], dim=-1)
    about_x = torch.stack([(roll / 2).cos(), (roll / 2).sin(), none, none], dim=-1)
    return compose(about_z, compose(about_y, about_x))


def rotate_vector(vector: Tensor, rotation: Tensor) -> Tensor:  # (... 3), (... 4) -> (... 3)
    """R v = v + 2 w (u x v) + 2 u x (u x v), u the vector part (Rodrigues)."""
    w, u = rotation[..., :1], rotation[..., 1:]
    u, vector = torch.broadcast_tensors(u, vector)
    twice = 2 * torch.linalg.cross(u, vector)
    return vector + w * twice + torch.linalg.cross(u, twice)


def rotation_matrix(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:  # (...) each -> (... 3 3)
    """R of the module's docstring, for column vectors x, y, z."""
    rotation = quaternion(yaw, pitch, roll)
    axes = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    return rotate_vector(axes, rotation[..., None, :]).mT  # rows: where the axes go


def slerp(start: Tensor, end: Tensor, fraction: Tensor) -> Tensor:  # (... 4), (... 4), (... 1)
    """The rotation on the shortest way, at constant speed (Shoemake 1985): start (start^-1 end)^f.

    It is a rotation at each fraction. A cross-fade of two matrices is not: it makes the dipoles
    weaker, by cos(angle / 2) half-way, to nothing between opposite directions.
    """
    between = compose(inverse(start), end)
    between = torch.where(between[..., :1] < 0, -between, between)  # -q is the same rotation
    sine = torch.linalg.vector_norm(between[..., 1:], dim=-1, keepdim=True)
    half = torch.atan2(sine, between[..., :1])
    axis = between[..., 1:] / sine.clamp_min(torch.finfo(sine.dtype).tiny)
    turned = half * fraction
    return compose(start, torch.cat([turned.cos(), axis * turned.sin()], dim=-1))


def rotate(
    foa: Tensor, rotations: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:  # (b 4 s), (b t 4) -> (b 4 s)
    """The field rotated by keyframes (`keyframes.segments`), by `slerp` at every sample between.

    One keyframe and no state is a constant rotation. The state is the last rotation (b 4).
    """
    start, end, fraction = segments(rotations, foa.shape[-1], state)
    steps = rearrange(foa[:, 1:], "b c (t h) -> b t h c", t=rotations.shape[1])
    turned = rotate_vector(steps[..., TO_XYZ], slerp(start, end, fraction))
    dipoles = rearrange(turned[..., TO_YZX], "b t h c -> b c (t h)")
    return torch.cat([foa[:, :1], dipoles], dim=1), rotations[:, -1].clone()
