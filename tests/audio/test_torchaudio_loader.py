"""torchaudio as evaluation and training get it, and what they say where it does not load."""

import sys

import pytest
import torch

from sr_core.audio.mel import mel_bank
from sr_core.audio.torchaudio_loader import load_torchaudio
from sr_core.evaluation.metrics.mel import log_mel
from sr_core.evaluation.protocol.clips import read_clips
from sr_core.training.tasks.energy import EnergyConfig, energy_distance

BANDS = EnergyConfig(sizes=(128,), bands=1.0)
NEEDS_IT = {
    "evaluation": lambda tmp_path: log_mel(torch.zeros(1, 4800)),
    "clips": lambda tmp_path: read_clips([tmp_path]),
    "training": lambda tmp_path: energy_distance(
        [torch.ones(1, 2, 640)], torch.ones(1, 2, 640), BANDS
    ),
}


@pytest.fixture
def unloaded(monkeypatch):
    """As in a process that has not tried yet."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        monkeypatch.delitem(sys.modules, name)
    mel_bank.cache_clear()
    yield monkeypatch
    mel_bank.cache_clear()


@pytest.mark.parametrize("need", NEEDS_IT.values(), ids=NEEDS_IT)
def test_where_it_is_missing_one_line_says_what_to_do(unloaded, tmp_path, need):
    unloaded.setitem(sys.modules, "torchaudio", None)
    with pytest.raises(ValueError, match="got no torchaudio.*expected.*pip install") as caught:
        need(tmp_path)
    said = str(caught.value)
    assert "\n" not in said and f"torch {torch.__version__};" in said
    assert said.endswith("generating does not need it")


@pytest.mark.parametrize(
    "raised", ['OSError("Could not load this library: x.so\\nat y")', 'RuntimeError("")']
)
def test_where_its_libraries_do_not_load_the_first_line_of_why_is_said(unloaded, tmp_path, raised):
    (tmp_path / "torchaudio.py").write_text(f"raise {raised}\n", encoding="utf-8")
    unloaded.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"got no torchaudio \((OS|Runtime)Error") as caught:
        load_torchaudio()
    assert "at y" not in str(caught.value)


@pytest.mark.torchaudio
def test_it_comes_with_its_functions():
    assert load_torchaudio().functional.melscale_fbanks


@pytest.mark.torchaudio
def test_a_filterbank_is_made_once():
    assert mel_bank(512, 16, 48_000) is mel_bank(512, 16, 48_000)
