"""What part of the sphere a picture shows, for which eyes, and how it is turned.

These are the properties that the metadata of panoramic files states (Spherical Video V2 RFC of
google/spatial-media; Matroska's Projection; GPano). Files with another kind of projection than
equirectangular are told apart, not converted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from .erp import rotated
from .rotation import rotation_matrix

EQUIRECTANGULAR = "equirectangular"
# Where the left eye's picture is in the frame: rows and columns, in halves of the frame.
FIRST, SECOND, ALL = (0, 1), (1, 2), (0, 2)
LEFT_EYE = {
    "mono": (ALL, ALL),
    "top-bottom": (FIRST, ALL),
    "bottom-top": (SECOND, ALL),
    "left-right": (ALL, FIRST),
    "right-left": (ALL, SECOND),
}


@dataclass(frozen=True)
class Projection:
    """How a picture shows the sphere; the default is all of it, for both eyes the same.

    `stereo`: a name of LEFT_EYE, which begins with the left eye's half. `top`, `bottom`, `left`,
    `right`: fractions of the whole sphere's picture that are cropped from one eye's picture.
    `yaw`, `pitch`, `roll`: the rotation that the viewer applies (`rotation_matrix`), in radians.
    Raises ValueError for other values.
    """

    kind: str = EQUIRECTANGULAR
    stereo: str = "mono"
    top: float = 0.0
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def __post_init__(self) -> None:
        if self.stereo not in LEFT_EYE:
            raise ValueError(f"got stereo '{self.stereo}'; expected one of {', '.join(LEFT_EYE)}")
        for edges in ((self.top, self.bottom), (self.left, self.right)):
            if min(edges) < 0 or sum(edges) >= 1:
                raise ValueError(
                    f"got {edges[0]:g} and {edges[1]:g} cropped from opposite edges; expected "
                    "fractions of the whole picture, together below 1"
                )

    @property
    def is_cropped(self) -> bool:
        return any((self.top, self.bottom, self.left, self.right))

    @property
    def is_posed(self) -> bool:
        return any((self.yaw, self.pitch, self.roll))


HALF = Projection(left=0.25, right=0.25)  # 180 degrees wide
NAMED = {
    "360": Projection(),
    "360-top-bottom": Projection(stereo="top-bottom"),
    "360-left-right": Projection(stereo="left-right"),
    "180": HALF,
    "180-top-bottom": Projection(stereo="top-bottom", left=0.25, right=0.25),
    "180-left-right": Projection(stereo="left-right", left=0.25, right=0.25),
}


def one_eye(picture: Tensor, stereo: str) -> Tensor:  # (... h w) -> (... h' w')
    """The left eye's part of a picture; all of it if there is only one view."""
    rows, columns = LEFT_EYE[stereo]
    height, width = picture.shape[-2:]
    return picture[
        ...,
        rows[0] * height // 2 : rows[1] * height // 2,
        columns[0] * width // 2 : columns[1] * width // 2,
    ]


def whole_sphere(picture: Tensor, projection: Projection) -> Tensor:  # (b c h w) -> (b c h' w')
    """The equirectangular picture of the whole sphere: the left eye's, black where cropped.

    The size of the whole is rounded to pixels, which moves a picture by half a pixel at most, and
    by nothing if it was cropped in whole pixels. Raises ValueError for another kind of projection.
    """
    if projection.kind != EQUIRECTANGULAR:
        raise ValueError(
            f"got a {projection.kind} picture; expected {EQUIRECTANGULAR}; convert it first, with "
            "the v360 filter of FFmpeg for example"
        )
    seen = one_eye(picture, projection.stereo)
    rows = _padding(seen.shape[-2], projection.top, projection.bottom)
    columns = _padding(seen.shape[-1], projection.left, projection.right)
    seen = pad(seen, (*columns, *rows))
    return rotated(seen, pose_of(projection)) if projection.is_posed else seen


def pose_of(projection: Projection) -> Tensor:  # -> (3 3)
    """The rotation that a viewer applies to the sphere."""
    angles = (projection.yaw, projection.pitch, projection.roll)
    return rotation_matrix(*torch.tensor(angles, dtype=torch.float64))


def _padding(size: int, before: float, after: float) -> tuple[int, int]:
    """Pixels to add before and after, so that `size` is the part of the whole that is left."""
    whole = round(size / (1 - before - after))
    first = min(round(before * whole), whole - size)
    return first, whole - size - first


def assumed(width: int, height: int) -> Projection | None:
    """The projection of a picture whose file says nothing: the whole sphere if it is 2:1."""
    return Projection() if math.isclose(width, 2 * height) else None
