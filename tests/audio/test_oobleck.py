import pytest
import torch
from torch.nn import functional as F

from sr_core.audio.oobleck import Decoder, Encoder, OobleckConfig, downsampling, upsampling


def random(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("stride", [2, 3, 4, 5])
def test_non_causal_downsampling_mirrors_one_stride_the_odd_sample_left(stride):
    layer, x = downsampling(3, 4, stride, causal=False).double(), random(1, 3, 6 * stride)
    padded = F.pad(x, (stride - stride // 2, stride // 2), mode="reflect")
    expected = F.conv1d(padded, layer.weight, layer.bias, stride=stride)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("stride", [2, 3, 4, 5])
def test_non_causal_upsampling_cuts_one_stride_the_odd_sample_left(stride):
    layer, x = upsampling(3, 4, stride, causal=False).double(), random(1, 3, 6)
    whole = F.conv_transpose1d(x, layer.weight, layer.bias, stride=stride)
    expected = whole[..., stride - stride // 2 : whole.shape[-1] - stride // 2]
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("strides", [(2,), (2, 1), ()])
def test_a_config_that_cannot_be_built_is_refused(strides):
    with pytest.raises(ValueError, match="every stride at least 2"):
        OobleckConfig(multipliers=(1, 2), strides=strides)
    with pytest.raises(ValueError, match="every stride at least 2"):
        OobleckConfig(multipliers=(), strides=())


def test_the_official_size_has_the_official_number_of_parameters():
    """150,345,346 with weight norm, of which 34,818 are gains that folding takes away."""
    with torch.device("meta"):
        encoder, decoder = Encoder(OobleckConfig()), Decoder(OobleckConfig())
    assert sum(p.numel() for p in encoder.parameters()) == 75_106_304 - 16_512
    assert sum(p.numel() for p in decoder.parameters()) == 75_239_042 - 18_306
    assert OobleckConfig().hop == 1600


@pytest.mark.parametrize("causal", [True, False])
def test_only_a_non_causal_network_looks_ahead(causal):
    torch.manual_seed(0)
    config = OobleckConfig(
        latent_channels=3, channels=4, multipliers=(1, 2), strides=(2, 3), causal=causal
    )
    latents = random(1, 3, 6).requires_grad_()
    Decoder(config).double()(latents)[0][..., :12].square().sum().backward()
    waveform = random(1, 2, 36).requires_grad_()
    Encoder(config).double()(waveform)[0][..., :2].square().sum().backward()
    ahead = latents.grad[..., 2:].any().item(), waveform.grad[..., 12:].any().item()
    assert ahead == (not causal, not causal)


def test_widths_are_the_multipliers_times_the_channels_at_both_ends():
    config = OobleckConfig(latent_channels=3, channels=4, multipliers=(2, 3), strides=(2, 3))
    encoder, decoder = Encoder(config), Decoder(config)
    waveform = torch.randn(1, 2, 12)
    moments, _ = encoder(waveform)
    assert moments.shape == (1, 6, 2) and decoder(moments[:, :3])[0].shape == waveform.shape
    weights = encoder.state_dict(), decoder.state_dict()
    assert next(iter(weights[0].values())).shape[:2] == (4, 2)
    assert list(weights[1].values())[-1].shape[:2] == (2, 4)
