"""`train whiten`: gives a trained VAE decorrelated latents of unit variance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ..components import load_any_vae, save_part
from .data.dataset import Batches
from .runtime.run_manifest import Origin, describe
from .tasks.whiten import whiten


@dataclass(frozen=True)
class WhitenRun:
    """Size of the sample for the statistics, and the threshold for removed channels."""

    frames: int = 240  # frames per row
    rows: int = 192  # number of rows
    drowned: float = 1.0  # ratio of posterior variance to variance above which one is removed
    seed: int = 0


def train_whiten(
    data: Path,
    output: Path,
    run: WhitenRun,
    init: Path | None,
    device: str,
    origin: Origin = None,
) -> Path:
    """Whitens the latents of a VAE of `train vae` (see `whiten`); takes minutes, without steps."""
    if init is None:
        raise ValueError("got no VAE to whiten; expected --init with one of `train vae`")
    vae = load_any_vae(init).to(device)
    batches = Batches(data, "train", 1, run.frames, run.seed, needs=("waveform",))
    latents, variances = [], []
    with torch.no_grad():
        for row in range(run.rows):
            batch, _ = batches.at(row, range(1))
            mean, log_variance, _ = vae.encode_moments(batch["waveform"].to(device))
            latents.append(mean[0].float())
            variances.append(log_variance[0].float().exp())
    moments = torch.cat(latents).cpu(), torch.cat(variances).cpu()
    result = whiten(vae.cpu(), *moments, run.drowned)  # on the CPU: some devices have no float64
    describe(run, data, init, origin).write(output)
    return save_part(result, output / "vae.safetensors")
