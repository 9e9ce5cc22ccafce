"""Predicts the log-mel spectrogram of decoded sound from latents, for losses: no decoder runs."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from ...audio.vae import AudioVAE
from ...evaluation.metrics.mel_nats import BANDS, HOP, log_mel_nats
from ...rates import HOP as SAMPLES

COLUMNS = SAMPLES // HOP  # per latent
PAST, FUTURE = 3, 1  # latents on which the columns of one latent depend, besides itself
WIDTH, STEPS, ROWS, RATE = 256, 1000, 8, 3e-3  # of the network and its fit


class MelPredictor(nn.Module):
    """Natural-log mel magnitudes of the columns of each latent, from a few latents around it."""

    mean: Tensor  # (columns * bands)

    def __init__(self, latent_channels: int):
        super().__init__()
        self.input = nn.Conv1d(latent_channels, WIDTH, PAST + 1 + FUTURE)
        self.hidden = nn.Linear(WIDTH, WIDTH)
        self.output = nn.Linear(WIDTH, COLUMNS * BANDS)
        self.register_buffer("mean", torch.zeros(COLUMNS * BANDS))

    def forward(self, latents: Tensor) -> Tensor:  # (b t k) -> (b t columns*bands)
        x = F.pad(rearrange(latents, "b t k -> b k t"), (PAST, FUTURE))
        x = F.silu(rearrange(self.input(x), "b d t -> b t d"))
        return self.output(F.silu(self.hidden(x))) + self.mean


def mel_columns(vae: AudioVAE, latents: Tensor) -> Tensor:  # (b t k) -> (b t columns*bands)
    """The same of the sound that the VAE decodes; windows are centred on the columns."""
    rows = torch.stack([log_mel_nats(waveform) for waveform in vae.decode(latents)[0]])
    return rearrange(rows[..., : COLUMNS * latents.shape[1]], "b m (t n) -> b t (n m)", n=COLUMNS)


def fit_mel_predictor(vae: AudioVAE, latents: Tensor, seed: int) -> MelPredictor:  # (b t k)
    """Fit a predictor to the VAE's sound of these latents, by the mean absolute error."""
    with torch.no_grad():
        targets = torch.cat([mel_columns(vae, row[None]) for row in latents])
    with torch.random.fork_rng([latents.device] if latents.is_cuda else []):
        torch.manual_seed(seed)
        predictor = MelPredictor(latents.shape[2]).to(latents.device)
    predictor.mean.copy_(targets.mean(dim=(0, 1)))
    optimizer = torch.optim.AdamW(predictor.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        rows = torch.randint(len(latents), (ROWS,), generator=generator).to(latents.device)
        error = (predictor(latents[rows]) - targets[rows]).abs().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        schedule.step()
    return predictor.eval().requires_grad_(False)
