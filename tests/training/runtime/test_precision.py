import warnings

import pytest
import torch

from sr_core.training.runtime import precision
from sr_core.training.runtime.precision import autocast, warn_without_bf16


@pytest.fixture
def processor(monkeypatch):
    def having(bf16: bool):
        monkeypatch.setattr(precision, "has_bf16", lambda kind: bf16)

    return having


def product() -> torch.Tensor:
    return torch.ones(2, 2) @ torch.ones(2, 2)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("had", [True, False])
def test_a_step_is_in_bfloat16_only_where_it_is_asked_for_and_had(processor, asked, had):
    processor(had)
    with autocast("cpu", asked):
        assert product().dtype == (torch.bfloat16 if asked and had else torch.float32)


def test_who_asks_for_what_is_not_had_is_told_what_runs_instead(processor):
    processor(False)
    with pytest.warns(UserWarning, match="got bf16 for a cpu that .* this run is in float32"):
        warn_without_bf16("cpu", True)


@pytest.mark.parametrize(("asked", "had"), [(False, False), (False, True), (True, True)])
def test_nothing_is_said_where_all_is_as_asked(processor, asked, had):
    processor(had)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_without_bf16("cpu", asked)


def test_this_processor_has_bfloat16_just_if_it_has_the_instructions():
    wide = torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "AMX"))
    if torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        assert precision.has_bf16("cpu") == wide
