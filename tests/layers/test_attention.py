import math

import pytest
import torch

from sr_core.layers.attention import CausalAttention, Context, attention_layout, rotate


@pytest.fixture
def attention():
    torch.manual_seed(0)
    return CausalAttention(16, 2, qk_norm=True).double()


def run(attention, x, context, cuts=()):
    """x in pieces that end at the cuts."""
    pieces, state = [], None
    for piece in x.tensor_split(list(cuts), dim=1):
        position = state.position if state else 0
        y, state = attention(piece, attention_layout(piece, 8, position, context), state)
        pieces.append(y)
    return torch.cat(pieces, dim=1), state


@pytest.mark.parametrize("window", [None, 1, 3, 8])
@pytest.mark.parametrize("cuts", [range(1, 21), range(3, 21, 3), (1, 2, 9, 10, 17)])
def test_pieces_equal_the_whole(attention, window, cuts):
    x = torch.randn(2, 21, 16, dtype=torch.float64)
    context = Context(window=window, group=2)
    whole, _ = run(attention, x, context)
    pieces, _ = run(attention, x, context, cuts)
    assert (whole - pieces).abs().max() < 1e-9


@pytest.mark.parametrize("window", [None, 2])
def test_attention_equals_the_textbook_formula(attention, window):
    x = torch.randn(1, 12, 16, dtype=torch.float64)
    q, k, v = attention.qkv(x).view(1, 12, 3, 2, 8).permute(2, 0, 3, 1, 4)
    shared = attention_layout(x, 8, 0, Context())
    q, k = (
        rotate(part, shared.cos, shared.sin) for part in (attention.q_norm(q), attention.k_norm(k))
    )
    pair = torch.arange(12) // 2
    seen = torch.ones(12, 12).tril().bool()
    if window:
        seen &= pair[:, None] - pair[None] < window
    weights = (q @ k.mT / 8**0.5).masked_fill(~seen, -torch.inf).softmax(-1)
    expected = attention.out((weights @ v).transpose(1, 2).reshape(1, 12, 16))
    got, _ = run(attention, x, Context(window=window, group=2))
    assert torch.allclose(got, expected, atol=1e-9)


def test_no_gradient_comes_from_the_future(attention):
    x = torch.randn(1, 9, 16, dtype=torch.float64, requires_grad=True)
    y, _ = run(attention, x, Context(window=3, group=2))
    y[:, 4].sum().backward()
    assert not x.grad[:, 5:].any() and x.grad[:, 4].any()


def test_a_window_forgets_whole_groups(attention):
    x = torch.randn(1, 12, 16, dtype=torch.float64, requires_grad=True)
    y, _ = run(attention, x, Context(window=2, group=2))
    for place in (8, 9):  # both members of the fifth pair see the fourth pair, none of the third
        (grad,) = torch.autograd.grad(y[:, place].sum(), x, retain_graph=True)
        assert not grad[:, :6].any() and grad[:, 6:9].any(dim=-1).all()


def test_the_state_is_bounded_by_the_window(attention):
    x = torch.randn(1, 40, 16, dtype=torch.float64)
    _, state = run(attention, x, Context(window=3, group=2), range(1, 40))
    assert state.keys.shape[2] <= 6 and state.position == 40


def test_a_state_may_be_used_twice(attention):
    x = torch.randn(1, 7, 16, dtype=torch.float64)
    _, state = run(attention, x, Context())
    keys = state.keys.clone()
    piece = torch.randn(1, 3, 16, dtype=torch.float64)
    results = [
        attention(piece, attention_layout(piece, 8, 7, Context()), state)[0] for _ in range(2)
    ]
    assert torch.equal(*results) and torch.equal(state.keys, keys)


def test_only_distances_matter_even_after_ten_hours(attention):
    far = 2 * 30 * 3600 * 10
    q, k = torch.randn(2, 1, 1, 2, 8, dtype=torch.float64)

    def scores(position):
        shared = attention_layout(
            torch.empty(1, 2, 16, dtype=torch.float64), 8, position, Context()
        )
        q_, k_ = rotate(q, *shared[:2]), rotate(k, *shared[:2])
        return q_ @ k_.mT

    assert torch.allclose(scores(0), scores(far), atol=1e-6)


@pytest.mark.parametrize(("base", "scale"), [(10_000.0, 1.0), (10_000.0, 2.0), (300.0, 1.0)])
def test_angles_are_the_published_ones(base, scale):
    """theta_i = base^(-2i/d) a position (RoFormer, arXiv 2104.09864, eq. 15); positions p / scale
    (position interpolation, arXiv 2306.15595, eq. 4)."""
    x = torch.empty(1, 3, 16, dtype=torch.float64)
    found = attention_layout(x, 8, 5, Context(base=base, scale=scale))
    for row, position in enumerate((5, 6, 7)):
        for i in range(4):
            angle = position / scale * base ** (-2 * i / 8)
            assert found.cos[row, i].item() == pytest.approx(math.cos(angle), abs=1e-12)
            assert found.sin[row, i].item() == pytest.approx(math.sin(angle), abs=1e-12)


def test_a_rotation_turns_both_halves_of_a_head_by_the_angle():
    """The complex number x_i + i x_(i + d/2) times e^(i angle)."""
    x, angles = torch.randn(1, 1, 3, 8, dtype=torch.float64), torch.randn(3, 4).double()
    turned = rotate(x, angles.cos(), angles.sin())
    whole = torch.complex(x[..., :4], x[..., 4:]) * torch.polar(torch.ones_like(angles), angles)
    torch.testing.assert_close(turned, torch.cat([whole.real, whole.imag], dim=-1))


def test_the_plain_causal_kernel_is_used_only_where_it_is_right():
    x = torch.empty(1, 8, 16)
    assert attention_layout(x, 8, 0, Context(window=4, group=2)).causal
    assert not attention_layout(x, 8, 0, Context(window=3, group=2)).causal
    assert not attention_layout(x, 8, 2, Context(window=8, group=2)).causal


@pytest.mark.parametrize("qk_norm", [False, True])
def test_projections_have_no_bias_and_norms_are_there_when_asked_for(qk_norm):
    layer = CausalAttention(16, 2, qk_norm) if qk_norm else CausalAttention(16, 2)
    norms = {"q_norm.weight", "k_norm.weight"} if qk_norm else set()
    assert set(layer.state_dict()) == {"qkv.weight", "out.weight"} | norms


def test_queries_and_keys_are_brought_to_unit_power_with_a_floor_of_1e_6():
    layer = CausalAttention(16, 2, qk_norm=True).double()
    x = torch.full((8,), 1e-3, dtype=torch.float64)
    for norm in (layer.q_norm, layer.k_norm):
        assert torch.allclose(norm(x), x / (1e-6 + 1e-6) ** 0.5, rtol=1e-9)
