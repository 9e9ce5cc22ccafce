import math

import pytest
import torch

from sr_core.layers.attention import Context
from sr_core.models.soundreactor.aggregator import AggregatorConfig
from sr_core.models.soundreactor.head import Head, HeadConfig, edm_scalings
from sr_core.models.soundreactor.model import SoundReactor, SoundReactorConfig
from sr_core.models.soundreactor.transformer import Transformer, TransformerConfig
from sr_core.training.tasks.diffusion import edm_weight


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_default_sizes_are_the_papers():
    with torch.device("meta"):
        model = SoundReactor(SoundReactorConfig())
    assert count(model.transformer) == pytest.approx(245.4e6, rel=0.01)
    assert count(model.head) == pytest.approx(73.6e6, rel=0.01)
    assert count(model.aggregator) == pytest.approx(6.5e6, rel=0.05)


@pytest.fixture
def inputs():
    torch.manual_seed(1)
    grid = torch.randn(2, 7, 8, 12, dtype=torch.float64, requires_grad=True)
    latents = torch.randn(2, 7, 4, dtype=torch.float64, requires_grad=True)
    return grid, latents


def test_z_sees_frames_up_to_its_own_and_latents_before(tiny_model, inputs):
    grid, latents = inputs
    z = tiny_model.condition(tiny_model.encode_frames(grid), latents)[0]
    assert z.shape == (2, 7, 32)
    for i in range(7):
        g, x = torch.autograd.grad(z[:, i].sum(), [grid, latents], retain_graph=True)
        assert not g[:, i + 1 :].any() and not x[:, i:].any()
        assert g[:, i].any() and (i == 0 or x[:, i - 1].any())


def test_the_audio_half_of_z_does_not_know_the_newest_frame(tiny_model, inputs):
    grid, latents = inputs
    heard = tiny_model.condition(tiny_model.encode_frames(grid), latents)[0][:, 3, :16]
    (g,) = torch.autograd.grad(heard.sum(), grid)
    assert not g[:, 3:].any() and g[:, :3].any()


def test_a_past_is_read_in_the_context_that_is_asked_for(tiny_model, inputs):
    grid, latents = (x.detach() for x in inputs)
    tokens = tiny_model.encode_frames(grid)
    plain, _ = tiny_model.condition(tokens, latents)
    same, _ = tiny_model.condition(
        tokens, latents, Context(tiny_model.config.transformer.rope_base)
    )
    window, _ = tiny_model.condition(tokens, latents, Context(window=1, group=2))
    assert torch.equal(plain, same)
    assert torch.equal(plain[:, 0], window[:, 0]) and not torch.allclose(plain, window, atol=1e-6)
    alone = tiny_model.condition(tokens[:, 3:4], latents[:, 3:4])[0]  # but for its fed-back latent
    assert not torch.allclose(window[:, 3:4], alone, atol=1e-6)


def test_frames_are_aggregated_one_by_one(tiny_model, inputs):
    grid = inputs[0].detach()
    whole = tiny_model.encode_frames(grid)
    single = torch.cat([tiny_model.encode_frames(one) for one in grid.split(1, dim=1)], dim=1)
    assert (whole - single).abs().max() < 1e-9


def test_places_of_a_frame_are_told_apart(tiny_model, inputs):
    grid = inputs[0].detach()
    assert tiny_model.aggregator.positions.shape[0] > 1
    turned = tiny_model.encode_frames(grid.flip(2))
    assert not torch.allclose(tiny_model.encode_frames(grid), turned, atol=1e-3)


def test_fresh_tokens_and_positions_are_small():
    torch.manual_seed(0)
    config = SoundReactorConfig(
        AggregatorConfig(width=256, heads=4), TransformerConfig(width=256, heads=4, depth=1)
    )
    model = SoundReactor(config)
    for fresh in (model.aggregator.positions, model.aggregator.readout, model.start, model.null):
        assert fresh.std().item() == pytest.approx(0.02, rel=0.15)


def test_a_model_reads_the_papers_grid_and_latents_unless_told_otherwise():
    with torch.device("meta"):
        model = SoundReactor(SoundReactorConfig())
    assert (len(model.grid_mean), model.latent_channels) == (118, 64)
    assert model.audio_input.in_features == 64
    assert model.head.uncertainty.weight.shape == (1, 128)


@pytest.mark.parametrize("qk_norm", [False, True])
def test_the_transformer_normalises_queries_and_keys_when_its_config_says_so(qk_norm):
    config = TransformerConfig(width=16, heads=2, depth=2, hidden=8, qk_norm=qk_norm)
    names = Transformer(config).state_dict()
    assert sum("q_norm" in name for name in names) == (2 if qk_norm else 0)


def test_a_grid_of_another_encoder_is_refused(tiny_model):
    with pytest.raises(ValueError, match=r"expected \(batch, time, 8, 12\)"):
        tiny_model.encode_frames(torch.zeros(1, 2, 8, 6))


def test_a_grid_that_the_stride_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiples of the aggregator's stride 2"):
        SoundReactor(SoundReactorConfig(), grid=(9, 16))


@pytest.fixture
def head():
    torch.manual_seed(0)
    head = Head(HeadConfig(width=16, depth=2), 4, 8)
    for parameter in head.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return head


def test_the_scalings_are_edms():
    """arXiv 2206.00364, table 1; and lambda c_out^2 = 1, c_in^2 (sigma^2 + sigma_data^2) = 1."""
    sigma, data = torch.tensor([0.5, 2.0]), 1.5
    found = edm_scalings(sigma, data)
    for i, s in enumerate(sigma.tolist()):
        total = s * s + data * data
        expected = (data**2 / total, s * data / total**0.5, total**-0.5, math.log(s) / 4)
        assert [part[i].item() for part in found] == pytest.approx(expected)
    weight = edm_weight(sigma, data)
    assert (weight * found.out**2).tolist() == pytest.approx([1, 1])


def test_the_head_is_its_network_inside_the_scalings(head):
    x, sigma, z = torch.randn(3, 4), torch.tensor([0.1, 1.0, 7.0]), torch.randn(3, 8)
    skip, out, into, noise = edm_scalings(sigma, 0.5)
    expected = skip[:, None] * x + out[:, None] * head.network(into[:, None] * x, noise, z)
    torch.testing.assert_close(head(x, sigma, z), expected)


def test_without_noise_the_head_returns_its_input(head):
    x, z = torch.randn(3, 4), torch.randn(3, 8)
    assert torch.allclose(head(x, torch.full((3,), 1e-7), z), x, atol=1e-5)


def test_an_untrained_head_predicts_the_scaled_input():
    head, x = Head(HeadConfig(width=16, depth=2), 4, 8), torch.randn(3, 4)
    sigma = torch.tensor([0.1, 1.0, 10.0])
    expected = x * (0.25 / (sigma**2 + 0.25))[:, None]
    assert torch.allclose(head(x, sigma, torch.randn(3, 8)), expected, atol=1e-6)


def test_the_network_sees_and_gives_unit_variance(head):
    seen = []
    head.network = lambda x, c_noise, z: seen.append((x, c_noise)) or torch.zeros_like(x)
    sigma = torch.full((100_000,), 3.0)
    x = 0.5 * torch.randn(100_000, 4) + 3.0 * torch.randn(100_000, 4)
    head(x, sigma, torch.randn(1, 8))
    assert seen[0][0].std() == pytest.approx(1.0, abs=0.01)
    assert torch.allclose(seen[0][1], (sigma.log() / 4))


def test_half_precision_keeps_the_scaling_in_float32(head):
    x, z = torch.randn(3, 4), torch.randn(3, 8)
    sigma = torch.full((3,), 0.5)
    exact = head(x, sigma, z)
    half = head.bfloat16()(x, sigma, z.bfloat16())
    assert half.dtype == torch.float32 and (half - exact).abs().max() < 0.05


def test_uncertainty_is_one_number_a_noise_level(head):
    sigma = torch.rand(2, 5) + 0.1
    u = head.log_variance(sigma)
    assert u.shape == (2, 5) and u.std() > 0
