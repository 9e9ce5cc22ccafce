import copy
import math
from dataclasses import replace

import pytest
import torch

from sr_core.audio.oobleck import OobleckConfig
from sr_core.audio.pairs import PairsConfig
from sr_core.audio.spectral import SpectralConfig
from sr_core.audio.vae import AudioVAE
from sr_core.training.seeding import generator_of, normal
from sr_core.training.tasks.discriminator import DiscriminatorConfig
from sr_core.training.tasks.energy import EnergyConfig
from sr_core.training.tasks.losses import (
    StftConfig,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    stft_distance,
)
from sr_core.training.tasks.vae import VAETask, VAETaskConfig

SPECTRAL = SpectralConfig(
    latent_channels=3, window=16, fold=2, width=16, kernel=3, encoder_blocks=1, decoder_blocks=1
)
OOBLECK = {"latent_channels": 3, "channels": 4, "multipliers": (1, 2), "strides": (4, 4)}
MEASURED = replace(SPECTRAL, latent_channels=4, measured_level=True, tones=True)
AUDIO = [SPECTRAL, OobleckConfig(**OOBLECK), OobleckConfig(**OOBLECK, causal=False), MEASURED]
KINDS = pytest.mark.parametrize("audio", AUDIO, ids=["spectral", "causal", "noncausal", "measured"])
OFFICIAL = {"stft": StftConfig(sizes=(64, 32))}
OURS = {"stft": StftConfig(weight=0.0), "energy": EnergyConfig(weight=1.0, sizes=(64, 32))}
JUDGED = {
    "adversarial": 0.1,
    "discriminator": DiscriminatorConfig(channels=2, sizes=(64, 32)),
}


def task_of(audio, **settings) -> VAETask:
    torch.manual_seed(0)
    return VAETask(AudioVAE(audio), VAETaskConfig(**OURS | settings))


def batch(rows: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {"waveform": 0.1 * torch.randn(rows, 2, 16 * 12, generator=generator).cumsum(-1)}


def chances(step: int, rows: range = range(2)) -> list[torch.Generator]:
    return [generator_of(0, step, row) for row in rows]


@pytest.mark.parametrize("spectral", [OFFICIAL, OURS], ids=["official", "ours"])
@KINDS
def test_a_few_dozen_steps_on_one_batch_lower_the_loss(audio, spectral):
    task, losses = task_of(audio, **spectral), []
    optimizer = torch.optim.AdamW(task.groups()["generator"], 3e-3)
    for step in range(40):
        loss, _ = task.loss("generator", batch(), chances(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


@KINDS
def test_both_sides_learn_and_the_generator_never_moves_its_judge(audio):
    task = task_of(audio, **JUDGED)
    assert list(task.groups()) == ["generator", "discriminator"]
    task.loss("discriminator", batch(), chances(0))[0].backward()
    assert all(p.grad is None for p in task.groups()["generator"])
    assert all(p.grad is not None for p in task.groups()["discriminator"])
    task.zero_grad()
    _, facts = task.loss("generator", batch(), chances(0))
    assert {"energy", "waveform", "kl", "adversarial", "matching"} == set(facts)
    assert not any(value.requires_grad for value in facts.values())


def test_the_judge_has_the_pace_of_the_official_one():
    task = task_of(SPECTRAL, **JUDGED)
    assert task.pace("generator") == (1.0, None) and task.pace("discriminator") == (2.0, 10.0)


@KINDS
def test_the_total_is_each_loss_times_its_weight(audio):
    weights = {"waveform": 0.5, "kl": 0.03, "adversarial": 0.1, "matching": 7.0}
    task = task_of(
        audio,
        **JUDGED | weights,
        stft=StftConfig(weight=3.0, sizes=(64,)),
        energy=EnergyConfig(weight=2.0, sizes=(32,)),
    )
    total, facts = task.loss("generator", batch(), chances(0))
    assert set(facts) == {"stft", "energy", *weights} and all(facts.values())
    expected = sum(w * facts[name] for name, w in weights.items())
    expected = expected + 3 * facts["stft"] + 2 * facts["energy"]
    torch.testing.assert_close(total, expected)


def test_the_losses_are_those_of_the_sound_that_was_decoded(monkeypatch):
    """A decoder that gives a known sound: every loss has its value by hand."""
    task = task_of(AUDIO[1], **OFFICIAL, **JUDGED, waveform=1.0)
    real = batch()["waveform"]
    monkeypatch.setattr(task.vae.decoder, "forward", lambda x, state=None: (2 * real, ()))
    _, facts = task.loss("generator", batch(), chances(0))
    torch.testing.assert_close(facts["waveform"], real.abs().mean())
    expected = stft_distance(2 * real, real, OFFICIAL["stft"]).mean()
    torch.testing.assert_close(facts["stft"], expected)
    scores, features = task.discriminator(2 * real)
    torch.testing.assert_close(facts["adversarial"], hinge_generator(scores))
    torch.testing.assert_close(
        facts["matching"], feature_matching(task.discriminator(real)[1], features)
    )
    judging, _ = task.loss("discriminator", batch(), chances(0))
    torch.testing.assert_close(judging, hinge_discriminator(task.discriminator(real)[0], scores))


def listening(monkeypatch) -> tuple[VAETask, list[torch.Tensor]]:
    """A task whose decoder gives silence, and the latents (b k t) that it is given."""
    task, heard = task_of(AUDIO[1]), []

    def decoder(x, state=None):
        heard.append(x)
        return torch.zeros(len(x), 2, 16 * x.shape[-1]), ()

    monkeypatch.setattr(task.vae.decoder, "forward", decoder)
    return task, heard


def test_latents_are_drawn_with_the_posteriors_deviation(monkeypatch):
    """exp(log_variance / 2) times the noise: 4 deviations where the log-variance is ln 16."""
    task, heard = listening(monkeypatch)
    mean, log_variance = torch.full((1, 2000, 3), 5.0), torch.full((1, 2000, 3), math.log(16.0))
    task._decoded(mean, log_variance, chances(0, range(1)))
    assert heard[0].shape == (1, 3, 2000)
    assert abs(heard[0].mean() - 5) < 0.3 and abs(heard[0].std() - 4) < 0.2


FOUR = OobleckConfig(**OOBLECK, audio_channels=4)
FIELDS = pytest.mark.parametrize(
    "audio", [FOUR, PairsConfig(OobleckConfig(**OOBLECK))], ids=["four", "pairs"]
)


def test_the_judge_hears_as_many_channels_as_the_vae_makes():
    task = task_of(FOUR, **OFFICIAL, **JUDGED)
    assert task.discriminator(torch.randn(1, 4, 192))[0]


@FIELDS
def test_a_vae_of_four_channels_learns_by_all_official_losses(audio):
    task, losses = task_of(audio, **OFFICIAL, **JUDGED, energy=EnergyConfig(weight=0.0)), []
    field = {"waveform": torch.cat([batch()["waveform"], 0.5 * batch(4)["waveform"][2:]], dim=1)}
    optimizer = torch.optim.AdamW(task.groups()["generator"], 3e-3)
    for step in range(40):
        loss, facts = task.loss("generator", field, chances(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(facts["stft"])
    assert set(facts) == {"stft", "waveform", "kl", "adversarial", "matching"}
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    task.loss("discriminator", field, chances(0))[0].backward()


def test_the_energy_loss_of_four_channels_is_refused_with_the_other_one_named():
    with pytest.raises(ValueError, match="got 4 channels for the energy loss; expected left and"):
        task_of(FOUR).loss("generator", {"waveform": torch.randn(2, 4, 192)}, chances(0))


@KINDS
def test_a_loss_repeats_bit_by_bit(audio):
    task = task_of(audio)
    once, again = (task.loss("generator", batch(), chances(3))[0] for _ in range(2))
    other, _ = task.loss("generator", batch(), chances(4))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_rows_apart_have_the_mean_of_the_losses_together():
    task = task_of(SPECTRAL, energy=EnergyConfig(weight=1.0, sizes=(64, 32, 16), drawn=1))
    whole = batch(4)["waveform"]
    together, _ = task.loss("generator", {"waveform": whole}, chances(0, range(4)))
    halves = [
        task.loss("generator", {"waveform": whole[part]}, chances(0, range(4)[part]))[0]
        for part in (slice(0, 2), slice(2, 4))
    ]
    torch.testing.assert_close(together, (halves[0] + halves[1]) / 2)


def test_sounds_of_a_codec_with_a_measured_level_follow_that_of_the_recording():
    task = task_of(MEASURED)
    mean, log_variance = task._moments(batch()["waveform"])
    softer = torch.cat([mean[..., :1] - 1, mean[..., 1:]], dim=-1)
    sounds = (task._decoded(x, log_variance - 30, chances(0))[0] for x in (mean, softer))
    loud, soft = (sound.square().mean() for sound in sounds)
    torch.testing.assert_close(soft, loud * math.exp(-2), rtol=1e-3, atol=0)


def test_noise_begins_at_its_step():
    task = task_of(SPECTRAL, noise_from=5)
    noisy = slice(6 * SPECTRAL.bins, None)  # the rows of the head that set levels of noise
    for step, moved in ((4, False), (5, True)):
        task.zero_grad()
        task.step = step
        task.loss("generator", batch(), chances(step))[0].backward()
        assert bool(task.vae.decoder.head.weight.grad[noisy].any()) == moved


@pytest.mark.parametrize(
    ("until", "step", "learns"),
    [(-1, 0, True), (-1, 9, True), (0, 0, False), (1, 0, True), (1, 1, False), (5, 4, True)],
)
def test_the_encoder_has_gradients_before_its_last_step_or_always(until, step, learns):
    task = task_of(SPECTRAL, encoder_until=until)
    task.step = step
    task.loss("generator", batch(), chances(step))[0].backward()
    found = [p.grad is not None and bool(p.grad.any()) for p in task.vae.encoder.parameters()]
    assert any(found) == learns
    with torch.no_grad():
        assert not task.loss("generator", batch(), chances(step))[0].requires_grad


@pytest.mark.parametrize("first, step, noisy", [(-1, 9, 1), (0, 0, 2), (3, 2, 1), (3, 3, 2)])
def test_two_sounds_are_drawn_for_a_latent_from_the_first_step_of_noise_on(first, step, noisy):
    task = task_of(SPECTRAL, noise_from=first)
    task.step = step
    sounds = task._decoded(*task._moments(batch()["waveform"]), chances(step))
    assert len(sounds) == noisy


def test_the_drawn_latent_is_the_mean_and_the_deviations_times_the_noise(monkeypatch):
    task, heard = listening(monkeypatch)
    mean, log_variance = torch.full((2, 5, 3), 5.0), torch.full((2, 5, 3), math.log(16.0))
    task._decoded(mean, log_variance, chances(0))
    noise = normal(chances(0), 5, 3, like=mean)
    torch.testing.assert_close(heard[0], (5 + 4 * noise).transpose(1, 2))


@KINDS
def test_a_frozen_encoder_gets_no_gradient_while_the_decoder_learns_on(audio):
    task = task_of(audio, encoder_until=5)
    task.step = 5
    task.loss("generator", batch(), chances(5))[0].backward()
    assert all(p.grad is None for p in task.vae.encoder.parameters())
    assert any(p.grad is not None and p.grad.any() for p in task.vae.decoder.parameters())


@KINDS
def test_what_is_trained_is_the_vae_and_can_be_heard(audio):
    task = task_of(audio)
    heard = task.show(batch(), chances(0))
    assert task.trained() is task.vae
    decoded, _ = task.vae.decode(task.vae.encode(batch()["waveform"])[0])
    assert set(heard) == {f"{row}/{name}" for row in (0, 1) for name in ("reference", "decoded")}
    for row in (0, 1):
        assert torch.equal(heard[f"{row}/reference"], batch()["waveform"][row])
        torch.testing.assert_close(heard[f"{row}/decoded"], decoded[row])


def test_an_encoder_and_a_decoder_are_moved_by_the_one_optimizer():
    task = task_of(SPECTRAL)
    before = copy.deepcopy(task.vae.state_dict())
    optimizer = torch.optim.SGD(task.groups()["generator"], 1.0)
    task.loss("generator", batch(), chances(0))[0].backward()
    optimizer.step()
    after = task.vae.state_dict()
    for name in ("encoder.embed.weight", "encoder.out.weight", "decoder.embed.weight"):
        assert not torch.equal(before[name], after[name])
