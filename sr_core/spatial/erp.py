"""Equirectangular pictures (ERP): all directions around a viewer in one picture (b c h w).

Azimuth falls from pi at the left edge to -pi at the right one, elevation from pi/2 at the top to
-pi/2 at the bottom: what is ahead is in the middle, the left half shows what is to the left.
Samples are at the centres of pixels: column i has azimuth pi - 2 pi (i + 1/2) / w, row j has
elevation pi/2 - pi (j + 1/2) / h; with an even width azimuth 0 is between two columns. Positions
count from the centre of the first pixel. Axes, angles (radians) and rotations are those of the
sound field (`rotation`): turned and rotated by the same rotation, picture and field stay together.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import grid_sample

from .directions import angles, unit_vector


def directions(height: int, width: int) -> Tensor:  # -> (h w 3)
    """Unit vectors x, y, z of all pixels, in float64."""
    columns = torch.arange(width, dtype=torch.float64)
    rows = torch.arange(height, dtype=torch.float64)
    azimuth = math.pi - 2 * math.pi * (columns + 0.5) / width
    elevation = math.pi / 2 - math.pi * (rows + 0.5) / height
    return unit_vector(azimuth[None, :], elevation[:, None])


def positions(vectors: Tensor, height: int, width: int) -> Tensor:  # (... 3) -> (... 2)
    """Column and row of directions of any length, in pixels from the centre of the first one."""
    azimuth, elevation = angles(vectors)
    column = (math.pi - azimuth) * width / (2 * math.pi) - 0.5
    row = (math.pi / 2 - elevation) * height / math.pi - 0.5
    return torch.stack([column, row], dim=-1)


def turned(picture: Tensor, yaw: float) -> Tensor:  # (b c h w) -> (b c h w)
    """The picture of a world turned to the left: what is at azimuth a goes to a + yaw.

    A roll by -w * yaw / (2 pi) columns: exact for a whole number of them, else interpolated
    linearly between the two nearest ones.
    """
    columns = -picture.shape[-1] * yaw / (2 * math.pi)
    whole = round(columns)
    if math.isclose(columns, whole, abs_tol=1e-6):
        return picture.roll(whole, -1)
    less = math.floor(columns)
    return torch.lerp(picture.roll(less, -1), picture.roll(less + 1, -1), columns - less)


def rotated(picture: Tensor, rotation: Tensor) -> Tensor:  # (b c h w), (3 3) or (b 3 3)
    """The picture of a world rotated by R: what is in direction v goes to direction R v.

    Bilinear, without a filter: the resolution on the sphere stays the same.
    """
    seen = directions(*picture.shape[-2:])
    matrix = rotation.to(seen).reshape(-1, 1, 3, 3)
    return sample(picture, seen @ matrix)  # as rows: (R^-1 v)^T = v^T R


def sample(picture: Tensor, vectors: Tensor) -> Tensor:  # (b c h w), (h' w' 3) or (b h' w' 3)
    """The picture's colours in given directions, (b c h' w'): bilinear, around and over the poles.

    Raises ValueError for pictures of integers.
    """
    if not picture.is_floating_point():
        raise ValueError(f"got a picture of {picture.dtype}; expected float; divide by 255")
    height, width = picture.shape[-2:]
    padded = _with_neighbours(picture)
    place = positions(vectors, height, width) + 1  # in the padded picture
    size = torch.tensor([width + 2, height + 2]).to(place)
    grid = ((place + 0.5) / size * 2 - 1).to(picture)
    grid = grid.expand(picture.shape[0], *grid.shape[-3:])
    return grid_sample(padded, grid, mode="bilinear", align_corners=False)


def _with_neighbours(picture: Tensor) -> Tensor:  # (b c h w) -> (b c h+2 w+2)
    """One more pixel on each side: the other edge's, and over a pole those half around it."""
    over = turned(picture[..., [0, -1], :], math.pi)
    rows = torch.cat([over[..., :1, :], picture, over[..., 1:, :]], dim=-2)
    return torch.cat([rows[..., -1:], rows, rows[..., :1]], dim=-1)


def pixel_areas(height: int, width: int) -> Tensor:  # -> (h w)
    """Solid angle of each pixel in steradians; they add up to 4 pi."""
    edges = math.pi / 2 - math.pi * torch.arange(height + 1, dtype=torch.float64) / height
    rows = -edges.sin().diff() * 2 * math.pi / width
    return rearrange(rows, "h -> h 1").expand(height, width)
