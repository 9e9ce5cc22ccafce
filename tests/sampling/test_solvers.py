import pytest
import torch

from sr_core.sampling.settings import Settings
from sr_core.sampling.solvers import (
    consistency_sigmas,
    heun_sigmas,
    sample_consistency,
    sample_heun,
)

MEAN, DATA = 0.3, 0.5


def exact_denoiser(x, sigma):
    """E[x0 | x] where x0 ~ N(MEAN, DATA^2)."""
    return (DATA**2 * x + sigma**2 * MEAN) / (DATA**2 + sigma**2)


def exact_consistency(x, sigma):
    """Where the probability flow of the same Gaussian ends."""
    return MEAN + (x - MEAN) * DATA / (DATA**2 + sigma**2) ** 0.5


def test_heun_draws_from_the_distribution_that_the_denoiser_describes():
    noise = torch.randn(1, 200_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = sample_heun(exact_denoiser, noise, heun_sigmas(32, DATA))
    assert x.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert x.std().item() == pytest.approx(DATA, rel=0.02)


def test_heun_is_of_second_order():
    noise = torch.randn(1, 1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    exact = exact_consistency(80.0 * noise[0], 80.0)
    errors = [
        (sample_heun(exact_denoiser, noise, heun_sigmas(n, DATA)) - exact).abs().max()
        for n in (16, 32)
    ]
    assert 3 < errors[0] / errors[1] < 6


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_perfect_consistency_function_samples_right_at_any_steps(steps):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(steps, 200_000, dtype=torch.float64, generator=generator)
    x = sample_consistency(exact_consistency, noise, consistency_sigmas(steps, DATA))
    assert x.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert x.std().item() == pytest.approx(DATA, rel=0.02)


def test_schedules_fall_from_80_and_scale_with_the_data():
    for sigmas in (consistency_sigmas(4, 0.5), heun_sigmas(16, 0.5)):
        assert sigmas[0] == pytest.approx(80.0) and sigmas == sorted(sigmas, reverse=True)
    assert heun_sigmas(16, 0.5)[-1] == pytest.approx(0.002)
    assert consistency_sigmas(2, 1.0) == [160.0, 1.642]
    assert heun_sigmas(1, 0.5) == [pytest.approx(80.0)]


def test_each_later_level_adds_its_own_fresh_noise():
    """x = f(s1 e1, s1), then f(x + s e, s) for every other (arXiv 2303.01469, alg. 1)."""
    given = []

    def denoise(x, sigma):
        given.append((x.tolist(), sigma))
        return x + 0.5

    noise = torch.tensor([[1.0, -1.0], [2.0, 3.0], [0.0, 1.0]])
    x = sample_consistency(denoise, noise, [8.0, 2.0, 1.0])
    assert given == [([8.0, -8.0], 8.0), ([12.5, -1.5], 2.0), ([13.0, 0.0], 1.0)]
    assert x.tolist() == [13.5, 0.5]
    with pytest.raises(ValueError, match="shorter"):
        sample_consistency(denoise, noise[:2], [8.0, 2.0, 1.0])


def test_consistency_levels_are_ects_and_those_between():
    expected = {1: [80.0], 2: [80.0, 0.821], 3: [80.0, 2.0, 0.5], 4: [80.0, 5.0, 0.821, 0.2]}
    for steps, sigmas in expected.items():
        assert consistency_sigmas(steps, 0.5) == sigmas


def test_heuns_levels_are_edms():
    """(80^(1/7) + i/(n-1) (0.002^(1/7) - 80^(1/7)))^7 (arXiv 2206.00364, eq. 5)."""
    assert heun_sigmas(2, 0.5) == pytest.approx([80.0, 0.002])
    found = heun_sigmas(5, 0.25)
    for i, sigma in enumerate(found):
        root = 80 ** (1 / 7) + i / 4 * (0.002 ** (1 / 7) - 80 ** (1 / 7))
        assert sigma == pytest.approx(root**7 / 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 5}, "got 5 steps; expected 1 to 4"),
        ({"steps": 0, "method": "heun"}, "got 0 steps"),
        ({"method": "euler"}, "got method 'euler'"),
        ({"context": "ring"}, "got context 'ring'"),
        ({"null_history": "none"}, "got null_history 'none'"),
        ({"guidance": float("nan")}, "got guidance nan"),
        ({"guidance": -1.0}, "got guidance -1.0"),
        ({"context": "ntk"}, "without a length"),
    ],
)
def test_settings_refuse_what_cannot_work(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)
