import pickle
from collections import Counter

import pytest
import torch
from safetensors.torch import load

from sr_core.training.data.dataset import Batches, as_numbers, one_row
from sr_core.training.data.shards import places_in


def keys(batches, steps):
    return [key for step in steps for key in batches.at(step, range(batches.batch))[1]]


def test_an_epoch_has_every_clip_once_in_another_order_each_time(shards):
    batches = Batches(shards, "train", 3, 5, seed=1)
    epochs = [keys(batches, range(3 * n, 3 * n + 3)) for n in range(3)]
    assert all(Counter(epoch) == Counter(epochs[0]) for epoch in epochs)
    assert len(set(epochs[0])) == 9 and epochs[0] != epochs[1] != epochs[2]


def test_a_batch_is_a_function_of_seed_and_step(shards):
    one, other = (Batches(shards, "train", 4, 5, seed=1) for _ in range(2))
    for step in range(9):
        one.at(step, range(4))
    later, again = one.at(7, range(4)), other.at(7, range(4))
    assert later[1] == again[1]
    assert all(torch.equal(later[0][name], again[0][name]) for name in later[0])
    assert keys(Batches(shards, "train", 4, 5, seed=2), range(3)) != keys(one, range(3))


def test_rows_are_what_they_have_always_been(shards):
    """Clip and first frame of the rows of five batches, over two epochs and blocks of two shards.

    A run that was stopped goes on with the rows it would have had: the code may not change them.
    """
    batches = Batches(shards, "train", 4, 5, seed=3, mixed=2)
    clips = {}
    for place in [place for shard, _ in batches.shards for place in places_in(shard, 5)]:
        with place.shard.open("rb") as file:
            file.seek(place.offset)
            clips[place.key] = load(file.read(place.size))["grid"].float()
    rows = []
    for step in range(5):
        tensors, names = batches.at(step, range(4))
        for name, row in zip(names, tensors["grid"], strict=True):
            (start,) = (n for n in range(8) if torch.equal(clips[name][n : n + 5], row))
            rows.append(f"{name.removesuffix('.safetensors')}@{start}")
    assert " ".join(rows[:9]) == "2-2@0 2-0@0 1-0@0 2-1@7 1-1@4 1-2@3 0-1@5 0-0@6 0-2@0"
    assert " ".join(rows[9:]) == (
        "0-0@6 0-1@7 0-2@0 2-0@3 2-2@4 2-1@4 1-0@6 1-2@6 1-1@0 2-1@3 2-0@2"
    )


def test_a_waveform_is_from_minus_one_to_one_and_the_rest_float32():
    samples = torch.tensor([[[32767, 0], [-32767, 32767]]], dtype=torch.int16)  # (1 s c)
    read = as_numbers({"waveform": samples, "mean": torch.ones(1, 2, 4).half()})
    assert read["waveform"].tolist() == [[[1, -1], [0, 1]]]  # (1 c s)
    assert read["mean"].dtype == torch.float32


def test_processes_share_the_rows_of_one_batch(shards):
    batches = Batches(shards, "train", 4, 5)
    whole, names = batches.at(3, range(4))
    halves = [batches.at(3, rows) for rows in (range(2), range(2, 4))]
    assert names == halves[0][1] + halves[1][1]
    assert torch.equal(whole["grid"], torch.cat([half["grid"] for half, _ in halves]))


def test_rows_are_cut_at_the_same_time_from_all_tensors(shards):
    batch, _ = Batches(shards, "train", 9, 5).at(0, range(9))
    assert batch["grid"].shape == (9, 5, 8, 6) and batch["grid"].dtype == torch.float32
    assert torch.allclose(batch["mean"], batch["grid"].mean(dim=2)[..., :4], atol=1e-3)


def test_it_is_held_where_a_few_shards_clips_lie_and_not_the_clips(shards):
    batches = Batches(shards, "train", 2, 5, mixed=1)
    keys(batches, range(9))
    assert len(batches._blocks) <= 2
    clip = 12 * 8 * 6 * 2  # bytes of a grid alone
    assert len(pickle.dumps(batches._blocks)) < 6 * clip / 4


def test_a_clip_that_lacks_a_tensor_says_how_to_prepare_it(shards):
    batches = Batches(shards, "train", 2, 5, needs=("grid", "waveform"))
    with pytest.raises(ValueError, match="expected waveform too; prepare .* without --vae"):
        batches.at(0, range(2))


@pytest.mark.parametrize(("split", "frames"), [("test", 5), ("train", 13)])
def test_too_little_data_is_said(shards, split, frames):
    with pytest.raises(ValueError, match=f"no clips of at least {frames} frames for '{split}'"):
        Batches(shards, split, 2, frames)


def test_one_row_is_of_the_training_split_and_opens_one_shard(shards, monkeypatch):
    for suffix in (".tar", ".json"):
        held_out = shards / f"val-00000{suffix}"
        held_out.write_bytes((shards / f"train-00001{suffix}").read_bytes())
    opened = []

    def places(shard, frames):
        opened.append(shard.name)
        return places_in(shard, frames)

    monkeypatch.setattr("sr_core.training.data.dataset.places_in", places)
    for frames in range(1, 9):
        row = one_row(shards, frames)
        assert row["grid"].shape[:2] == (1, frames)
    assert len(opened) == 8 and all(name.startswith("train") for name in opened)
