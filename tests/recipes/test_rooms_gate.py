"""The gate: its AUCs, its criterion, and the clips that it cannot use."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # recipes are not installed

from recipes.rooms.gate import (  # noqa: E402
    ClipResult,
    judge,
    main,
    mean_interval,
    passed,
    shot_auc,
    table,
)
from recipes.rooms.probe import Probe, ProbeConfig, save_probe  # noqa: E402
from sr_core.components import save_part  # noqa: E402
from sr_core.vision.encoder import VisionConfig, VisionEncoder  # noqa: E402
from sr_core.vision.patches import PatchesConfig  # noqa: E402
from tests.training.data.test_shard_writer import film  # noqa: E402

ENCODER = VisionEncoder(VisionConfig(PatchesConfig(7), 14, 28, 3))
PROBE = ProbeConfig(channels=3, rows=2, columns=4, cell=4, width=4, hidden=6)


def result(probe: float, stops: float, shots=(), at_shots=None) -> ClipResult:
    return ClipResult("clip", 4, (probe - 0.02, probe + 0.02), stops, shots, at_shots)


def test_a_score_that_is_high_at_shots_has_a_high_auc():
    scores = torch.zeros(120)
    scores[[30, 60, 90]] = 1
    assert shot_auc(scores, [1.0, 2.0, 3.0]) == 1.0
    assert shot_auc(-scores - scores.roll(1), [1.0, 2.0, 3.0]) < 0.05
    assert shot_auc(scores, []) is None


@pytest.mark.parametrize(
    ("clips", "expected"),
    [
        ([(0.7, 0.5), (0.8, 0.55), (0.75, 0.5)], True),
        ([(0.7, 0.69), (0.8, 0.9), (0.75, 0.5)], False),  # not surely above the baseline
        ([(0.6, 0.5), (0.62, 0.55), (0.64, 0.5)], False),  # below 0.65
        ([(0.9, 0.1)], False),  # one clip has no interval
    ],
)
def test_the_gate_wants_065_and_a_sure_lead(clips, expected):
    assert passed([result(*clip) for clip in clips]) is expected


def test_intervals_are_over_clips():
    mean, (low, high) = mean_interval([0.0, 1.0] * 8)
    assert mean == 0.5 and 0.25 < low < 0.5 < high < 0.75


def test_the_table_has_a_row_per_clip_and_shots_where_there_are_some():
    text = table([result(0.7, 0.5), result(0.8, 0.4)])
    assert "clip " in text and "0.750 [" in text and "at shots" not in text
    assert "0.680 0.720" in text  # per seed
    assert "AUC at shots" in table([result(0.7, 0.5, (0.8, 0.9), 0.4), result(0.8, 0.4)])


def test_clips_without_sound_or_with_few_onsets_have_a_reason(tmp_path):
    silent = film(tmp_path / "silent.mkv", 2.5, silent=True)
    assert "too few" in judge(silent, ENCODER, [Probe(PROBE)])
    mute = film(tmp_path / "mute.mkv", 2.5, sound=False)
    assert "no sound" in judge(mute, ENCODER, [Probe(PROBE)])


def test_the_gate_judges_a_folder_and_says_how_it_ends(tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("a", "b"):
        film(clips / f"{name}.mkv", 2.5)
    probes = tmp_path / "probes"
    probes.mkdir()
    with pytest.raises(ValueError, match="--data"):
        main([str(probes), str(clips)])
    save_part(ENCODER, probes / "vision.safetensors")
    for seed in (0, 1, 2):
        torch.manual_seed(seed)
        save_probe(Probe(PROBE), probes / f"probe-{seed}.safetensors")
    assert main([str(probes), str(clips), "--json", str(tmp_path / "r.json")]) == 1
    assert "gate: NOT passed" in capsys.readouterr().out
    assert (tmp_path / "r.json").is_file()
