"""The stations run one after another, as the host runs them, on a tiny checkpoint."""

from __future__ import annotations

import gc
import json
from fractions import Fraction
from types import SimpleNamespace

import av
import pytest
import torch

FRAMES, FPS, SAMPLES = 11, 25, 11 * 48000 // 25  # 0.44 s: not a whole number of latents
SETTINGS = {"seed": 3, "steps": 2, "guidance": 2.0}


@pytest.fixture
def source(run) -> SimpleNamespace:
    images = torch.rand(FRAMES, 32, 48, 3, generator=torch.Generator().manual_seed(1))
    frames, video, _ = run("LoadFrames", file="none", images=images, fps=FPS).args
    return SimpleNamespace(images=images, frames=frames, video=video)


@pytest.fixture
def grid(run, source, parts):
    plain = run("VisionEncoder", frames=source.frames, vision=parts.vision, cache_mb=16)[0]
    return run("TemporalDifference", grid=plain)[0]


@pytest.fixture
def sample(run, parts, grid):
    def draw(**changes):
        inputs = {**SETTINGS, "method": "consistency", "context": "window", **changes}
        return run("Sampler", **{"model": parts.model, "grid": grid, **inputs})[0]

    return draw


def mux(run, audio, container="mp4", old_sound="drop", **clip):
    settings = {"old_sound": old_sound, "gain_db": 0.0, "old_gain_db": 0.0}
    prefix = "video/SoundReactor"
    return run(
        "MuxAudio", audio=audio, container=container, filename_prefix=prefix, **settings, **clip
    )


def sound_of(path) -> int:
    """Samples of a file's sound."""
    with av.open(str(path)) as container:
        return sum(frame.samples for frame in container.decode(audio=0))


def test_a_clip_gets_sound_of_exactly_its_length(run, source, sample, parts):
    latent = sample()
    assert latent["samples"].shape == (1, 4, 14) and latent["type"] == "audio"
    audio = run("VAEDecode", latent=latent, vae=parts.vae)[0]
    assert audio["waveform"].shape == (1, 2, SAMPLES) and audio["sample_rate"] == 48000
    assert audio["waveform"].dtype == torch.float32
    written = mux(run, audio, "mkv", video=source.video)
    assert sound_of(written[0].get_stream_source()) == SAMPLES
    assert written.ui["images"][0]["filename"].endswith(".mkv")


def test_the_same_seed_gives_the_same_latents_and_another_does_not(sample):
    first, again, other = sample(), sample(), sample(seed=4)
    assert torch.equal(first["samples"], again["samples"])
    assert not torch.equal(first["samples"], other["samples"])


def test_features_are_kept_only_if_they_fit(run, source, parts, monkeypatch):
    readings = []
    pieces = type(source.frames).pieces
    monkeypatch.setattr(type(source.frames), "pieces", lambda *a: readings.append(a) or pieces(*a))
    for cache_mb, expected in ((16, 1), (0, 2)):
        grid = run("VisionEncoder", frames=source.frames, vision=parts.vision, cache_mb=cache_mb)[0]
        readings.clear()
        with torch.inference_mode():
            first, second = list(grid.features.pieces()), list(grid.features.pieces())
        assert len(readings) == expected
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_an_interrupted_reading_is_not_kept(run, source, parts):
    grid = run("VisionEncoder", frames=source.frames, vision=parts.vision, cache_mb=16)[0]
    with torch.inference_mode():
        next(grid.features.pieces())
        assert len(list(grid.features.pieces())) == source.frames.count


def test_cancel_stops_within_one_frame(run, sample, pack):
    pack.host.interrupt_after = 3
    with pytest.raises(pack.stub.Interrupted):
        sample()
    assert pack.host.steps == [14, 1, 1, 1]


def test_progress_counts_every_frame(sample, pack):
    sample()
    assert pack.host.steps == [14] + [1] * 14


def test_what_runs_together_is_loaded_together(sample, parts, pack):
    pack.host.moved.clear()
    sample()
    assert pack.host.moved == [[parts.model.module, parts.vision.module]]


@pytest.mark.parametrize("context", ["window", "ntk", "interpolate"])
def test_long_clips_need_no_length_from_the_user(sample, context):
    assert sample(context=context)["samples"].shape[-1] == 14  # trained on 5 frames


def test_two_loaders_share_a_checkpoint_and_memory_is_handed_back(run, parts, checkpoint, pack):
    again = run("LoadModel", checkpoint=checkpoint)
    assert again[0].module is parts.model.module
    cache = pack.module("host")._loaded
    assert len(cache) == 1
    del again
    for name in ("model", "vision", "vae"):
        delattr(parts, name)
    gc.collect()
    assert len(cache) == 0


def test_an_untrained_checkpoint_says_so_once(run, checkpoint, pack, caplog):
    run("LoadModel", checkpoint=checkpoint)
    assert len(pack.host.texts) == 1 and "untrained" in pack.host.texts[0]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_sound_survives_encoding_in_length(run, parts):
    waveform = torch.rand(2, 1, 4000) - 0.5  # a batch of mono at another rate
    audio = {"waveform": waveform, "sample_rate": 24000}
    latent = run("VAEEncode", audio=audio, vae=parts.vae, align="start")[0]
    assert latent["samples"].shape == (2, 4, 5) and latent["sample_count"] == 8000
    back = run("VAEDecode", latent=latent, vae=parts.vae)[0]
    assert back["waveform"].shape == (2, 2, 8000)


def test_align_end_drops_the_beginning(run, parts):
    waveform = torch.rand(1, 2, 1600 * 3 + 100) - 0.5
    ends, whole = (
        run("VAEEncode", audio={"waveform": w, "sample_rate": 48000}, vae=parts.vae, align="end")[0]
        for w in (waveform, waveform[..., 100:])
    )
    assert ends["sample_count"] == 4800
    assert torch.equal(ends["samples"], whole["samples"])


def test_a_prompt_is_continued_without_a_seam(run, sample, parts):
    sound = {"waveform": torch.rand(1, 2, 3200) - 0.5, "sample_rate": 48000}
    prompt = run("VAEEncode", audio=sound, vae=parts.vae, align="end")[0]
    latent = sample(prompt=prompt)
    assert not torch.equal(latent["samples"], sample()["samples"])
    heard = run("VAEDecode", latent=latent, vae=parts.vae)[0]["waveform"]
    both = {"samples": torch.cat([prompt["samples"], latent["samples"]], dim=-1)}
    whole = run("VAEDecode", latent=both, vae=parts.vae)[0]["waveform"]
    torch.testing.assert_close(heard, whole[..., 3200 : 3200 + SAMPLES])


def test_a_prompt_that_ends_with_padding_is_refused(run, sample, parts):
    sound = {"waveform": torch.rand(1, 2, 3000) - 0.5, "sample_rate": 48000}
    prompt = run("VAEEncode", audio=sound, vae=parts.vae, align="start")[0]
    with pytest.raises(ValueError, match="200 samples of padding"):
        sample(prompt=prompt)


def test_no_sound_and_batches_are_clear_errors(run, source, parts):
    with pytest.raises(ValueError, match="got no sound"):
        run("VAEEncode", audio=None, vae=parts.vae, align="start")
    audio = {"waveform": torch.zeros(2, 2, SAMPLES) + 0.1, "sample_rate": 48000}
    with pytest.raises(ValueError, match="batch of 2 sounds"):
        mux(run, audio, video=source.video)


def test_the_muxer_wants_exactly_one_clip(run, source):
    audio = {"waveform": torch.rand(1, 2, SAMPLES) - 0.5, "sample_rate": 48000}
    for connected in ((), ("video", "frames")):
        with pytest.raises(ValueError, match="expected one"):
            mux(run, audio, **{name: getattr(source, name) for name in connected})


def test_a_mapping_that_is_no_dict_is_sound_too(run, source):
    from collections import UserDict

    audio = UserDict(waveform=torch.rand(1, 1, SAMPLES) - 0.5, sample_rate=48000)
    assert mux(run, audio, frames=source.frames)[0].get_stream_source().endswith(".mp4")


def test_the_graph_is_in_the_file_unless_the_user_objects(run, source, pack, monkeypatch):
    audio = {"waveform": torch.rand(1, 2, SAMPLES) - 0.5, "sample_rate": 48000}
    tags = []
    for disabled in (False, True):
        monkeypatch.setattr(pack.module("host").args, "disable_metadata", disabled)
        with av.open(mux(run, audio, video=source.video)[0].get_stream_source()) as container:
            tags.append(dict(container.metadata))
    assert json.loads(tags[0]["workflow"]) == {"id": 1} and json.loads(tags[0]["prompt"])
    assert "workflow" not in tags[1] and "prompt" not in tags[1]


@pytest.mark.parametrize("shape", [(1, 4, 8, 8), (1, 64, 5)], ids=["an image's", "another model's"])
def test_latents_of_anything_else_are_refused(run, sample, parts, shape):
    latent = {"samples": torch.zeros(shape)}
    for use in (
        lambda: run("VAEDecode", latent=latent, vae=parts.vae),
        lambda: sample(prompt=latent),
    ):
        with pytest.raises(ValueError, match="got a latent of shape .*connect a Causal"):
            use()


def test_old_sound_that_frames_do_not_carry_is_told_of(run, source, pack):
    audio = {"waveform": torch.rand(1, 2, SAMPLES) - 0.5, "sample_rate": 48000}
    frames = pack.module("frames").frames_from_images(source.images, Fraction(FPS), 30)
    mux(run, audio, frames=frames)
    assert not pack.host.texts
    mux(run, audio, frames=frames, old_sound="keep")
    assert "expected sound to keep; connect the clip to `video`" in pack.host.texts[-1]


def test_files_are_numbered_and_never_overwritten(run, source):
    audio = {"waveform": torch.rand(1, 2, SAMPLES) - 0.5, "sample_rate": 48000}
    paths = [mux(run, audio, video=source.video)[0].get_stream_source() for _ in range(2)]
    assert paths[0] != paths[1]


def test_one_node_sounds_like_the_chain(run, source, sample, parts, checkpoint):
    chain = run("VAEDecode", latent=sample(steps=4, guidance=3.0), vae=parts.vae)[0]["waveform"]
    one = run(
        "VideoToSound",
        checkpoint=checkpoint,
        file="none",
        images=source.images,
        fps=FPS,
        seed=3,
        steps=4,
        guidance=3.0,
        container="mkv",
        old_sound="drop",
        filename_prefix="video/one",
    )
    torch.testing.assert_close(one[1]["waveform"], chain)
    assert sound_of(one[0].get_stream_source()) == SAMPLES


def test_a_checkpoint_of_another_rate_is_refused(run, source, parts, pack):
    frames = pack.module("frames").frames_from_images(source.images, Fraction(25), 24)
    with pytest.raises(ValueError, match="24"):
        run("VisionEncoder", frames=frames, vision=parts.vision, cache_mb=0)


def test_the_users_own_model_folders_stay(pack):
    import folder_paths

    before = folder_paths.folder_names_and_paths["soundreactor"]
    folder_paths.folder_names_and_paths["soundreactor"] = (["/elsewhere"], set())
    try:
        pack.module("host").register_model_folder()
        paths, suffixes = folder_paths.folder_names_and_paths["soundreactor"]
        assert paths == ["/elsewhere", str(pack.base / "models" / "soundreactor")]
        assert suffixes == {".safetensors"}
    finally:
        folder_paths.folder_names_and_paths["soundreactor"] = before
