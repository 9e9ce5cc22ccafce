"""Small layers beside their formulas."""

import math

import pytest
import torch

from sr_core.layers.blocks import SnakeBeta, SwiGLU, fourier_features, modulate


def test_fourier_features_go_from_an_eighth_to_sixteen_cycles_a_unit():
    x = torch.tensor([0.3, -1.1], dtype=torch.float64)
    found = fourier_features(x, 16)
    assert found.shape == (2, 16)
    for row, value in enumerate(x.tolist()):
        for i in range(8):
            angle = 2 * math.pi * value * 2.0 ** (i - 3)  # 8 octaves: 2^-3 to 2^4
            assert found[row, i].item() == pytest.approx(math.cos(angle), abs=1e-9)
            assert found[row, 8 + i].item() == pytest.approx(math.sin(angle), abs=1e-9)


def test_modulation_scales_about_one_and_shifts():
    x, shift, scale = torch.tensor([2.0]), torch.tensor([0.5]), torch.tensor([3.0])
    assert modulate(x, shift, scale).item() == 2 * (1 + 3) + 0.5


def test_swiglu_is_its_formula():
    """down(silu(gate x) * up x) (arXiv 2002.05202, eq. 6)."""
    layer, x = SwiGLU(3, 5).double(), torch.randn(2, 3, dtype=torch.float64)
    gate, up = layer.gate_up.weight[:5], layer.gate_up.weight[5:]
    swish = (x @ gate.T) * torch.sigmoid(x @ gate.T)
    torch.testing.assert_close(layer(x), (swish * (x @ up.T)) @ layer.down.weight.T)
    assert layer.gate_up.bias is None and layer.down.bias is None


def test_snake_is_its_formula():
    """x + sin^2(e^alpha x) / e^beta (arXiv 2206.04658)."""
    layer = SnakeBeta(2)
    with torch.no_grad():
        layer.alpha.copy_(torch.tensor([0.5, -1.0])), layer.beta.copy_(torch.tensor([-0.3, 2.0]))
    x = torch.tensor([[[0.7, -2.0], [1.5, 0.1]]])
    for channel, (alpha, beta) in enumerate(((0.5, -0.3), (-1.0, 2.0))):
        for place in range(2):
            value = x[0, channel, place].item()
            expected = value + math.sin(math.exp(alpha) * value) ** 2 / math.exp(beta)
            assert layer(x)[0, channel, place].item() == pytest.approx(expected, rel=1e-5)
