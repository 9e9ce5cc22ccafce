from dataclasses import replace

import pytest
import torch

from sr_core.audio.spectral import Decoder, Encoder, SpectralConfig
from sr_core.audio.spectrum import mix
from sr_core.audio.vae import AudioVAE, OobleckConfig
from sr_core.config import from_dict, to_dict
from sr_core.pipeline import PipelineConfig

TINY = SpectralConfig(
    latent_channels=3, window=16, fold=2, width=8, kernel=3, encoder_blocks=2, decoder_blocks=2
)
HOP = 16
MEASURED = replace(TINY, measured_level=True)
TONAL = replace(TINY, tones=True)
BOTH = replace(TINY, measured_level=True, tones=True)
KINDS = pytest.mark.parametrize(
    "config", [TINY, MEASURED, TONAL, BOTH], ids=["plain", "measured", "tonal", "both"]
)
CUTS = pytest.mark.parametrize("sizes", [[1] * 11, [3, 3, 3, 2], [2, 7, 1, 1]], ids=str)


def tiny_vae(config: SpectralConfig = TINY) -> AudioVAE:
    torch.manual_seed(0)
    return AudioVAE(config).double().eval().requires_grad_(False)


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("window, fold, fits", [(4, 1, True), (16, 0, False), (6, 1, False)])
def test_a_window_is_of_four_parts_and_a_latent_of_one_frame_or_more(window, fold, fits):
    if fits:
        assert SpectralConfig(window=window, fold=fold).hop == window // 2 * fold
        return
    with pytest.raises(ValueError, match="expected"):
        SpectralConfig(window=window, fold=fold)


@KINDS
@CUTS
def test_decoding_in_pieces_equals_decoding_whole(sizes, config):
    vae, latents = tiny_vae(config), random(2, 11, 3)
    state, pieces = None, []
    for piece in latents.split(sizes, dim=1):
        waveform, state = vae.decode(piece, state)
        pieces.append(waveform)
    whole, _ = vae.decode(latents)
    assert whole.shape == (2, 2, 11 * HOP)
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, rtol=0, atol=1e-9)


@KINDS
@CUTS
def test_encoding_in_pieces_equals_encoding_whole(sizes, config):
    vae, waveform = tiny_vae(config), random(2, 2, 11 * HOP)
    state, pieces = None, []
    for piece in waveform.split([size * HOP for size in sizes], dim=-1):
        mean, log_variance, state = vae.encode_moments(piece, state)
        pieces.append(torch.cat([mean, log_variance], dim=-1))
    whole = torch.cat(vae.encode_moments(waveform)[:2], dim=-1)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-9)


@KINDS
def test_no_gradient_reaches_a_latent_from_an_earlier_sample(config):
    latents = random(1, 8, 3).requires_grad_()
    tiny_vae(config).decode(latents)[0][..., : 5 * HOP].square().sum().backward()
    per_latent = latents.grad.abs().sum(dim=(0, 2))
    assert per_latent[4] > 0
    assert per_latent[5:].tolist() == [0, 0, 0]


@KINDS
def test_no_gradient_reaches_a_sample_from_an_earlier_latent(config):
    waveform = random(1, 2, 8 * HOP).requires_grad_()
    mean, log_variance, _ = tiny_vae(config).encode_moments(waveform)
    (mean[:, :5].square().sum() + log_variance[:, :5].square().sum()).backward()
    per_sample = waveform.grad.abs().sum(dim=(0, 1))
    assert per_sample[5 * HOP - 1] > 0
    assert per_sample[5 * HOP :].max() == 0


@KINDS
def test_a_latent_is_heard_from_its_first_frame_on(config):
    vae, latents = tiny_vae(config), random(1, 8, 3)
    changed = latents.clone()
    changed[:, 5] += 1
    apart = (vae.decode(changed)[0] - vae.decode(latents)[0]).abs().sum(dim=(0, 1))
    assert apart[: 5 * HOP].max() == 0
    assert apart[5 * HOP + 1] > 0  # the window is zero at its very first sample


@KINDS
def test_a_state_used_twice_gives_the_same_result(config):
    vae = tiny_vae(config)
    _, decoding = vae.decode(random(1, 4, 3))
    _, encoding = vae.encode(random(1, 2, 4 * HOP))
    sound = random(1, 2, 2 * HOP)
    once = vae.decode(random(1, 2, 3), decoding)[0], vae.encode(sound, encoding)[0]
    vae.decode(random(1, 3, 3, seed=2), decoding)
    vae.encode(random(1, 2, HOP, seed=2), encoding)
    again = vae.decode(random(1, 2, 3), decoding)[0], vae.encode(sound, encoding)[0]
    assert torch.equal(once[0], again[0])
    assert torch.equal(once[1], again[1])


def test_noise_is_the_same_every_time_but_not_at_every_position():
    decoder = Decoder(TINY)
    assert torch.equal(decoder.noise(3), decoder.noise(3))
    assert not torch.equal(decoder.noise(3), decoder.noise(4))


def test_numbers_of_the_noise_differ_in_phase_alone():
    noise = torch.cat([Decoder(TINY).noise(place) for place in range(100)])
    torch.testing.assert_close(noise.square().sum(dim=-1), torch.full(noise.shape[:-1], 2.0))
    assert noise.mean(dim=(0, 1, 2)).abs().max() < 0.1


def test_a_constant_latent_does_not_repeat_its_noise():
    vae = tiny_vae()
    waveform, _ = vae.decode(random(1, 1, 3).expand(1, 20, 3))
    late = waveform[0, 0].unflatten(0, (20, HOP))[8:]  # the convolutions have settled
    assert (late[1:] - late[:-1]).abs().amax(dim=1).min() > 1e-4


def test_noise_of_a_constant_level_has_constant_power():
    decoder, noise = Decoder(TINY), random(1, 20000, 2, 9, 2)
    x = torch.full((1, 20000, 9 * 9), -30.0, dtype=torch.float64)
    x[..., 6 * 9 :] = 3.0
    waveform, _ = decoder.render(x, noise)
    power = waveform[..., 16:].square().unflatten(-1, (-1, 8)).mean(dim=(0, 1, 2))
    assert power.max() / power.min() < 1.1


def test_noises_of_left_and_right_may_be_alike_or_opposed():
    x = torch.full((1, 1, 9 * 4), -30.0)
    alike, opposed = x.clone(), x.clone()
    alike[..., 6 * 4 : 8 * 4] = 0.0
    opposed[..., 8 * 4 :] = 0.0
    noise = torch.randn(1, 1, 2, 4, 2)
    left, right = mix(alike, noise)[0, 0]
    torch.testing.assert_close(left, right)
    left, right = mix(opposed, noise)[0, 0]
    torch.testing.assert_close(left, -right)
    assert left.abs().max() > 1e-3


@KINDS
def test_a_codec_made_on_the_meta_device_loads_whole(config):
    source = tiny_vae(config)
    with torch.device("meta"):
        target = AudioVAE(config)
    target.load_state_dict(source.state_dict(), strict=True, assign=True)
    latents, waveform = random(1, 3, 3), random(1, 2, 3 * HOP)
    assert torch.equal(target.decode(latents)[0], source.decode(latents)[0])
    assert torch.equal(target.encode(waveform)[0], source.encode(waveform)[0])


@KINDS
def test_silence_is_finite_both_ways(config):
    vae = tiny_vae(config)
    mean, log_variance, _ = vae.encode_moments(torch.zeros(1, 2, 3 * HOP, dtype=torch.float64))
    assert mean.isfinite().all() and log_variance.isfinite().all()


@KINDS
def test_the_gradient_of_silence_is_finite_at_every_weight(config):
    vae = tiny_vae(config).requires_grad_()
    mean, _, _ = vae.encode_moments(torch.zeros(1, 2, 3 * HOP, dtype=torch.float64))
    (vae.decode(mean)[0] + 1).square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in vae.parameters())


def test_the_first_latent_is_the_level_of_its_samples():
    waveform = 0.05 * random(1, 2, 12 * HOP)
    power = waveform.unflatten(-1, (12, HOP)).square().mean(dim=(1, 3))
    latents, _ = tiny_vae(BOTH).encode(waveform)
    torch.testing.assert_close(latents[..., 0], 0.5 * (power + 1e-8).log())


@pytest.mark.parametrize("kind", ["noise", "opposed", "tone"])
def test_samples_have_the_power_of_their_latent_whatever_is_predicted(kind):
    decoder, bins = Decoder(BOTH), BOTH.bins
    x = torch.full((1, 4000, 11, bins), -30.0, dtype=torch.float64)
    x[:, :, {"noise": 6, "opposed": 8, "tone": 9}[kind], 3] = random(1, 1).item() - 1
    if kind == "tone":  # the bins beside a peak, under the root of a Hann window: a third of it
        x[:, :, 9, [2, 4]] = x[:, :, 9, [3]] - torch.tensor(3.0).log()
    noise = torch.cat([decoder.noise(place) for place in range(2000)]).double()
    rms = torch.full((1, 2000), 0.1, dtype=torch.float64)
    waveform, _ = decoder.render(x.flatten(2), noise, rms)
    assert waveform[..., HOP:].square().mean().item() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("config", [MEASURED, BOTH], ids=["measured", "both"])
def test_a_softer_sound_has_the_same_shape_and_comes_out_as_much_softer(config):
    vae, waveform, gain = tiny_vae(config), random(1, 2, 6 * HOP), 0.1
    loud, soft = vae.encode(waveform)[0], vae.encode(gain * waveform)[0]
    torch.testing.assert_close(soft[..., 1:], loud[..., 1:], rtol=0, atol=1e-4)
    expected = gain * vae.decode(loud)[0]
    torch.testing.assert_close(vae.decode(soft)[0], expected, rtol=0, atol=1e-4)


def test_the_posterior_of_a_measured_level_is_narrow():
    mean, log_variance, _ = tiny_vae(BOTH).encode_moments(random(1, 2, 3 * HOP))
    assert mean.shape == log_variance.shape == (1, 3, 3)
    assert log_variance[..., 0].unique().tolist() == [-14]


def test_tones_are_loudest_where_they_are_predicted():
    decoder = Decoder(TONAL)
    x = torch.full((1, 40, 11 * 9), -30.0, dtype=torch.float64)
    x[..., 9 * 9 + 2], x[..., 10 * 9 + 2] = 3.0, 3.0 - 1.0  # bin 2: left, and right 1 neper softer
    waveform, _ = decoder.render(x, None)
    left, right = torch.fft.rfft(waveform[0, :, 64:320]).abs()  # 16 times as many bins
    assert left.argmax() == right.argmax() == 2 * 16
    torch.testing.assert_close(right[32], left[32] / torch.e)


def test_the_default_fits_the_frame_rate_and_the_size_of_a_small_file():
    with torch.device("meta"):
        sides = Encoder(SpectralConfig()), Decoder(SpectralConfig())
    assert SpectralConfig().hop == 1600
    assert sum(p.numel() for side in sides for p in side.parameters()) < 7e6


@pytest.mark.parametrize(
    "audio", [TINY, BOTH, OobleckConfig(channels=8)], ids=["spectral", "both", "oobleck"]
)
def test_a_configuration_comes_back_as_the_kind_it_was(audio):
    config = PipelineConfig(audio=audio)
    assert from_dict(PipelineConfig, to_dict(config)) == config


def test_a_window_that_cannot_be_halved_twice_is_refused():
    with pytest.raises(ValueError, match="got window 18"):
        SpectralConfig(window=18)
