import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sr_core.training.chance import normal
from sr_core.training.data import Batches
from sr_core.training.loop import LoopConfig, train
from sr_core.training.task import Pace, Task

ROOT = Path(__file__).parents[2]
CONFIG = LoopConfig(steps=8, batch=4, warmup=2, ema=0.9, learning_rate=1e-2, save_every=2)


class Toy(Task):
    """Latents from grids, with noise; two groups that take turns."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net, self.other = nn.Linear(6, 4), nn.Linear(4, 1)

    def groups(self):
        return {"net": list(self.net.parameters()), "other": list(self.other.parameters())}

    def trained(self):
        return self.net

    def loss(self, group, batch, generators):
        noise = normal(generators, 12, 4, like=batch["mean"])
        error = self.net(batch["grid"].mean(dim=2)) - batch["mean"] + 0.1 * noise
        loss = (
            error.square().mean() if group == "net" else self.other(error.detach()).square().mean()
        )
        return loss, {"error": error.abs().mean()}


def run(shards, output, config=CONFIG, task=None):
    saved = {}
    output.mkdir(exist_ok=True)
    train(
        task or Toy(),
        Batches(shards, "train", config.batch, 12, config.seed),
        config,
        output,
        lambda weights, step: saved.update({step: {k: v.clone() for k, v in weights.items()}}),
    )
    return saved


def test_training_learns(shards, tmp_path):
    task = Toy()
    batch, _ = Batches(shards, "train", 9, 12).at(0, range(9))

    def error():
        return (task.net(batch["grid"].mean(dim=2)) - batch["mean"]).square().mean().item()

    before = error()
    run(
        shards, tmp_path / "out", LoopConfig(steps=150, batch=9, warmup=1, learning_rate=0.03), task
    )
    assert error() < before / 5


@pytest.mark.parametrize("stop", [2, 6])
def test_a_stopped_run_goes_on_bit_exactly(shards, tmp_path, stop):
    from dataclasses import replace

    whole = run(shards, tmp_path / "whole")
    run(shards, tmp_path / "parts", replace(CONFIG, steps=stop))
    parts = run(shards, tmp_path / "parts")
    assert set(parts) == {step for step in whole if step > stop}
    assert all(torch.equal(whole[8][name], parts[8][name]) for name in whole[8])
    files = [load_file(tmp_path / name / "resume.safetensors") for name in ("whole", "parts")]
    assert all(torch.equal(files[0][name], files[1][name]) for name in files[0])


def test_a_stop_while_saving_loses_nothing(shards, tmp_path, monkeypatch):
    """As `kill -9` would: the new file is half written and never renamed."""
    whole = run(shards, tmp_path / "whole")

    def half(weights, partial, metadata):
        partial.write_bytes(b"half")
        raise SystemExit

    run(shards, tmp_path / "out", LoopConfig(**{**CONFIG.__dict__, "steps": 4}))
    with monkeypatch.context() as patch:
        patch.setattr("sr_core.checkpoint.save_file", half)
        with pytest.raises(SystemExit):
            run(shards, tmp_path / "out")
    (tmp_path / "out" / "resume.safetensors.partial").write_bytes(b"half")
    again = run(shards, tmp_path / "out")
    assert all(torch.equal(whole[8][name], again[8][name]) for name in whole[8])


def test_accumulating_parts_is_the_same_step(shards, tmp_path):
    one = run(shards, tmp_path / "one")[8]
    parts = run(shards, tmp_path / "parts", LoopConfig(**{**CONFIG.__dict__, "accumulate": 3}))[8]
    assert all(torch.allclose(one[name], parts[name], atol=1e-6) for name in one)


def test_more_parts_than_rows_are_a_part_for_each_row(shards, tmp_path):
    one = run(shards, tmp_path / "one")[8]
    parts = run(shards, tmp_path / "parts", LoopConfig(**{**CONFIG.__dict__, "accumulate": 9}))[8]
    assert all(torch.allclose(one[name], parts[name], atol=1e-6) for name in one)


def test_another_configuration_does_not_go_on_with_a_run(shards, tmp_path):
    run(shards, tmp_path / "out")
    with pytest.raises(ValueError, match="loop.learning_rate 0.01 -> 0.5.*another output folder"):
        run(shards, tmp_path / "out", LoopConfig(**{**CONFIG.__dict__, "learning_rate": 0.5}))
    settings = json.loads((tmp_path / "out" / "config.json").read_text())
    assert settings["loop"]["learning_rate"] == 0.01  # still those of what lies there


def test_a_loss_that_is_no_number_names_its_clips(shards, tmp_path):
    class Broken(Toy):
        def loss(self, group, batch, generators):
            loss, facts = super().loss(group, batch, generators)
            return loss * (torch.nan if self.step == 3 else 1), facts

    with pytest.raises(ValueError, match=r"loss of nan for net at step 3, from \d-\d.safetensors"):
        run(shards, tmp_path / "out", task=Broken())


def test_a_gradient_that_is_no_number_stops_before_it_moves_anything(shards, tmp_path):
    class Broken(Toy):
        def loss(self, group, batch, generators):
            loss, facts = super().loss(group, batch, generators)
            if self.step == 3:  # the root of nothing: a number, with a slope that is none
                loss = loss + (0 * self.net.weight.sum()).sqrt()
            return loss, facts

    task = Broken()
    with pytest.raises(ValueError, match=r"gradient norm of nan for net at step 3, from \d-\d"):
        run(shards, tmp_path / "out", task=task)
    assert all(weight.isfinite().all() for weight in task.net.parameters())


def test_a_turn_begins_without_the_gradients_of_the_turn_before(shards, tmp_path):
    class Judged(Toy):
        def loss(self, group, batch, generators):
            loss, facts = super().loss(group, batch, generators)
            assert all(weight.grad is None for weight in self.parameters())
            return loss + self.other(self.net.bias).sum(), facts

    assert run(shards, tmp_path / "out", task=Judged())


def test_a_group_can_have_a_pace_of_its_own(shards, tmp_path):
    class Paced(Toy):
        def pace(self, group):
            return Pace(rate=0.0) if group == "net" else Pace(clip=1e-12)

    task, config = Paced(), LoopConfig(**{**CONFIG.__dict__, "weight_decay": 0.0})
    before = {name: value.clone() for name, value in task.state_dict().items()}
    run(shards, tmp_path / "out", config, task)
    moved = {n: (v - before[n]).abs().max().item() for n, v in task.state_dict().items()}
    assert moved["net.weight"] == 0  # Adam steps are as long as the rate, but for tiny gradients
    assert 0 < moved["other.weight"] < 8 * config.learning_rate / 100


def test_a_stop_between_the_last_result_and_its_state_makes_the_result_again(shards, tmp_path):
    output, config = tmp_path / "out", LoopConfig(**{**CONFIG.__dict__, "save_every": 100})
    output.mkdir()
    batches = Batches(shards, "train", config.batch, 12, config.seed)

    def stopped(weights, step):
        raise SystemExit

    with pytest.raises(SystemExit):
        train(Toy(), batches, config, output, stopped)
    assert set(run(shards, output, config)) == {8}


def test_learning_rates_follow_their_schedules():
    config = LoopConfig(learning_rate=1.0, warmup=10, steps=1000)
    assert config.rate(0) == pytest.approx(0.1) and config.rate(9) == config.rate(999) == 1.0
    cosine = LoopConfig(learning_rate=1.0, warmup=0, steps=1000, schedule="cosine")
    assert cosine.rate(0) == pytest.approx(1) and cosine.rate(1000) == pytest.approx(0.01)
    falling = LoopConfig(learning_rate=2.0, warmup=1000, schedule="inverse_lr")
    assert falling.rate(600_000) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="got schedule 'step'"):
        LoopConfig(schedule="step")


SCRIPT = """
import json, sys
from pathlib import Path
sys.path.insert(0, {root!r})
import torch
from tests.training.test_loop import CONFIG, run
torch.set_num_threads(1)
saved = run(Path({shards!r}), Path({output!r}))
if saved:
    Path({output!r}, "weights.json").write_text(
        json.dumps({{name: value.tolist() for name, value in saved[8].items()}})
    )
"""


@pytest.mark.slow
def test_two_processes_do_what_one_does(shards, tmp_path):
    one = run(shards, tmp_path / "one")[8]
    script = tmp_path / "script.py"
    output = tmp_path / "two"
    script.write_text(SCRIPT.format(root=str(ROOT), shards=str(shards), output=str(output)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    # What torchrun sets, without its agents.
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    both = [
        subprocess.Popen(
            [sys.executable, str(script)],
            env={**os.environ, **place, "RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-2000:]
    two = json.loads((output / "weights.json").read_text())
    assert all(torch.allclose(one[name], torch.tensor(two[name]), atol=1e-6) for name in one)
