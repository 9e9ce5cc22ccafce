"""Consistency tuning of the head and distillation, from the command line to the checkpoint."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sr_core.checkpoint import load_pipeline, save_pipeline
from sr_core.cli import main
from sr_core.sampling.settings import Settings
from tests.training.conftest import write_shard

LOOP = {"batch": 4, "workers": 0, "save_every": 2, "log_every": 1, "steps": 4, "seed": 3}
TASKS = {
    "consistency": {"head_only": True, "dropout": 0.0, "steps": 4, "guidance_high": 3.0},
    "distill": {"solver_steps": 3, "guidance_high": 3.0},
}


def tune(stage, data, initial, output, **more):
    """Runs the stage; returns its exit status."""
    loop, task = LOOP | more.pop("loop", {}), TASKS[stage] | more.pop("task", {})
    config = output.parent / f"{output.name}.json"
    config.write_text(json.dumps({"frames": 5, "loop": loop, "task": task}))
    words = ["train", stage, data, "-o", output, "--init", initial, "--config", config]
    return main([str(word) for word in (*words, *more.pop("words", ()))])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "conditions").iterdir()}


@pytest.mark.parametrize("stage", TASKS)
def test_only_the_head_changes(shards, initial, tmp_path, stage):
    assert tune(stage, shards, initial, tmp_path / "out") == 0
    before, after = load_file(initial), load_file(tmp_path / "out" / "model.safetensors")
    assert before.keys() <= after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    head = {name for name in before if name.startswith("model.head.")}
    assert changed == {name for name in head if "uncertainty" not in name}


@pytest.mark.parametrize("stage", TASKS)
def test_a_stopped_run_goes_on_bit_exactly(shards, initial, tmp_path, stage):
    assert tune(stage, shards, initial, tmp_path / "whole") == 0
    assert tune(stage, shards, initial, tmp_path / "parts", loop={"steps": 2}) == 0
    (tmp_path / "parts" / "conditions" / "train-00001.json").unlink()  # as if it were not whole
    assert tune(stage, shards, initial, tmp_path / "parts") == 0
    for name in ("model.safetensors", "resume.safetensors"):
        one, other = (load_file(tmp_path / folder / name) for folder in ("whole", "parts"))
        assert one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one), name
    assert contents(tmp_path / "whole") == contents(tmp_path / "parts")


@pytest.mark.parametrize("stage", TASKS)
def test_another_checkpoint_is_refused_and_the_cache_stays(
    shards, initial, tiny_pipeline, tmp_path, capsys, stage
):
    out = tmp_path / "out"
    assert tune(stage, shards, initial, out) == 0
    before = contents(out)
    tiny_pipeline.model.start.mul_(2)
    other = save_pipeline(tiny_pipeline, tmp_path / "other.safetensors")
    assert tune(stage, shards, other, out) == 2
    assert "other contents of --init" in capsys.readouterr().err
    assert contents(out) == before
    (out / "resume.safetensors").unlink()  # nothing to resume: all is made anew
    assert tune(stage, shards, other, out) == 0
    after = contents(out)
    assert after.keys() == before.keys() and not any(after[n] == before[n] for n in before)


@pytest.mark.parametrize("stage", TASKS)
def test_a_held_out_split_is_validated_with_its_own_cache(shards, initial, tmp_path, stage):
    clip = {"grid": torch.randn(6, 8, 6).half(), "mean": torch.randn(6, 4)}
    write_shard(shards / "val-00000.tar", {"v": clip | {"log_variance": torch.zeros(6, 4)}})
    assert tune(stage, shards, initial, tmp_path / "out") == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "curve.jsonl").open()]
    assert any("validation/loss" in line for line in lines)


@pytest.mark.parametrize("stage", TASKS)
def test_a_dry_run_computes_the_costs(shards, initial, tmp_path, capsys, stage):
    assert tune(stage, shards, initial, tmp_path / "out", words=["--dry-run"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed["costs"]["parameters"]) == {"model.head", "frozen"}
    assert printed["costs"]["flops_per_step"] > 0 and not (tmp_path / "out").exists()


def test_clips_that_are_too_short_are_refused_before_anything_is_computed(
    shards, initial, tmp_path, capsys
):
    clip = {"grid": torch.randn(4, 8, 6).half(), "mean": torch.randn(4, 4)}
    write_shard(shards / "val-00000.tar", {"v": clip | {"log_variance": torch.zeros(4, 4)}})
    assert tune("distill", shards, initial, tmp_path / "out") == 2
    assert "no clips of at least 5 frames for 'val'" in capsys.readouterr().err
    assert not (tmp_path / "out" / "conditions").exists()


@pytest.mark.parametrize(("high", "guidance"), [(3.0, 2.0), (1.5, 1.5), (1.0, 1.0)])
def test_a_distilled_checkpoint_recommends_one_step_at_a_trained_guidance(
    shards, initial, tmp_path, high, guidance
):
    assert load_pipeline(initial).recommended == Settings(4, 2.0)
    assert tune("distill", shards, initial, tmp_path / "out", task={"guidance_high": high}) == 0
    tuned = load_pipeline(tmp_path / "out" / "model.safetensors")
    assert tuned.recommended == Settings(1, guidance, "consistency")


def test_a_tuned_checkpoint_is_no_teacher(shards, initial, tmp_path, capsys):
    assert tune("distill", shards, initial, tmp_path / "out") == 0
    tuned = tmp_path / "out" / "model.safetensors"
    assert tune("distill", shards, tuned, tmp_path / "more") == 2
    assert "whose head is no denoiser" in capsys.readouterr().err


def test_a_consistency_tuned_checkpoint_no_longer_recommends_heun(
    tiny_pipeline, shards, initial, tmp_path
):
    tiny_pipeline.recommended = Settings(12, 1.5, "heun")
    init = save_pipeline(tiny_pipeline, tmp_path / "heun.safetensors")
    assert tune("consistency", shards, init, tmp_path / "out") == 0
    tuned = load_pipeline(tmp_path / "out" / "model.safetensors")
    assert tuned.recommended == Settings(4, 1.5, "consistency")
