"""Settings of every recipe are those that its stage of training knows."""

import json
from pathlib import Path

import pytest

import recipes
from sr_core.config import from_dict, to_dict
from sr_core.training.self_forcing_stage import SelfForcingRun
from sr_core.training.stages import DiffusionRun, VAERun
from sr_core.training.tuning_stages import ConsistencyRun, DistillRun

STAGES = {
    "vae": VAERun,
    "noise": VAERun,
    "level": VAERun,
    "diffusion": DiffusionRun,
    "consistency": ConsistencyRun,
    "distill": DistillRun,
    "self_forcing": SelfForcingRun,
}
FILES = sorted(Path(next(iter(recipes.__path__))).glob("*/*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_settings_fit_their_stage_and_are_all_read(path):
    given = json.loads(path.read_text(encoding="utf-8"))
    read = to_dict(from_dict(STAGES[path.stem], given))

    def taken(settings, among):
        for name, value in settings.items():
            if isinstance(value, dict):
                taken(value, among[name])
            else:
                assert json.loads(json.dumps(among[name])) == value, name

    taken(given, read)


def test_every_recipe_with_settings_is_found():
    assert {path.parent.name for path in FILES} >= {"codec", "freedoom", "paper"}
