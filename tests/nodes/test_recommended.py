"""Inputs that are not set mean what the checkpoint recommends; old values mean themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

FPS, UNSET = 25, {"steps": 0, "guidance": -1.0, "method": "recommended"}
HEUN = {"steps": 3, "guidance": 1.5, "method": "heun"}
OLD = {"steps": 4, "guidance": 2.0, "method": "consistency"}  # the defaults of workflows of 0.1


@pytest.fixture
def images():
    return torch.rand(4, 32, 48, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def recommending(parts):
    """Make the loaded checkpoint recommend settings."""
    pipeline = parts.model.loaded.pipeline

    def recommend(**settings):
        pipeline.recommended = replace(pipeline.recommended, **settings)

    return recommend


@pytest.fixture
def draw(run, parts, checkpoint, images):
    """The sound that a node makes of the images, as a waveform or latents."""
    frames = run("LoadFrames", file="none", images=images, fps=FPS)[0]
    grid = run("VisionEncoder", frames=frames, vision=parts.vision, cache_mb=16)[0]
    grid = run("TemporalDifference", grid=grid)[0]
    clip = {"file": "none", "images": images, "fps": FPS}
    file = {"container": "mkv", "old_sound": "drop", "filename_prefix": "video/x"}

    def draw(node, steps, guidance, method):
        given = {"seed": 3, "steps": steps, "guidance": guidance}
        if node == "Sampler":
            more = {"grid": grid, "method": method, "context": "window"}
            return run(node, model=parts.model, **given, **more)[0]["samples"]
        if node == "Live":
            return run(node, model=parts.model, frames=frames, method=method, **given)[0][
                "waveform"
            ]
        return run(node, checkpoint=checkpoint, **clip, **given, **file)[1]["waveform"]

    return draw


@pytest.mark.parametrize("node", ["Sampler", "Live"])
def test_what_is_not_set_is_as_the_checkpoint_recommends(draw, recommending, node):
    before = draw(node, **OLD)
    assert torch.equal(draw(node, **UNSET), before)  # the fallback
    recommending(**HEUN)
    expected = draw(node, **HEUN)
    assert torch.equal(draw(node, **UNSET), expected) and not torch.equal(expected, before)
    for name in UNSET:  # each on its own
        assert torch.equal(draw(node, **HEUN | {name: UNSET[name]}), expected)
    assert torch.equal(draw(node, **OLD), before)


def test_one_node_without_a_method_draws_with_the_recommended_one(draw, recommending):
    before = draw("VideoToSound", **OLD)
    assert torch.equal(draw("VideoToSound", **UNSET), before)
    recommending(**HEUN)
    unset = draw("VideoToSound", **UNSET)
    torch.testing.assert_close(unset, draw("Live", **HEUN))
    assert torch.equal(draw("VideoToSound", **UNSET | {"guidance": 1.5}), unset)
    assert torch.equal(draw("VideoToSound", **OLD), before)


def test_too_many_steps_for_the_recommended_method_are_refused(draw, recommending):
    recommending(steps=2)
    with pytest.raises(ValueError, match="got 8 steps; expected 1 to 4 with consistency"):
        draw("Sampler", **UNSET | {"steps": 8})


@pytest.mark.parametrize("node", ["Sampler", "Live", "VideoToSound"])
def test_a_new_node_is_not_set_and_an_old_workflow_is_accepted(pack, node):
    inputs = {i.id: i for i in pack.nodes[f"SoundReactor{node}"].define_schema().inputs}
    names = [name for name in UNSET if name in inputs]
    assert names == list(UNSET)[: 2 if node == "VideoToSound" else 3]
    for name in names:
        widget = inputs[name]
        assert widget.default == UNSET[name] and "recommend" in widget.tooltip
        options = getattr(widget, "options", None)
        for value in (UNSET[name], OLD[name]):
            assert value in options if options else widget.min <= value <= widget.max
    if "method" in inputs:
        assert inputs["method"].options == ["recommended", "consistency", "heun"]


ORDER = {
    "Sampler": "model grid seed steps guidance method context prompt state text",
    "Live": "model seed steps guidance method video frames state text",
}


@pytest.mark.parametrize("node", ORDER)
def test_inputs_keep_their_order(pack, node):
    inputs = pack.nodes[f"SoundReactor{node}"].define_schema().inputs
    assert [i.id for i in inputs] == ORDER[node].split()
