"""The probe is causal, starts at its prior, learns from cached features, and sees held frames."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # recipes are not installed

from recipes.rooms import probe_training  # noqa: E402
from recipes.rooms.probe import (  # noqa: E402
    Prior,
    Probe,
    ProbeConfig,
    load_probe,
    loss,
    save_probe,
    start_at,
)
from recipes.rooms.probe_features import (  # noqa: E402
    Look,
    drawn_look,
    example,
    targets_of,
)
from recipes.rooms.probe_features import main as cache  # noqa: E402
from recipes.rooms.probe_training import held, train  # noqa: E402
from sr_core.checkpoint import write_weights  # noqa: E402
from sr_core.components import load_vision, save_part  # noqa: E402
from sr_core.vision.encoder import VisionConfig, VisionEncoder  # noqa: E402
from sr_core.vision.patches import PatchesConfig  # noqa: E402
from tests.training.data.test_shard_writer import film  # noqa: E402

CONFIG = ProbeConfig(channels=3, rows=4, columns=5, cell=4, width=4, hidden=6)
VISION = VisionConfig(PatchesConfig(7), 14, 28, 3)


def build() -> Probe:
    torch.manual_seed(0)
    probe = Probe(CONFIG).double().eval()
    probe.mean.normal_()
    probe.scale.uniform_(0.5, 2)
    return probe


def test_probing_in_pieces_equals_probing_whole():
    probe, grid = build(), torch.rand(2, 11, 20, 3).double()
    whole, _ = probe(grid)
    state, pieces = None, []
    for piece in grid.split([1, 3, 7], dim=1):
        y, state = probe(piece, state)
        pieces.append(y)
    assert (torch.cat(pieces, dim=1) - whole).abs().max() < 1e-9


def test_grids_and_differences_are_scaled_by_their_mean_and_deviation():
    probe, x = build(), 5 * torch.randn(2, 3, 20, 6).double()
    scaled = (x - probe.mean) / probe.scale
    assert (probe._cells(x) - probe.cells(scaled)).abs().max() < 1e-12


def test_a_state_can_be_used_twice():
    probe, grid = build(), torch.rand(1, 6, 20, 3).double()
    _, state = probe(grid[:, :3])
    assert torch.equal(probe(grid[:, 3:], state)[0], probe(grid[:, 3:], state)[0])


def test_no_gradient_comes_from_later_frames():
    grid = torch.rand(1, 8, 20, 3).double().requires_grad_()
    build()(grid)[0][0, 4].sum().backward()
    assert grid.grad[0, :5].abs().sum(dim=(1, 2)).min() > 0
    assert not grid.grad[0, 5:].any()


def test_a_new_probe_predicts_its_prior_which_is_the_best_constant():
    prior = Prior(share=0.2, rise=0.4)
    targets = torch.zeros(1, 100, 2)
    targets[0, :20, 0] = 1
    constants = torch.linspace(-3, 3, 601)
    rows = [torch.stack([torch.full((1, 100), float(c)), targets[..., 1]], -1) for c in constants]
    best = constants[torch.stack([loss(row, targets, prior) for row in rows]).argmin()]
    assert prior.logit == pytest.approx(float(best), abs=0.011)
    probe = build()
    start_at(probe, prior)
    output = probe(torch.rand(1, 9, 20, 3).double())[0]
    expected = torch.tensor([prior.logit, 0.4]).double()
    assert (output - expected).abs().max() < 0.1


def test_a_probe_survives_its_file(tmp_path):
    probe = build().float()
    loaded = load_probe(save_probe(probe, tmp_path / "probe.safetensors"))
    grid = torch.rand(70, 20, 3)
    assert torch.equal(loaded.scores(grid), probe.scores(grid))
    assert (loaded.scores(grid) - probe(grid[None])[0][0, :, 0]).abs().max() < 1e-5
    write_weights({"x": torch.zeros(1)}, tmp_path / "other.safetensors", {})
    with pytest.raises(ValueError, match="expected a probe"):
        load_probe(tmp_path / "other.safetensors")


def test_a_source_of_half_the_rate_holds_each_frame_twice():
    assert held(6, 30.0, 0.0).tolist() == [0, 1, 2, 3, 4, 5]
    assert held(6, 15.0, 0.0).tolist() == [0, 0, 2, 2, 4, 4]
    assert held(6, 15.0, 0.5).tolist() == [0, 1, 1, 3, 3, 5]


@pytest.mark.parametrize("rate", [12.0, 21.5, 24.0, 29.97])
@pytest.mark.parametrize("phase", [0.0, 0.3, 0.99])
def test_held_frames_are_never_later_than_now_nor_older_than_one_of_the_source(rate, phase):
    delay = torch.arange(200) - held(200, rate, phase)
    assert delay.min() >= 0 and delay.max() <= 30 / rate + 1


def test_a_click_is_an_onset_within_one_frame_and_a_rise():
    waveform = torch.zeros(2, 2 * 48_000)
    waveform[:, 48_000:48_400] = 0.5 * torch.rand(400)
    targets = targets_of(waveform, 60)
    assert targets.shape == (60, 2)
    assert targets[:, 0].nonzero()[:, 0].tolist() == [29, 30, 31]
    assert targets[30, 1] == 3.0 and not targets[:28, 1].any() and not targets[33:, 1].any()


def test_a_look_is_drawn_from_the_clip_and_the_copy():
    pixels = torch.rand(2, 3, 4, 6)
    assert torch.equal(Look()(pixels), pixels)
    assert torch.equal(Look(mirrored=True)(pixels), pixels.flip(-1))
    assert torch.allclose(Look(contrast=0.5, brightness=0.1)(pixels), pixels / 2 + 0.35)
    assert drawn_look("a", 0) == drawn_look("a", 0) != drawn_look("a", 1)
    looks = [drawn_look(str(n), 0) for n in range(200)]
    assert 60 < sum(look.mirrored for look in looks) < 140


def test_videos_become_a_cache_and_an_excerpt_is_a_part_of_it(tmp_path):
    film(tmp_path / "a.mkv", 1.5)
    film(tmp_path / "silent.mkv", 0.5, sound=False)
    words = [tmp_path / "a.mkv", tmp_path / "silent.mkv", "-o", tmp_path / "cache"]
    words += ["--patches", "7x14x28", "--channels", 3, "--copies", 1]
    assert cache([str(word) for word in words]) == 0
    assert [path.name for path in (tmp_path / "cache" / "grids").iterdir()] == ["a-0.safetensors"]
    vision = load_vision(tmp_path / "cache" / "vision.safetensors")
    whole = example(tmp_path / "a.mkv", vision, Look(), 100)
    part = example(tmp_path / "a.mkv", vision, Look(start=0.5), 0.5)
    assert whole["grid"].shape == (45, 8, 3) and whole["grid"].dtype == torch.float16
    assert torch.equal(part["grid"], whole["grid"][15:30])
    assert torch.equal(part["targets"], whole["targets"][15:30])


def test_a_probe_learns_what_its_features_show(tmp_path, monkeypatch):
    save_part(VisionEncoder(VISION), tmp_path / "vision.safetensors")
    (tmp_path / "grids").mkdir()
    generator = torch.Generator().manual_seed(0)
    for n in range(6):
        grid = torch.randn(90, 8, 3, generator=generator)
        onsets = (torch.rand(90, generator=generator) < 0.1).float()
        grid[:, 5, 1] += 4 * onsets
        targets = torch.stack([onsets, onsets], -1)
        path = tmp_path / "grids" / f"{n}.safetensors"
        write_weights({"grid": grid.half(), "targets": targets}, path, {})
    monkeypatch.setattr(probe_training, "STEADY", 1.0)
    probe = train(tmp_path, seed=0, steps=60)
    assert not probe.training
    scores = probe.scores(grid.half())
    assert scores[onsets == 1].mean() > scores[onsets == 0].mean() + 1
    assert torch.equal(train(tmp_path, 1, 2).head.weight, train(tmp_path, 1, 2).head.weight)


def test_a_short_clip_fills_a_window_by_standing_still(tmp_path):
    save_part(VisionEncoder(VISION), tmp_path / "vision.safetensors")
    (tmp_path / "grids").mkdir()
    short = {"grid": torch.rand(10, 8, 3).half(), "targets": torch.ones(10, 2)}
    write_weights(short, tmp_path / "grids" / "a.safetensors", {})
    grid, targets = probe_training.windows(tmp_path)(torch.Generator().manual_seed(0))
    assert grid.shape == (8, 48, 8, 3) and targets.sum() == 8 * 20
    assert torch.equal(grid[:, 15:], grid[:, 15:16].expand(-1, 33, -1, -1))
    with pytest.raises(ValueError, match="probe_features.py"):
        probe_training.windows(tmp_path / "nothing")
