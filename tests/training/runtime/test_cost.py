import json
from dataclasses import replace

import pytest
import torch

from sr_core.audio.vae import AudioVAE
from sr_core.cli import main
from sr_core.components import save_part
from sr_core.config import to_dict
from sr_core.models.soundreactor.generator import SoundReactorGenerator
from sr_core.training.data.dataset import one_row
from sr_core.training.runtime.cost import costs_of
from sr_core.training.runtime.loop import LoopConfig
from sr_core.training.seeding import generator_of
from sr_core.training.tasks.consistency import ConsistencyConfig, ConsistencyTask
from sr_core.training.tasks.diffusion import DiffusionConfig, DiffusionTask
from sr_core.training.tasks.vae import DISCRIMINATOR, VAETask, VAETaskConfig
from sr_core.vision.encoder import VisionEncoder
from tests.conftest import TINY

LOOP = LoopConfig(steps=6, batch=2)


@pytest.fixture
def parts():
    torch.manual_seed(0)
    model = SoundReactorGenerator(TINY.model, TINY.vision.grid, 2 * TINY.vision.channels, 4)
    return model, AudioVAE(TINY.audio).requires_grad_(False)


def test_every_parameter_is_counted_once(parts, shards):
    task = DiffusionTask(*parts, DiffusionConfig())
    counts = costs_of(task, LOOP, one_row(shards, 5), "cpu")["parameters"]
    assert sum(counts.values()) == sum(p.numel() for p in task.parameters())
    assert counts["model.head"] == sum(p.numel() for p in task.model.head.parameters())
    assert counts["frozen"] == sum(p.numel() for p in task.vae.parameters())


def test_what_a_stage_does_not_move_is_frozen(parts, shards):
    task = ConsistencyTask(*parts, ConsistencyConfig(steps=8, head_only=True))
    row = task.cached(one_row(shards, 5), [generator_of(0)])
    counts = costs_of(task, LOOP, row, "cpu")["parameters"]
    assert set(counts) == {"model.head", "frozen"}


def test_operations_and_time_grow_with_batch_and_steps(parts, shards, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("sr_core.training.runtime.cost.time.monotonic", lambda: next(clock))
    task, row = DiffusionTask(*parts, DiffusionConfig()), one_row(shards, 5)
    one, three = (costs_of(task, replace(LOOP, batch=n), row, "cpu") for n in (1, 3))
    assert three["flops_per_step"] == 3 * one["flops_per_step"] > 0
    assert one["seconds_per_step"] == 1 and three["seconds_per_step"] == 3
    assert three["hours"] == pytest.approx(3 * 6 / 3600, rel=0.01)


def test_operations_are_those_of_the_formula():
    """2 n m k a product, and twice that for the way back; attention has two products."""

    class Attends(VAETask):
        def loss(self, group, batch, generators):
            x = batch["x"] * self.scale
            return torch.nn.functional.scaled_dot_product_attention(x, x, x).sum(), {}

    task = Attends(AudioVAE(TINY.audio), VAETaskConfig())
    task.scale = torch.nn.Parameter(torch.ones(()))
    costs = costs_of(task, replace(LOOP, batch=1), {"x": torch.randn(1, 2, 32, 16)}, "cpu")
    products = 2 * 2 * 32 * 32 * 16  # heads, multiply and add, and the three sizes
    assert costs["flops_per_step"] == pytest.approx(products * (2 + 5), rel=0.01)


def test_all_groups_take_their_turn_as_halfway_through_the_run():
    task = VAETask(AudioVAE(TINY.audio), VAETaskConfig(adversarial=0.1))
    turns = []
    task.loss = lambda group, *_: (
        turns.append((group, task.step)) or sum(p.sum() for p in task.parameters()),
        {},
    )
    costs_of(task, LOOP, {"waveform": torch.zeros(1, 2, 4800)}, "cpu")
    assert turns[:2] == [("generator", 3), (DISCRIMINATOR, 3)] and len(turns) == 6
    assert all(parameter.grad is None for parameter in task.parameters())


def test_a_dry_run_tells_costs_and_its_words_are_a_config(shards, tmp_path, capsys):
    save_part(VisionEncoder(TINY.vision), shards / "vision.safetensors")
    save_part(AudioVAE(TINY.audio), shards / "vae.safetensors")
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"frames": 5, "model": to_dict(TINY.model)}))
    words = ["train", "diffusion", shards, "-o", tmp_path / "run", "--device", "cpu", "--dry-run"]
    words = [str(word) for word in words]
    printed = []
    for _ in range(2):
        assert main([*words, "--config", str(settings)]) == 0
        printed.append(json.loads(capsys.readouterr().out))
        settings.write_text(json.dumps(printed[-1]))
    costs = printed[1].pop("costs")
    assert printed[1] == {name: x for name, x in printed[0].items() if name != "costs"}
    assert costs["flops_per_step"] == printed[0]["costs"]["flops_per_step"] > 0
    assert costs["hours"] > 0 and "cpu" in costs["measured"]
    assert costs["parameters"]["model.transformer"] > 0 and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("stage", "reason"), [("diffusion", "got no clips"), ("whiten", "takes no steps")]
)
def test_a_dry_run_says_why_it_cannot_tell_costs(tmp_path, capsys, stage, reason):
    assert main(["train", stage, str(tmp_path), "-o", str(tmp_path / "x"), "--dry-run"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["costs"] is None
    assert len(said.err.splitlines()) == 1 and reason in said.err
