"""Every block of the model beside its formula, written out with the module's own weights."""

import math

import pytest
import torch
from torch.nn import functional as F

from sr_core.layers.attention import Context, attention_layout
from sr_core.layers.blocks import fourier_features
from sr_core.models.soundreactor import head as heads
from sr_core.models.soundreactor.aggregator import Aggregator, AggregatorConfig
from sr_core.models.soundreactor.head import Head, HeadConfig
from sr_core.models.soundreactor.mixer_aggregator import MixerAggregator, MixerAggregatorConfig
from sr_core.models.soundreactor.transformer import Transformer, TransformerConfig


def filled(module: torch.nn.Module) -> torch.nn.Module:
    """All parameters random, none of them zero or one."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.4)
    return module.double()


def normed(x, norm):
    return F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps)


def through(x, linear):
    return x @ linear.weight.T + linear.bias


def attended(x, block, heads):
    """softmax(q k / sqrt(d)) v of every head, then the output map."""
    n, d = x.shape[1], x.shape[2] // heads
    q, k, v = through(x, block.qkv).view(len(x), n, 3, heads, d).permute(2, 0, 3, 1, 4)
    y = (q @ k.mT / math.sqrt(d)).softmax(dim=-1) @ v
    return through(y.transpose(1, 2).reshape(len(x), n, heads * d), block.out)


def test_the_aggregator_is_a_transformer_read_at_its_last_token():
    config = AggregatorConfig(width=8, depth=2, heads=2)
    aggregator = filled(Aggregator(config, (4, 6), 3))
    grid = torch.randn(2, 3, 24, 3, dtype=torch.float64)
    picture = grid.view(6, 4, 6, 3).permute(0, 3, 1, 2)
    folded = F.conv2d(picture, aggregator.project.weight, aggregator.project.bias, stride=2)
    x = folded.flatten(2).mT + aggregator.positions
    x = torch.cat([x, aggregator.readout.expand(6, 1, 8)], dim=1)
    for block in aggregator.blocks:
        x = x + attended(normed(x, block.norm1), block, 2)
        hidden = F.gelu(through(normed(x, block.norm2), block.mlp[0]))
        assert hidden.shape[-1] == 4 * 8
        x = x + through(hidden, block.mlp[2])
    expected = normed(x[:, -1], aggregator.norm).view(2, 3, 8)
    torch.testing.assert_close(aggregator(grid), expected)


def test_the_mixer_mixes_places_and_then_channels():
    """X + W2 gelu(W1 norm(X)^T)^T, then the same over channels (arXiv 2105.01601, eq. 1)."""
    config = MixerAggregatorConfig(width=5, channels=6, depth=2)
    aggregator = filled(MixerAggregator(config, (4, 6), 3))
    grid = torch.randn(2, 3, 24, 3, dtype=torch.float64)
    squares = grid.view(6, 2, 2, 3, 2, 3).transpose(2, 3).reshape(6, 6, 12)
    x = through(squares, aggregator.project)
    for block in aggregator.blocks:
        places = F.gelu(through(normed(x, block.norm1).mT, block.mix[0]))
        assert places.shape[-1] == 2 * 6
        x = x + through(places, block.mix[2]).mT
        hidden = F.gelu(through(normed(x, block.norm2), block.mlp[0]))
        assert hidden.shape[-1] == 4 * 6
        x = x + through(hidden, block.mlp[2])
    expected = through(normed(x, aggregator.norm).flatten(1), aggregator.readout).view(2, 3, 5)
    torch.testing.assert_close(aggregator(grid), expected)


def test_the_head_is_mars_network():
    """Residual MLPs under adaptive normalisation with gates (arXiv 2406.11838, sec. 3.3)."""
    head = filled(Head(HeadConfig(width=8, depth=2), 3, 5))
    x, c_noise, z = (torch.randn(4, *shape, dtype=torch.float64) for shape in ((3,), (), (5,)))
    features = fourier_features(c_noise, 256)
    told = through(F.silu(through(features, head.noise[0])), head.noise[2])
    y = F.silu(told + through(z, head.condition))
    h = through(x, head.input)
    for block in head.blocks:
        shift, scale, gate = through(y, block.modulation).split(8, dim=-1)
        seen = F.layer_norm(h, (8,), block.norm.weight, block.norm.bias, 1e-6) * (1 + scale) + shift
        h = h + gate * through(F.silu(through(seen, block.mlp[0])), block.mlp[3])
    shift, scale = through(y, head.modulation).split(8, dim=-1)
    expected = through(F.layer_norm(h, (8,), eps=1e-6) * (1 + scale) + shift, head.output)
    torch.testing.assert_close(head.network(x, c_noise, z), expected)


def test_the_uncertainty_is_linear_in_features_of_the_noise_level():
    head, sigma = filled(Head(HeadConfig(width=8, depth=1), 3, 5)), torch.rand(6).double() + 0.1
    features = fourier_features(sigma.log() / 4, 128)
    torch.testing.assert_close(head.log_variance(sigma), through(features, head.uncertainty)[:, 0])


def test_a_fresh_head_starts_as_mars_does():
    """Xavier's uniform weights, normal(0.02) for the noise level, zeros for gates and output."""
    torch.manual_seed(0)
    head = Head(HeadConfig(width=200, depth=2), 100, 50)
    zero = [head.output, head.modulation, *(block.modulation for block in head.blocks)]
    for linear in zero:
        assert not linear.weight.any() and not linear.bias.any()
    assert not head.uncertainty.weight.any() and not head.uncertainty.bias.any()
    for linear in (head.noise[0], head.noise[2]):
        assert linear.weight.std().item() == pytest.approx(0.02, rel=0.05)
    for linear in (head.input, head.condition, head.blocks[1].mlp[0], head.blocks[0].mlp[3]):
        bound = math.sqrt(6 / sum(linear.weight.shape))
        assert 0.98 * bound < linear.weight.abs().max() <= bound and not linear.bias.any()
    assert heads.Block(8).mlp[2].p == 0


def test_the_transformer_is_a_llama():
    """x + attention(norm x), then x + swiglu(norm x), and a norm at the end."""
    config = TransformerConfig(width=8, depth=2, heads=2, hidden=12, train_frames=4)
    model = filled(Transformer(config))
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    h, shared = x, attention_layout(x, 4, 0, Context(base=10_000.0))

    def rms(x, norm):
        return x * (x.square().mean(dim=-1, keepdim=True) + 1e-6).rsqrt() * norm.weight

    for block in model.blocks:
        h = h + block.attention(rms(h, block.norm1), shared)[0]
        h = h + block.mlp(rms(h, block.norm2))
    found, _ = model(x)
    torch.testing.assert_close(found, rms(h, model.norm))


def test_the_transformers_own_base_is_used_unless_another_context_is_given():
    config = TransformerConfig(width=8, depth=1, heads=2, hidden=12, rope_base=50.0)
    model, x = filled(Transformer(config)), torch.randn(1, 6, 8, dtype=torch.float64)
    torch.testing.assert_close(model(x)[0], model(x, context=Context(base=50.0))[0])
    assert not torch.allclose(model(x)[0], model(x, context=Context(base=60.0))[0])


def test_z_is_the_pair_of_outputs_at_the_last_latent_and_at_the_frame(tiny_model):
    grid, latents = torch.randn(2, 5, 8, 12).double(), torch.randn(2, 5, 4).double()
    tiny_model.grid_mean.fill_(0.3), tiny_model.grid_scale.fill_(1.7)
    vision = tiny_model.aggregator((grid - 0.3) / 1.7)
    start = tiny_model.start.expand(2, 1, -1)
    audio = torch.cat([start, through(latents[:, :-1], tiny_model.audio_input)], dim=1)
    tokens = torch.stack([audio, through(vision, tiny_model.vision_input)], dim=2).flatten(1, 2)
    out, _ = tiny_model.transformer(tokens)
    expected = torch.cat([out[:, 0::2], out[:, 1::2]], dim=-1)
    torch.testing.assert_close(
        tiny_model.condition(tiny_model.encode_frames(grid), latents)[0], expected
    )
