"""Perspective views of an equirectangular picture, the six faces of a cube, and back.

A view is what a pinhole camera at the centre sees: straight lines stay straight. Where a view has
fewer pixels than the picture has in the same angle, it is sampled more finely and averaged, so
detail that is too fine becomes grey instead of a pattern of its own (aliasing).
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from .erp import directions, sample
from .rotation import rotation_matrix

# Yaw and pitch of each face's camera, in radians. Their edges meet: the lower edge of `up` and the
# upper edge of `down` are those of `front`.
FACES = {
    "front": (0.0, 0.0),
    "left": (math.pi / 2, 0.0),
    "back": (math.pi, 0.0),
    "right": (-math.pi / 2, 0.0),
    "up": (0.0, math.pi / 2),
    "down": (0.0, -math.pi / 2),
}
STEEPEST = 3  # pixels per angle at the corner of a face, relative to its centre: 1 / cos^2


def perspective(
    picture: Tensor, orientation: Tensor, field_of_view: float, size: tuple[int, int]
) -> Tensor:  # (b c h w), (3 3) -> (b c h' w')
    """What a camera of this orientation sees, in `size` (height, width) pixels.

    `orientation`: the rotation from ahead to where it looks (`rotation_matrix` of yaw, pitch and
    roll). `field_of_view`: the angle from the left to the right edge in radians. Raises ValueError
    outside 0 to pi.
    """
    if not 0 < field_of_view < math.pi:
        raise ValueError(
            f"got a field of view of {field_of_view:g} rad; expected more than 0 and less than pi; "
            "use several views for more"
        )
    focal = size[1] / 2 / math.tan(field_of_view / 2)  # pixels per radian at the centre, the least
    finer = max(1, math.ceil(_pixels_per_radian(*picture.shape[-2:]) / focal))
    rays = _rays(size[0] * finer, size[1] * finer, focal * finer)
    seen = sample(picture, rays @ orientation.to(rays).mT)
    return _reduced(seen, size, finer)


def cube_faces(picture: Tensor, size: int) -> Tensor:  # (b c h w) -> (b 6 c size size)
    """The six faces of a cube around the viewer, in the order of FACES."""
    views = [perspective(picture, turn, math.pi / 2, (size, size)) for turn in _cameras()]
    return torch.stack(views, dim=1)


def from_cube_faces(faces: Tensor, height: int, width: int) -> Tensor:  # (b 6 c n n) -> (b c h w)
    """The equirectangular picture of a cube's faces (`cube_faces`), such as six rendered views."""
    size = faces.shape[-1]
    finer = max(1, math.ceil(STEEPEST * size / 2 / _pixels_per_radian(height, width)))
    place = _places(directions(height * finer, width * finer), size)
    strip = rearrange(faces, "b f c h w -> b c (f h) w")
    grid = ((place + 0.5) / torch.tensor([size, 6 * size]) * 2 - 1).to(strip)
    seen = grid_sample(
        strip, grid.expand(strip.shape[0], *grid.shape), padding_mode="border", align_corners=False
    )
    return _reduced(seen, (height, width), finer)


def _places(vectors: Tensor, size: int) -> Tensor:  # (... 3) -> (... 2)
    """Column and row of directions in the six faces, one above the other."""
    cameras = _cameras()
    face = (vectors @ cameras[..., 0].mT).argmax(-1)  # first columns: where the cameras look
    local = torch.einsum("...i,...ij->...j", vectors, cameras[face])  # as rows: R^-1 v
    ahead, left, up = local.unbind(-1)
    column = (1 - left / ahead) * size / 2 - 0.5
    row = ((1 - up / ahead) * size / 2 - 0.5).clamp(0, size - 1)  # not into the next face
    return torch.stack([column, row + face * size], dim=-1)


def _cameras() -> Tensor:  # -> (6 3 3)
    yaw, pitch = torch.tensor(list(FACES.values()), dtype=torch.float64).unbind(-1)
    return rotation_matrix(yaw, pitch, torch.zeros_like(yaw))


def _rays(height: int, width: int, focal: float) -> Tensor:  # -> (h w 3)
    """Directions x, y, z of a camera's pixels, of length 1 along x; `focal` in pixels."""
    left = (width / 2 - 0.5 - torch.arange(width, dtype=torch.float64)) / focal
    up = (height / 2 - 0.5 - torch.arange(height, dtype=torch.float64)) / focal
    up, left = torch.meshgrid(up, left, indexing="ij")
    return torch.stack([torch.ones_like(left), left, up], dim=-1)


def _pixels_per_radian(height: int, width: int) -> float:
    """Of an equirectangular picture, along the denser axis."""
    return max(width / (2 * math.pi), height / math.pi)


def _reduced(seen: Tensor, size: tuple[int, int], finer: int) -> Tensor:
    if finer == 1:
        return seen
    return interpolate(seen, size, mode="bilinear", antialias=True)  # a triangle of two pixels
