"""Conventions of first-order files: the order of the channels and their gains."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Convention = Literal["ambix", "n3d", "wxyz", "fuma"]
# Order of the channels, and gains of W and of the dipoles relative to SN3D: N3D is
# sqrt(2 * order + 1) times SN3D (Nachbar et al. 2011); Furse-Malham has W weaker by 3 dB and
# first-order channels with a maximum of 1, as SN3D (Malham 2003, Higher order Ambisonic systems).
LAYOUTS: dict[Convention, tuple[str, float, float]] = {
    "ambix": ("WYZX", 1.0, 1.0),
    "n3d": ("WYZX", 1.0, 3**0.5),
    "wxyz": ("WXYZ", 1.0, 1.0),
    "fuma": ("WXYZ", 0.5**0.5, 1.0),
}


def convert(foa: Tensor, source: Convention, target: Convention) -> Tensor:  # (b 4 s) -> (b 4 s)
    """The same field in another convention: `source` is that of `foa`.

    `ambix`: W Y Z X, SN3D; `n3d`: W Y Z X, N3D; `wxyz`: W X Y Z, SN3D; `fuma`: W X Y Z,
    Furse-Malham (B-format). Raises ValueError for other names.
    """
    for name in (source, target):
        if name not in LAYOUTS:
            raise ValueError(f"got convention '{name}'; expected one of {', '.join(LAYOUTS)}")
    (order, *gains), (wanted, *wanted_gains) = LAYOUTS[source], LAYOUTS[target]
    ratio = [new / old for new, old in zip(wanted_gains, gains, strict=True)]
    channels = foa[:, [order.index(letter) for letter in wanted]]
    return channels * torch.tensor(ratio).to(foa)[[0, 1, 1, 1], None]
