import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sr_core.layers.causal import CausalConv1d, CausalConvTranspose1d, StatefulSequence

CONVOLUTIONS = {
    "plain": lambda: CausalConv1d(3, 4, 7),
    "dilated": lambda: CausalConv1d(3, 4, 7, dilation=9),
    "strided": lambda: CausalConv1d(3, 4, 6, stride=3),
    "strided and dilated": lambda: CausalConv1d(3, 4, 4, stride=2, dilation=3),
    "grouped": lambda: CausalConv1d(4, 4, 5, groups=4, bias=False),
    "pointwise": lambda: CausalConv1d(3, 4, 1),
    "kernel as long as the stride": lambda: CausalConv1d(3, 4, 3, stride=3),
    "transposed": lambda: CausalConvTranspose1d(3, 4, 6, stride=3),
    "transposed without bias": lambda: CausalConvTranspose1d(3, 4, 6, stride=3, bias=False),
    "transposed over many strides": lambda: CausalConvTranspose1d(3, 4, 11, stride=2),
    "transposed without overlap": lambda: CausalConvTranspose1d(3, 4, 3, stride=3),
}


@pytest.fixture(params=CONVOLUTIONS)
def convolution(request):
    torch.manual_seed(0)
    return CONVOLUTIONS[request.param]().double().requires_grad_(False)


def signal(convolution, steps: int, seed: int = 1) -> torch.Tensor:
    samples = steps * (convolution.stride[0] if isinstance(convolution, CausalConv1d) else 1)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(
        2, convolution.in_channels, samples, generator=generator, dtype=torch.float64
    )


def in_pieces(module, x, sizes):
    state, pieces = None, []
    for piece in x.split(sizes, dim=-1):
        y, state = module(piece, state)
        pieces.append(y)
    return torch.cat(pieces, dim=-1), state


@pytest.mark.parametrize("steps", [[1] * 13, [3, 3, 3, 3, 1], [2, 7, 1, 3]], ids=str)
def test_convolving_in_pieces_equals_convolving_whole(convolution, steps):
    x = signal(convolution, 13)
    sizes = [step * x.shape[-1] // 13 for step in steps]
    whole, end = convolution(x)
    pieces, last = in_pieces(convolution, x, sizes)
    torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-9)
    torch.testing.assert_close(last, end, rtol=0, atol=1e-9)


def test_outputs_do_not_depend_on_later_inputs(convolution):
    x = signal(convolution, 6).requires_grad_()
    y, _ = convolution(x)
    half = y.shape[-1] // 2
    y[..., :half].square().sum().backward()
    per_step = x.grad.unflatten(-1, (6, -1)).abs().sum(dim=(0, 1, 3))
    assert per_step[2] > 0
    assert per_step[3:].tolist() == [0, 0, 0]


def test_a_state_used_twice_gives_the_same_result(convolution):
    _, state = convolution(signal(convolution, 5))
    future, other = signal(convolution, 2, seed=2), signal(convolution, 2, seed=3)
    once, _ = convolution(future, state)
    convolution(other, state)
    again, _ = convolution(future, state)
    assert torch.equal(once, again)


def test_a_state_owns_no_more_memory_than_it_needs(convolution):
    _, state = convolution(signal(convolution, 200))
    if isinstance(state, tuple):
        assert state == ()
    else:
        assert state.untyped_storage().nbytes() == state.numel() * state.element_size()


def test_a_causal_convolution_is_a_convolution_with_all_zeros_on_the_left():
    layer = CausalConv1d(3, 4, 4, stride=2, dilation=3).double()
    x = signal(layer, 10)
    expected = F.conv1d(F.pad(x, (8, 0)), layer.weight, layer.bias, stride=2, dilation=3)
    torch.testing.assert_close(layer(x)[0], expected)


def test_a_causal_transposed_convolution_drops_only_the_right_end():
    layer = CausalConvTranspose1d(3, 4, 6, stride=3).double()
    x = signal(layer, 10)
    expected = F.conv_transpose1d(x, layer.weight, layer.bias, stride=3)[..., :30]
    torch.testing.assert_close(layer(x)[0], expected)


def test_a_sequence_threads_the_states_of_its_members():
    inner = StatefulSequence(CausalConv1d(4, 4, 3), nn.Tanh())
    sequence = StatefulSequence(CausalConv1d(3, 4, 5), nn.Tanh(), inner).double()
    x = signal(sequence[0], 9)
    whole, state = sequence(x)
    pieces, _ = in_pieces(sequence, x, [1, 3, 5])
    torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-9)
    assert state[1] == ()
    assert [part.shape[-1] for part in (state[0], state[2][0])] == [4, 2]


def test_a_state_of_another_sequence_is_refused():
    sequence = StatefulSequence(nn.Tanh(), nn.Tanh())
    with pytest.raises(ValueError, match="state of 3 members; expected 2"):
        sequence(torch.zeros(1, 1, 1), ((), (), ()))


def test_a_piece_that_is_not_whole_strides_is_refused():
    with pytest.raises(ValueError, match="7 samples; expected whole strides of 3"):
        CausalConv1d(1, 1, 6, stride=3)(torch.zeros(1, 1, 7))


@pytest.mark.parametrize("layer", [CausalConv1d, CausalConvTranspose1d])
def test_a_kernel_shorter_than_its_stride_is_refused(layer):
    with pytest.raises(ValueError, match="kernel 2, stride 3"):
        layer(1, 1, 2, stride=3)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", [CausalConv1d, CausalConvTranspose1d])
def test_a_bias_is_there_when_asked_for(kind, bias):
    assert (kind(3, 4, 4, stride=2, bias=bias).bias is not None) == bias
