import json
from dataclasses import dataclass, replace

import pytest

from sr_core.config import changed, from_dict, to_dict
from sr_core.pipeline import PipelineConfig
from sr_core.training.tuning_stages import ConsistencyRun
from sr_core.vision.patches import PatchesConfig


def test_a_config_survives_json(tiny_config):
    assert from_dict(PipelineConfig, json.loads(json.dumps(to_dict(tiny_config)))) == tiny_config


def test_fields_that_are_not_given_keep_their_defaults():
    config = from_dict(PipelineConfig, {"model": {"head": {"width": 640}}})
    assert config.model.head.width == 640
    assert config.model.transformer == PipelineConfig().model.transformer


def test_what_a_kind_of_run_has_of_its_own_stays_under_a_part_of_it():
    run = from_dict(ConsistencyRun, {"loop": {"steps": 5}})
    assert run.loop == replace(ConsistencyRun().loop, steps=5)
    assert run.loop.optimizer == "radam"


def test_an_unknown_field_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown field colour in HeadConfig"):
        from_dict(PipelineConfig, {"model": {"head": {"colour": 3}}})


@pytest.mark.parametrize("value", ["1280", 1280.5, True, None, [1280]])
def test_a_value_of_another_type_is_refused_by_name(value):
    with pytest.raises(ValueError, match="HeadConfig.width; expected int"):
        from_dict(PipelineConfig, {"model": {"head": {"width": value}}})


@dataclass(frozen=True)
class Example:
    limit: int | None = None
    sides: tuple[int, ...] = ()
    ratio: float = 1.0


def test_optional_tuple_and_whole_number_floats_are_read():
    example = from_dict(Example, {"limit": 3, "sides": [1, 2], "ratio": 2})
    assert example == Example(3, (1, 2), 2.0) and isinstance(example.ratio, float)
    assert from_dict(Example, {"limit": None}) == Example()


def test_a_bad_item_of_a_tuple_is_refused():
    with pytest.raises(ValueError, match="Example.sides; expected int"):
        from_dict(Example, {"sides": [1, "2"]})


def test_changes_by_name_are_applied_and_checked(tiny_config):
    config = changed(tiny_config, ["model.head.width=8", "audio.causal=false"])
    assert config.model.head.width == 8 and config.audio.causal is False
    assert config.vision == tiny_config.vision
    for wrong in ("model.head.colour=1", "model.head", "head.width=1", "model.head.width.x=1"):
        with pytest.raises(ValueError, match="expected NAME=VALUE"):
            changed(tiny_config, [wrong])
    with pytest.raises(ValueError, match="HeadConfig.width; expected int"):
        changed(tiny_config, ["model.head.width=wide"])


def test_the_fields_choose_among_kinds_of_configuration():
    patches = {"vision": {"backbone": {"side": 7}, "height": 14, "width": 14, "channels": 3}}
    config = from_dict(PipelineConfig, patches)
    assert config.vision.backbone == PatchesConfig(7)
    assert from_dict(PipelineConfig, to_dict(config)) == config


def test_a_field_unknown_to_all_kinds_is_named():
    with pytest.raises(
        ValueError, match="PipelineConfig.audio.*unknown field latent_channel in Spec"
    ):
        from_dict(PipelineConfig, {"audio": {"latent_channel": 3}})
