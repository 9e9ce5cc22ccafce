"""A second family in the graph: the same nodes, three frames a step, led by text."""

from __future__ import annotations

import importlib
from fractions import Fraction
from types import SimpleNamespace

import av
import pytest
import torch

from sr_core import checkpoint as formats
from sr_core.engine.offline import generate
from sr_core.io.read.frames import frames_from_images
from sr_core.sampling.settings import Settings
from tests.other_family import FORMAT, Three, three_pipeline

HOP, SETTINGS = 1600, {"steps": 1, "guidance": 2.0, "method": "consistency"}


@pytest.fixture
def three(pack, monkeypatch):
    monkeypatch.setitem(formats.FORMATS, FORMAT, Three)
    importlib.import_module("custom_nodes_soundreactor.sr_core.checkpoint")
    monkeypatch.setitem(pack.core("checkpoint").FORMATS, FORMAT, Three)
    path = pack.base / "models" / "soundreactor" / "three.safetensors"
    formats.save_pipeline(three_pipeline(), path)
    return path


@pytest.fixture
def parts(run, three):
    model, vision, vae = run("LoadModel", checkpoint=three.name).args
    return SimpleNamespace(model=model, vision=vision, vae=vae)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(11, 28, 56, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def chain(run, parts):
    def sound(images, fps=30, **inputs):
        frames = run("LoadFrames", file="none", images=images, fps=fps)[0]
        grid = run("VisionEncoder", frames=frames, vision=parts.vision, cache_mb=16)[0]
        grid = run("TemporalDifference", grid=grid)[0]
        latent, state = run(
            "Sampler", model=parts.model, grid=grid, context="window", seed=3, **SETTINGS, **inputs
        ).args
        audio = run("VAEDecode", latent=latent, vae=parts.vae)[0]
        return SimpleNamespace(wave=audio["waveform"][0], state=state)

    return sound


@pytest.fixture
def live(run, parts):
    def sound(images, fps=30, **inputs):
        frames = run("LoadFrames", file="none", images=images, fps=fps)[0]
        audio, state = run(
            "Live", model=parts.model, frames=frames, seed=3, **SETTINGS, **inputs
        ).args
        return SimpleNamespace(wave=audio["waveform"][0], state=state)

    return sound


@pytest.fixture(params=["chain", "live"])
def make(request):
    return request.getfixturevalue(request.param)


def expected_of(three, images, texts=(), fps=30):
    frames = frames_from_images(images, fps, Fraction(30))
    seen = torch.cat(list(frames.pieces()))[None]
    pipeline = formats.load_pipeline(three)
    encoded = [(frame, pipeline.model.encode_text(text)) for frame, text in texts]
    sound = generate(pipeline, seen, Settings(1), 3, texts=encoded)
    return sound[0, :, : frames.samples()]


@pytest.mark.parametrize("fps", [30, 25])
def test_the_graph_makes_the_pipelines_sound_exactly_as_long_as_the_clip(three, images, make, fps):
    made, expected = make(images, fps).wave, expected_of(three, images, fps=fps)
    assert made.shape == expected.shape == (4, round(11 / fps * 48000))
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)


def test_two_shots_with_a_text_each(three, images, make):
    first = make(images[:6], text="rain")
    second = make(images[6:], text="wind", state=first.state)
    joined = torch.cat([first.wave, second.wave], dim=1)
    expected = expected_of(three, images, [(0, "rain"), (6, "wind")])
    torch.testing.assert_close(joined, expected, rtol=0, atol=1e-5)
    held = make(images[6:], state=first.state)
    torch.testing.assert_close(
        torch.cat([first.wave, held.wave], dim=1),
        expected_of(three, images, [(0, "rain")]),
        rtol=0,
        atol=1e-5,
    )


def test_a_shot_that_ends_inside_a_step_is_covered_and_the_next_begins_after_it(images, make):
    """Four frames are covered by two steps: the next shot's first two frames have their sound."""
    first = make(images[:4])
    assert first.wave.shape[1] == 4 * HOP and first.state.surplus == 2 * HOP
    second = make(images[4:], state=first.state)
    assert second.wave.shape[1] == 7 * HOP
    covered = make(images[4:6], state=first.state)
    assert covered.wave.shape[1] == 2 * HOP and covered.state.surplus == 0
    torch.testing.assert_close(second.wave[:, : 2 * HOP], covered.wave, rtol=0, atol=1e-6)


def test_video_to_sound_writes_all_channels(run, three, images):
    out = run(
        "VideoToSound",
        checkpoint=three.name,
        file="none",
        images=images,
        fps=30,
        steps=1,
        seed=3,
        container="mov",
    )
    with av.open(out[0].get_stream_source()) as written:
        assert written.streams.audio[0].codec_context.channels == 4
    assert out[1]["waveform"].shape == (1, 4, 11 * HOP)


def test_a_text_for_soundreactor_is_refused(run, checkpoint, images):
    model = run("LoadModel", checkpoint=checkpoint).args[0]
    frames = run("LoadFrames", file="none", images=images, fps=30)[0]
    with pytest.raises(ValueError, match="follows the picture alone"):
        run("Live", model=model, frames=frames, seed=3, **SETTINGS, text="rain")
