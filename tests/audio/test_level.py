import math

import pytest
import torch

from sr_core.audio.level import FLOOR, LOUDEST, levelled, log_level, power_of

FOLD, HOP = 2, 8  # frames per latent, samples per frame


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def frames_of(latents: int, seed: int = 1) -> torch.Tensor:
    window = torch.hann_window(2 * HOP, dtype=torch.float64).sqrt()
    return random(1, 2, latents * FOLD, 2 * HOP, seed=seed) * window


def start() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(1, 2, HOP, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)


def powers(waveform: torch.Tensor) -> torch.Tensor:  # (1 2 s) -> (t)
    return waveform.unflatten(-1, (-1, FOLD * HOP)).square().mean(dim=(0, 1, 3))


def test_a_level_is_the_logarithm_of_the_rms_of_both_channels():
    """Left 0.3 and right 0.4: power (0.09 + 0.16) / 2, plus that of the floor."""
    waveform = torch.tensor([0.3, 0.4]).double()[None, :, None].expand(1, 2, 12)
    expected = 0.5 * math.log(0.125 + 1e-8)
    torch.testing.assert_close(log_level(waveform, 4), torch.full((1, 3), expected).double())
    silence = torch.zeros(1, 2, 4, dtype=torch.float64)
    assert log_level(silence, 4).item() == pytest.approx(math.log(FLOOR))


def test_the_power_of_a_level_is_the_one_that_was_measured_and_bounded():
    waveform = 0.01 * random(1, 2, 40)
    torch.testing.assert_close(power_of(log_level(waveform, 40))[0, 0], waveform.square().mean())
    assert power_of(torch.tensor([-30.0])).item() == 0
    assert power_of(torch.tensor([99.0])).item() == pytest.approx(math.exp(2 * LOUDEST), rel=1e-4)


def test_samples_of_every_latent_have_its_power():
    wanted = torch.tensor([[0.1, 0.1, 0.02, 0.5, 0.0003, 0.3, 0.3]], dtype=torch.float64)
    waveform, _, _ = levelled(frames_of(7), wanted, *start())
    torch.testing.assert_close(powers(waveform), wanted[0])


def test_a_gain_of_one_is_plain_overlap_add():
    frames = frames_of(3)
    rising, falling = frames.chunk(2, dim=-1)
    previous = torch.cat([torch.zeros_like(falling[:, :, :1]), falling[:, :, :-1]], dim=2)
    plain = (rising + previous).flatten(2)
    waveform, tail, gain = levelled(frames, powers(plain)[None], *start())
    torch.testing.assert_close(waveform, plain)
    torch.testing.assert_close(tail, falling[:, :, -1])
    torch.testing.assert_close(gain, torch.ones(1).double())


def test_a_sudden_end_leaves_nothing_of_the_tail():
    wanted = torch.tensor([[0.1, 0.0, 1e-6, 0.1]], dtype=torch.float64)
    waveform, _, _ = levelled(frames_of(4), wanted, *start())
    assert powers(waveform)[1] < 1e-15
    torch.testing.assert_close(powers(waveform)[2:], wanted[0, 2:])


@pytest.mark.parametrize("sizes", [[1] * 7, [3, 1, 3]], ids=str)
def test_pieces_equal_the_whole(sizes):
    frames, wanted = frames_of(7), 0.1 * random(1, 7, seed=2).square()
    whole, tail, gain = levelled(frames, wanted, *start())
    state, pieces, at = start(), [], 0
    for size in sizes:
        part = frames[:, :, at * FOLD : (at + size) * FOLD]
        waveform, *state = levelled(part, wanted[:, at : at + size], *state)
        pieces.append(waveform)
        at += size
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, rtol=0, atol=1e-9)
    torch.testing.assert_close(state, [tail, gain], rtol=0, atol=1e-9)


@pytest.mark.parametrize("silent", ["sound", "prediction"])
def test_gradients_are_finite_in_silence(silent):
    frames = (frames_of(4) * (silent == "sound")).requires_grad_()
    wanted = torch.tensor([[0.1, 0.0, 0.0, 0.1]]).double() * (silent == "prediction")
    waveform, _, _ = levelled(frames, wanted, *start())
    waveform.sum().backward()
    assert waveform.isfinite().all() and frames.grad.isfinite().all()
