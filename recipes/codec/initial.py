"""Makes a codec with a measured level and tones from the weights of one without.

python -m recipes.codec.initial OLD -o NEW [--latents 24]

Of a sound of `level.USUAL` the new encoder makes the same latents as the old one, after
the level, and the decoder about the same sound. Further latents start as random projections of the
encoder's features that the decoder does not use yet; tones start TONE_OFFSET softer than noise.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from sr_core.audio.spectral import SpectralConfig
from sr_core.audio.spectrum import OUTPUTS
from sr_core.audio.vae import AudioVAE
from sr_core.components import load_any_vae, save_part

NEW_LOG_VARIANCE = -4.0  # of a further latent's posterior
TONE_OFFSET = 1.5  # nepers, 13 dB


@torch.no_grad()
def extended(old: AudioVAE, latents: int) -> AudioVAE:
    """The codec with `latents` channels, the level among them."""
    config = old.config
    if not isinstance(config, SpectralConfig) or config.measured_level or config.tones:
        raise ValueError(f"got {config}; expected a spectral codec without level and tones")
    new = AudioVAE(replace(config, latent_channels=latents, measured_level=True, tones=True))
    shared = {
        name: value
        for name, value in old.state_dict().items()
        if value.shape == new.state_dict()[name].shape
    }
    new.load_state_dict(shared, strict=False)
    kept, further = config.latent_channels, latents - 1 - config.latent_channels
    _extend_encoder(old.encoder.out, new.encoder.out, kept, further)
    new.decoder.embed.weight.zero_()
    new.decoder.embed.weight[:, :kept] = old.decoder.embed.weight
    weight, bias = old.decoder.head.weight, old.decoder.head.bias
    panned = slice(6 * config.bins, 8 * config.bins)
    rows = slice(OUTPUTS * config.bins)
    new.decoder.head.weight[rows], new.decoder.head.bias[rows] = weight, bias
    new.decoder.head.weight[rows.stop :] = weight[panned]
    new.decoder.head.bias[rows.stop :] = bias[panned] - TONE_OFFSET
    new.latent_mean.zero_()
    new.latent_scale.fill_(1)
    return new


def _extend_encoder(old: nn.Linear, new: nn.Linear, kept: int, further: int) -> None:
    random = torch.randn(further, old.in_features, generator=torch.Generator().manual_seed(0))
    quiet = torch.zeros_like(random)
    mean, log_variance = old.weight.chunk(2)
    new.weight.copy_(torch.cat([mean, random / old.in_features**0.5, log_variance, quiet]))
    mean, log_variance = old.bias.chunk(2)
    silent = mean.new_zeros(further)
    new.bias.copy_(torch.cat([mean, silent, log_variance, silent + NEW_LOG_VARIANCE]))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Extend a codec by a level, tones and latents.")
    parser.add_argument("old", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--latents", type=int, default=24)
    options = parser.parse_args(argv)
    save_part(extended(load_any_vae(options.old), options.latents), options.output)


if __name__ == "__main__":
    main()
