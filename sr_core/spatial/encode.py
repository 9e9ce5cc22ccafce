"""Encoding: from a mono source and its places to a first-order field."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from .keyframes import segments

NEAREST = 0.2  # m, distance at which the gain stops growing


def direction_gains(direction: Tensor) -> Tensor:  # (... 3) -> (... 4)
    """Gains of W, Y, Z, X for a plane wave from a unit vector.

    SN3D: W = 1, Y = sin(azimuth) cos(elevation), Z = sin(elevation),
    X = cos(azimuth) cos(elevation) (AmbiX, Nachbar et al. 2011).
    """
    x, y, z = direction.unbind(-1)
    return torch.stack([torch.ones_like(x), y, z, x], dim=-1)


def place_gains(place: Tensor, nearest: float = NEAREST) -> Tensor:  # (... 3) m -> (... 4)
    """Gains of W, Y, Z, X for a source at a place relative to the listener, in metres.

    The gain is 1/r, 1 at 1 m, and constant within `nearest`. There Y, Z and X fall to 0 towards
    the listener, so that a source can pass through without a jump. The curvature of the wave front
    (Daniel, AES 23rd Conference, 2003) is left out.
    """
    distance = torch.linalg.vector_norm(place, dim=-1, keepdim=True).clamp_min(nearest)
    return direction_gains(place / distance) / distance


def encode(
    source: Tensor, places: Tensor, state: Tensor | None = None, nearest: float = NEAREST
) -> tuple[Tensor, Tensor]:  # (b 1 s), (b t 3) m -> (b 4 s)
    """The field of a source on a path of keyframes, straight between them (`keyframes.segments`).

    A place is in metres on the listener's axes; its direction and gain are computed at every
    sample. The delay of the path is not part of it. The state is the last place (b 3).
    """
    start, end, fraction = segments(places, source.shape[-1], state)
    gains = place_gains(torch.lerp(start, end, fraction), nearest)
    return source * rearrange(gains, "b t h c -> b c (t h)"), places[:, -1].clone()
