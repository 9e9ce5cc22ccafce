"""Audio VAEs of first-order Ambisonics: their shapes, and a start from the weights of a stereo VAE.

The four channels are W Y Z X with SN3D gains (AmbiX, Nachbar et al. 2011).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from .oobleck import OobleckConfig
from .pairs import PairsConfig
from .vae import AudioVAE, CodecConfig

# The shape of SwanSphere (arXiv 2605.30940): Stable Audio's with four channels, 21.5 latents/s.
NON_CAUSAL = OobleckConfig(
    sample_rate=44_100,
    audio_channels=4,
    latent_channels=128,
    strides=(2, 4, 4, 8, 8),
    causal=False,
)
CAUSAL = replace(NON_CAUSAL, causal=True)
QUIET = 1e-3  # first weights of the decoder for Z and X, relative to those for left and right


@torch.no_grad()
def from_stereo(stereo: AudioVAE, latents: int) -> AudioVAE:
    """A VAE of four channels with `latents` latents that starts as the stereo VAE on W and Y.

    A stereo sound as a field is W = L + R and Y = L - R (SwanSphere, arXiv 2605.30940, its
    pre-training). The inverse is two cardioids at +-90 degrees:

        L = (W + Y) / 2        R = (W - Y) / 2

    The first convolution absorbs the latter and the last one the former, as both are linear. All
    layers between compute what they compute in the stereo VAE, at the levels of its training, and
    the decoded W and Y are the sum and the difference of its decoded channels. So a sound with W
    only keeps its level as well as a centred sound in the stereo VAE, and a stereo sound as well as
    itself. Another factor than 1/2, such as the orthonormal 1/sqrt(2), would also cancel from end
    to end, but the layers between would receive stereo sounds at another level (3 dB louder), and
    plane waves of full scale from a side would exceed full scale.

    `_input_weight`, `_output_weight` and `_moments_weight` say how Z, X and further latents start.
    The statistics of the latter are mean 0 and scale 1.

    The result shares no memory with `stereo`. Raises ValueError for another kind of VAE and for
    fewer latents.
    """
    config, old = _stereo_config(stereo), stereo.state_dict()
    further = latents - config.latent_channels
    if further < 0:
        raise ValueError(
            f"got {latents} latents; expected at least the stereo VAE's {config.latent_channels}; "
            "ask for as many or more"
        )
    made = _changed_weights(old, len(config.strides) + 2, further)
    weights = {name: value.clone() for name, value in (old | made).items()}
    return _filled(replace(config, audio_channels=4, latent_channels=latents), weights, stereo)


def in_pairs(stereo: AudioVAE) -> AudioVAE:
    """A VAE of four channels that is `stereo` on W X and on Y Z, without any training.

    Latents are those of W X, then those of Y Z, and so are their statistics: twice those of
    `stereo`, to be fitted anew, as Y Z is usually quieter than a stereo sound. The result shares no
    memory with `stereo`. Raises ValueError for another kind of VAE.
    """
    weights = {name: value.clone() for name, value in stereo.state_dict().items()}
    for name in ("latent_mean", "latent_scale"):
        weights[name] = weights[name].repeat(2)
    return _filled(PairsConfig(_stereo_config(stereo)), weights, stereo)


def _stereo_config(vae: AudioVAE) -> OobleckConfig:
    config = vae.config
    if not isinstance(config, OobleckConfig) or config.audio_channels != 2:
        raise ValueError(
            f"got a VAE of {config}; expected an Oobleck VAE of 2 channels; start from another file"
        )
    return config


def _filled(config: CodecConfig, weights: dict[str, Tensor], like: AudioVAE) -> AudioVAE:
    """A VAE with these weights themselves, in training or evaluation mode as `like` is."""
    with torch.device("meta"):
        vae = AudioVAE(config)
    vae.load_state_dict(weights, assign=True)
    return vae.train(like.training)


def _changed_weights(old: Mapping[str, Tensor], last: int, further: int) -> dict[str, Tensor]:
    """Tensors that differ from the stereo VAE's; `last` is the index of the last layers."""
    random = torch.Generator().manual_seed(0)
    return {
        "encoder.0.weight": _input_weight(old["encoder.0.weight"]),
        f"encoder.{last}.weight": _moments_weight(old[f"encoder.{last}.weight"], further, random),
        f"encoder.{last}.bias": _moments_bias(old[f"encoder.{last}.bias"], further),
        "decoder.0.weight": _padded(old["decoder.0.weight"], further, dim=1),
        f"decoder.{last}.weight": _output_weight(old[f"decoder.{last}.weight"], random),
        "latent_mean": _padded(old["latent_mean"], further),
        "latent_scale": _padded(old["latent_scale"], further, value=1.0),
    }


def _input_weight(stereo: Tensor) -> Tensor:  # (d 2 kernel) -> (d 4 kernel)
    """Weights of W, Y, Z, X in place of left and right.

    Those of Z and X are 0: with those of another channel, a sound from above or ahead would be
    decoded in W and Y as one from a side.
    """
    left, right = stereo.unbind(1)
    none = torch.zeros_like(left)
    return torch.stack([(left + right) / 2, (left - right) / 2, none, none], dim=1)


def _output_weight(stereo: Tensor, random: torch.Generator) -> Tensor:  # (2 d kernel) -> (4 ...)
    """Weights of W, Y, Z, X in place of left and right.

    Those of Z and X are random and `QUIET`, not 0, as losses of magnitudes have no gradient where a
    channel is exactly silent.
    """
    left, right = stereo
    z, x = QUIET * stereo.std() * _normal(stereo.shape, random).to(stereo)
    return torch.stack([left + right, left - right, z, x])


def _moments_weight(stereo: Tensor, further: int, random: torch.Generator) -> Tensor:
    """Weight (2k d kernel) of means and log-variances, with `further` latents more.

    Their means are random mixtures of the features, with weights of the size of the others, and
    their log-variances the average of the others. The decoder ignores them at first.
    """
    mean, log_variance = stereo.chunk(2)
    mixtures = mean.std() * _normal((further, *mean.shape[1:]), random).to(mean)
    average = log_variance.mean(dim=0).expand(further, -1, -1)
    return torch.cat([mean, mixtures, log_variance, average])


def _moments_bias(stereo: Tensor, further: int) -> Tensor:  # (2k) -> (2k + 2 further)
    mean, log_variance = stereo.chunk(2)
    average = log_variance.mean().expand(further)
    return torch.cat([_padded(mean, further), log_variance, average])


def _normal(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """Standard normal numbers, drawn on the CPU."""
    return torch.randn(shape, generator=random)


def _padded(tensor: Tensor, further: int, dim: int = 0, value: float = 0.0) -> Tensor:
    shape = [*tensor.shape]
    shape[dim] = further
    return torch.cat([tensor, tensor.new_full(shape, value)], dim=dim)
