"""Binaural sound: a first-order field as the two ears of a head at its centre hear it.

The filters are those of Omnitone 1.3.0 (first order, max-rE), derived from the SADIE database of
the University of York. The head is the same on both sides, so that one filter per channel is
enough: the left ear hears W + Y + Z + X, each by its filter, and the right ear W - Y + Z + X, since
mirroring left and right changes the sign of Y alone. For another head, pass other filters.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

FILTERS = Path(__file__).parents[1] / "assets" / "spatial" / "omnitone.safetensors"


def load_filters(rate: int) -> Tensor:  # -> (4 n)
    """The filters of W, Y, Z and X at a sample rate: 44100 or 48000 Hz, else ValueError."""
    with safe_open(FILTERS, framework="pt") as file:
        rates = sorted(map(int, file.keys()))
        if rate not in rates:
            raise ValueError(
                f"got a sample rate of {rate} Hz; expected one of {rates}; resample the field"
            )
        return file.get_tensor(str(rate))


def binaural(
    foa: Tensor, filters: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:  # (b 4 s), (4 n) -> (b 2 s)
    """The field through `filters`: left and right ear.

    A causal convolution, by FFT over the piece. The state is the last n - 1 samples (b 4 n-1);
    before the stream there is silence. For float32 the rounding error is about 1e-7 of the peak.
    """
    filters = filters.to(foa)
    tail = filters.shape[-1] - 1
    before = foa.new_zeros(*foa.shape[:2], tail) if state is None else state
    x = torch.cat([before, foa], dim=-1)
    size = 1 << (x.shape[-1] - 1).bit_length()  # wrapped samples fall into the tail
    spectrum = torch.fft.rfft(x, size) * torch.fft.rfft(filters, size)
    side = spectrum[:, 1]
    middle = spectrum.sum(1) - side
    ears = torch.fft.irfft(torch.stack([middle + side, middle - side], dim=1), size)
    return ears[..., tail : x.shape[-1]], x[..., x.shape[-1] - tail :].clone()
