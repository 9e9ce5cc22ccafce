"""Spatial sound: a field that turns with the view, and stereo that does not."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class SpatialSound:
    """First-order Ambisonics with optional head-locked stereo (narration, music) beside it.

    Head-locked stereo is not rotated, and is added after decoding, at the same gain. Raises
    ValueError for other shapes.
    """

    foa: Tensor  # (b 4 s), W Y Z X, SN3D
    head_locked: Tensor | None = None  # (b 2 s), left and right

    def __post_init__(self) -> None:
        shape = tuple(self.foa.shape)
        if len(shape) != 3 or shape[1] != 4:
            raise ValueError(f"got a field {shape}; expected (b 4 s) of W, Y, Z, X")
        if self.head_locked is not None:
            expected, given = (shape[0], 2, shape[2]), tuple(self.head_locked.shape)
            if given != expected:
                raise ValueError(f"got head-locked stereo {given}; expected {expected}")

    def mixed(self, decoded: Tensor) -> Tensor:  # (b c s) -> (b c s)
        """The decoded field, mono or a pair, with the head-locked stereo added.

        Into mono goes the mean of left and right.
        """
        if self.head_locked is None:
            return decoded
        if decoded.shape[1] == 1:
            return decoded + self.head_locked.mean(1, keepdim=True)
        return decoded + self.head_locked
