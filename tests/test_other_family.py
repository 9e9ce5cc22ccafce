"""A second family goes the same road: nothing but its own class knows its steps and its text."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sr_core import checkpoint
from sr_core.checkpoint import load_pipeline, save_pipeline
from sr_core.cli import main
from sr_core.engine.offline import generate, stream
from sr_core.engine.session import Session
from sr_core.evaluation.protocol.baselines import from_loops, from_model, from_nothing
from sr_core.io.read.audio import read_audio
from sr_core.io.read.frames import frames_from_images
from sr_core.io.read.video import open_video
from sr_core.sampling.settings import Settings
from tests.other_family import FORMAT, Three, three_pipeline
from tests.test_cli import write_video

FRAMES, HOP, CHOICE = 12, 1600, Settings(steps=1)


@pytest.fixture
def pipeline():
    return three_pipeline()


@pytest.fixture
def frames():
    return torch.rand(1, FRAMES, 3, 28, 56, generator=torch.Generator().manual_seed(2)).double()


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setitem(checkpoint.FORMATS, FORMAT, Three)


@pytest.fixture
def file(known, pipeline, tmp_path):
    return save_pipeline(pipeline, tmp_path / "three.safetensors", torch.float64)


def test_a_family_has_settings_of_its_own_for_files_that_recommend_none(file, monkeypatch):
    monkeypatch.setattr(Three, "fallback", Settings(9, 1.0, "heun"))
    assert three_pipeline().recommended == Settings(9, 1.0, "heun")
    assert load_pipeline(file).recommended == Settings()  # the file says so
    header = checkpoint.read_header(file).metadata
    del header["sampling"]
    checkpoint.write_weights(load_file(file), file, header)
    assert load_pipeline(file).recommended == Settings(9, 1.0, "heun")


def in_pieces(step, frames, cuts):
    pieces = frames.tensor_split(list(cuts), dim=1)
    return [step(piece) for piece in pieces]


def plain(pipeline, state):
    """`step(frames)` of the plain path, which keeps its own state."""

    def step(frames):
        nonlocal state
        waveform, state = pipeline.step(frames, state)
        return waveform

    return step


@pytest.mark.parametrize("cuts", [range(1, FRAMES), [1, 2, 7], [5], [3, 6, 9]], ids=str)
def test_a_stream_may_be_cut_inside_a_step(pipeline, frames, cuts):
    whole, _ = pipeline.step(frames, pipeline.start(CHOICE, 7))
    assert whole.shape == (1, 4, FRAMES * HOP)
    for step in (
        plain(pipeline, pipeline.start(CHOICE, 7)),
        Session(pipeline, pipeline.start(CHOICE, 7)).step,
    ):
        pieces = in_pieces(step, frames, cuts)
        ends = [*cuts, FRAMES]
        lengths = np.cumsum([piece.shape[-1] for piece in pieces]).tolist()
        assert lengths == [end // 3 * 3 * HOP for end in ends]
        assert (torch.cat(pieces, dim=-1) - whole).abs().max() < 1e-9


def test_an_incomplete_step_waits_in_the_state_which_may_be_used_twice(pipeline, frames):
    start = pipeline.start(CHOICE, 7)
    nothing, state = pipeline.step(frames[:, :2], start)
    assert nothing.shape == (1, 4, 0) and state.generator.waiting.shape == (1, 2, 6)
    assert state.decoder is start.decoder and torch.equal(
        state.generator.past, start.generator.past
    )
    kept = state.generator.waiting.clone()
    once, after = pipeline.step(frames[:, 2:8], state)
    again, _ = pipeline.step(frames[:, 2:8], state)
    assert torch.equal(once, again) and torch.equal(state.generator.waiting, kept)
    assert once.shape[-1] == 6 * HOP and after.generator.waiting.shape[1] == 2


def test_a_session_enters_and_leaves_in_the_middle_of_a_step(pipeline, frames):
    whole, _ = pipeline.step(frames, pipeline.start(CHOICE, 7))
    _, middle = pipeline.step(frames[:, :4], pipeline.start(CHOICE, 7))
    session = Session(pipeline, middle)
    assert session.incomplete
    heard = [session.step(frames[:, 4:8]), pipeline.step(frames[:, 8:], session.state())[0]]
    assert (torch.cat(heard, dim=-1) - whole[..., 3 * HOP :]).abs().max() < 1e-9


def test_a_changed_frame_leaves_all_steps_before_its_own_bit_identical(pipeline, frames):
    changed = frames.clone()
    changed[:, 7] = 1 - changed[:, 7]
    one, other = (generate(pipeline, video, CHOICE, 7) for video in (frames, changed))
    assert torch.equal(one[..., : 6 * HOP], other[..., : 6 * HOP])
    assert not torch.equal(one[..., 6 * HOP : 7 * HOP], other[..., 6 * HOP : 7 * HOP])


def test_the_last_frame_is_repeated_where_a_step_is_not_complete(pipeline, frames):
    short = generate(pipeline, frames[:, :10], CHOICE, 7)
    held = torch.cat([frames[:, :10], frames[:, 9:10], frames[:, 9:10]], dim=1)
    assert short.shape[-1] == 12 * HOP
    assert (short - generate(pipeline, held, CHOICE, 7)).abs().max() < 1e-9


def test_a_text_leads_from_its_step_on(pipeline, frames):
    none, rain, later = (
        generate(pipeline, frames, CHOICE, 7, texts=encoded(pipeline, texts))
        for texts in ((), [(0, "rain")], [(0, "rain"), (6, "wind")])
    )
    assert not torch.allclose(none, rain)
    assert torch.equal(rain[..., : 6 * HOP], later[..., : 6 * HOP])
    assert not torch.allclose(rain[..., 6 * HOP :], later[..., 6 * HOP :])
    state = pipeline.start(CHOICE, 7)
    first, state = pipeline.step(frames[:, :6], _led(pipeline, state, "rain"))
    second, _ = pipeline.step(frames[:, 6:], _led(pipeline, state, "wind"))
    assert (torch.cat([first, second], dim=-1) - later).abs().max() < 1e-9


def encoded(pipeline, texts):
    return [(frame, pipeline.model.encode_text(text)) for frame, text in texts]


def _led(pipeline, state, text):
    own = state.generator._replace(text=pipeline.model.encode_text(text))
    return state._replace(generator=own)


@pytest.mark.parametrize("at", [4, 5])
def test_a_text_that_comes_inside_a_step_leads_it(pipeline, frames, at):
    """The frames that wait belong to a step that is drawn later."""
    one, other = (
        generate(pipeline, frames, CHOICE, 7, texts=encoded(pipeline, [(n, "rain")]))
        for n in (3, at)
    )
    assert (one - other).abs().max() < 1e-9


def test_a_prompt_is_continued(pipeline, frames):
    prompt = torch.rand(1, 4, 2 * HOP).double() - 0.5
    one, other = (generate(pipeline, frames, CHOICE, 7, given) for given in (prompt, -prompt))
    assert one.shape == (1, 4, FRAMES * HOP) and not torch.allclose(one, other)


def test_a_checkpoint_says_its_family(file, pipeline, frames):
    loaded = load_pipeline(file, dtype=torch.float64).double()
    assert type(loaded.model) is Three and loaded.config == pipeline.config
    one, other = (generate(p, frames, CHOICE, 1) for p in (loaded, pipeline))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)  # vision and VAE load in float32


def test_a_family_that_is_not_known_is_refused_by_its_format(file, monkeypatch):
    monkeypatch.delitem(checkpoint.FORMATS, FORMAT)
    with pytest.raises(ValueError, match="'three-1'; expected soundreactor-1"):
        load_pipeline(file)


def run(*words):
    assert main([str(word) for word in words]) == 0


def test_generate_writes_all_channels_as_long_as_the_clip(file, tmp_path):
    source = write_video(tmp_path / "clip.mp4", frames=10, rate=30)
    target = tmp_path / "out.mov"
    run("generate", source, "-o", target, "--model", file, "--steps", 1, "--seed", 3)
    sound, rate = read_audio(target)
    video = open_video(source, Fraction(30))
    frames = torch.cat(list(video.pieces()))[None]
    expected = generate(load_pipeline(file), frames, CHOICE, 3)[0]
    assert (rate, tuple(sound.shape)) == (48000, (4, 10 * HOP))
    assert (sound - expected[:, : 10 * HOP].clamp(-1, 1)).abs().max() < 1e-4


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_other_containers_hold_four_channels_too(file, tmp_path, suffix):
    source = write_video(tmp_path / "clip.mp4", frames=10, rate=30)
    target = tmp_path / f"out{suffix}"
    run("generate", source, "-o", target, "--model", file, "--steps", 1)
    with av.open(target) as written:
        assert written.streams.audio[0].codec_context.channels == 4


def test_the_command_line_changes_the_text_midway(file, tmp_path):
    source = write_video(tmp_path / "clip.mp4", frames=12, rate=30)
    sounds = []
    for name, texts in (("one", ["rain"]), ("two", ["rain", "0.2:wind"])):
        words = [word for text in texts for word in ("--text", text)]
        target = tmp_path / f"{name}.mov"
        run("generate", source, "-o", target, "--model", file, "--steps", 1, *words)
        sounds.append(read_audio(target)[0])
    one, two = sounds
    assert torch.equal(one[:, : 6 * HOP], two[:, : 6 * HOP])
    assert not torch.allclose(one[:, 6 * HOP :], two[:, 6 * HOP :], atol=1e-3)


def test_stream_ends_with_a_whole_step_cut_to_the_picture(file, tmp_path):
    source = write_video(tmp_path / "clip.mp4", frames=10, rate=30)
    live, whole = tmp_path / "live.wav", tmp_path / "whole.mov"
    words = ("--model", file, "--steps", 1, "--text", "0.1:rain")
    run("stream", source, "-o", live, *words)
    run("generate", source, "-o", whole, *words)
    one, other = (read_audio(path)[0] for path in (live, whole))
    assert one.shape == other.shape == (4, 10 * HOP)
    assert (one - other).abs().max() < 1e-4


def test_a_text_for_a_family_that_reads_none_is_one_line(tmp_path, capsys):
    source = write_video(tmp_path / "clip.mp4", frames=3, rate=30)
    target = tmp_path / "out.mp4"
    assert main(["generate", str(source), "-o", str(target), "--text", "rain"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and "follows the picture alone" in said[0] and not target.exists()


def test_evaluation_sees_the_interface_alone():
    pipeline = three_pipeline(channels=2)
    images = torch.rand(10, 28, 56, 3, generator=torch.Generator().manual_seed(1))
    frames = frames_from_images(images, 30)
    for made in (from_model, from_nothing):
        assert made(pipeline, frames, CHOICE, 3).shape == (2, 10 * HOP)
    showings = list(from_loops(pipeline, frames_from_images(images[:9], 30), CHOICE, 3, 3))
    assert [tuple(x.shape) for x in showings] == [(2, 9 * HOP)] * 3


def test_pieces_of_a_stream_come_when_their_steps_are_complete(pipeline, frames):
    sizes = [w.shape[-1] for w in stream(pipeline, frames.split(1, dim=1), CHOICE, 7)]
    assert sizes == [0, 0, 3 * HOP] * 4
