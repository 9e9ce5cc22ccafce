import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sr_core.training.data.dataset import Batches
from sr_core.training.runtime import loop
from sr_core.training.runtime.loop import LoopConfig, train
from sr_core.training.runtime.schedule import inverse_lr
from sr_core.training.runtime.validation import held_out
from sr_core.training.seeding import generator_of, normal, seed_of
from sr_core.training.tasks.task import Pace, Task

ROOT = Path(__file__).parents[3]
CONFIG = LoopConfig(
    steps=8, batch=4, warmup=2, ema=0.9, learning_rate=1e-2, save_every=2, workers=0
)


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
    output.mkdir(parents=True, exist_ok=True)
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
    config = replace(CONFIG, steps=150, batch=9, warmup=1, learning_rate=0.03, save_every=150)
    run(shards, tmp_path / "out", config, task)
    assert error() < before / 5


@pytest.mark.parametrize("stop", [2, 6])
def test_a_stopped_run_goes_on_bit_exactly(shards, tmp_path, stop):
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
    assert cosine.rate(500) == pytest.approx(0.505) and cosine.rate(2000) == cosine.rate(1000)
    warming = LoopConfig(learning_rate=1.0, warmup=10, steps=10**9, schedule="cosine")
    assert warming.rate(4) == pytest.approx(0.5)
    falling = LoopConfig(learning_rate=2.0, warmup=1000, schedule="inverse_lr")
    assert falling.rate(600_000) == pytest.approx(1.0)
    assert falling.rate(0) == 2 * inverse_lr(0, 1000) != 2 * inverse_lr(0, 0)
    with pytest.raises(ValueError, match="got schedule 'step'"):
        LoopConfig(schedule="step")


def test_noise_and_dropout_are_of_their_seed_step_row_and_group(shards, tmp_path):
    seen = []

    class Spy(Toy):
        def loss(self, group, batch, generators):
            own = tuple(generator.initial_seed() for generator in generators)
            seen.append((self.step, group, own, torch.initial_seed()))
            return super().loss(group, batch, generators)

    run(shards, tmp_path / "out", replace(CONFIG, steps=2, accumulate=2, seed=5), Spy())
    assert seen == [
        (
            step,
            group,
            tuple(seed_of(5, step, row, group) for row in rows),
            seed_of(5, step, rows[0], group, "dropout"),
        )
        for step in range(2)
        for group in ("net", "other")
        for rows in (range(0, 2), range(2, 4))
    ]


def curve_of(shards, output, config, task=None):
    run(shards, output, config, task)
    return [json.loads(line) for line in (output / "curve.jsonl").open(encoding="utf-8")]


def test_the_curve_has_means_over_all_rows_whatever_the_parts(shards, tmp_path):
    config = replace(CONFIG, steps=3, log_every=1)
    one, three = (
        curve_of(shards, tmp_path / f"{count}", replace(config, accumulate=count))
        for count in (1, 3)  # of four rows: parts of 1, 1 and 2
    )
    names = [f"{group}/{what}" for group in ("net", "other") for what in ("loss", "error")]
    rates = ["net/learning_rate", "other/learning_rate"]
    for n, (line, other) in enumerate(zip(one, three, strict=True)):
        for name in [*names, *rates, "net/gradient_norm"]:
            assert line[name] == pytest.approx(other[name], rel=1e-4)
        assert line["net/learning_rate"] == pytest.approx(config.rate(n))
        assert line["net/error"] > 0.1 and line["net/loss"] > 0.1
        assert 0 <= line["data_seconds"] <= line["step_seconds"] < 60


def test_the_curve_has_the_loss_that_the_task_gave(shards, tmp_path):
    given = []

    class Told(Toy):
        def loss(self, group, batch, generators):
            loss, facts = super().loss(group, batch, generators)
            given.append((f"{group}/loss", loss.item()))
            return loss, facts

    config = replace(CONFIG, steps=3, log_every=1, accumulate=1)
    lines = curve_of(shards, tmp_path, config, Told())
    found = [(name, line[name]) for line in lines for name in ("net/loss", "other/loss")]
    assert found == [(name, pytest.approx(loss, rel=1e-5)) for name, loss in given]


def test_reading_is_timed_for_each_step_alone(shards, tmp_path, monkeypatch):
    fill = Batches.fill
    monkeypatch.setattr(Batches, "fill", lambda *given: time.sleep(0.02) or fill(*given))
    lines = curve_of(shards, tmp_path, replace(CONFIG, steps=8, log_every=1))
    waited = [line["data_seconds"] for line in lines]
    assert min(waited) >= 4 * 0.02 and sum(waited) < 3 * 8 * min(waited)


def test_the_average_is_of_buffers_too(shards, tmp_path):
    class Counting(Toy):
        def __init__(self):
            super().__init__()
            self.net.register_buffer("seen", torch.zeros(1))

        def loss(self, group, batch, generators):
            self.net.seen += 1.0  # twice a step
            return super().loss(group, batch, generators)

    saved = run(shards, tmp_path / "out", replace(CONFIG, steps=2, save_every=1), Counting())
    decay = 2 / 11  # (1 + n) / (10 + n)
    assert saved[1]["seen"].item() == 2
    assert saved[2]["seen"].item() == pytest.approx(2 * decay + 4 * (1 - decay))


def plain(config, parameters):
    """Descent without a scale of its own, so that gradients of another size are seen."""
    return torch.optim.SGD(parameters, lr=config.learning_rate)


class Together(Toy):
    """Also what a sum over rows alone would not tell apart: dropout, a contrast of the rows that
    are taken at once, and a weight that only the first steps use."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.early = nn.Parameter(torch.ones(4))

    def groups(self):
        return super().groups() | {"net": [*self.net.parameters(), self.early]}

    def loss(self, group, batch, generators):
        loss, facts = super().loss(group, batch, generators)
        made = self.net(self.dropout(batch["grid"].mean(dim=2)))  # (b t 4)
        if self.step < 3:
            made = made * self.early
        apart = torch.cdist(made.flatten(1), batch["mean"].flatten(1))
        own = torch.arange(len(made))
        return loss + (nn.functional.cross_entropy(-apart, own) if group == "net" else 0), facts


SCRIPT = """
import sys
import time
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {root!r})
import torch
from safetensors.torch import save_file
from sr_core.training.runtime import loop
from tests.training.runtime import test_loop
torch.set_num_threads(1)
loop._optimizer = test_loop.plain
config = replace(test_loop.CONFIG, accumulate={accumulate}, clip=1e9)
saved = test_loop.run(Path({shards!r}), Path({output!r}), config, test_loop.{task}())
if saved:
    save_file(saved[8], Path({output!r}, "weights.safetensors"))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("task", "alone", "each"), [(Toy, 1, 1), (Together, 2, 1)])
def test_two_processes_do_what_one_does(shards, tmp_path, monkeypatch, task, alone, each):
    monkeypatch.setattr(loop, "_optimizer", plain)
    config = replace(CONFIG, accumulate=alone, clip=1e9)
    one = run(shards, tmp_path / "one", config, task())[8]
    script = tmp_path / "script.py"
    output = tmp_path / "two"
    script.write_text(
        SCRIPT.format(
            root=str(ROOT), shards=str(shards), output=str(output), accumulate=each,
            task=task.__name__,
        )
    )  # fmt: skip
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
    two = load_file(output / "weights.safetensors")
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)
    start = task().net.state_dict()
    assert (one["weight"] - start["weight"]).abs().max() > 1e-3  # far more than the tolerance


def test_dropout_and_contrast_are_of_the_rows_taken_at_once(shards, tmp_path):
    """Where the claim above ends: with other parts these two are other losses."""
    one, two = (
        run(shards, tmp_path / f"{n}", replace(CONFIG, accumulate=n), Together())[8] for n in (1, 2)
    )
    assert not torch.allclose(one["weight"], two["weight"], atol=1e-5)


def test_workers_read_the_same_rows_and_a_stop_is_not_noticed(shards, tmp_path):
    whole = run(shards, tmp_path / "whole")
    ahead = replace(CONFIG, workers=2, accumulate=2)
    run(shards, tmp_path / "parts", replace(ahead, steps=2))
    run(shards, tmp_path / "parts", replace(ahead, steps=6))
    parts = run(shards, tmp_path / "parts", ahead)
    alone = run(shards, tmp_path / "alone", replace(CONFIG, accumulate=2))
    assert all(torch.equal(alone[8][name], parts[8][name]) for name in alone[8])
    assert all(torch.allclose(whole[8][name], parts[8][name], atol=1e-6) for name in whole[8])


class Flat(Task):
    """A loss whose gradient is the same at every step: 3 for each of the 4 weights."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 2, bias=False)
        self.net.bias = nn.Parameter(torch.full((2,), 0.5))
        nn.init.ones_(self.net.weight)

    def trained(self):
        return self.net

    def loss(self, group, batch, generators):
        return 3 * self.net.weight.sum() + 0 * self.net.bias.sum(), {}


STEADY = replace(CONFIG, steps=1, warmup=0, learning_rate=0.1)


def moved(shards, tmp_path, config):
    task = Flat()
    weights = run(shards, tmp_path / "out", config, task)
    return task.net.weight[0, 0].item(), task.net.bias[0].item(), weights


def test_a_gradient_is_clipped_to_its_norm(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_optimizer", plain)
    weight, *_ = moved(shards, tmp_path, replace(STEADY, clip=1.0))
    assert weight == pytest.approx(1 - 0.1 * 0.5)  # 4 equal parts of a norm of 1
    weight, *_ = moved(shards, tmp_path / "b", replace(STEADY, clip=100.0))
    assert weight == pytest.approx(1 - 0.1 * 3)


def test_parts_are_averaged_and_not_added(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_optimizer", plain)
    for parts in (1, 3, 4):
        config = replace(STEADY, accumulate=parts, clip=1e9)
        weight, *_ = moved(shards, tmp_path / str(parts), config)
        assert weight == pytest.approx(1 - 0.1 * 3)


@pytest.mark.parametrize("optimizer", ["adamw", "radam"])
def test_weight_decay_is_of_matrices_alone(shards, tmp_path, optimizer):
    """Against torch's own optimizer with and without it."""
    config = replace(STEADY, optimizer=optimizer, weight_decay=0.5, clip=1e9)
    kind = {"adamw": torch.optim.AdamW, "radam": torch.optim.RAdam}[optimizer]
    expected = []
    for decay, start, slope in ((0.5, 1.0, 3.0), (0.0, 0.5, 0.0)):
        value = nn.Parameter(torch.tensor(start))
        own = kind([value], lr=0.1, betas=config.betas, weight_decay=decay)
        value.grad = torch.tensor(slope)
        own.step()
        expected.append(value.item())
    weight, bias, _ = moved(shards, tmp_path, config)
    assert (weight, bias) == pytest.approx(expected) and bias == 0.5 and weight < 0.95


def test_the_optimizer_is_the_one_asked_for_with_its_betas(shards):
    for name, kind in (("adamw", torch.optim.AdamW), ("radam", torch.optim.RAdam)):
        config = replace(CONFIG, optimizer=name, betas=(0.3, 0.7), learning_rate=0.25)
        own = loop._optimizer(config, list(Toy().parameters()))
        assert type(own) is kind
        assert all(g["betas"] == (0.3, 0.7) and g["lr"] == 0.25 for g in own.param_groups)


def test_start_and_null_tokens_norms_and_biases_do_not_decay(tiny_pipeline):
    model = tiny_pipeline.model
    own = loop._optimizer(replace(CONFIG, weight_decay=0.5), list(model.parameters()))
    decay = {id(p): g["weight_decay"] for g in own.param_groups for p in g["params"]}
    decays = {name: decay[id(p)] for name, p in model.named_parameters()}
    assert decays["start"] == decays["null"] == decays["transformer.norm.weight"] == 0
    assert all(not value for name, value in decays.items() if name.endswith("bias"))
    assert decays["audio_input.weight"] == decays["aggregator.project.weight"] == 0.5


def test_the_average_follows_the_weights_by_its_formula(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_optimizer", plain)
    config = replace(STEADY, steps=4, ema=0.25, save_every=1, clip=1e9)
    _, _, saved = moved(shards, tmp_path, config)
    weights = [1 - 0.3 * n for n in range(1, 5)]  # after each step
    average = weights[0]
    for updates, weight in enumerate(weights[1:], start=1):
        decay = [None, 2 / 11, 3 / 12, 0.25][updates]  # (1 + n) / (10 + n), 0.25 at most
        average = decay * average + (1 - decay) * weight
        assert saved[updates + 1]["weight"][0, 0].item() == pytest.approx(average)
    assert loop.ema_decay(0.9999, 0) == 0.1 and loop.ema_decay(0.9999, 10**6) == 0.9999


def test_frozen_weights_are_not_in_the_resume_file(shards, tmp_path):
    class Beside(Toy):
        def __init__(self):
            super().__init__()
            self.vae = nn.Linear(64, 64).requires_grad_(False)

    run(shards, tmp_path / "out", task=Beside())
    names = load_file(tmp_path / "out" / "resume.safetensors")
    assert "task.net.weight" in names and not any("vae" in name for name in names)
    assert run(shards, tmp_path / "out", replace(CONFIG, steps=9), Beside())


def test_a_resume_file_of_another_kind_of_task_is_refused(shards, tmp_path):
    class More(Toy):
        def __init__(self):
            super().__init__()
            self.other = nn.Linear(4, 1, bias=False)

    run(shards, tmp_path / "out", replace(CONFIG, steps=2))
    with pytest.raises(ValueError, match="other tensors than this run's.*delete it to begin"):
        run(shards, tmp_path / "out", task=More())


def test_held_out_rows_have_a_loss_on_the_same_noise_each_time(shards, tmp_path):
    class Still(Toy):
        """Learns nothing, so that its loss shows the noise alone."""

        def pace(self, group):
            return Pace(rate=0.0)

        def loss(self, group, batch, generators):
            assert not torch.is_grad_enabled() or self.training
            return super().loss(group, batch, generators)

    for path in sorted(shards.iterdir()):  # the same clips, as another split
        (shards / path.name.replace("train", "val")).write_bytes(path.read_bytes())
    config, output = replace(CONFIG, show_every=2), tmp_path / "out"
    output.mkdir()
    rows = held_out(shards, 12, 0, ("grid", "mean"))
    batches = Batches(shards, "train", 4, 12)
    train(Still(), batches, config, output, lambda *_: None, rows)
    lines = [json.loads(line) for line in (output / "curve.jsonl").open()]
    found = {at["step"]: at["validation/loss"] for at in lines if "validation/loss" in at}
    assert list(found) == [2, 4, 6, 8] and len(set(found.values())) == 1
    task, total = Still().eval(), 0
    for begin in range(0, 32, 4):
        batch, _ = rows.at(0, range(begin, begin + 4))
        noise = [generator_of(0, "validation", row) for row in range(begin, begin + 4)]
        with torch.no_grad():
            total += task.loss("net", batch, noise)[0].item() / 8
    assert found[2] == pytest.approx(total)


def test_held_out_clips_without_a_tensor_are_told_before_the_run(shards):
    assert held_out(shards, 12, 0, ("grid",)) is None  # no such split: nothing to compute
    for path in sorted(shards.iterdir()):
        (shards / path.name.replace("train", "val")).write_bytes(path.read_bytes())
    assert held_out(shards, 12, 0, ("grid",)).clips == 9
    (first, _), (again, _), (other, _) = (
        held_out(shards, 8, seed, ("grid",)).at(0, range(9)) for seed in (0, 0, 1)
    )
    assert torch.equal(first["grid"], again["grid"])
    assert not torch.equal(first["grid"], other["grid"])
    with pytest.raises(ValueError, match=r"in .*val-0000\d.tar; expected waveform too; prepare"):
        held_out(shards, 12, 0, ("grid", "waveform"))
    with pytest.raises(ValueError, match="no clips of at least 13 frames for 'val'"):
        held_out(shards, 13, 0, ("grid",))
