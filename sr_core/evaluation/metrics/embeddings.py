"""Embeddings of sound: a waveform becomes a few vectors; similar sounds have close vectors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from einops import rearrange, reduce
from torch import Tensor

from ...audio.torchaudio_loader import load_torchaudio
from ...rates import SAMPLE_RATE
from .mel import MEL_RATE, log_mel
from .onsets import LAG

Embed = Callable[[Tensor], Tensor]  # (b c s) at 48 kHz -> (n d), n >= b

PATCH, STRIDE = MEL_RATE, MEL_RATE // 2  # columns: patches of 1 s every 0.5 s
GROUPS = 16  # groups of neighbouring mel bands
STEEP = {  # torchaudio's default filter has an error of 0.2 %, this one of 0.001 %
    "lowpass_filter_width": 64,
    "rolloff": 0.95,
    "resampling_method": "sinc_interp_kaiser",
}


def patch_statistics(waveform: Tensor) -> Tensor:  # (b c s) -> (n 48)
    """Mean, standard deviation over time and mean rise of 16 bands per 1 s patch; no download.

    The unit is 10 dB, so that the MMD kernel of bandwidth 10 covers both timbre and loudness.
    Suitable to rank checkpoints on one data set; it does not recognise kinds of sound.
    """
    points = []
    for sound in waveform:
        mel = log_mel(sound)
        if mel.shape[1] < PATCH:
            mel = torch.nn.functional.pad(mel, (0, PATCH - mel.shape[1]), mode="replicate")
        mel = reduce(mel, "(g m) t -> g t", "mean", g=GROUPS) / 10
        rise = torch.zeros_like(mel)
        rise[:, LAG:] = (mel[:, LAG:] - mel[:, :-LAG]).clamp_min(0)
        patches, rises = mel.unfold(1, PATCH, STRIDE), rise.unfold(1, PATCH, STRIDE)
        spread = patches.std(dim=2, correction=0)
        statistics = torch.stack([patches.mean(2), spread, rises.mean(2)])
        points.append(rearrange(statistics, "f g n -> n (f g)"))
    return torch.cat(points)


def load_passt() -> Embed:
    """PaSST: 768-d, 32 kHz, padded to 10 s; needs `pip install hear21passt`, downloads weights."""
    try:
        from hear21passt.base import get_basic_model
    except ImportError as error:
        raise _absent("hear21passt", "passt", error) from error
    model = get_basic_model(mode="embed_only").eval()
    resample = load_torchaudio().functional.resample

    @torch.inference_mode()
    def embed(waveform: Tensor) -> Tensor:  # (b c s) -> (b 768)
        mono = reduce(waveform, "b c s -> b s", "mean")
        mono = resample(mono, SAMPLE_RATE, 32_000, **STEEP)[:, :320_000]
        mono = torch.nn.functional.pad(mono, (0, 320_000 - mono.shape[1]))
        return model(mono.to(next(model.parameters()).device)).float().cpu()

    return embed


def load_clap() -> Embed:
    """LAION-CLAP: 512-d, 48 kHz; needs `pip install laion-clap`, downloads weights."""
    try:
        from laion_clap import CLAP_Module
    except ImportError as error:
        raise _absent("laion-clap", "clap", error) from error
    model = CLAP_Module(enable_fusion=False, amodel="HTSAT-tiny").eval()
    model.load_ckpt(verbose=False)

    @torch.inference_mode()
    def embed(waveform: Tensor) -> Tensor:  # (b c s) -> (b 512)
        mono = reduce(waveform, "b c s -> b s", "mean")
        return model.get_audio_embedding_from_data(x=mono, use_tensor=True).float().cpu()

    return embed


LOADERS: dict[str, Callable[[], Embed]] = {
    "patches": lambda: patch_statistics,
    "passt": load_passt,
    "clap": load_clap,
}


def _absent(package: str, name: str, error: ImportError) -> ValueError:
    return ValueError(
        f"got embedding {name!r} without the package {package} ({error}); expected it installed; "
        f"run `pip install {package}`, or use the default 'patches', which needs no download"
    )
