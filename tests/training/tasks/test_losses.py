"""Losses of the official VAE: closed forms, and the official code's results on the same tensors.

`tests/goldens/vae_losses.safetensors` was made by running SonyResearch/soundreactor_vae's training
wrapper, with its published configuration but 4 discriminator filters, on the tensors it holds.
"""

import json
import math
from pathlib import Path

import auraloss
import pytest
import torch
from safetensors.torch import load_file

from sr_core.config import from_dict
from sr_core.training.runtime.schedule import inverse_lr
from sr_core.training.stages import VAERun
from sr_core.training.tasks.discriminator import Discriminator, DiscriminatorConfig
from sr_core.training.tasks.losses import (
    StftConfig,
    a_weighting_filter,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    kl_divergence,
    log_magnitude_distance,
    spectral_convergence,
    stft_distance,
)

ROOT = Path(__file__).parents[3]
PLAIN = StftConfig(sizes=(128, 64), perceptual=False)


def sound(seed: int = 0, rows: int = 2, samples: int = 640) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(rows, 2, samples, generator=generator)


@pytest.fixture(scope="module")
def official() -> dict[str, torch.Tensor]:
    tensors = load_file(ROOT / "tests" / "goldens" / "vae_losses.safetensors")
    return {name: x.float() if x.dtype == torch.float16 else x for name, x in tensors.items()}


@pytest.fixture(scope="module")
def judged(official):
    """Scores and features of the real and of the generated sound, by the official weights."""
    config = DiscriminatorConfig(channels=4)
    judge = Discriminator(config)
    weights = {}
    for name, value in official.items():
        if name.startswith("discriminator."):
            scale, rest = name.removeprefix("discriminator.").split(".", 1)
            rest = rest.replace(".conv.", ".").replace("convs.", "convolutions.")
            rest = rest.replace("conv_post.", "score.")
            for end, own in (("weight_g", "original0"), ("weight_v", "original1")):
                rest = rest.replace(end, f"parametrizations.weight.{own}")
            weights[f"scales.{scale}.{rest}"] = value
    judge.load_state_dict(weights, strict=True)
    with torch.no_grad():
        return judge(official["real"]), judge(official["fake"])


def same(ours: torch.Tensor | float, official: torch.Tensor) -> None:
    assert float(ours) == pytest.approx(float(official), rel=1e-5)


def test_the_spectral_loss_is_the_official_one(official):
    ours = stft_distance(official["fake"], official["real"], StftConfig())
    same(ours.mean(), official["loss.spectral"])


def test_of_four_channels_the_spectral_loss_is_the_mean_of_the_channels():
    four, reference = (torch.cat([sound(seed), sound(seed + 2)], dim=1) for seed in (0, 1))
    apart = [stft_distance(four[:, [c]], reference[:, [c]], PLAIN) for c in range(4)]
    torch.testing.assert_close(stft_distance(four, reference, PLAIN), sum(apart) / 4)
    assert stft_distance(four[:, [1, 0, 2, 3]], four, PLAIN).min() > 0.1


@pytest.mark.parametrize("channel", ["L", "R"])
def test_left_and_right_count_half_beside_sum_and_difference(official, channel):
    """Of one channel alone sum, difference and the channel are alike, and the other is silent."""
    only = {"L": [1.0, 0.0], "R": [0.0, 1.0]}[channel]
    mask = torch.tensor(only)[:, None]
    config = StftConfig()
    ours = stft_distance(official["fake"] * mask, official["real"] * mask, config)
    same(ours.mean(), 2.5 * official[f"loss.{channel}"])


def test_the_divergence_is_the_official_one(official):
    mean, log_variance = official["moments"].chunk(2, dim=-1)
    same(kl_divergence(mean, log_variance).mean(), official["loss.kl"])


def test_the_discriminators_losses_are_the_official_ones(official, judged):
    (real, real_features), (fake, features) = judged
    same(hinge_discriminator(real, fake), official["loss.hinge_discriminator"])
    same(hinge_generator(fake), official["loss.hinge_generator"])
    same(feature_matching(real_features, features), official["loss.matching"])


def test_the_papers_recipe_weighs_them_as_the_official_code_does(official, judged):
    text = (ROOT / "recipes" / "paper" / "vae.json").read_text(encoding="utf-8")
    task = from_dict(VAERun, json.loads(text)).task
    (_, real_features), (fake, features) = judged
    mean, log_variance = official["moments"].chunk(2, dim=-1)
    parts = {
        "stft": stft_distance(official["fake"], official["real"], task.stft).mean(),
        "kl": kl_divergence(mean, log_variance).mean(),
        "adversarial": hinge_generator(fake),
        "matching": feature_matching(real_features, features),
    }
    assert task.weights["energy"] == task.weights["waveform"] == 0
    same(sum(task.weights[name] * value for name, value in parts.items()), official["loss.total"])


def test_the_filter_is_the_official_one(official):
    a_weighting_filter.cache_clear()  # made by this code now, not by what ran before
    torch.testing.assert_close(a_weighting_filter(48000), official["filter"], rtol=0, atol=1e-7)


def test_the_learning_rate_is_the_official_one(official):
    for step, share in zip(official["rate.steps"], official["rate.shares"], strict=True):
        same(inverse_lr(int(step), 1000), share)


def test_a_rate_without_warm_up_begins_at_its_peak_and_falls_as_an_inverse_root():
    assert inverse_lr(0, 0) == 1
    assert inverse_lr(600_000, 0) == pytest.approx(0.5)
    assert inverse_lr(0, 4) == 0.25 and inverse_lr(1, 4) == pytest.approx(1 - 0.75**2, rel=1e-5)


def test_the_filters_gain_is_that_of_the_standard_where_the_bilinear_transform_leaves_it():
    taps = a_weighting_filter(48000)
    assert torch.equal(taps, taps.flip(0)) and len(taps) == 101
    gains = torch.fft.rfft(taps, n=48000).abs()[[1000, 2000, 4000]]
    decibels = 20 * gains.log10()  # IEC 61672-1, table 3
    torch.testing.assert_close(decibels, torch.tensor([0.0, 1.2, 1.0]), rtol=0, atol=0.2)


def test_convergence_is_relative_to_the_generated_sound():
    sound, reference = torch.tensor([[[3.0, 0.0]]]), torch.tensor([[[0.0, 4.0]]])
    assert spectral_convergence(sound, reference).item() == pytest.approx(5 / 3)
    assert spectral_convergence(2 * reference, reference).item() == pytest.approx(0.5)


def test_the_log_distance_of_twice_as_loud_is_ln_2():
    x = torch.rand(3, 5, 7) + 0.1
    torch.testing.assert_close(log_magnitude_distance(2 * x, x), torch.full((3,), math.log(2)))
    torch.testing.assert_close(log_magnitude_distance(x, 2 * x), torch.full((3,), math.log(2)))


def test_twice_as_loud_has_its_closed_form_however_many_sizes():
    """Convergence 1/2 and ln 2 for each of S and D, half of that for L and R; the mean of sizes."""
    x = sound(samples=2000)
    for sizes in ((128,), (128, 64), (512, 256, 64)):
        ours = stft_distance(2 * x, x, StftConfig(sizes=sizes, perceptual=False))
        torch.testing.assert_close(
            ours, torch.full((2,), 3 * (0.5 + math.log(2))), rtol=1e-4, atol=0
        )


@pytest.mark.parametrize("perceptual", [False, True])
def test_the_spectral_loss_is_that_of_auraloss(perceptual):
    """S + D + L/2 + R/2 of one row; the official code gives it reference and generated sound."""
    sizes = [512, 128, 64]
    hops, rate = [size // 4 for size in sizes], 48_000 if perceptual else None
    official = auraloss.freq.MultiResolutionSTFTLoss(
        sizes, hops, sizes, sample_rate=rate, perceptual_weighting=perceptual
    )
    split = auraloss.perceptual.SumAndDifference()

    def four(waveform):  # (1 2 s) -> 4 x (1 1 s)
        return *split(waveform), waveform[:, :1], waveform[:, 1:]

    reference, generated = sound(0, 1, 2000), sound(1, 1, 2000)
    pairs = zip(four(reference), four(generated), strict=True)
    s, d, left, right = (official(x, y) for x, y in pairs)
    ours = stft_distance(generated, reference, StftConfig(1.0, tuple(sizes), perceptual))
    same(ours, s + d + left / 2 + right / 2)


def test_what_is_softer_than_the_floor_is_equal():
    x, y = sound(0), sound(1)
    assert stft_distance(x * 1e-7, y * 1e-7, PLAIN).max() == 0


def test_the_distance_to_silence_is_finite_and_so_is_its_gradient():
    y = sound().requires_grad_()
    for reference in (torch.zeros_like(y), y.detach().clone()):
        y.grad = None
        stft_distance(y, reference, PLAIN).sum().backward()
        assert y.grad.isfinite().all()


def test_the_weighting_hears_a_low_tone_less():
    time = torch.arange(4800) / 48_000
    high = (2 * torch.pi * 3000 * time).sin().expand(1, 2, -1)
    low = (2 * torch.pi * 60 * time).sin().expand(1, 2, -1)
    plain, weighted = (StftConfig(sizes=(1024,), perceptual=p) for p in (False, True))
    assert stft_distance(high + low, high, weighted) < 0.5 * stft_distance(high + low, high, plain)


def test_half_precision_is_kept_out_of_the_spectra():
    with torch.autocast("cpu", torch.bfloat16):
        rough = stft_distance(sound(0), sound(1), StftConfig(sizes=(128,)))
    torch.testing.assert_close(rough, stft_distance(sound(0), sound(1), StftConfig(sizes=(128,))))


def test_a_sound_shorter_than_a_window_is_refused():
    with pytest.raises(ValueError, match="got 640 samples for an FFT of 1024; expected at least"):
        stft_distance(sound(), sound(1), StftConfig(sizes=(1024,)))
    assert stft_distance(sound(), sound(1), StftConfig(sizes=(640,))).shape == (2,)


def test_kl_has_its_closed_form():
    """KL(N(m, v) || N(0, 1)) = (m^2 + v - ln v - 1) / 2, of k channels k times that."""
    zero = torch.zeros(2, 5, 3)
    assert kl_divergence(zero, zero).tolist() == [0, 0]
    torch.testing.assert_close(kl_divergence(zero + 2, zero), torch.full((2,), 6.0))
    torch.testing.assert_close(
        kl_divergence(zero, zero + math.log(4)), torch.full((2,), 1.5 * (3 - math.log(4)))
    )


def test_hinges_add_up_over_scales_and_average_within():
    real, fake = (
        [torch.full((2, 3), 0.5), torch.zeros(4)],
        [torch.full((2, 3), -0.5), torch.ones(4)],
    )
    assert hinge_discriminator(real, fake) == (0.5 + 0.5) + (1 + 2)
    assert hinge_generator(fake) == 0.5 - 1


def test_hinges_are_content_once_scores_are_on_their_sides():
    real, fake = [torch.full((2, 3), 1.5)], [torch.full((2, 3), -1.5)]
    assert hinge_discriminator(real, fake) == 0
    assert hinge_discriminator(fake, real) == 5


def test_features_are_averaged_within_a_scale_and_add_up_over_scales():
    zeros = [[torch.zeros(2, 3), torch.zeros(4)], [torch.zeros(5)]]
    apart = [[torch.full((2, 3), 1.0), torch.full((4,), -2.0)], [torch.full((5,), 4.0)]]
    assert feature_matching(zeros, zeros) == 0
    assert feature_matching(zeros, apart) == feature_matching(apart, zeros) == 1.5 + 4
    louder = [[10 * x for x in scale] for scale in apart]
    assert feature_matching(louder, zeros) == 55  # absolute, not relative to the features


def test_a_discriminator_learns_to_tell_noise_from_a_tone():
    torch.manual_seed(0)
    judge = Discriminator(DiscriminatorConfig(channels=4, sizes=(64, 32)))
    tone = 0.1 * torch.arange(640).mul(0.3).sin().expand(2, 2, 640)
    optimizer = torch.optim.Adam(judge.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        loss = hinge_discriminator(judge(tone)[0], judge(sound())[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
