"""A stream that goes on from clip to clip, without a graph around it."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from sr_core.engine.offline import generate
from sr_core.io.read.frames import Frames, PartOfFrames, frames_from_images
from sr_core.pipeline import Pipeline
from sr_core.sampling.settings import Settings
from sr_core.soundtrack.clip import play_clip, sample_clip
from sr_core.soundtrack.clip_state import begin_clip
from sr_core.soundtrack.decoding import Decoded, Decoding, decode, moved
from sr_core.soundtrack.features import difference, encode
from tests.other_family import three_pipeline

CPU, CHOICE, SOURCE = torch.device("cpu"), Settings(steps=1), "a.safetensors 1 2"


def shown(items, count):
    return iter(items)


@pytest.fixture
def frames() -> Frames:
    images = torch.rand(11, 28, 56, 3, generator=torch.Generator().manual_seed(1))
    return frames_from_images(images, 25)  # 25 a second do not fill whole latents


@pytest.fixture(params=["soundreactor", "three"])
def pipeline(request, tiny_pipeline) -> Pipeline:
    return tiny_pipeline if request.param == "soundreactor" else three_pipeline()


def sampled(frames, pipeline, state=None, seed=3):
    """A clip by the two steps of a graph: latents, then their decoding."""
    start = begin_clip(state, pipeline, SOURCE, CHOICE, seed)
    features = difference(encode(frames, pipeline, cache_bytes=1 << 20))
    latents, end = sample_clip(features, start, CPU, pytest.fail, shown)
    found = start.decoded(pipeline, CPU)
    pieces = [found.last[..., -start.surplus :]] if start.surplus else []
    pieces += [step.last for step in decode(latents.double(), pipeline, found.state)]
    return torch.cat(pieces, dim=-1)[0, :, : frames.samples()], end


def played(frames, pipeline, state=None, seed=3):
    """A clip in one step."""
    pieces: list[torch.Tensor] = []
    start = begin_clip(state, pipeline, SOURCE, CHOICE, seed)
    end = play_clip(frames, pipeline, start, pieces.append, CPU, pytest.fail, shown)
    return torch.cat(pieces, dim=-1)[0, :, : frames.samples()], end


@pytest.fixture(params=[sampled, played], ids=["sampled", "played"])
def make(request):
    return request.param


def test_a_clip_has_the_pipelines_sound(pipeline, frames, make):
    sound, end = make(frames, pipeline)
    seen = torch.cat(list(frames.pieces()))[None]
    expected = generate(pipeline, seen, CHOICE, 3)[0].float()
    assert sound.shape[1] == frames.samples() == 21_120
    torch.testing.assert_close(sound, expected[:, : sound.shape[1]], rtol=0, atol=1e-5)
    assert end.surplus == pipeline.frames_for(frames.samples()) * 1600 - frames.samples()


def test_parts_of_a_clip_join_without_a_seam(tiny_pipeline, frames, make):
    place = Fraction(6, 30)
    whole, _ = make(frames, tiny_pipeline)
    one, state = make(PartOfFrames(frames, Fraction(0), place), tiny_pipeline)
    other, _ = make(PartOfFrames(frames, place), tiny_pipeline, state)
    torch.testing.assert_close(torch.cat([one, other], dim=1), whole, rtol=0, atol=1e-5)


def test_a_state_is_a_value(pipeline, frames, make):
    _, state = make(frames, pipeline)
    once, _ = make(frames, pipeline, state)
    make(frames, pipeline, state, seed=4)
    again, _ = make(frames, pipeline, state)
    assert torch.equal(once, again)


def test_what_the_last_frame_has_beyond_the_clip_begins_the_next_one(pipeline, frames, make):
    first, state = make(frames, pipeline)
    second, end = make(frames, pipeline, state)
    samples = frames.samples()
    made = 1600 * pipeline.frames_for(samples - state.surplus)
    assert first.shape[1] == second.shape[1] == samples
    assert 0 < state.surplus and end.surplus == state.surplus + made - samples


def test_one_goes_on_from_the_other(pipeline, frames):
    for first, second in ((sampled, played), (played, sampled)):
        _, state = first(frames, pipeline)
        one, _ = second(frames, pipeline, state)
        other, _ = first(frames, pipeline, first(frames, pipeline)[1])
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_a_state_of_another_checkpoint_or_other_settings_is_refused(tiny_pipeline, frames):
    _, state = played(frames, tiny_pipeline)
    with pytest.raises(ValueError, match="a state of checkpoint a.safetensors; expected one of b"):
        begin_clip(state, tiny_pipeline, "b.safetensors 1 2", CHOICE, 3)
    with pytest.raises(ValueError, match="drawn with steps 1; expected steps 2"):
        begin_clip(state, tiny_pipeline, SOURCE, Settings(steps=2), 3)
    with pytest.raises(ValueError, match="another checkpoint"):
        state.decoding.after(tiny_pipeline, "b.safetensors 1 2", CPU)


def test_latents_that_nobody_decoded_are_decoded_when_they_are_needed(tiny_pipeline):
    latents = torch.randn(1, 3, 4).double()
    first = Decoding(SOURCE, None, latents)
    second = Decoding(SOURCE, first, latents.clone())
    whole, _ = tiny_pipeline.vae.decode(torch.cat([latents, latents], dim=1))
    found = second.after(tiny_pipeline, SOURCE, CPU)
    torch.testing.assert_close(found.last, whole[..., -1600:].float(), rtol=0, atol=1e-5)
    assert first.latents is second.latents is second.before is None
    assert second.after(tiny_pipeline, SOURCE, CPU) is found


def test_moving_keeps_the_kinds_in_a_state():
    state = Decoded(torch.ones(1), ((torch.zeros(2), ()), None, 3))
    found = moved(state, torch.device("meta"))
    assert type(found) is Decoded and found.last.is_meta and found.state[0][0].is_meta
    assert found.state[0][1:] + found.state[1:] == ((), None, 3)
