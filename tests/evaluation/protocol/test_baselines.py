import torch

from sr_core.engine.offline import generate
from sr_core.evaluation.protocol.baselines import (
    from_loops,
    from_model,
    from_nothing,
    through_codec,
)
from sr_core.io.read.frames import frames_from_images
from sr_core.sampling.settings import Settings


def frames_of(count, seed=0):
    images = torch.rand(count, 28, 56, 3, generator=torch.Generator().manual_seed(seed))
    return frames_from_images(images, 30)


def test_the_models_sound_is_what_generate_makes(tiny_pipeline):
    frames = frames_of(10)
    settings = Settings(steps=2)
    expected = generate(tiny_pipeline, torch.cat(list(frames.pieces()))[None], settings, 3)[0]
    assert torch.equal(from_model(tiny_pipeline, frames, settings, 3), expected.float())


def test_without_a_picture_only_seed_and_length_matter(tiny_pipeline):
    settings = Settings(steps=1)
    one, other = (from_nothing(tiny_pipeline, frames_of(33, n), settings, 5) for n in (0, 1))
    assert one.shape == (2, 33 * 1600)
    assert torch.equal(one, other)
    assert not torch.equal(one, from_nothing(tiny_pipeline, frames_of(33), settings, 6))
    seen = [from_model(tiny_pipeline, frames_of(33, n), settings, 5) for n in (0, 1)]
    assert not torch.equal(seen[0], seen[1])


def test_without_a_picture_the_tokens_are_those_of_the_null_frame(tiny_pipeline):
    settings, frames = Settings(steps=1, guidance=1.0), frames_of(6)
    nothing = from_nothing(tiny_pipeline, frames, settings, 5)
    model = tiny_pipeline.model
    model.encode_frames = lambda grid: model.null_tokens(len(grid), grid.shape[1])
    assert torch.allclose(from_model(tiny_pipeline, frames, settings, 5), nothing, atol=1e-6)


def test_the_codec_in_pieces_is_the_codec_at_once(tiny_pipeline):
    waveform = torch.randn(2, 70 * 1600 + 7, generator=torch.Generator().manual_seed(0))
    decoded = through_codec(tiny_pipeline.vae, waveform)
    whole = torch.nn.functional.pad(waveform, (0, 1593))[None].double()
    expected = tiny_pipeline.vae.decode(tiny_pipeline.vae.encode(whole)[0])[0]
    assert decoded.shape == waveform.shape
    assert torch.allclose(decoded, expected[0, :, : waveform.shape[1]].float(), atol=1e-6)


def test_a_clip_shown_over_and_over_begins_as_once(tiny_pipeline):
    settings, frames = Settings(steps=1), frames_of(10)
    showings = list(from_loops(tiny_pipeline, frames, settings, 3, 3))
    assert [tuple(x.shape) for x in showings] == [(2, 16_000)] * 3
    looped = torch.cat(showings, dim=1)
    longer = frames_from_images(frames.images.repeat(3, 1, 1, 1), 30)
    assert torch.allclose(from_model(tiny_pipeline, longer, settings, 3), looped, atol=1e-6)
    once = from_model(tiny_pipeline, frames, settings, 3)
    assert torch.allclose(looped[:, : once.shape[1]], once, atol=1e-6)
