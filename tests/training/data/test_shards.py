"""Names of shards are read whole, and of a clip the frames that are asked for."""

import json

import pytest
import torch
from safetensors.torch import save

from sr_core.training.data.dataset import Batches
from sr_core.training.data.shard_layout import check_folder
from sr_core.training.data.shard_writer import gathered
from sr_core.training.data.shards import (
    OpenClip,
    Place,
    places_in,
    reports_of,
    shard_name,
    split_of,
)
from sr_core.training.runtime.run_manifest import describe
from sr_core.training.tuning_stages import ConsistencyRun
from tests.training.conftest import write_shard


def test_a_split_is_the_whole_name_before_the_number():
    assert split_of("data/train-00001.tar") == split_of("train-00001.json") == "train"
    assert split_of("train-hard-00001.json") == "train-hard"
    assert split_of("notes.json") is None and split_of("my-notes.json") is None
    assert split_of(shard_name("train-7", 123_456)) == "train-7"


@pytest.fixture
def beside(shards):
    """The training clips, and beside them others whose split begins with the same word."""
    hard = {f"hard-{n}": torch.ones(12, 8, 6).half() for n in range(2)}
    clips = {k: {"grid": grid, "mean": 9 * torch.ones(12, 4)} for k, grid in hard.items()}
    write_shard(shards / shard_name("train-hard", 0), clips)
    (shards / "my-notes.json").write_text("[]")
    return shards


def test_another_split_whose_name_begins_alike_is_not_read(shards, request):
    alone = Batches(shards, "train", 9, 12).at(0, range(9))[1]
    moments = gathered(shards, "latent").as_json()
    before = describe(ConsistencyRun(), shards, None).sources
    beside = request.getfixturevalue("beside")
    assert Batches(beside, "train", 9, 12).at(0, range(9))[1] == alone
    assert gathered(beside, "latent").as_json() == moments
    assert describe(ConsistencyRun(), beside, None).sources == before
    assert Batches(beside, "train-hard", 2, 12).clips == 2
    assert [p.name for p in reports_of(beside, "train-hard")] == ["train-hard-00000.json"]
    assert len(reports_of(beside)) == 4 and check_folder(beside, [], "val") == []


def test_frames_of_a_clip_are_read_without_the_rest(tmp_path):
    clip = {
        "grid": torch.randn(6, 3, 2).half(),
        "waveform": torch.arange(6 * 1600 * 2, dtype=torch.int16).view(-1, 2),
        "frames": torch.randint(0, 255, (6, 3, 4, 5), dtype=torch.uint8),
        "mean": torch.randn(6, 4),
    }
    other = {name: tensor + 1 for name, tensor in clip.items()}
    write_shard(tmp_path / "train-00000.tar", {"other": other, "a": clip})
    report = tmp_path / "train-00000.json"
    report.write_text(json.dumps({"clips": {"a": 6}}))
    (place,) = places_in(tmp_path / "train-00000.tar", 6)
    with OpenClip(place) as file:
        room = file.room(2, 3)
        for name, tensor in room.items():
            file.read(name, 2, tensor[1])
    assert room["waveform"].shape == (2, 4800, 2) and set(room) == set(clip)
    for name, tensor in clip.items():
        each = len(tensor) // 6
        assert torch.equal(room[name][1], tensor[2 * each : 5 * each])


def test_what_else_a_clips_file_says_is_no_tensor(tmp_path):
    tensors = {"time": torch.zeros(6, dtype=torch.uint8), "mean": torch.randn(6, 4)}
    path = tmp_path / "train-00000.tar"
    path.write_bytes(save(tensors, {"format": "pt"}))
    with OpenClip(Place("a", path, 0, path.stat().st_size)) as clip:
        room = clip.room(1, 6)
        clip.read("mean", 0, room["mean"][0])
    assert set(room) == {"mean"} and torch.equal(room["mean"][0], tensors["mean"])


def test_crops_begin_anywhere_and_reach_the_last_frame(tmp_path):
    """Of 9 frames 3 are cut: the 7 beginnings are all drawn, the last one too."""
    count = {"grid": torch.arange(9.0).view(9, 1, 1).half()}
    write_shard(tmp_path / "train-00000.tar", {"a": {**count, "mean": torch.zeros(9, 1)}})
    batch, _ = Batches(tmp_path, "train", 200, 3).at(0, range(200))
    begins = batch["grid"][:, 0, 0, 0]
    assert begins.unique().tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert all((begins == start).float().mean() > 0.07 for start in range(7))  # of 0.14
    assert torch.equal(batch["grid"][:, 2, 0, 0], begins + 2)


def test_a_clip_of_just_the_length_is_read_whole(tmp_path):
    clip = {"grid": torch.arange(9.0).view(9, 1, 1).half(), "mean": torch.zeros(9, 1)}
    write_shard(tmp_path / "train-00000.tar", {"a": clip})
    batch, _ = Batches(tmp_path, "train", 1, 9).at(0, range(1))
    assert batch["grid"].flatten().tolist() == list(range(9))


def test_a_shard_that_was_cut_off_is_named(shards):
    for path in shards.glob("*.tar"):
        (place, *_) = places_in(path, 12)
        path.write_bytes(path.read_bytes()[: place.offset + place.size // 2])
        with pytest.raises(ValueError, match="got the end of .*tar.*expected a whole shard"):
            with OpenClip(place) as clip:
                clip.read("grid", 0, clip.room(1, 12)["grid"][0])


def test_clips_of_other_sizes_in_one_folder_are_named(shards):
    wide = {"grid": torch.zeros(12, 9, 6).half(), "mean": torch.zeros(12, 4)}
    write_shard(shards / "train-00009.tar", {"wide": wide | {"log_variance": torch.zeros(12, 4)}})
    with pytest.raises(ValueError, match=r"grid of F16 .* in .*; expected .*the same settings"):
        Batches(shards, "train", 10, 12).at(0, range(10))
