"""`python -m sr_core benchmark` on a tiny model: what is printed, and where."""

import json

import pytest

from sr_core.benchmark.peer import NotAtHand
from sr_core.checkpoint import save_pipeline
from sr_core.cli import main
from sr_core.commands.work import benchmark as benchmarker
from sr_core.sampling.settings import Settings
from tests.benchmark.test_report import KEYS


@pytest.fixture
def run(tiny_pipeline, tmp_path, capsys, monkeypatch):
    # Full-sized matrices would take seconds.
    monkeypatch.setattr("sr_core.benchmark.hardware.SIDE", 256)
    monkeypatch.setattr("sr_core.benchmark.hardware.SQUARE", 64)
    tiny_pipeline.recommended = Settings(3)
    model = save_pipeline(tiny_pipeline, tmp_path / "tiny.safetensors")

    def run(*words):
        code = main(["benchmark", "--model", str(model), "--device", "cpu", *words])
        return code, *capsys.readouterr()

    return run


def test_json_is_one_object_and_nothing_else_on_stdout(run):
    code, out, _ = run("--json", "--frames", "3", "--steps", "1", "--against", "plain", "vae")
    figures = json.loads(out)
    assert code == 0 and out.count("\n") == 1 and list(figures) == KEYS
    assert figures["config"] == "tiny" and figures["frames"] == 3 and figures["steps"] == 1
    assert figures["against"]["plain"]["ratio"] > 0
    assert figures["against"]["vae"] == {"ours_ms": None, "theirs_ms": None, "ratio": None}


def test_without_json_there_is_a_table_and_a_page_on_demand(run, tmp_path):
    page = tmp_path / "page.md"
    code, out, error = run("--frames", "2", "--against", "vae", "--page", str(page))
    assert "3 steps" in out and "--steps 3" in page.read_text(encoding="utf-8")
    assert code == 0 and "waveform level" in out and "not measured: no checkout" in out
    assert "vae not measured" in error
    assert out.rstrip("\n") in page.read_text(encoding="utf-8")
    assert str(tmp_path) not in page.read_text(encoding="utf-8").split("--model")[0]


def test_a_peer_that_is_not_at_hand_is_said_to_be_so(run, monkeypatch):
    def absent(*_):
        raise NotAtHand("transformers does not load")

    monkeypatch.setattr(benchmarker, "llama_peers", absent)
    code, out, error = run("--json", "--frames", "1", "--against", "transformer")
    assert code == 0 and json.loads(out)["against"]["transformer"]["ratio"] is None
    assert "transformer not measured: transformers does not load" in error


@pytest.mark.parametrize(
    "words, said",
    [
        (["--config", "paper"], "got --config and --model"),
        (["--frames", "0"], "got 0 frames"),
        (["--steps", "9"], "got 9 steps"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(run, words, said):
    code, out, error = run(*words)
    assert code == 2 and out == "" and error.startswith("error: ") and said in error
