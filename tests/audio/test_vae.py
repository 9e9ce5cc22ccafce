from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sr_core.audio.vae import AudioVAE, OobleckConfig, load_vae
from sr_core.convert import convert_vae

GOLDENS = Path(__file__).parents[1] / "goldens"
TINY = {"latent_channels": 3, "channels": 4, "multipliers": (1, 2), "strides": (2, 3)}  # hop 6


def tiny_vae(causal: bool = True, dtype: torch.dtype = torch.float64) -> AudioVAE:
    torch.manual_seed(0)
    vae = AudioVAE(OobleckConfig(**TINY, causal=causal)).eval().requires_grad_(False)
    for name, parameter in vae.named_parameters():
        if name.endswith(("alpha", "beta")):  # zero at first, which hides one taken for the other
            parameter.normal_(std=0.2)
    return vae.to(dtype)


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def decode_in_pieces(vae: AudioVAE, latents: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    state, pieces = None, []
    for piece in latents.split(sizes, dim=1):
        waveform, state = vae.decode(piece, state)
        pieces.append(waveform)
    return torch.cat(pieces, dim=-1)


def encode_in_pieces(vae: AudioVAE, waveform: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    state, pieces = None, []
    for piece in waveform.split([size * vae.config.hop for size in sizes], dim=-1):
        mean, log_variance, state = vae.encode_moments(piece, state)
        pieces.append(torch.cat([mean, log_variance], dim=-1))
    return torch.cat(pieces, dim=1)


CUTS = pytest.mark.parametrize("sizes", [[1] * 13, [3, 3, 3, 3, 1], [2, 7, 1, 3]], ids=str)


@CUTS
def test_decoding_in_pieces_equals_decoding_whole(sizes):
    vae, latents = tiny_vae(), random(2, 13, 3)
    whole, _ = vae.decode(latents)
    torch.testing.assert_close(decode_in_pieces(vae, latents, sizes), whole, rtol=0, atol=1e-9)


@CUTS
def test_encoding_in_pieces_equals_encoding_whole(sizes):
    vae, waveform = tiny_vae(), random(2, 2, 13 * 6)
    whole = torch.cat(vae.encode_moments(waveform)[:2], dim=-1)
    torch.testing.assert_close(encode_in_pieces(vae, waveform, sizes), whole, rtol=0, atol=1e-9)


def test_no_gradient_reaches_a_latent_from_an_earlier_sample():
    latents = random(1, 8, 3).requires_grad_()
    tiny_vae().decode(latents)[0][..., : 5 * 6].square().sum().backward()
    per_latent = latents.grad.abs().sum(dim=(0, 2))
    assert per_latent[4] > 0
    assert per_latent[5:].tolist() == [0, 0, 0]


def test_no_gradient_reaches_a_sample_from_an_earlier_latent():
    waveform = random(1, 2, 8 * 6).requires_grad_()
    mean, log_variance, _ = tiny_vae().encode_moments(waveform)
    (mean[:, :5].square().sum() + log_variance[:, :5].square().sum()).backward()
    per_sample = waveform.grad.abs().sum(dim=(0, 1))
    assert per_sample[5 * 6 - 1] > 0
    assert per_sample[5 * 6 :].max() == 0


def test_a_changed_future_leaves_earlier_samples_bit_identical():
    vae, latents = tiny_vae(), random(1, 8, 3)
    changed = torch.cat([latents[:, :5], random(1, 3, 3, seed=2)], dim=1)
    before, after = vae.decode(latents)[0], vae.decode(changed)[0]
    assert torch.equal(before[..., : 5 * 6], after[..., : 5 * 6])
    assert not torch.equal(before, after)


def test_a_state_used_twice_gives_the_same_result():
    vae = tiny_vae()
    _, decoding = vae.decode(random(1, 4, 3))
    _, encoding = vae.encode(random(1, 2, 24))
    once = vae.decode(random(1, 2, 3), decoding)[0], vae.encode(random(1, 2, 12), encoding)[0]
    vae.decode(random(1, 3, 3, seed=2), decoding), vae.encode(random(1, 2, 6, seed=2), encoding)
    again = vae.decode(random(1, 2, 3), decoding)[0], vae.encode(random(1, 2, 12), encoding)[0]
    assert torch.equal(once[0], again[0])
    assert torch.equal(once[1], again[1])


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_every_latent_is_a_hop_of_samples(causal, frames):
    vae = tiny_vae(causal)
    waveform, _ = vae.decode(random(2, frames, 3))
    assert waveform.shape == (2, 2, frames * 6)
    assert vae.encode(waveform)[0].shape == (2, frames, 3)


def test_a_non_causal_vae_gives_and_takes_no_state():
    vae = tiny_vae(causal=False)
    assert vae.decode(random(1, 3, 3))[1] is None
    assert vae.encode_moments(random(1, 2, 12))[2] is None
    with pytest.raises(ValueError, match="got a state for a non-causal VAE"):
        vae.decode(random(1, 3, 3), ())
    with pytest.raises(ValueError, match="got a state for a non-causal VAE"):
        vae.encode(random(1, 2, 12), ())


def test_latents_outside_are_normalised():
    vae, waveform = tiny_vae(), random(1, 2, 24)
    mean, _, _ = vae.encode_moments(waveform)
    plain, _ = vae.decode(mean)
    vae.latent_mean.copy_(torch.tensor([1.0, -2.0, 0.5]))
    vae.latent_scale.copy_(torch.tensor([2.0, 0.5, 4.0]))
    latents, _ = vae.encode(waveform)
    torch.testing.assert_close(latents, (mean - vae.latent_mean) / vae.latent_scale)
    torch.testing.assert_close(vae.decode(latents)[0], plain)


def test_log_variance_stays_between_bounds():
    vae = tiny_vae()
    vae.encoder[-1].bias[3:] = torch.tensor([-99.0, 19.0, 99.0])
    _, log_variance, _ = vae.encode_moments(0.01 * random(1, 2, 12))
    assert log_variance[0, 0, 0] == -30
    assert 18 < log_variance[0, 0, 1] < 20
    assert log_variance[0, 0, 2] == 20


@pytest.mark.parametrize("causal", [True, False])
def test_bfloat16_stays_near_float64(causal):
    latents = random(1, 9, 3)
    exact, _ = tiny_vae(causal).decode(latents)
    rough, _ = tiny_vae(causal, torch.bfloat16).decode(latents.bfloat16())
    assert rough.dtype == torch.bfloat16
    assert (rough.double() - exact).std() < 0.03 * exact.std()


def test_a_sound_that_is_not_whole_hops_is_refused_with_the_padding():
    with pytest.raises(ValueError, match="got 16 samples; expected a multiple of 6; pad 2 zeros"):
        tiny_vae().encode(random(1, 2, 16))


@pytest.mark.parametrize("shape", [(1, 1, 12), (2, 12), (1, 2, 0)])
def test_a_waveform_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(b 2 s\)"):
        tiny_vae().encode(random(*shape))


def test_no_latents_give_no_sound_and_leave_the_state():
    vae = tiny_vae()
    _, state = vae.decode(random(1, 2, 3))
    waveform, after = vae.decode(random(2, 0, 3), state)
    assert waveform.shape == (2, 2, 0) and after is state


@pytest.mark.parametrize("shape", [(1, 3, 4), (3, 3), (1, 0, 4)])
def test_latents_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(b t 3\)"):
        tiny_vae().decode(random(*shape))


def test_a_vae_made_on_the_meta_device_loads_whole():
    source = tiny_vae()
    with torch.device("meta"):
        target = AudioVAE(source.config)
    target.load_state_dict(source.state_dict(), strict=True, assign=True)
    latents = random(1, 3, 3)
    assert torch.equal(target.decode(latents)[0], source.decode(latents)[0])


def test_a_strict_load_refuses_weights_of_the_other_kind():
    with pytest.raises(RuntimeError, match="marker_noncausal"):
        tiny_vae(causal=True).load_state_dict(tiny_vae(causal=False).state_dict())


@pytest.mark.parametrize("causal", [True, False])
def test_a_saved_vae_says_by_its_weights_what_it_is(tmp_path, causal):
    vae = tiny_vae(causal, torch.float32)
    vae.latent_scale.fill_(2.0)
    save_file(vae.state_dict(), tmp_path / "vae.safetensors")
    loaded = load_vae(tmp_path / "vae.safetensors")
    latents = random(1, 4, 3).float()
    assert loaded.config == vae.config
    assert torch.equal(loaded.decode(latents)[0], vae.decode(latents)[0])


def test_a_loaded_vae_is_frozen_and_float32(tmp_path):
    save_file(tiny_vae(dtype=torch.bfloat16).state_dict(), tmp_path / "vae.safetensors")
    vae = load_vae(tmp_path / "vae.safetensors")
    assert not vae.training
    assert not any(p.requires_grad for p in vae.parameters())
    assert {p.dtype for p in vae.state_dict().values()} == {torch.float32}


def test_files_that_hold_no_vae_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"none\.safetensors.*not a readable"):
        load_vae(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.safetensors.*not a readable"):
        load_vae(tmp_path / "text.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other\.safetensors.*names of a converted VAE"):
        load_vae(tmp_path / "other.safetensors")
    weights = tiny_vae().state_dict()
    del weights["decoder.4.weight"]
    save_file(weights, tmp_path / "part.safetensors")
    with pytest.raises(ValueError, match=r"part\.safetensors.*decoder\.4\.weight"):
        load_vae(tmp_path / "part.safetensors")


@pytest.fixture(scope="module", params=["causal", "noncausal"])
def golden(request, tmp_path_factory):
    """What SonyResearch/soundreactor_vae's networks make of random tensors, in our layout.

    Their published configurations with 2 channels for 128 and 4 latent channels for 64, random
    weights, and alpha and beta that are not zero; the weights are converted by us.
    """
    tensors = load_file(GOLDENS / f"vae_{request.param}.safetensors")
    folder = tmp_path_factory.mktemp(request.param)
    weights = {
        name.removeprefix("state_dict."): value
        for name, value in tensors.items()
        if name.startswith("state_dict.")
    }
    torch.save({"state_dict": weights}, folder / "official.ckpt")
    vae = load_vae(convert_vae(folder / "official.ckpt", folder / "ours.safetensors"))
    moments = torch.cat([tensors["mean"], tensors["logvar"]], dim=1).transpose(1, 2)
    latents = tensors["latents"].transpose(1, 2)
    return vae, tensors["audio"].float(), moments, latents, tensors["decoded"]


def assert_near(ours: torch.Tensor, official: torch.Tensor) -> None:
    error = (ours - official).abs().max().item()
    print(f"largest difference {error:.2e}")
    assert ours.shape == official.shape
    assert error < 1e-4


def test_encoding_equals_the_official_vae(golden):
    vae, audio, moments, _, _ = golden
    assert_near(torch.cat(vae.encode_moments(audio)[:2], dim=-1), moments)


def test_decoding_equals_the_official_vae(golden):
    vae, _, _, latents, decoded = golden
    assert_near(vae.decode(latents)[0], decoded)


@pytest.mark.parametrize("golden", ["causal"], indirect=True)
def test_one_latent_at_a_time_equals_the_official_causal_vae(golden):
    vae, audio, moments, latents, decoded = golden
    assert_near(decode_in_pieces(vae, latents, [1] * 4), decoded)
    assert_near(encode_in_pieces(vae, audio, [1] * 4), moments)
