"""The paper's configurations are the paper's model, and nothing in them is unknown."""

from __future__ import annotations

import json
from pathlib import Path

from sr_core.audio.oobleck import OobleckConfig
from sr_core.config import from_dict
from sr_core.model.soundreactor import SoundReactorConfig
from sr_core.training.stages import ConsistencyRun, DiffusionRun, VAERun

FOLDER = Path(__file__).parents[2] / "recipes" / "paper"


def read(kind, name):
    return from_dict(kind, json.loads((FOLDER / name).read_text(encoding="utf-8")))


def test_the_model_is_the_papers():
    run = read(DiffusionRun, "diffusion.json")
    assert run.model == SoundReactorConfig() and run.frames == run.model.transformer.train_frames


def test_the_vae_is_the_papers_with_its_discriminator():
    run = read(VAERun, "vae.json")
    assert run.audio == OobleckConfig() and (run.task.adversarial, run.task.matching) == (0.1, 5.0)


def test_the_gap_of_tuning_shrinks_over_all_its_steps():
    run = read(ConsistencyRun, "consistency.json")
    assert not run.task.steps and (run.task.mapping, run.task.dropout) == ("cf", 0.2)


def test_every_part_of_a_batch_has_as_many_rows():
    for kind, name in (
        (VAERun, "vae"),
        (DiffusionRun, "diffusion"),
        (ConsistencyRun, "consistency"),
    ):
        loop = read(kind, f"{name}.json").loop
        assert loop.batch % loop.accumulate == 0, name
