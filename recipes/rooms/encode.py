"""Encoders: from a direction to the gains of the channels, at one point or at coincident ones.

Azimuth in degrees is positive to the left, elevation above, as in `log.direction`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stereo:
    """Left and right of a coincident pair, with constant power in all directions.

    `width` 1 puts a source at azimuth 90 into one channel alone, 0 makes both channels equal.
    """

    width: float = 1.0
    channels: int = 2

    def gains(self, azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
        """(n,) degrees -> (2 n); the squares add to 1."""
        side = np.sin(np.radians(azimuth)) * np.cos(np.radians(elevation))
        angle = (1 + self.width * side) * np.pi / 4
        return np.stack([np.sin(angle), np.cos(angle)])

    def diffuse(self) -> np.ndarray:
        """Mixing matrix (2 2) from independent diffuse noises to the channels, power 1 in all.

        Part of the noise is common to both channels, the more the narrower the pair is.
        """
        own = self.width / 2
        common = np.sqrt(1 - own**2)
        return np.array([[common, own], [common, -own]]) / np.sqrt(2)


@dataclass(frozen=True)
class AmbiX:
    """First-order Ambisonics: channels W, Y, Z, X (ACN) with SN3D gains (AmbiX, Nachbar 2011).

    The same as `sr_core.spatial.encode.direction_gains`, without PyTorch.
    """

    channels: int = 4

    def gains(self, azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
        """(n,) degrees -> (4 n)"""
        around, above = np.radians(azimuth), np.radians(elevation)
        return np.stack(
            [
                np.ones_like(around),
                np.sin(around) * np.cos(above),
                np.sin(above),
                np.cos(around) * np.cos(above),
            ]
        )

    def diffuse(self) -> np.ndarray:
        """Mixing matrix (4 4): the mean square of each dipole over the sphere is 1/3."""
        return np.diag([1.0, 3**-0.5, 3**-0.5, 3**-0.5])


Encoder = Stereo | AmbiX
