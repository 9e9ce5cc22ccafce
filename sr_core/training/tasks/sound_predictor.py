"""Predicts how decoded sound is heard from latents, for losses: no decoder runs."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from ...audio.vae import AudioVAE
from ...evaluation.metrics.loudness import loudness_envelope
from ...evaluation.metrics.mel_nats import BANDS, HOP, log_mel_nats
from ...rates import HOP as SAMPLES

COLUMNS = SAMPLES // HOP  # per latent
PAST, FUTURE = 3, 1  # latents on which the sound of one latent depends, besides itself
WIDTH, STEPS, ROWS, RATE = 256, 1000, 8, 3e-3  # of the network and its fit
NATS_PER_DB = math.log(10) / 20  # of a magnitude


class Heard(NamedTuple):
    """Sound per latent, in nats of a magnitude."""

    mel: Tensor  # (b t columns*bands) log-mel spectrogram
    level: Tensor  # (b t 1) level of its 1600 samples, at least -60 dB


class SoundPredictor(nn.Module):
    """The sound of each latent, from a few latents around it."""

    mean: Tensor  # (columns*bands + 1)

    def __init__(self, latent_channels: int):
        super().__init__()
        numbers = COLUMNS * BANDS + 1
        self.input = nn.Conv1d(latent_channels, WIDTH, PAST + 1 + FUTURE)
        self.hidden = nn.Linear(WIDTH, WIDTH)
        self.output = nn.Linear(WIDTH, numbers)
        self.register_buffer("mean", torch.zeros(numbers))

    def forward(self, latents: Tensor) -> Heard:  # (b t k)
        x = F.pad(rearrange(latents, "b t k -> b k t"), (PAST, FUTURE))
        x = F.silu(rearrange(self.input(x), "b d t -> b t d"))
        x = self.output(F.silu(self.hidden(x))) + self.mean
        return Heard(x[..., :-1], x[..., -1:])


def hear(vae: AudioVAE, latents: Tensor) -> Heard:  # (b t k)
    """The same of the sound that the VAE decodes; windows are centred on the columns."""
    waveforms = vae.decode(latents)[0]
    rows = torch.stack([log_mel_nats(waveform) for waveform in waveforms])
    mel = rearrange(rows[..., : COLUMNS * latents.shape[1]], "b m (t n) -> b t (n m)", n=COLUMNS)
    level = torch.stack([loudness_envelope(waveform) for waveform in waveforms])
    return Heard(mel, NATS_PER_DB * level[..., None])


def fit_sound_predictor(vae: AudioVAE, latents: Tensor, seed: int) -> SoundPredictor:  # (b t k)
    """Fit a predictor to the VAE's sound of these latents, by the mean absolute errors."""
    with torch.no_grad():
        heard = [torch.cat(hear(vae, row[None]), dim=-1) for row in latents]
        targets = torch.cat(heard)
    with torch.random.fork_rng([latents.device] if latents.is_cuda else []):
        torch.manual_seed(seed)
        predictor = SoundPredictor(latents.shape[2]).to(latents.device)
    predictor.mean.copy_(targets.mean(dim=(0, 1)))
    optimizer = torch.optim.AdamW(predictor.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        rows = torch.randint(len(latents), (ROWS,), generator=generator).to(latents.device)
        expected = Heard(targets[rows, :, :-1], targets[rows, :, -1:])
        predicted = predictor(latents[rows])
        error = sum((a - b).abs().mean() for a, b in zip(predicted, expected, strict=True))
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        schedule.step()
    return predictor.eval().requires_grad_(False)
