"""Checks that data and settings fit the checkpoint that is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ...components import load_any_vae, load_vision
from ...pipeline import Pipeline

SAME = 2e-3  # relative difference of equal weights after rounding to half precision
STEP = 6e-8  # smallest positive number in half precision


def check_parts(pipeline: Pipeline, data: Path, source: Path) -> None:
    """Raises ValueError where the data was prepared with another frame encoder or VAE encoder.

    Features of another encoder can have the same shapes, so training would run on wrong inputs
    without an error.
    """
    pairs = {
        "frame encoder": (pipeline.vision, load_vision(data / "vision.safetensors")),
        "VAE": (pipeline.vae.encoder, load_any_vae(data / "vae.safetensors").encoder),
    }
    for name, (ours, theirs) in pairs.items():
        if differing(ours, theirs):
            raise ValueError(
                f"got {data}, prepared with another {name} than {source} has; expected the one "
                f"the model was trained with; prepare the clips with --vision {source} --vae "
                f"{source}, or adapt the model to the new one: `train diffusion --set adopt=true`"
            )


def check_shapes(name: str, given: Any, default: Any, own: Any, source: Path) -> None:
    """Raises ValueError where the settings of a part are neither default nor the source's own."""
    if given not in (default, own):
        raise ValueError(
            f"got settings of {name} that {source} does not have; expected none, as --init keeps "
            f"its own shapes ({own}); remove {name} from --config and --set, or train without "
            "--init"
        )


def differing(ours: nn.Module, theirs: nn.Module) -> list[str]:
    """Names of the weights that differ between two modules by more than half-precision rounding."""
    weights, others = ours.state_dict(), theirs.state_dict()
    names = sorted(weights.keys() ^ others.keys())
    return names + [n for n in weights if n in others and not _equal(weights[n], others[n])]


def _equal(x: Tensor, y: Tensor) -> bool:
    if x.shape != y.shape or not x.numel():
        return x.shape == y.shape
    return bool((x - y).abs().max() <= SAME * x.abs().max() + STEP)
