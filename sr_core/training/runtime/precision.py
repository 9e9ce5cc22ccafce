"""Numerical precision of a step: bfloat16 autocast or float32."""

from __future__ import annotations

import warnings

import torch


def autocast(device: str | torch.device, bf16: bool) -> torch.autocast:
    """Autocast to bfloat16 if `bf16` is set and the device supports it, else float32."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=bf16 and has_bf16(kind))


def has_bf16(kind: str) -> bool:
    """Whether a device type supports bfloat16 in hardware, without emulation.

    Emulation on a processor with AVX2 only takes ten times as long as float32 (measured on a
    training step of the small model, AMD EPYC of 2021).
    """
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if kind == "cpu":
        return torch.backends.mkldnn.is_available() and (
            torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
    return True


def warn_without_bf16(device: str | torch.device, bf16: bool) -> None:
    kind = torch.device(device).type
    if bf16 and not has_bf16(kind):
        warnings.warn(
            f"got bf16 for a {kind} that only emulates bfloat16, which is slower; this run is in "
            "float32, and takes more memory than with bfloat16",
            stacklevel=2,
        )
