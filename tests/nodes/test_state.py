"""Sound made in shots: a state goes from clip to clip."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

FPS, SETTINGS = 25, {"steps": 2, "guidance": 2.0, "method": "consistency"}
HOP, RATE = 1600, 48000


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(11, 32, 48, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def clip(run):
    """Images as frames; 25 a second do not fill whole latents."""
    return lambda images: run("LoadFrames", file="none", images=images, fps=FPS)[0]


@pytest.fixture
def sample(run, parts):
    """Frames through the sampler: (latent, state)."""

    def draw(frames, state=None, seed=3, **changes):
        grid = run("VisionEncoder", frames=frames, vision=parts.vision, cache_mb=16)[0]
        grid = run("TemporalDifference", grid=grid)[0]
        inputs = {**SETTINGS, "context": "window", "seed": seed, "state": state, **changes}
        return run("Sampler", model=parts.model, grid=grid, **inputs).args

    return draw


@pytest.fixture
def chain(run, parts, sample):
    """Frames through all stations: their sound (2 s), the state after them."""

    def sound(frames, state=None, seed=3, **changes):
        latent, after = sample(frames, state, seed, **changes)
        audio = run("VAEDecode", latent=latent, vae=parts.vae)[0]
        return SimpleNamespace(wave=audio["waveform"][0], state=after)

    return sound


@pytest.fixture
def live(run, parts):
    """The same in one node."""

    def sound(frames, state=None, seed=3, **changes):
        inputs = {**SETTINGS, "seed": seed, "state": state, **changes}
        audio, after = run("Live", model=parts.model, frames=frames, **inputs).args
        return SimpleNamespace(wave=audio["waveform"][0], state=after)

    return sound


@pytest.fixture(params=["chain", "live"])
def make(request):
    return request.getfixturevalue(request.param)


def in_shots(make, shots) -> torch.Tensor:
    waves, state = [], None
    for frames in shots:
        made = make(frames, state)
        assert made.wave.shape[1] == frames.samples()
        waves.append(made.wave)
        state = made.state
    return torch.cat(waves, dim=1)


def test_a_clip_in_two_shots_sounds_like_the_clip(run, clip, images, make):
    whole = clip(images)
    shots = run("SplitFrames", frames=whole, seconds=0.2).args
    assert [part.count for part in shots] == [6, 8]
    torch.testing.assert_close(in_shots(make, shots), make(whole).wave, rtol=0, atol=1e-6)


@pytest.mark.parametrize("cuts", [(3, 1, 4, 3), (1,) * 11], ids=str)
def test_pieces_that_end_inside_a_latent_leave_no_seam(clip, images, make, cuts):
    """As a loop that makes a video feeds them; a piece may even be shorter than a latent."""
    shots = [clip(piece) for piece in images.split(cuts)]
    whole = make(clip(images)).wave
    torch.testing.assert_close(in_shots(make, shots), whole, rtol=0, atol=1e-6)


def test_a_piece_that_the_last_frame_has_covered_already_needs_no_frame(run, images, make):
    shots = [
        run("LoadFrames", file="none", images=image[None], fps=60.0)[0] for image in images[:4]
    ]
    assert in_shots(make, shots).shape[1] == 4 * 800


def test_a_state_used_twice_gives_the_same_sound_to_the_bit(run, clip, images, make):
    first, second = run("SplitFrames", frames=clip(images), seconds=0.2).args
    state = make(first).state
    one = make(second, state).wave
    make(second, state, seed=9)
    assert torch.equal(make(second, state).wave, one)


def test_another_seed_is_another_take_of_the_rest_only(run, clip, images, make):
    first, second = run("SplitFrames", frames=clip(images), seconds=0.2).args
    state = make(first).state
    takes = [make(second, state, seed=seed).wave for seed in (3, 4)]
    assert not torch.equal(*takes)
    assert torch.equal(make(second, state, seed=4).wave, takes[1])


def test_the_chain_and_the_live_node_go_on_from_each_other(run, clip, images, chain, live):
    whole = clip(images)
    first, second = run("SplitFrames", frames=whole, seconds=0.2).args
    expected = live(whole).wave
    for one, other in ((chain, live), (live, chain)):
        waves = [(made := one(first)).wave, other(second, made.state).wave]
        torch.testing.assert_close(torch.cat(waves, dim=1), expected, rtol=0, atol=1e-6)


def test_a_state_does_not_need_its_own_sound_to_be_decoded_first(run, clip, images, chain, sample):
    first, second = run("SplitFrames", frames=clip(images), seconds=0.2).args
    decoded, (_, state) = chain(second, chain(first).state).wave, sample(first)
    assert state.decoding.found is None
    assert torch.equal(chain(second, state).wave, decoded)


def test_a_decoded_latent_hands_its_past_back(clip, images, chain):
    decoding = chain(clip(images)).state.decoding
    assert decoding.latents is None and decoding.before is None and decoding.found.state


def test_latents_that_were_changed_are_not_taken_for_the_stream(run, parts, clip, images, sample):
    latent, state = sample(clip(images))
    run("VAEDecode", latent={**latent, "samples": latent["samples"] * 2}, vae=parts.vae)
    assert state.decoding.found is None
    run("VAEDecode", latent=latent, vae=parts.vae)
    assert state.decoding.found is not None


def test_a_prompt_and_a_state_are_one_too_many(run, parts, clip, images, chain):
    sound = {"waveform": torch.rand(1, 2, 3200) - 0.5, "sample_rate": RATE}
    prompt = run("VAEEncode", audio=sound, vae=parts.vae, align="end")[0]
    state = chain(clip(images)).state
    with pytest.raises(ValueError, match="prompt and a state"):
        chain(clip(images), state, prompt=prompt)


@pytest.mark.parametrize("change", [{"steps": 1}, {"guidance": 1.0}, {"method": "heun"}], ids=str)
def test_other_settings_are_refused_by_name(clip, images, make, change):
    state = make(clip(images)).state
    with pytest.raises(ValueError, match=f"state drawn with {next(iter(change))}"):
        make(clip(images), state, **change)


def test_a_state_of_another_checkpoint_is_refused_by_name(
    run, pack, parts, tiny_pipeline, clip, images, make
):
    from sr_core.checkpoint import save_pipeline

    state = make(clip(images)).state
    save_pipeline(tiny_pipeline, pack.base / "models" / "soundreactor" / "twin.safetensors")
    other = run("LoadModel", checkpoint="twin.safetensors").args
    parts.model, parts.vision, parts.vae = other
    with pytest.raises(ValueError, match=r"checkpoint tiny\.safetensors; expected one of twin"):
        make(clip(images), state)


def test_a_latent_that_goes_on_is_not_decoded_by_another_vae(
    run, pack, tiny_pipeline, clip, images, chain, sample
):
    from sr_core.checkpoint import save_pipeline

    save_pipeline(tiny_pipeline, pack.base / "models" / "soundreactor" / "twin.safetensors")
    vae = run("LoadModel", checkpoint="twin.safetensors")[2]
    latent, _ = sample(clip(images), chain(clip(images)).state)
    with pytest.raises(ValueError, match="another checkpoint"):
        run("VAEDecode", latent=latent, vae=vae)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.45, 7.0])
def test_a_clip_is_split_inside_only(run, clip, images, seconds):
    with pytest.raises(ValueError, match="inside the clip"):
        run("SplitFrames", frames=clip(images), seconds=seconds)


def test_what_is_too_long_for_a_prompt_is_counted_from_the_clips_begin(clip, images, sample):
    """11 images at 25 a second are 21120 samples; 1280 of them were made with the clip before."""
    _, state = sample(clip(images))
    latent, _ = sample(clip(images), state)
    assert latent["surplus"] == 1280 and latent["samples"].shape[-1] == 13
    with pytest.raises(ValueError, match="960 samples of padding"):
        sample(clip(images), prompt=latent)
