"""Directions as angles and as vectors, and the angle between two of them."""

from __future__ import annotations

import torch
from torch import Tensor


def unit_vector(azimuth: Tensor, elevation: Tensor) -> Tensor:  # (...), (...) -> (... 3)
    """X, Y and Z of a direction given in radians (AmbiX, Nachbar et al. 2011)."""
    x = azimuth.cos() * elevation.cos()
    y = azimuth.sin() * elevation.cos()
    return torch.stack([x, y, elevation.sin().expand_as(x)], dim=-1)


def angles(vector: Tensor) -> tuple[Tensor, Tensor]:  # (... 3) -> (...), (...)
    """Azimuth (-pi to pi) and elevation (-pi/2 to pi/2) of a vector of any length.

    Both are 0 for the zero vector.
    """
    x, y, z = vector.unbind(-1)
    return torch.atan2(y, x), torch.atan2(z, torch.hypot(x, y))


def angle_between(a: Tensor, b: Tensor) -> Tensor:  # (... 3), (... 3) -> (...)
    """Angle of two vectors of any length, 0 to pi; 0 if one is zero.

    For unit vectors it is the great-circle distance. The arctangent of cross and dot product is
    exact for small and for opposite angles too, where arccosine and haversine lose digits.
    """
    a, b = torch.broadcast_tensors(a, b)
    return torch.atan2(torch.linalg.cross(a, b).norm(dim=-1), (a * b).sum(-1))
