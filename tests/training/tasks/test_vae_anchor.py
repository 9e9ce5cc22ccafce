"""The anchor of the VAE's training: latents of marked rows stay what they were."""

import copy

import torch

from sr_core.audio.spectral import SpectralConfig
from sr_core.audio.vae import AudioVAE
from sr_core.training.seeding import generator_of
from sr_core.training.tasks.energy import EnergyConfig
from sr_core.training.tasks.losses import StftConfig
from sr_core.training.tasks.vae import VAETask, VAETaskConfig

SPECTRAL = SpectralConfig(
    latent_channels=3, window=16, fold=2, width=16, kernel=3, encoder_blocks=1, decoder_blocks=1
)
OURS = {"stft": StftConfig(weight=0.0), "energy": EnergyConfig(weight=1.0, sizes=(64, 32))}


def task_of(audio, **settings) -> VAETask:
    torch.manual_seed(0)
    return VAETask(AudioVAE(audio), VAETaskConfig(**OURS | settings))


def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {"waveform": 0.1 * torch.randn(2, 2, 16 * 12, generator=generator).cumsum(-1)}


def chances(step: int) -> list[torch.Generator]:
    return [generator_of(0, step, row) for row in range(2)]


def test_an_anchor_is_zero_at_first_and_counts_moved_latents_of_anchored_frames_only():
    task = task_of(SPECTRAL, anchor=3.0)
    assert task.reads == ("waveform", "anchored")
    rows = batch() | {"anchored": torch.tensor([[1.0] * 12, [0.0] * 12])}
    assert task.loss("generator", rows, chances(0))[1]["anchor"] == 0
    with torch.no_grad():
        task.vae.encoder.out.bias[: SPECTRAL.latent_channels] += 0.5
        task.vae.latent_scale.fill_(0.25)
    moved, facts = task.loss("generator", rows, chances(0))
    torch.testing.assert_close(facts["anchor"], torch.tensor(4.0 / 2))  # one of two rows
    weights = task.config.weights | {"anchor": 3.0}
    torch.testing.assert_close(moved, sum(weights[name] * x for name, x in facts.items()))
    rows["anchored"] = torch.zeros(2, 12)
    assert task.loss("generator", rows, chances(0))[1]["anchor"] == 0


def test_an_anchored_encoder_returns_and_its_anchor_is_never_moved():
    task = task_of(SPECTRAL, energy=EnergyConfig(weight=0.0), anchor=1.0, kl=0.0)
    before = copy.deepcopy(task.before.state_dict())
    assert not {id(p) for p in task.before.parameters()} & {
        id(p) for p in task.groups()["generator"]
    }
    with torch.no_grad():
        task.vae.encoder.out.bias += 0.5
    rows, losses = batch() | {"anchored": torch.ones(2, 12)}, []
    optimizer = torch.optim.AdamW(task.groups()["generator"], 0.02)
    for step in range(60):
        loss, facts = task.loss("generator", rows, chances(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(facts["anchor"]))
    assert losses[-1] < 0.05 * losses[0]
    assert all(torch.equal(x, before[name]) for name, x in task.before.state_dict().items())


def test_without_an_anchor_rows_need_only_the_waveform():
    task = task_of(SPECTRAL)
    assert task.before is None and task.reads == ("waveform",)
    assert "anchor" not in task.loss("generator", batch(), chances(0))[1]


def test_the_decoder_is_trained_on_the_latents_before_where_they_are_anchored(monkeypatch):
    task, given = task_of(SPECTRAL, anchor=1.0, kl=0.0), []
    decoded = task._decoded
    monkeypatch.setattr(
        task, "_decoded", lambda mean, *rest: given.append(mean) or decoded(mean, *rest)
    )
    with torch.no_grad():
        task.vae.encoder.out.bias += 0.5
    rows = batch() | {"anchored": torch.tensor([[1.0] * 12, [0.0] * 12])}
    task.loss("generator", rows, chances(0))
    own, _, _ = task.vae.encode_moments(rows["waveform"])
    kept, _, _ = task.before.encode_moments(rows["waveform"])
    torch.testing.assert_close(given[0], torch.stack([kept[0], own[1]]))


def test_latents_are_kept_of_the_vae_before_rather_than_of_the_initial_one():
    other = AudioVAE(SPECTRAL)
    task = VAETask(AudioVAE(SPECTRAL), VAETaskConfig(**OURS, anchor=1.0), other)
    rows = batch() | {"anchored": torch.ones(2, 12)}
    own, _, _ = task.vae.encode_moments(rows["waveform"])
    kept, _, _ = other.encode_moments(rows["waveform"])
    found = task.loss("generator", rows, chances(0))[1]["anchor"]
    torch.testing.assert_close(found, (own - kept).square().mean())
    assert found > 0
