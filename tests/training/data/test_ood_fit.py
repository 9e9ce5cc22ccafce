"""Looks of a run's clips: read once, and not at each start."""

import torch

from sr_core.training.data import ood_fit as looks
from sr_core.training.data.dataset import Batches
from sr_core.training.data.ood_fit import fit_ood


def test_looks_are_read_once_and_the_same_at_the_next_start(
    shards, tiny_pipeline, tmp_path, monkeypatch
):
    monkeypatch.setattr("sr_core.vision.ood.FEWEST", 9)
    batches, path = Batches(shards, "train", 4, 12), tmp_path / "looks.safetensors"
    tiny_pipeline = tiny_pipeline.float()
    fit_ood(tiny_pipeline, batches, path, {"the data": "a"})
    first = {name: x.clone() for name, x in tiny_pipeline.familiar.state_dict().items()}
    frames = tiny_pipeline.config.judged_frames
    assert first["limit"].isfinite() and frames == 12
    reads = []
    grids = looks._grids_of
    monkeypatch.setattr(looks, "_grids_of", lambda own: reads.append(1) or grids(own))
    tiny_pipeline.familiar = None
    fit_ood(tiny_pipeline, batches, path, {"the data": "a"})
    assert not reads and tiny_pipeline.config.judged_frames == frames
    again = tiny_pipeline.familiar.state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    fit_ood(tiny_pipeline, batches, path, {"the data": "b"})  # other clips look otherwise
    assert reads
