"""Self forcing, from the command line to the checkpoint."""

import json

import pytest
import torch
from safetensors.torch import load_file

from sr_core.checkpoint import load_pipeline
from sr_core.cli import main
from sr_core.sampling.settings import Settings
from sr_core.training.tasks import sound_predictor
from tests.training.conftest import write_shard

LOOP = {
    "batch": 2,
    "workers": 0,
    "save_every": 2,
    "log_every": 1,
    "steps": 4,
    "seed": 3,
    "schedule": "constant",
}


@pytest.fixture(autouse=True)
def short_fit(monkeypatch):
    monkeypatch.setattr(sound_predictor, "STEPS", 3)


def force(data, initial, output, *words, **loop):
    """Runs the stage; returns its exit status."""
    config = output.parent / f"{output.name}.json"
    task = {"longest_history": 3, "many": 0.5}
    config.write_text(json.dumps({"frames": 8, "loop": LOOP | loop, "task": task}))
    words = ["train", "self-forcing", data, "-o", output, "--config", config, *words]
    return main([str(word) for word in (*words, *(("--init", initial) if initial else ()))])


def test_all_but_the_parts_of_stage_1_changes(shards, initial, tmp_path):
    assert force(shards, initial, tmp_path / "out", learning_rate=0.1) == 0
    before, after = load_file(initial), load_file(tmp_path / "out" / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    fixed = ("model.aggregator", "model.head.uncertainty", "model.grid_", "vae.", "vision.")
    still = {name for name in before if name.startswith(fixed)}
    assert not changed & still
    assert {"model.head.output.weight", "model.vision_input.weight"} <= changed


def test_a_stopped_run_goes_on_bit_exactly(shards, initial, tmp_path):
    assert force(shards, initial, tmp_path / "whole") == 0
    assert force(shards, initial, tmp_path / "parts", steps=2) == 0
    assert force(shards, initial, tmp_path / "parts") == 0
    for name in ("model.safetensors", "resume.safetensors"):
        one, other = (load_file(tmp_path / folder / name) for folder in ("whole", "parts"))
        assert one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one), name


def test_the_result_recommends_one_step_without_guidance(shards, initial, tmp_path):
    assert force(shards, initial, tmp_path / "out") == 0
    made = load_pipeline(tmp_path / "out" / "model.safetensors")
    assert made.recommended == Settings(1, 1.0, "consistency")
    assert made.origin["stage"] == "self-forcing"


def test_validation_logs_drawn_and_real_histories(shards, initial, tmp_path):
    clip = {"grid": torch.randn(9, 8, 6).half(), "mean": torch.randn(9, 4)}
    write_shard(shards / "val-00000.tar", {"v": clip | {"log_variance": torch.zeros(9, 4)}})
    assert force(shards, initial, tmp_path / "out") == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "curve.jsonl").open()]
    last = {name: value for line in lines for name, value in line.items()}
    assert last["validation/loss"] > 0 and last["validation/real_history"] > 0


def test_a_checkpoint_to_start_from_is_needed(shards, tmp_path, capsys):
    assert force(shards, None, tmp_path / "out") == 2
    assert "got no checkpoint to tune; expected --init" in capsys.readouterr().err


def test_a_dry_run_computes_the_costs(shards, initial, tmp_path, capsys):
    assert force(shards, initial, tmp_path / "out", "--dry-run") == 0
    costs = json.loads(capsys.readouterr().out)["costs"]
    assert costs["flops_per_step"] > 0 and not (tmp_path / "out").exists()
