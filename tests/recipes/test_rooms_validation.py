"""Validation of probes: means over clips, and the weights that are kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))  # recipes are not installed

from recipes.rooms import probe_training  # noqa: E402
from recipes.rooms.gate import main  # noqa: E402
from recipes.rooms.probe import Prior, Probe, ProbeConfig, load_probe, loss  # noqa: E402
from recipes.rooms.probe_features import main as cache  # noqa: E402
from recipes.rooms.probe_training import Best  # noqa: E402
from recipes.rooms.probe_validation import (  # noqa: E402
    Recording,
    auc,
    read_recording,
    validate,
)
from sr_core.vision.encoder import VisionConfig, VisionEncoder  # noqa: E402
from sr_core.vision.patches import PatchesConfig  # noqa: E402
from tests.training.data.test_shard_writer import film  # noqa: E402

PRIOR = Prior(share=0.1, rise=0.2)


class Shown(Probe):
    """Its onset logit is a channel of the first cell, its rise is zero."""

    def outputs(self, grid: Tensor) -> Tensor:
        return torch.stack([grid[:, 0, 0].float(), torch.zeros(len(grid))], -1)


def probe() -> Probe:
    torch.manual_seed(0)
    return Shown(ProbeConfig(channels=3, rows=2, columns=4, cell=4, width=4, hidden=6))


def recording(onsets: list[float], sign: float) -> Recording:
    """The first cell is `sign` at the onsets, else 0."""
    grid, targets, seconds = torch.zeros(150, 8, 3), torch.zeros(150, 2), torch.tensor(onsets)
    frames = (seconds * 30).round().long()
    targets[frames, 0] = 1
    for distance in (-1, 0, 1):
        grid[frames + distance, 0, 0] = sign
    return Recording(grid.half(), targets, seconds)


def test_a_score_that_is_high_at_onsets_has_a_high_auc():
    onsets, scores = torch.tensor([1.0, 2.5, 4.2]), torch.zeros(150)
    frames = (onsets * 30).round().long()
    scores[frames] = 1
    assert auc(scores, onsets) > 0.95
    for distance in (-1, 1):  # within one frame is as good
        assert auc(scores.roll(distance), onsets) > 0.95
    for distance in (-2, -1, 0, 1, 2):
        scores[frames + distance] = -1
    assert auc(scores, onsets) < 0.05
    assert auc(scores.zero_(), onsets) == 0.5
    assert auc(scores, onsets[:1]) is None


def test_loss_and_auc_are_means_over_clips():
    good, bad = recording([1.0, 2.5, 4.2], 2.0), recording([1.0, 2.5, 4.2], -2.0)
    one = recording([3.0], 2.0)  # too few onsets for an AUC
    expected = [loss(probe().outputs(each.grid), each.targets, PRIOR) for each in (good, bad, one)]
    value, mean = validate(probe(), [good, bad, one], PRIOR)
    assert value == pytest.approx(sum(expected).item() / 3, rel=1e-6)
    high, low = (auc(probe().scores(each.grid), each.onsets) for each in (good, bad))
    assert high > 0.95 and low < 0.05 and mean == pytest.approx((high + low) / 2)
    with pytest.raises(ValueError, match="without two onsets"):
        validate(probe(), [one], PRIOR)


@pytest.mark.parametrize("training", [True, False])
def test_validating_is_without_dropout_and_keeps_the_mode(training):
    torch.manual_seed(0)
    plain = Probe(
        ProbeConfig(channels=3, rows=2, columns=4, cell=4, width=4, hidden=6, dropout=0.9)
    )
    clips = [recording([1.0, 2.5, 4.2], 2.0)]
    plain.train(training)
    assert validate(plain, clips, PRIOR) == validate(plain, clips, PRIOR)
    assert plain.training is training


def test_the_weights_of_the_check_with_the_highest_auc_are_kept(monkeypatch):
    aucs = iter([0.5, 0.7, 0.6])
    monkeypatch.setattr(probe_training, "validate", lambda *_: (1.0, next(aucs)))
    best, own, states = Best([recording([1.0, 2.0], 1.0)], PRIOR), probe(), []
    for _ in range(3):
        with torch.no_grad():
            own.head.bias.add_(1)
        states.append(own.head.bias.clone())
        assert "validation loss 1.0000 AUC 0." in best.check(own)
    best.restore(own)
    assert torch.equal(own.head.bias, states[1])


def test_without_clips_the_last_weights_stay():
    best, own = Best([], PRIOR), probe()
    assert best.check(own) == ""
    before = own.head.bias.clone()
    best.restore(own)
    assert torch.equal(own.head.bias, before)


def test_the_gate_trains_missing_probes_and_validates_them(tmp_path, capsys):
    for folder in ("train", "val", "real"):
        (tmp_path / folder).mkdir()
        film(tmp_path / folder / "a.mkv", 2.5)
    data, probes = tmp_path / "cache", tmp_path / "probes"
    words = [tmp_path / "train", "-o", data, "--patches", "7x14x28", "--channels", 3]
    cache([str(word) for word in words])
    words = [probes, tmp_path / "real", "--data", data, "--steps", 10, "--seeds", 4]
    main([str(word) for word in [*words, "--validation", tmp_path / "val"]])
    assert capsys.readouterr().err.count("validation loss") == 10
    kept = (probes / "probe-4.safetensors").read_bytes()
    main([str(probes), str(tmp_path / "real"), "--seeds", "4"])  # needs no cache any more
    assert (probes / "probe-4.safetensors").read_bytes() == kept
    assert load_probe(probes / "probe-4.safetensors").config.channels == 3


def test_a_recording_is_a_whole_clip(tmp_path):
    encoder = VisionEncoder(VisionConfig(PatchesConfig(7), 14, 28, 3))
    read = read_recording(film(tmp_path / "a.mkv", 2.5), encoder)
    assert read.grid.shape == (75, 8, 3) and read.targets.shape == (75, 2)
    mute = film(tmp_path / "mute.mkv", 0.5, sound=False)
    with pytest.raises(ValueError, match="no sound"):
        read_recording(mute, encoder)
