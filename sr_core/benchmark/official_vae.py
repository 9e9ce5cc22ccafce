"""Comparison of the causal decoder with the official streaming decoder, from a local checkout."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn.utils import remove_weight_norm

from ..audio.oobleck import OobleckConfig
from ..audio.vae import AudioVAE
from .peer import NotAtHand, Peer

MODULE = "modules_causal.stable_audio_tools.models.autoencoders"
# Packages that this module imports and the decoder does not use.
UNUSED = (
    "torchaudio",
    "torchaudio.transforms",
    "alias_free_torch",
    "dac",
    "dac.nn",
    "dac.nn.layers",
    "dac.nn.quantize",
    "einops_exts",
    "packaging",
)


def official_vae_peer(vae: AudioVAE, checkout: Path | None, device: torch.device) -> Peer:
    """One latent -> its samples, streaming; both have random weights of the same shapes.

    Raises NotAtHand without a checkout, or if it cannot be imported.
    """
    if not isinstance(vae.config, OobleckConfig) or not vae.config.causal:
        raise NotAtHand("this model has another VAE than the official causal one")
    if checkout is None:
        raise NotAtHand("no checkout of the official VAE's code; give its path by --official-vae")
    theirs = _streaming_decoder(checkout, vae.config, device, vae.latent_mean.dtype)
    theirs.streaming(1).__enter__()  # never left: the decoder stays in streaming mode
    latents = torch.randn(1, 1, vae.config.latent_channels, device=device)
    _, state = vae.decode(latents)

    def ours() -> torch.Tensor:
        nonlocal state
        waveform, state = vae.decode(latents, state)
        return waveform

    return Peer(ours, lambda: theirs(latents.transpose(1, 2)))


class StreamingDecoder(Protocol):
    """The official decoder, as far as it is used here."""

    def streaming(self, batch: int, /) -> AbstractContextManager[object]: ...

    def __call__(self, latents: torch.Tensor, /) -> torch.Tensor: ...


def _streaming_decoder(
    checkout: Path, config: OobleckConfig, device: torch.device, dtype: torch.dtype
) -> StreamingDecoder:
    try:
        with _importable(checkout), redirect_stdout(sys.stderr):
            decoder = importlib.import_module(MODULE).StreamingOobleckDecoder(
                out_channels=config.audio_channels,
                channels=config.channels,
                latent_dim=config.latent_channels,
                c_mults=list(config.multipliers),
                strides=list(config.strides),
                use_snake=True,
                final_tanh=False,
                causal=True,
            )
    except Exception as error:  # third-party code may raise anything
        raise NotAtHand(f"{checkout} holds no streaming decoder that loads ({error})") from error
    for module in decoder.modules():
        if hasattr(module, "weight_g"):
            remove_weight_norm(module)
    return decoder.eval().requires_grad_(False).to(device, dtype)


@contextmanager
def _importable(checkout: Path) -> Iterator[None]:
    """Add the checkout to sys.path and mock the packages of UNUSED that are not installed."""
    before = dict(sys.modules)
    sys.path.insert(0, str(checkout))
    missing = [name for name in UNUSED if not _loads(name)]
    sys.modules.update({name: _Absent(name) for name in missing})
    try:
        yield
    finally:
        sys.path.remove(str(checkout))
        for name in set(missing) - set(before):
            sys.modules.pop(name, None)


class _Absent(ModuleType):
    """A stand-in for a module that is imported and never used: every name in it is a class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (nn.Module,), {})


def _loads(name: str) -> bool:
    try:
        return find_spec(name) is not None and importlib.import_module(name) is not None
    except (ImportError, OSError, RuntimeError, ValueError):
        return False
