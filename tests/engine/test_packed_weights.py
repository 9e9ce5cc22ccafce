import pytest
import torch
from torch import nn

from sr_core.audio.oobleck import Decoder, OobleckConfig
from sr_core.engine.packed_weights import (
    SHORT,
    SMALL,
    FixedSnakeBeta,
    PackedConv,
    PackedConvTranspose,
    PackedLinear,
    ShortDepthwise,
    packed,
    packs,
)
from sr_core.layers.blocks import SnakeBeta
from sr_core.layers.causal import CausalConv1d, CausalConvTranspose1d

needs_packing = pytest.mark.skipif(
    not packs(torch.float32), reason="this PyTorch or processor packs no weights"
)


def signal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def in_pieces(layer, x, sizes):
    state, heard = None, []
    for piece in x.split(sizes, dim=-1):
        y, state = layer(piece, state)
        heard.append(y)
    return torch.cat(heard, dim=-1), state


@needs_packing
@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_linear_layer_gives_what_the_plain_one_gives(rows, bias):
    layer = nn.Linear(300, 250, bias=bias)
    quick, x = packed(layer), signal(2, rows, 300)
    assert type(quick) is PackedLinear
    torch.testing.assert_close(quick(x), layer(x), rtol=1e-5, atol=1e-5)


@needs_packing
@torch.no_grad()
@pytest.mark.parametrize("kernel, dilation", [(7, 1), (7, 9), (1, 1)])
@pytest.mark.parametrize("sizes", [[11], [1] * 11, [4, 7]])
def test_a_packed_convolution_streams_as_the_plain_one_and_their_states_are_one(
    kernel, dilation, sizes
):
    layer, x = CausalConv1d(512, 512, kernel, dilation=dilation), signal(2, 512, 11)
    quick = packed(layer)
    assert type(quick) is PackedConv
    expected, state = layer(x)
    heard, quick_state = in_pieces(quick, x, sizes)
    torch.testing.assert_close(heard, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(quick_state, state) if layer.tail else quick_state == ()


@needs_packing
@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", [[7], [1] * 7, [3, 4]])
def test_a_packed_transposed_convolution_streams_as_the_plain_one(bias, sizes):
    layer, x = CausalConvTranspose1d(24, 16, 10, stride=5, bias=bias), signal(2, 24, 7)
    quick = packed(layer)
    assert type(quick) is PackedConvTranspose
    expected, state = layer(x)
    heard, quick_state = in_pieces(quick, x, sizes)
    torch.testing.assert_close(heard, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(quick_state, state, rtol=1e-5, atol=1e-5)
    # Either goes on from the other's state.
    torch.testing.assert_close(quick(x, state)[0], layer(x, quick_state)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("unusual", [{"stride": 2}, {"groups": 2}], ids=str)
def test_a_convolution_with_strides_or_groups_stays_as_it_is(unusual):
    layer = CausalConv1d(512 * unusual.get("groups", 1), 512, 4, **unusual)
    assert type(packed(layer)) is CausalConv1d


def test_a_small_linear_layer_stays_as_it_is():
    layer = nn.Linear(256, SMALL // 256)
    assert type(packed(layer)) is nn.Linear


@torch.no_grad()
@pytest.mark.parametrize("sizes", [[23], [1] * 23, [4] * 5 + [3], [2, SHORT + 1, 4]])
def test_a_short_depthwise_convolution_streams_as_the_plain_one_and_their_states_are_one(
    sizes,
):
    layer, x = CausalConv1d(12, 12, 7, groups=12), signal(2, 12, 23)
    quick = packed(layer)
    assert type(quick) is ShortDepthwise
    expected, state = layer(x)
    heard, quick_state = in_pieces(quick, x, sizes)
    torch.testing.assert_close(heard, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(quick_state, state)


def test_a_fixed_snake_is_the_same_function():
    layer = SnakeBeta(6).double()
    nn.init.normal_(layer.alpha), nn.init.normal_(layer.beta)
    x = signal(2, 6, 9).double()
    kept = x.clone()
    assert type(packed(layer)) is FixedSnakeBeta
    torch.testing.assert_close(packed(layer)(x), layer(x), rtol=0, atol=1e-12)
    assert torch.equal(x, kept)


@needs_packing
@torch.inference_mode()
def test_a_packed_decoder_keeps_the_original_whole_and_shares_its_parameters():
    config = OobleckConfig(latent_channels=8, channels=512, multipliers=(1, 1), strides=(2, 3))
    decoder = Decoder(config).requires_grad_(False)
    before = [type(module) for module in decoder.modules()]
    quick, latents = packed(decoder), signal(1, 8, 5)
    expected, state = decoder(latents)
    heard, quick_state = in_pieces(quick, latents, [2, 1, 2])
    torch.testing.assert_close(heard, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        quick(latents, state)[0], decoder(latents, quick_state)[0], rtol=1e-4, atol=1e-4
    )
    assert [type(module) for module in decoder.modules()] == before
    assert quick[0].weight is decoder[0].weight


def test_layers_in_double_precision_stay_as_they_are():
    layers = nn.Sequential(nn.Linear(4, 4), CausalConv1d(512, 512, 1)).double()
    assert [type(layer) for layer in packed(layers)] == [nn.Linear, CausalConv1d]
