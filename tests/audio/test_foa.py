"""The VAE of first-order Ambisonics: its shapes, its streams, and its start from stereo weights."""

from dataclasses import replace

import pytest
import torch

from sr_core.audio import foa
from sr_core.audio.oobleck import OobleckConfig
from sr_core.audio.spectral import SpectralConfig
from sr_core.audio.vae import AudioVAE, vae_from_weights
from sr_core.components import load_any_vae, save_part
from sr_core.spatial.decode import stereo as cardioids
from sr_core.spatial.encode import direction_gains
from sr_core.training.tasks.losses import kl_divergence

TINY = OobleckConfig(latent_channels=3, channels=4, multipliers=(1, 2), strides=(2, 3))  # hop 6
CAUSAL = pytest.mark.parametrize("causal", [True, False])


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def tiny_vae(channels: int, causal: bool = True, latents: int = 3) -> AudioVAE:
    torch.manual_seed(0)
    config = replace(TINY, audio_channels=channels, causal=causal, latent_channels=latents)
    vae = AudioVAE(config).double().eval()
    for name, parameter in vae.named_parameters():
        if name.endswith(("alpha", "beta")):
            parameter.data.normal_(std=0.2)
    vae.latent_mean.copy_(random(latents, seed=8))
    vae.latent_scale.copy_(random(latents, seed=9).exp())
    return vae.requires_grad_(False)


def field_of(stereo: torch.Tensor) -> torch.Tensor:  # (b 2 s) -> (b 4 s)
    """W = L + R, Y = L - R, no Z, no X."""
    left, right = stereo.unbind(1)
    none = torch.zeros_like(left)
    return torch.stack([left + right, left - right, none, none], dim=1)


def near(ours: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)


def looks_ahead(vae: AudioVAE, latents: torch.Tensor) -> tuple[bool, bool]:  # (1 8 k)
    """Whether five of eight latents depend on later samples, and their samples on later latents."""
    field, latents = random(1, 4, 48).requires_grad_(), latents.requires_grad_()
    vae.encode(field)[0][:, :5].square().sum().backward()
    vae.decode(latents)[0][..., :30].square().sum().backward()
    return field.grad[..., 30:].any().item(), latents.grad[:, 5:].any().item()


def parameters_of(config: OobleckConfig) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in AudioVAE(config).parameters())


def test_the_official_shape_has_the_official_number_of_parameters():
    """157,820,292 with weight norm, of which 34,948 are gains that folding takes away."""
    counted = parameters_of(foa.NON_CAUSAL)
    assert counted == pytest.approx(157.82e6, rel=1e-3)
    assert counted == 157_820_292 - 16_640 - 18_308
    assert parameters_of(foa.CAUSAL) == counted
    assert foa.CAUSAL.hop == 2048 and foa.CAUSAL.sample_rate / foa.CAUSAL.hop == pytest.approx(
        21.53, abs=0.01
    )


@pytest.mark.parametrize("sizes", [[1] * 13, [3, 3, 3, 3, 1], [2, 7, 1, 3]], ids=str)
def test_a_field_in_pieces_equals_the_field_whole(sizes):
    vae, field, latents = tiny_vae(4), random(2, 4, 13 * 6), random(2, 13, 3)
    encoding = decoding = None
    pieces: tuple[list, list] = ([], [])
    for wave, part in zip(
        field.split([6 * size for size in sizes], dim=-1), latents.split(sizes, dim=1), strict=True
    ):
        encoded, encoding = vae.encode(wave, encoding)
        decoded, decoding = vae.decode(part, decoding)
        pieces[0].append(encoded), pieces[1].append(decoded)
    near(torch.cat(pieces[0], dim=1), vae.encode(field)[0])
    near(torch.cat(pieces[1], dim=-1), vae.decode(latents)[0])


@CAUSAL
def test_only_a_non_causal_vae_of_fields_looks_ahead(causal):
    assert looks_ahead(tiny_vae(4, causal), random(1, 8, 3)) == (not causal, not causal)


def test_every_channel_of_a_field_reaches_the_latents_and_comes_out_of_them():
    vae, field, latents = tiny_vae(4), random(1, 4, 48), random(1, 8, 3).requires_grad_()
    for channel in range(4):
        changed = field.clone()
        changed[:, channel] += 1
        assert not torch.equal(vae.encode(changed)[0], vae.encode(field)[0])
        (gradient,) = torch.autograd.grad(vae.decode(latents)[0][:, channel].sum(), latents)
        assert gradient.abs().sum() > 0


def test_a_file_of_a_vae_of_fields_keeps_rate_channels_and_statistics(tmp_path):
    vae = AudioVAE(replace(TINY, audio_channels=4, sample_rate=44_100))
    vae.latent_mean.fill_(0.5)
    loaded = load_any_vae(save_part(vae, tmp_path / "foa.safetensors"))
    assert loaded.config == vae.config
    field = random(1, 4, 12).float()
    assert torch.equal(loaded.encode(field)[0], vae.encode(field)[0])
    assert vae_from_weights(vae.state_dict()).config.audio_channels == 4


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_another_number_of_channels_is_refused(channels):
    with pytest.raises(ValueError, match=r"expected \(b 4 s\), s > 0; encode it as W Y Z X"):
        tiny_vae(4).encode(random(1, channels, 12))


@CAUSAL
@pytest.mark.parametrize("latents", [3, 5])
def test_a_stereo_sound_has_the_latents_and_the_level_of_the_stereo_vae(causal, latents):
    stereo, sound = tiny_vae(2, causal), random(2, 2, 48)
    vae = foa.from_stereo(stereo, latents)
    expected = stereo.encode(sound)[0]
    encoded = vae.encode(field_of(sound))[0]
    near(encoded[..., :3], expected)
    near(vae.decode(encoded)[0][:, :2], field_of(stereo.decode(expected)[0])[:, :2])


def test_a_sound_in_w_alone_is_a_centred_sound_of_half_the_amplitude():
    stereo, w = tiny_vae(2), random(1, 1, 48)
    vae = foa.from_stereo(stereo, 3)
    decoded = vae.decode(vae.encode(torch.cat([w, w.new_zeros(1, 3, 48)], dim=1))[0])[0]
    centred = stereo.decode(stereo.encode(torch.cat([w / 2, w / 2], dim=1))[0])[0]
    near(decoded[:, 0], centred.sum(dim=1))


@pytest.mark.parametrize(("degrees", "left", "right"), [(90, 1, 0), (-90, 0, 1), (0, 0.5, 0.5)])
def test_a_plane_wave_reaches_the_stereo_layers_within_full_scale(degrees, left, right):
    """In closed form: cardioids at the sides, 0.5 + 0.5 sin(azimuth) and 0.5 - 0.5 sin(azimuth)."""
    azimuth = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    gains = direction_gains(torch.stack([azimuth.cos(), azimuth.sin(), 0 * azimuth]))
    source, stereo = random(1, 1, 48), tiny_vae(2)
    field = source * gains[:, None]
    pair = torch.cat([left * source, right * source], dim=1)
    near(cardioids(field), pair)
    near(foa.from_stereo(stereo, 3).encode(field)[0], stereo.encode(pair)[0])


def test_an_ideal_stereo_codec_keeps_every_w_and_y():
    """With weights that pass left and right on, W and Y come out as they went in."""
    identity = torch.eye(2, dtype=torch.float64)[:, :, None]
    made = (
        foa._output_weight(identity, torch.Generator())[..., 0]
        @ foa._input_weight(identity)[..., 0]
    )
    near(made[:2], torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]], dtype=torch.float64))


def test_z_and_x_change_nothing_at_first_and_come_out_faint():
    vae, field = foa.from_stereo(tiny_vae(2), 3), random(1, 4, 48)
    without = torch.cat([field[:, :2], 0 * field[:, 2:]], dim=1)
    assert torch.equal(vae.encode(field)[0], vae.encode(without)[0])
    levels = vae.decode(vae.encode(field)[0])[0].square().mean(dim=(0, 2)).sqrt()
    assert (levels[2:] > 0).all() and (levels[2:] < 0.01 * levels[:2].max()).all()


def test_further_latents_are_of_the_size_and_precision_of_the_others_and_unused():
    stereo = tiny_vae(2)
    vae, field = foa.from_stereo(stereo, 40), random(1, 4, 480)
    mean, log_variance, _ = vae.encode_moments(field)
    old_mean, old_variance, _ = stereo.encode_moments(cardioids(field))
    near(mean[..., :3], old_mean), near(log_variance[..., :3], old_variance)
    near(log_variance[..., 3:], old_variance.mean(dim=-1, keepdim=True).expand(-1, -1, 37))
    ratio = (mean[..., 3:].std() / old_mean.std()).item()
    assert 0.3 < ratio < 3
    latents = vae.encode(field)[0]
    changed = torch.cat([latents[..., :3], latents[..., 3:] + 1], dim=-1)
    near(vae.decode(changed)[0], vae.decode(latents)[0])
    assert torch.equal(vae.latent_mean[:3], stereo.latent_mean) and not vae.latent_mean[3:].any()
    assert torch.equal(vae.latent_scale[:3], stereo.latent_scale)
    assert vae.latent_scale[3:].tolist() == [1.0] * 37


def test_after_two_steps_every_weight_has_a_gradient():
    """By a loss of magnitudes, which has no gradient for a channel that is exactly silent."""
    vae = foa.from_stereo(tiny_vae(2), 5).train().requires_grad_(True)
    field = random(2, 4, 48)
    for _ in range(2):
        vae.zero_grad()
        mean, log_variance, _ = vae.encode_moments(field)
        sound = vae.decoder(mean.transpose(1, 2))[0]
        magnitudes = (torch.fft.rfft(x).abs() for x in (sound, field))
        distance = torch.stack(list(magnitudes)).diff(dim=0).abs().mean()
        (distance + 1e-5 * kl_divergence(mean, log_variance).mean()).backward()
        for parameter in vae.parameters():
            parameter.data -= 1e-3 * parameter.grad
    first, last = vae.encoder[0].weight.grad, vae.encoder[-1].weight.grad
    assert first.abs().amax(dim=(0, 2)).min() > 0 and last.abs().amax(dim=(1, 2)).min() > 0
    first, last = vae.decoder[0].weight.grad, vae.decoder[-1].weight.grad
    assert first.abs().amax(dim=(0, 2)).min() > 0 and last.abs().amax(dim=(1, 2)).min() > 1e-3


def test_the_start_is_the_same_every_time_and_leaves_the_stereo_vae_as_it_was():
    stereo = tiny_vae(2)
    before = {name: value.clone() for name, value in stereo.state_dict().items()}
    one, two = foa.from_stereo(stereo, 5), foa.from_stereo(stereo, 5)
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
        value.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in stereo.state_dict().items())


def test_another_start_is_refused():
    with pytest.raises(ValueError, match="expected an Oobleck VAE of 2 channels"):
        foa.from_stereo(tiny_vae(4), 3)
    with pytest.raises(ValueError, match="expected an Oobleck VAE of 2 channels"):
        foa.from_stereo(AudioVAE(SpectralConfig(width=8, window=16)), 32)
    with pytest.raises(ValueError, match="got 2 latents; expected at least the stereo VAE's 3"):
        foa.from_stereo(tiny_vae(2), 2)
