import json
import tarfile
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load

from sr_core.components import load_any_vae, load_vision, save_part
from sr_core.parallel.map_jobs import Placement, map_jobs
from sr_core.parallel.worker import Done
from sr_core.training.data.clips import ClipConfig, clips_of
from sr_core.training.data.dataset import Batches
from sr_core.training.data.pca_fit import fit_vision, read_backbone, vision_config
from sr_core.training.data.shard_writer import ShardJob, ShardMaker, gathered, plan
from sr_core.training.data.statistics import Moments

CLIPS = ClipConfig(seconds=0.5)


def film(path: Path, seconds=1.7, still=False, silent=False, sound=True) -> Path:
    """Noise that changes every frame, and a click, more to the left, every half second."""
    random = np.random.default_rng(0)
    with av.open(path, "w") as container:
        picture = container.add_stream("mpeg4", rate=30)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("flac", rate=48_000) if sound else None
        rgb = np.full((48, 64, 3), 90, np.uint8)
        for n in range(round(seconds * 30)):
            rgb = rgb if still else random.integers(0, 255, (48, 64, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 30)
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        if sound:
            wave = np.zeros((1, round(seconds * 48_000) * 2), np.int16)
            if not silent:
                wave[0, :: 2 * 24_000], wave[0, 1 :: 2 * 24_000] = 16_000, 8_000
            block = av.AudioFrame.from_ndarray(wave, format="s16", layout="stereo")
            block.sample_rate, block.pts = 48_000, 0
            container.mux(track.encode(block))
            container.mux(track.encode())
    return path


@pytest.fixture
def parts(tiny_pipeline, tmp_path):
    pipeline = tiny_pipeline.float()
    return (
        str(save_part(pipeline.vision, tmp_path / "vision.safetensors")),
        str(save_part(pipeline.vae, tmp_path / "vae.safetensors")),
    )


def test_clips_are_cut_in_sync(tmp_path):
    clips = list(clips_of(film(tmp_path / "a.mkv"), lambda frames: frames.clone(), CLIPS))
    assert [clip.start for clip in clips] == [0.0, 0.5, 1.0]  # the rest is too short for one
    for clip in clips:
        assert clip.seen.shape[0] == 15 and clip.waveform.shape == (2, 24_000)
        assert clip.waveform.abs().argmax(dim=1).tolist() == [0, 0] and clip.problem is None


@pytest.mark.parametrize(("kind", "reason"), [("still", "static"), ("silent", "silent")])
def test_static_and_silent_clips_say_so(tmp_path, kind, reason):
    video = film(tmp_path / "a.mkv", **{kind: True})
    assert all(c.problem.startswith(reason) for c in clips_of(video, lambda x: x, CLIPS))


def test_a_mirror_swaps_the_sides_of_picture_and_sound(tmp_path):
    video = film(tmp_path / "a.mkv")
    plain = list(clips_of(video, lambda frames: frames.clone(), CLIPS))
    mirrored = list(clips_of(video, lambda frames: frames.clone(), CLIPS, mirrored=True))
    for one, other in zip(plain, mirrored, strict=True):
        assert one.number == other.number
        assert torch.equal(one.seen, other.seen.flip(-1)) and not torch.equal(one.seen, other.seen)
        assert torch.equal(one.waveform[0], other.waveform[1])
        assert one.waveform[0].abs().max() > one.waveform[1].abs().max()


def test_mirrored_clips_stand_beside_the_others(tmp_path, parts):
    video = str(film(tmp_path / "a.mkv", 0.6))
    job = ShardJob(str(tmp_path / "m-0.tar"), (video,), CLIPS, mirror=True)
    report = ShardMaker(*parts)(job)
    assert report["clips"] == {"a-00000": 15, "a-00000-mirror": 15}


def test_videos_of_one_name_keep_their_clips_apart(tmp_path):
    videos = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        videos.append(str(film(tmp_path / folder / "a.mkv", 0.6)))
    job = ShardJob(str(tmp_path / "train-00000.tar"), tuple(videos), CLIPS)
    assert ShardMaker(None, None)(job)["clips"] == {"00000-a-00000": 15, "00001-a-00000": 15}
    batch, names = Batches(tmp_path, "train", 2, 10).at(0, range(2))
    assert sorted(names) == ["00000-a-00000.safetensors", "00001-a-00000.safetensors"]


def test_a_long_name_in_any_script_is_kept(tmp_path):
    video = str(film(tmp_path / f"{'戦' * 40}.mkv", 0.6))
    job = ShardJob(str(tmp_path / "train-00000.tar"), (video,), CLIPS, mirror=True)
    first = ShardMaker(None, None)(job)
    assert len(first["clips"]) == 2 and not first["skipped"]
    assert set(Batches(tmp_path, "train", 2, 10).at(0, range(2))[1]) == {
        f"{key}.safetensors" for key in first["clips"]
    }
    before = Path(job.target).read_bytes()
    Path(job.target).unlink()
    ShardMaker(None, None)(job)
    assert Path(job.target).read_bytes() == before


def test_a_shard_made_by_another_encoder_is_made_again(tmp_path, parts):
    video = str(film(tmp_path / "a.mkv", 0.6))
    job = ShardJob(str(tmp_path / "train-00000.tar"), (video,), CLIPS, parts=("one", "two"))
    ShardMaker(*parts)(job)
    stamp = Path(job.target).stat().st_mtime_ns
    ShardMaker(*parts)(job)
    assert Path(job.target).stat().st_mtime_ns == stamp
    ShardMaker(*parts)(replace(job, parts=("one", "three")))
    assert Path(job.target).stat().st_mtime_ns != stamp


def test_a_shard_has_what_was_seen_and_heard(tmp_path, parts, tiny_pipeline):
    videos = (str(film(tmp_path / "a.mkv")), str(film(tmp_path / "mute.mp4", sound=False)))
    short = str(film(tmp_path / "short.mkv", 0.3))
    (tmp_path / "bad.mp4").write_text("no video")
    job = ShardJob(
        str(tmp_path / "data" / "train-00000.tar"),
        (*videos, str(tmp_path / "bad.mp4"), short),
        CLIPS,
        keep_waveform=True,
    )
    report = ShardMaker(*parts)(job)
    assert report["clips"] == {f"a-{n:05d}": 15 for n in range(3)}
    assert set(report["skipped"]) == {videos[1], str(tmp_path / "bad.mp4"), short}
    assert "has 0.3 s; expected 0.5 or more" in report["skipped"][short]
    with tarfile.open(job.target) as tar:
        tensors = load(tar.extractfile("a-00001.safetensors").read())
        assert json.load(tar.extractfile("a-00001.json"))["start_seconds"] == 0.5
    assert tensors["grid"].shape == (15, 8, 6) and tensors["mean"].shape == (15, 4)
    whole, state = torch.cat([c.waveform for c in clips_of(Path(videos[0]), len_, CLIPS)], 1), None
    mean, _, _ = load_any_vae(parts[1]).encode_moments(whole[None], state)
    assert torch.allclose(tensors["mean"], mean[0, 15:30], atol=1e-5)  # the sound before counts
    batch, _ = Batches(tmp_path / "data", "train", 2, 10).at(0, range(2))
    assert batch["waveform"].shape == (2, 2, 16_000) and batch["grid"].shape == (2, 10, 8, 6)


def len_(frames):
    return frames


def test_shards_are_deterministic_resumable_and_independent_of_workers(tmp_path, parts):
    videos = [film(tmp_path / f"{name}.mkv", 0.6) for name in "abc"]

    def make(folder, workers):
        jobs = [
            ShardJob(target, members, CLIPS)
            for target, members in plan(videos, tmp_path / folder, "train", 0.0, 1)
        ]
        for done in map_jobs(partial(ShardMaker, *parts), jobs, Placement(workers), lambda job: []):
            assert isinstance(done, Done)
        return [Path(job.target) for job in jobs]

    one, two = make("one", None), make("two", 2)
    assert [a.read_bytes() for a in one] == [b.read_bytes() for b in two]
    stamps = [path.stat().st_mtime_ns for path in one]
    one[1].unlink()
    make("one", None)
    again = [path.stat().st_mtime_ns for path in one]
    assert [a == b for a, b in zip(stamps, again, strict=True)] == [True, False, True]
    assert one[1].read_bytes() == two[1].read_bytes()


def test_webdataset_reads_the_shards(tmp_path, parts):
    import webdataset

    videos = (str(film(tmp_path / "a.mkv")), str(film(tmp_path / "b.c.mkv", 0.6)))
    job = ShardJob(str(tmp_path / "train-00000.tar"), videos, CLIPS)
    report = ShardMaker(*parts)(job)
    samples = list(webdataset.WebDataset(job.target, shardshuffle=False))
    assert {one["__key__"]: len(load(one["safetensors"])["time"]) for one in samples} == (
        report["clips"]
    )
    assert json.loads(samples[1]["json"]) == {"source": videos[0], "start_seconds": 0.5}


def test_a_source_is_in_one_split_only():
    videos = [Path(f"clip-{n}.mp4") for n in range(200)]
    splits = {}
    for target, members in plan(videos, Path("data"), "auto", 0.2, 16):
        splits.setdefault(Path(target).stem.split("-")[0], []).extend(members)
    assert len(splits["train"]) + len(splits["val"]) == 200
    assert not set(splits["train"]) & set(splits["val"]) and 20 < len(splits["val"]) < 60
    assert {Path(t).stem for t, _ in plan(videos, Path("data"), "test", 0.2, 100)} == {
        "test-00000",
        "test-00001",
    }


def test_statistics_of_shards_join_to_those_of_all(tmp_path):
    rows = torch.randn(50, 3) * torch.tensor([1.0, 5.0, 0.0]) + 7
    for number, part in enumerate(rows.split([10, 0, 40])):
        moments = Moments()
        if len(part):
            moments.update(part)
        report = {"moments": {"grid": moments.as_json()}}
        (tmp_path / f"train-{number}.json").write_text(json.dumps(report))
    total = gathered(tmp_path, "grid")
    assert torch.allclose(total.mean.float(), rows.mean(dim=0), atol=1e-5)
    expected = rows.std(dim=0, correction=0)
    expected[2] = 1.0  # a channel that never changes is left as it is
    assert torch.allclose(total.deviation().float(), expected, atol=1e-5)
    with pytest.raises(ValueError, match="no statistics of 'latent'"):
        gathered(tmp_path, "latent")


def test_statistics_lose_nothing_on_their_way_through_a_report():
    moments = Moments()
    moments.update(torch.randn(50, 3).double() + 1e4)
    read = Moments(**json.loads(json.dumps(moments.as_json())))
    assert torch.equal(read.mean, moments.mean) and torch.equal(read.scatter, moments.scatter)


def test_a_fitted_encoder_explains_its_videos(tmp_path):
    video = film(tmp_path / "a.mkv", 0.5)
    backbone, frame = read_backbone(None, None, "7x14x28")
    config = vision_config(backbone, frame, 5)
    vision = fit_vision([video, tmp_path / "missing.mp4"], config, backbone)
    basis = vision.pca_basis
    assert torch.allclose(basis.T @ basis, torch.eye(5), atol=1e-5) and vision.pca_mean.any()
    path = save_part(vision, tmp_path / "v.safetensors")
    frames = torch.randint(0, 256, (1, 2, 3, 48, 64), dtype=torch.uint8)
    assert torch.equal(load_vision(path)(frames), vision(frames))


def test_words_that_are_no_sizes_are_refused():
    with pytest.raises(ValueError, match="got --patches 7x98.*SIDExHEIGHTxWIDTH"):
        read_backbone(None, None, "7x98")
    with pytest.raises(ValueError, match="got --frame 98.*HEIGHTxWIDTH"):
        vision_config(read_backbone(None, None, "7x98x126")[0], "98", 5)


def test_drawn_latents_have_the_deviation_that_is_gathered(tmp_path):
    """Var(mean) + E[variance], against the draws themselves."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(4000, 3, generator=generator) * torch.tensor([0.5, 1.0, 2.0])
    variances = torch.rand(4000, 3, generator=generator) * torch.tensor([4.0, 1.0, 0.0])
    moments = Moments()
    for piece in range(0, 4000, 1000):
        moments.update(means[piece : piece + 1000], variances[piece : piece + 1000])
    draws = means + variances.sqrt() * torch.randn(4000, 3, generator=generator)
    assert torch.allclose(moments.deviation().float(), draws.std(dim=0), rtol=0.05)
    expected = (means.var(dim=0, correction=0) + variances.mean(dim=0)).sqrt()
    assert torch.allclose(moments.deviation().float(), expected, rtol=1e-4)


def test_a_single_row_that_is_drawn_has_its_own_variance():
    moments = Moments()
    moments.update(torch.tensor([[1.0, 2.0]]), torch.tensor([[4.0, 0.0]]))
    assert moments.deviation().tolist() == [2.0, 1.0]


def test_a_shards_latent_statistics_are_of_draws(tmp_path, parts):
    video = str(film(tmp_path / "a.mkv"))
    job = ShardJob(str(tmp_path / "train-00000.tar"), (video,), CLIPS, parts=("v", "a"))
    report = ShardMaker(*parts)(job)
    batch, _ = Batches(tmp_path, "train", 3, 15).at(0, range(3))
    mean, variance = batch["mean"].flatten(0, 1), batch["log_variance"].exp().flatten(0, 1)
    expected = mean.double().var(dim=0, correction=0) + variance.double().mean(dim=0)
    found = Moments(**report["moments"]["latent"]).deviation()
    assert torch.allclose(found, expected.sqrt(), rtol=1e-5)
    assert not torch.allclose(found, mean.double().std(dim=0), rtol=1e-2)


@pytest.mark.parametrize("at_once", [1, 64])
def test_clips_do_not_depend_on_how_many_frames_are_encoded_together(tmp_path, at_once):
    video = film(tmp_path / "a.mkv")
    usual = list(clips_of(video, lambda frames: frames.clone(), CLIPS))
    sizes = []

    def see(frames):
        sizes.append(len(frames))
        return frames.clone()

    for one, other in zip(usual, clips_of(video, see, CLIPS, at_once=at_once), strict=True):
        assert torch.equal(one.seen, other.seen) and torch.equal(one.waveform, other.waveform)
    assert max(sizes) == min(at_once, 15)


def test_parts_are_loaded_to_the_device_that_is_asked_for(parts):
    maker = ShardMaker(*parts, device="meta")
    for part in (maker.vision, maker.vae):
        assert all(value.is_meta for value in part.state_dict().values())
