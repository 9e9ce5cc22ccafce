"""Foreign weights -> ours, once.

The only module that opens pickled files, and only with `weights_only=True`, so that nothing in a
downloaded file can run. Converted files are safetensors with our parameter names.
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

# Where a VAE lies in its file, best first: a training checkpoint holds the running average beside
# the weights in training; the released files hold the average alone.
VAE_PREFIXES = ("autoencoder_ema.ema_model.", "autoencoder.", "")


def convert_vae(source: str | os.PathLike, target: str | os.PathLike) -> Path:
    """SoundReactor's official VAE, causal or not (`.ckpt`, or its safetensors) -> ours.

    Weight norm is folded and the latent statistics are the identity. Raises ValueError for a file
    that needs code to open or holds something else.
    """
    try:
        vae = vae_from_weights(_oobleck_weights(read_weights(Path(source))))
    except ValueError as error:
        raise ValueError(f"cannot convert {source}: {error}") from error
    return write_weights(vae.state_dict(), Path(target), {"format": "soundreactor-vae"})


def _oobleck_weights(official: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Our names -> tensors. The official module paths are ours with wrappers in between."""
    found = [prefix for prefix in VAE_PREFIXES if f"{prefix}encoder.layers.0.bias" in official]
    if not found:
        raise ValueError(
            "got no encoder.layers.0.bias; expected the weights of SoundReactor's Oobleck VAE; "
            "take sr_causal_ds_1600_dim_64.ckpt or sr_noncausal_ds_1600_dim_64.ckpt"
        )
    sides = tuple(f"{found[0]}{side}.layers." for side in ("encoder", "decoder"))
    own = {name: value for name, value in official.items() if name.startswith(sides)}
    # Only non-causal resampling layers are wrapped: the wrappers' names tell the kinds apart.
    wrapped = [any(f".{inner}.{inner}." in name for name in own) for inner in ("conv", "convtr")]
    if wrapped[0] != wrapped[1]:
        raise ValueError("got a VAE that is causal on one side only; expected both sides alike")
    folded = {
        re.sub(r"\b(layers|conv|convtr)\.", "", name[len(found[0]) :]): value
        for name, value in _fold_weight_norm(own).items()
    }
    channels = folded["decoder.0.weight"].shape[1] if "decoder.0.weight" in folded else 0
    statistics = {"latent_mean": torch.zeros(channels), "latent_scale": torch.ones(channels)}
    return {**folded, **statistics, MARKERS[not wrapped[0]]: torch.zeros(0)}


def _fold_weight_norm(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """weight_g * weight_v / ||weight_v||, norms over all axes but the first, becomes weight."""
    folded = {}
    for name, value in weights.items():
        if name.endswith(".weight_v") and f"{name[:-1]}g" in weights:
            # References name a converted file by its sha256: float32 norms of float64 sums do not
            # show in which order a machine adds, and the rest is exact IEEE arithmetic.
            norm = value.double().flatten(1).norm(dim=1).float()[:, None, None].double()
            value = weights[f"{name[:-1]}g"].double() * value.double() / norm
            name = name[: -len("_v")]
        elif name.endswith(".weight_g"):
            continue
        if not value.isfinite().all():
            raise ValueError(f"got {name} that is not finite; expected numbers; download it again")
        folded[name] = value.float()
    return folded


def convert_dinov2(source: str | os.PathLike, target: str | os.PathLike) -> Path:
    """DINOv2 with registers, official `.pth` or Hugging Face `model.safetensors`, -> ours, float32.

    The variant is read from names and shapes. The number of heads shows in neither: it is taken
    from a Hugging Face `config.json` beside the source, else heads are 64 wide as in all official
    variants. Raises ValueError for any other network.
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
    """Raises ValueError for the neighbours one takes by mistake: each has its own advice."""
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
            f"got {source} of width {width}, whose number of heads is not stored in it; expected a "
            "multiple of 64; put the Hugging Face config.json beside the file"
        )
    return width // 64


def read_weights(source: Path) -> dict[str, torch.Tensor]:
    """Flat name -> tensor of a `.safetensors`, or of a `.pth`/`.ckpt` and its `state_dict`."""
    if not source.is_file():
        raise ValueError(f"got {source}, which is no file; expected a weights file to convert")
    try:
        if source.suffix == ".safetensors":
            return load_file(source)
        content = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"got {source}, which needs code to be run to open it; expected plain weights; "
            "take the file from its original publisher or save its state_dict alone"
        ) from error
    # What torch.load raises for a file cut short or of another kind.
    except (SafetensorError, OSError, EOFError, KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"got {source}, which cannot be read as weights ({type(error).__name__}: {error}); "
            "expected a whole .ckpt, .pth or .safetensors; download it again"
        ) from error
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if not weights or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ValueError(f"got {source} without a table of tensors; expected a state_dict")
    return weights
