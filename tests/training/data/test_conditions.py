import json
from dataclasses import replace

import pytest
import torch

from sr_core.training.data.conditions import CacheConfig, write_cache
from sr_core.training.data.dataset import Batches
from sr_core.training.data.shards import reports_of
from sr_core.training.seeding import normal

NEEDS = ("mean", "log_variance")


class Encode:
    """Adds noise to the means; counts clips, and fails at one of them, as an interruption does."""

    def __init__(self, fails_at=None):
        self.rows, self.fails_at = [], fails_at

    def __call__(self, row, generators):
        if len(self.rows) == self.fails_at:
            raise KeyboardInterrupt
        self.rows.append(row)
        noise = normal(generators, *row["mean"].shape[1:], like=row["mean"])
        return {"condition": (row["mean"] + noise).half(), "mean": row["mean"].expand_as(noise)}


def config(encode=None, **more):
    encode = encode or Encode()
    return CacheConfig(encode, NEEDS, **{"copies": 2, "seed": 5, "made": {"init": "a"}} | more)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows_of(folder, frames=12):
    batches = Batches(folder, "train", 18, frames)
    tensors, names = batches.at(0, range(18))
    return {name: {n: x[i] for n, x in tensors.items()} for i, name in enumerate(names)}


def test_every_clip_has_copies_that_batches_reads(shards, tmp_path):
    write_cache(shards, tmp_path / "cache", "train", config())
    rows, source = rows_of(tmp_path / "cache"), Batches(shards, "train", 9, 12).at(0, range(9))
    means = dict(zip(source[1], source[0]["mean"], strict=True))
    assert set(rows) == {
        name.replace(".", f"-copy{copy}.") for name in means for copy in (0, 1)
    } and all(row.keys() == {"condition", "mean"} for row in rows.values())
    noises = []
    for name, row in rows.items():
        mean = means[name.replace("-copy0", "").replace("-copy1", "")]
        assert torch.equal(row["mean"], mean)
        noises.append(row["condition"] - mean)
    noises = torch.stack(noises)
    assert noises.std().item() == pytest.approx(1, abs=0.1)
    apart = (noises[:, None] - noises[None]).abs().amax(dim=(2, 3)) + torch.eye(18)
    assert apart.min() > 0.1  # no two copies have the same noise


def test_an_interrupted_cache_goes_on_to_the_same_bytes(shards, tmp_path):
    write_cache(shards, tmp_path / "whole", "train", config())
    with pytest.raises(KeyboardInterrupt):  # in the second of three shards of three clips
        write_cache(shards, tmp_path / "parts", "train", config(Encode(fails_at=4)))
    assert set(contents(tmp_path / "parts")) == {"train-00000.tar", "train-00000.json"}
    rest = Encode()
    write_cache(shards, tmp_path / "parts", "train", config(rest))
    assert len(rest.rows) == 6 and contents(tmp_path / "whole") == contents(tmp_path / "parts")


def test_a_shard_without_its_report_is_made_again(shards, tmp_path):
    write_cache(shards, tmp_path / "cache", "train", config())
    before = contents(tmp_path / "cache")
    (tmp_path / "cache" / "train-00001.json").unlink()
    again = Encode()
    write_cache(shards, tmp_path / "cache", "train", config(again))
    assert len(again.rows) == 3 and contents(tmp_path / "cache") == before


@pytest.mark.parametrize("change", [{"made": {"init": "b"}}, {"seed": 6}, {"copies": 3}])
def test_other_inputs_make_all_of_it_again(shards, tmp_path, change):
    write_cache(shards, tmp_path / "cache", "train", config())
    same, other = Encode(), Encode()
    write_cache(shards, tmp_path / "cache", "train", config(same))
    write_cache(shards, tmp_path / "cache", "train", replace(config(other), **change))
    assert (len(same.rows), len(other.rows)) == (0, 9)


def test_another_shard_of_the_data_is_computed_again_and_a_removed_one_removed(shards, tmp_path):
    write_cache(shards, tmp_path / "cache", "train", config())
    report = json.loads((shards / "train-00000.json").read_text())
    (shards / "train-00000.json").write_text(json.dumps(report | {"videos": ["other.mp4"]}))
    for ending in (".json", ".tar"):
        (shards / f"train-00002{ending}").unlink()
    again = Encode()
    write_cache(shards, tmp_path / "cache", "train", config(again))
    assert len(again.rows) == 3
    assert {path.name for path in tmp_path.glob("cache/train*")} == {
        f"train-0000{n}{ending}" for n in (0, 1) for ending in (".json", ".tar")
    }


def test_processes_share_the_shards_and_write_the_same(shards, tmp_path):
    write_cache(shards, tmp_path / "one", "train", config())
    for rank in (1, 0):
        write_cache(shards, tmp_path / "two", "train", config(), rank, world=2)
        if rank:
            assert len(reports_of(tmp_path / "two")) == 1
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
