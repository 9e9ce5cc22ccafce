import math

import pytest
import torch

from sr_core.audio.level import FLOOR, LOUDEST, log_level, power_to_usual, rms_of, with_level


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_a_level_is_the_logarithm_of_the_rms_of_both_channels():
    """Left 0.3 and right 0.4: power (0.09 + 0.16) / 2, plus that of the floor."""
    waveform = torch.tensor([0.3, 0.4]).double()[None, :, None].expand(1, 2, 12)
    expected = 0.5 * math.log(0.125 + 1e-8)
    torch.testing.assert_close(log_level(waveform, 4), torch.full((1, 3), expected).double())
    silence = torch.zeros(1, 2, 4, dtype=torch.float64)
    assert log_level(silence, 4).item() == pytest.approx(math.log(FLOOR))


def test_the_rms_of_a_level_is_the_one_that_was_measured_and_bounded():
    waveform = 0.01 * random(1, 2, 40)
    torch.testing.assert_close(
        rms_of(log_level(waveform, 40))[0, 0], waveform.square().mean().sqrt()
    )
    assert rms_of(torch.tensor([-30.0])).item() == 0
    assert rms_of(torch.tensor([99.0])).item() == pytest.approx(math.exp(LOUDEST), rel=1e-4)


def test_the_gradient_of_silence_is_zero():
    level = log_level(torch.zeros(1, 2, 8), 4).requires_grad_()
    rms_of(level).sum().backward()
    assert torch.equal(level.grad, torch.zeros(1, 2))


def test_moments_keep_their_order_after_those_of_the_level():
    moments, level = random(1, 5, 6), random(1, 5, seed=2)
    found = with_level(moments, level)
    assert torch.equal(found[..., 0], level) and torch.equal(found[..., 1:4], moments[..., :3])
    assert torch.equal(found[..., 5:], moments[..., 3:]) and (found[..., 4] == -14).all()


def test_a_sound_of_the_usual_level_keeps_its_power():
    assert power_to_usual(torch.tensor(math.log(10 ** (-25 / 20)))).item() == pytest.approx(1)
    assert power_to_usual(torch.tensor(math.log(10 ** (-5 / 20)))).item() == pytest.approx(0.01)
