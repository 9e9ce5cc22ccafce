"""Keyframes: values at the ends of equal steps of a stream, with every sample between them.

A step needs no later keyframe, so a stream has no delay: its value reaches the keyframe at the
last sample of the step. The first step has the value of its own keyframe throughout.
"""

from __future__ import annotations

import torch
from torch import Tensor


def segments(
    keyframes: Tensor, samples: int, state: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:  # (b t d), state (b d) -> (b t 1 d), (b t 1 d), (h 1)
    """Start and end of each step, and the fraction of the way at each of its h samples.

    `state` is the last keyframe of the stream before. Raises ValueError if `samples` is not a
    multiple of the number of keyframes.
    """
    count = keyframes.shape[1]
    if not count or samples % count:
        raise ValueError(
            f"got {count} keyframes for {samples} samples; expected equal steps of whole samples; "
            "cut both at the same times"
        )
    first = keyframes[:, :1] if state is None else state[:, None]
    starts = torch.cat([first, keyframes[:, :-1]], dim=1)
    hop = samples // count
    fraction = torch.arange(1, hop + 1, dtype=keyframes.dtype, device=keyframes.device) / hop
    return starts[:, :, None], keyframes[:, :, None], fraction[:, None]
