"""Conversion of official weights to safetensors files with this package's parameter names.

Only this module opens pickled files, and only with `weights_only=True`, so that a downloaded file
cannot execute code.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from .audio.vae import MARKERS, vae_from_weights
from .checkpoint import write_weights
from .config import to_dict
from .vision.dinov2 import DINOV2_FORMAT, DINOv2, DINOv2Config

# Prefixes of the VAE's tensors in a file, in order of preference: a training checkpoint contains
# the running average and the weights in training; the released files contain the average only.
VAE_PREFIXES = ("autoencoder_ema.ema_model.", "autoencoder.", "")


def convert_vae(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Convert SoundReactor's official VAE, causal or not (`.ckpt`, or safetensors of it).

    Weight norm is folded into the weights; the latent statistics are the identity. Raises
    ValueError for a file that requires code execution or contains something else.
    """
    try:
        vae = vae_from_weights(_oobleck_weights(read_weights(Path(source))))
    except ValueError as error:
        raise ValueError(f"cannot convert {source}: {error}") from error
    return write_weights(vae.state_dict(), Path(target), {"format": "soundreactor-vae"})


def _oobleck_weights(official: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors under this package's names: the official module paths without their wrappers."""
    found = [prefix for prefix in VAE_PREFIXES if f"{prefix}encoder.layers.0.bias" in official]
    if not found:
        raise ValueError(
            "got no encoder.layers.0.bias; expected the weights of SoundReactor's Oobleck VAE; "
            "take sr_causal_ds_1600_dim_64.ckpt or sr_noncausal_ds_1600_dim_64.ckpt"
        )
    sides = tuple(f"{found[0]}{side}.layers." for side in ("encoder", "decoder"))
    vae = {name: value for name, value in official.items() if name.startswith(sides)}
    # Only non-causal resampling layers have wrappers, whose names thus identify a non-causal VAE.
    wrapped = [any(f".{inner}.{inner}." in name for name in vae) for inner in ("conv", "convtr")]
    if wrapped[0] != wrapped[1]:
        raise ValueError("got a VAE that is causal on one side only; expected both sides alike")
    folded = {
        re.sub(r"\b(layers|conv|convtr)\.", "", name[len(found[0]) :]): value
        for name, value in _fold_weight_norm(vae).items()
    }
    channels = folded["decoder.0.weight"].shape[1] if "decoder.0.weight" in folded else 0
    statistics = {"latent_mean": torch.zeros(channels), "latent_scale": torch.ones(channels)}
    return {**folded, **statistics, MARKERS[not wrapped[0]]: torch.zeros(0)}


def _fold_weight_norm(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """weight = weight_g * weight_v / ||weight_v||, norm over all axes but the first.

    Source: weight normalisation, arXiv 1602.07868, eq. 2.
    """
    folded = {}
    for name, value in weights.items():
        if name.endswith(".weight_v") and f"{name[:-1]}g" in weights:
            # Converted files must be bit-identical on all machines, as references contain their
            # sha256: norms are float64 sums rounded to float32, so the order of summation has no
            # effect; the other operations are exact IEEE arithmetic.
            norm = value.double().flatten(1).norm(dim=1).float()[:, None, None].double()
            value = weights[f"{name[:-1]}g"].double() * value.double() / norm
            name = name[: -len("_v")]
        elif name.endswith(".weight_g"):
            continue
        if not value.isfinite().all():
            raise ValueError(f"got {name} that is not finite; expected numbers; download it again")
        folded[name] = value.float()
    return folded


def convert_dinov2(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Convert DINOv2 with registers (`.pth`, or Hugging Face `model.safetensors`) to float32.

    The variant is determined from names and shapes. The number of heads is in neither: it is read
    from a Hugging Face `config.json` in the same folder, else heads have 64 channels as in all
    official variants. Raises ValueError for any other network.
    """
    source = Path(source)
    weights = _official_dinov2_names(read_weights(source))
    weights.pop("mask_token", None)  # for training only
    _check_dinov2(weights, source)
    config = _dinov2_config(weights, source)
    with torch.device("meta"):
        expected = DINOv2(config).state_dict()
    shapes = [{name: value.shape for name, value in x.items()} for x in (weights, expected)]
    wrong = sorted({name for name, _ in shapes[0].items() ^ shapes[1].items()})
    if wrong:
        raise ValueError(
            f"got {source} where {', '.join(wrong[:3])} ({len(wrong)} in all) are missing, unknown "
            f"or misshapen; expected exactly the weights of {config}; {_DINOV2_FILES}"
        )
    weights = {name: weights[name].float() for name in expected}
    return write_weights(weights, Path(target), {DINOV2_FORMAT: json.dumps(to_dict(config))})


_DINOV2_FILES = (
    "take dinov2_vits14_reg4_pretrain.pth (or vitb14, vitl14) of facebookresearch/dinov2, or "
    "model.safetensors of facebook/dinov2-with-registers-small (or -base, -large)"
)

# Hugging Face's names, both of its published files and of `state_dict()` in newer releases.
_DINOV2_RENAMES = (
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.", ""),
    (r"^encoder\.layer\.", "blocks."),
    (r"^layernorm\.", "norm."),
    (r"\.attention\.(?:attention\.query|q_proj)\.", ".attn.q."),
    (r"\.attention\.(?:attention\.key|k_proj)\.", ".attn.k."),
    (r"\.attention\.(?:attention\.value|v_proj)\.", ".attn.v."),
    (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.layer_scale(\d)\.lambda1$", r".ls\1.gamma"),
)


def _official_dinov2_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed = {}
    for name, value in weights.items():
        for pattern, official in _DINOV2_RENAMES:
            name = re.sub(pattern, official, name)
        renamed[name] = value
    for name in [name for name in renamed if ".attn.q." in name]:
        parts = [name.replace(".attn.q.", f".attn.{part}.") for part in "qkv"]
        if all(part in renamed for part in parts):
            joined = torch.cat([renamed.pop(part) for part in parts])
            renamed[name.replace(".attn.q.", ".attn.qkv.")] = joined
    return renamed


def _check_dinov2(weights: dict[str, torch.Tensor], source: Path) -> None:
    """Raises ValueError, with specific advice, for similar networks that are not supported."""
    basic = {"cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.attn.qkv.weight"}
    if not basic <= set(weights):
        some = ", ".join(sorted(weights)[:3])
        raise ValueError(
            f"got {source} with tensors such as {some}; expected DINOv2; {_DINOV2_FILES}"
        )
    if "register_tokens" not in weights:
        raise ValueError(
            f"got {source} without register tokens; expected DINOv2 with registers; {_DINOV2_FILES}"
        )
    if "blocks.0.mlp.fc1.weight" not in weights:
        raise ValueError(
            f"got {source} with gated feed-forward layers (the giant variant); expected plain "
            f"ones; {_DINOV2_FILES}"
        )


def _dinov2_config(weights: dict[str, torch.Tensor], source: Path) -> DINOv2Config:
    width, hidden = weights["cls_token"].shape[-1], weights["blocks.0.mlp.fc1.weight"].shape[0]
    blocks = [re.match(r"blocks\.(\d+)\.", name) for name in weights]
    return DINOv2Config(
        width=width,
        depth=1 + max(int(block[1]) for block in blocks if block),
        heads=_dinov2_heads(width, source),
        registers=weights["register_tokens"].shape[-2],
        patch=weights["patch_embed.proj.weight"].shape[-1],
        mlp_ratio=hidden // width,
        position_grid=math.isqrt(weights["pos_embed"].shape[-2] - 1),
    )


def _dinov2_heads(width: int, source: Path) -> int:
    beside = source.with_name("config.json")
    if source.suffix == ".safetensors" and beside.is_file():
        stored = json.loads(beside.read_text(encoding="utf-8"))
        described = stored.get("model_type"), stored.get("hidden_size")
        if described == ("dinov2_with_registers", width):
            return stored["num_attention_heads"]
    if width % 64:
        raise ValueError(
            f"got {source} of width {width} without its number of heads; expected a multiple of "
            "64; put the Hugging Face config.json into the same folder"
        )
    return width // 64


def read_weights(source: Path) -> dict[str, torch.Tensor]:
    """Tensors by name, from a `.safetensors`, or from a `.pth`/`.ckpt` or its `state_dict`."""
    if not source.is_file():
        raise ValueError(f"got {source}, which is no file; expected a weights file to convert")
    try:
        if source.suffix == ".safetensors":
            return load_file(source)
        content = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"got {source}, which needs code execution to open; expected plain weights; "
            "take the file from its original publisher or save its state_dict alone"
        ) from error
    # The exceptions of torch.load for a truncated file or one of another type.
    except (SafetensorError, OSError, EOFError, KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"got {source}, which cannot be read as weights ({type(error).__name__}: {error}); "
            "expected a whole .ckpt, .pth or .safetensors; download it again"
        ) from error
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if not weights or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ValueError(f"got {source} without a table of tensors; expected a state_dict")
    return weights
