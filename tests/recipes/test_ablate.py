"""The recipe's ablations: what a variant hides is not seen, and the table says what came out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # the recipes are not installed

from recipes.freedoom.ablate import (  # noqa: E402
    CONSISTENCY,
    DIFFUSION,
    FIGURES,
    Variant,
    blind,
    table,
)
from recipes.freedoom.ablate import (  # noqa: E402
    HERE as RECIPE,
)
from sr_core.config import changed, from_dict, to_dict  # noqa: E402
from sr_core.training.stages import DiffusionRun  # noqa: E402
from sr_core.training.tuning_stages import ConsistencyRun  # noqa: E402

CHANNELS = 6  # of the tiny model's grid, with as many differences beside


@pytest.mark.parametrize(
    ("variant", "hidden"),
    [
        (Variant("a", sees=2), [2, 3, 4, 5, 8, 9, 10, 11]),
        (Variant("b", differences=False), [6, 7, 8, 9, 10, 11]),
        (Variant("c"), []),
    ],
)
def test_a_model_sees_all_but_what_its_variant_hides(tiny_model, variant, hidden):
    blind(tiny_model.grid_scale, variant)
    grid, latents = torch.randn(1, 3, 8, 2 * CHANNELS).double(), torch.randn(1, 3, 4).double()
    before = tiny_model.condition(tiny_model.encode_frames(grid), latents)[0]
    for channel in range(2 * CHANNELS):
        other = grid.clone()
        other[..., channel] += 1
        after = tiny_model.condition(tiny_model.encode_frames(other), latents)[0]
        assert torch.equal(after, before) == (channel in hidden), channel


@pytest.mark.parametrize("variant", DIFFUSION + CONSISTENCY, ids=lambda v: v.folder)
def test_a_variant_changes_what_it_says_and_nothing_else(variant):
    stage, run = (
        ("diffusion", DiffusionRun) if variant in DIFFUSION else ("consistency", ConsistencyRun)
    )
    base = from_dict(run, json.loads((RECIPE / f"{stage}.json").read_text(encoding="utf-8")))
    before, after = to_dict(base), to_dict(changed(base, variant.changes))
    for change in variant.changes:
        *path, last = change.split("=")[0].split(".")
        for settings in (before, after):
            for name in path:
                settings = settings[name]
            value = settings.pop(last)
        assert json.dumps(value) == change.split("=")[1]
    assert before == after


def test_the_table_has_a_line_a_variant():
    columns = {"one": dict.fromkeys(FIGURES, 0.5), "other": dict.fromkeys(FIGURES, 1.25)}
    head, _, one, other = table(columns).splitlines()
    assert head.count("|") == one.count("|") == len(FIGURES) + 2
    assert one.startswith("| one | 0.500") and other.endswith("| 1.25 |")
